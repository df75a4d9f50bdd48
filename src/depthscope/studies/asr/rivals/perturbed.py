"""LIME and KernelSHAP: segments of the sound are left out at random, and a linear model tells what each is worth."""

import math

import numpy as np
from numpy.typing import NDArray

from depthscope.capture.speech import Utterance
from depthscope.errors import DepthscopeError, check_count
from depthscope.studies.asr.attribution import Attribution, Budget, distribution
from depthscope.studies.asr.silencing.removing import Fill, rehear, unaltered

Float = NDArray[np.float64]


def segments(utterance: Utterance, seconds: float) -> NDArray[np.int64]:
    """Number of the segment of each frame, (frame,): as many of equal length as come nearest to ``seconds``."""
    if not seconds > 0:
        raise DepthscopeError(f"segments of {seconds} s: give a length above 0")
    frames = utterance.frames
    count = min(max(1, round(frames * utterance.model.times.step / seconds)), frames)
    return np.arange(frames) * count // frames


def lime(
    utterance: Utterance,
    *,
    segment: float = 0.1,
    samples: int = 200,
    kept: float = 0.5,
    width: float = 0.25,
    ridge: float = 1.0,
    fill: Fill = "silence",
    batch: int = 8,
    seed: int = 0,
) -> Attribution:
    """Slopes of a linear model of log p by which segments are there, fitted near the whole sound.

    The same perturbed sounds serve all tokens; their models are solved at once.

    Parameters
    ----------
    segment : float
        Seconds, 100 ms by default: about a sound of speech.
    samples : int
        Sounds with segments left out; the whole sound is one more.
    kept : float
        Chance of each segment to be there: one half, as in LIME.
    width : float
        Of the kernel: a sound at cosine distance d from the whole counts sqrt(exp(-(d / width)^2)), as LIME has it.
    ridge : float
        Penalty on the sum of squared slopes, as LIME has it; the intercept is free.
    fill, batch, seed
        As in :func:`depthscope.studies.asr.rivals.occlusion.occlusion`.

    References
    ----------
    Ribeiro et al. (2016), KDD 1135.
    """
    check_count("samples", samples)
    if not 0 < kept < 1:
        raise DepthscopeError(f"kept={kept}: give a chance between 0 and 1")
    if not width > 0:
        raise DepthscopeError(f"width={width}: give a width of the kernel above 0")
    if not ridge >= 0:
        raise DepthscopeError(f"ridge={ridge}: give a penalty of 0 or more")
    labels = segments(utterance, segment)
    count = int(labels[-1]) + 1
    present = np.random.default_rng(seed).random((samples, count)) < kept
    present = np.concatenate([np.ones((1, count), bool), present])
    log_p = _heard(utterance, present, labels, fill, batch, seed)
    distance = 1 - np.sqrt(present.mean(-1))
    closeness = np.sqrt(np.exp(-((distance / width) ** 2)))
    slopes = ridge_slopes(present.astype(float), log_p, closeness, ridge)
    return _attribution(utterance, slopes, labels, "lime", samples)


def ridge_slopes(inputs: Float, outputs: Float, weights: Float, penalty: float) -> Float:
    """Weighted ridge regressions with a free intercept, (input, output), of rows (row, input) and (row, output)."""
    share = weights / weights.sum()
    x, y = inputs - share @ inputs, outputs - share @ outputs
    gram = (x * weights[:, None]).T @ x + penalty * np.eye(x.shape[1])
    found: Float = np.linalg.lstsq(gram, (x * weights[:, None]).T @ y, rcond=None)[0]
    return found


def kernel_shap(
    utterance: Utterance,
    *,
    segment: float = 0.1,
    samples: int = 200,
    fill: Fill = "silence",
    batch: int = 8,
    seed: int = 0,
) -> Attribution:
    """Shapley values of segments by weighted regression, which sum to the rise of log p from no sound to the whole.

    With ``samples`` for all subsets of segments the values are exact. Otherwise subsets are drawn in pairs, one of which
    has what the other lacks, which halves the noise.

    Parameters
    ----------
    segment : float
        Seconds.
    samples : int
        Subsets of segments beside none and all.
    fill, batch, seed
        As in :func:`depthscope.studies.asr.rivals.occlusion.occlusion`.

    References
    ----------
    Lundberg & Lee (2017), NeurIPS 4765; pairs: Covert & Lee (2021), AISTATS 3457.
    """
    check_count("samples", samples, 2)
    labels = segments(utterance, segment)
    count = int(labels[-1]) + 1
    present, weights = coalitions(count, samples, seed)
    ends = np.stack([np.zeros(count, bool), np.ones(count, bool)])
    log_p = _heard(utterance, np.concatenate([ends, present]), labels, fill, batch, seed)
    values = shapley(present, log_p[2:], weights, log_p[0], log_p[1])
    return _attribution(utterance, values, labels, "kernel-shap", len(present) + 1)


def coalitions(count: int, samples: int, seed: int) -> tuple[NDArray[np.bool_], Float]:
    """Subsets (subset, segment) of ``count`` segments, neither none nor all, and their weights in the regression."""
    if count <= 24 and 2**count - 2 <= samples:
        every = (np.arange(1, 2**count - 1)[:, None] >> np.arange(count)) & 1 == 1
        sizes = every.sum(-1)
        weights = [(count - 1) / (math.comb(count, s) * s * (count - s)) for s in sizes]
        return every, np.array(weights)
    generator = np.random.default_rng(seed)
    sizes = np.arange(1, count)
    chance = 1 / (sizes * (count - sizes))
    drawn = generator.choice(sizes, -(-samples // 2), p=chance / chance.sum())
    order = generator.random((len(drawn), count)).argsort(-1).argsort(-1)
    half = order < drawn[:, None]
    # drawn by their weights, all count the same
    return np.stack([half, ~half], 1).reshape(-1, count)[:samples], np.ones(samples)


def shapley(present: NDArray[np.bool_], values: Float, weights: Float, nothing: Float, everything: Float) -> Float:
    """Regression of values (subset, output) by who is there, the sum held at everything - nothing: (segment, output)."""
    rise = everything - nothing
    if present.shape[1] == 1:
        return rise[None]
    x = present.astype(float)
    root = np.sqrt(weights)[:, None]
    # the last is what the others leave over of the sum
    left = root * (x[:, :-1] - x[:, -1:])
    right = root * (values - nothing - x[:, -1:] * rise)
    first = np.linalg.lstsq(left, right, rcond=None)[0]
    return np.concatenate([first, rise[None] - first.sum(0, keepdims=True)])


def _heard(
    utterance: Utterance, present: NDArray[np.bool_], labels: NDArray[np.int64], fill: Fill, batch: int, seed: int
) -> Float:
    """Log p (row, token) of sounds in which segments are there or not; the whole sound is not heard again."""
    found = np.tile(unaltered(utterance), (len(present), 1))
    cut = ~present.all(-1)
    if cut.any():
        found[cut] = rehear(utterance, ~present[cut][:, labels], fill, batch=batch, seed=seed)
    return found


def _attribution(
    utterance: Utterance, values: Float, labels: NDArray[np.int64], method: str, passes: int
) -> Attribution:
    """Of segments (segment, token) to frames, which share evenly what their segment is worth."""
    lengths = np.bincount(labels)
    signed = (values / lengths[:, None])[labels].T.astype(np.float32)
    return Attribution(distribution(signed), method, Budget(encoder=passes, decoder=passes + 1), signed)
