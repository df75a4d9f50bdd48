"""Gradients of each token's log p by the sound: times the sound, or along the way from silence (integrated)."""

from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from depthscope.capture.speech import Utterance
from depthscope.errors import check_choice, check_count
from depthscope.model.speech import hearing
from depthscope.studies.asr.attribution import Attribution, Budget, distribution
from depthscope.studies.asr.silencing.removing import Fill, main_of, pooled, rehear, remove, unaltered

Baseline = Literal["zero", "silence", "mean"]
BASELINES: tuple[str, ...] = get_args(Baseline)


def gradient_input(utterance: Utterance, *, baseline: Baseline = "zero", seed: int = 0) -> Attribution:
    """Gradient of log p by what enters the network, times that, summed over what belongs to a frame.

    Parameters
    ----------
    baseline : {"zero", "silence", "mean"}
        From where the sound is counted. By default from zero, as the method is known; zero of a spectrogram is an arbitrary
        loudness, though, so that it can be counted from silence.
    seed : int
        Of noise that a baseline is.

    References
    ----------
    Shrikumar et al. (2016), arXiv 1605.01713.
    """
    check_choice("baseline", baseline, BASELINES)
    main = main_of(utterance)
    start = torch.zeros_like(main) if baseline == "zero" else _whole(utterance, _fill(baseline), seed)
    signed = _products(utterance, main, main - start, torch.ones(1, dtype=torch.float64)).astype(np.float32)
    budget = Budget(encoder=1, decoder=1, backward=len(signed))
    return Attribution(distribution(signed), "gradient-input", budget, signed)


def integrated_gradients(
    utterance: Utterance,
    *,
    baseline: Fill = "silence",
    steps: int = 32,
    batch: int = 4,
    seed: int = 0,
) -> Attribution:
    """Gradients on the way from a baseline to the sound, times the way; what they sum to is the rise of log p.

    Parameters
    ----------
    baseline : {"silence", "mean"}
        The sound with all its frames removed.
    steps : int
        Points on the way, by the rule of Gauss and Legendre.
    batch : int
        Points at a time. Memory is that of a graph over so many sounds; a backward pass over it for each token needs no
        more.
    seed : int
        Of noise that a baseline is.

    Returns
    -------
    Attribution
        ``beside["left over"]``: by how much the sum of a token's attribution misses the rise of its log p from the baseline
        to the sound, in nats: more steps make it smaller. Of the real tiny.en 32 steps leave over between half of
        the rise and more than all of it (four tokens of one clip): there the path from silence is too rough for so few.

    References
    ----------
    Sundararajan et al. (2017), ICML 3319.
    """
    check_count("steps", steps)
    check_count("batch", batch)
    main, start = main_of(utterance), _whole(utterance, baseline, seed)
    nodes, weights = np.polynomial.legendre.leggauss(steps)
    along, shares = torch.from_numpy((nodes + 1) / 2), torch.from_numpy(weights / 2)
    total = np.zeros((len(utterance.positions), utterance.frames))
    for k in range(0, steps, batch):
        place = along[k : k + batch].to(main).reshape(-1, *[1] * (main.ndim - 1))
        total += _products(utterance, start + place * (main - start), main - start, shares[k : k + batch])
    everything = np.ones((1, utterance.frames), bool)
    rise = unaltered(utterance) - rehear(utterance, everything, baseline, seed=seed)[0]
    signed = total.astype(np.float32)
    budget = Budget(encoder=steps + 1, decoder=steps + 2, backward=steps * len(signed))
    beside = {"left over": rise - total.sum(-1)}
    return Attribution(distribution(signed), "integrated-gradients", budget, signed, beside)


def _fill(baseline: Baseline) -> Fill:
    return "mean" if baseline == "mean" else "silence"


def _whole(utterance: Utterance, fill: Fill, seed: int) -> torch.Tensor:
    """The sound with all its frames removed."""
    return remove(utterance, np.ones((1, utterance.frames), bool), fill, seed)


def _products(
    utterance: Utterance, points: torch.Tensor, way: torch.Tensor, shares: torch.Tensor
) -> NDArray[np.float64]:
    """Gradients of each token at points (row, ...), weighted by ``shares`` (row,), times ``way`` (1, ...): (token, frame).

    One forward pass over all points, and one backward pass over its graph for each token: half of what a batch of tokens
    would take, which would run forward once for each.
    """
    found = []
    with hearing(utterance.model.network, gradients=True):
        given = points.detach().requires_grad_()
        log_p = utterance.log_p(utterance.decode(utterance.encode(given))).sum(0)
        for token, one in enumerate(log_p):
            (slope,) = torch.autograd.grad(one, given, retain_graph=token + 1 < len(log_p))
            rows = pooled(utterance, slope * way)
            found.append((shares.to(rows) @ rows).cpu().numpy())
    return np.array(found).reshape(-1, utterance.frames)
