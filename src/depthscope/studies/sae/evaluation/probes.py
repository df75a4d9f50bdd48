"""How much of a question a single latent answers, beside the majority, random labels, and a probe on all of the state."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from depthscope.arrays import Float
from depthscope.errors import DepthscopeError, require
from depthscope.statistics.bootstrap import sums_interval
from depthscope.statistics.classify import PENALTIES, Estimate
from depthscope.studies.sae.evaluation.logistic import fit_each, losses

SEVERAL = (2, 5)  # latents of the probes of a few of them
SHUFFLES = 5  # labels at random
TEXTS_AT_LEAST = 8
LITTLE = 0.05  # nats that are next to nothing


@dataclass(frozen=True)
class Probe:
    """The best latent for one task, chosen and fitted on half of the examples, measured on the other half.

    Attributes
    ----------
    task : str
    latent : int
        The one with the least loss on the half that it was fitted to.
    loss : Estimate
        Its cross-entropy on the other half, nats per example, and the 95 % interval over examples: 0 for perfect; .693 knows
        nothing of answers that are equally frequent; above it for one that is wrong and sure.
    accuracy : float
        Share of examples on the right side of one half.
    several : tuple of float
        Loss of a probe on the 2, and the 5, latents that were best by themselves.
    majority : float
        Loss of giving each answer its share among the examples that were fitted to.
    shuffled : float
        Loss of the best latent of labels at random, mean over five draws: what choosing among many costs.
    full : float
        Loss of a ridge logistic regression on the whole state, its strength chosen within the fitted half; NaN if not asked.
    examples : int
        Of the half that was measured.
    """

    task: str
    latent: int
    loss: Estimate
    accuracy: float
    several: tuple[float, ...]
    majority: float
    shuffled: float
    full: float
    examples: int

    @property
    def knows(self) -> bool:
        """Whether the interval of the loss lies below the majority and below labels at random."""
        return self.loss.high < min(self.majority, self.shuffled)

    @property
    def share(self) -> float:
        """Of what the whole state tells beyond the majority, how much this latent tells: 1 all, 0 nothing, above 1 for more
        than the probe of the state found; NaN where that tells next to nothing either.
        """
        most = self.majority - self.full
        return (self.majority - self.loss.value) / most if most > LITTLE else float("nan")


@dataclass(frozen=True)
class Halves:
    """Which examples of a task are fitted to, and which are measured."""

    fitted: NDArray[np.intp]
    measured: NDArray[np.intp]


def halves(labels: NDArray[np.bool_], seed: int = 0) -> Halves:
    """Two halves with both answers in either.

    Raises
    ------
    DepthscopeError
        Fewer than eight examples, or an answer with fewer than two.
    """
    counts = np.bincount(labels.astype(int), minlength=2)
    if len(labels) < TEXTS_AT_LEAST or counts.min() < 2:
        raise DepthscopeError(
            f"a task of {len(labels)} examples, {counts.min()} of the rarer answer: give {TEXTS_AT_LEAST} or more, two of each"
        )
    rng = np.random.default_rng(seed)
    sides = [rng.permutation(np.flatnonzero(labels == answer)) for answer in (True, False)]
    # the odd one goes where there are fewer
    cut = len(sides[0]) // 2, (len(sides[1]) + 1) // 2
    fitted = np.sort(np.concatenate([side[:k] for side, k in zip(sides, cut, strict=True)]))
    return Halves(fitted, np.setdiff1d(np.arange(len(labels)), fitted))


def probe(
    task: str,
    values: sparse.csc_matrix,
    labels: NDArray[np.bool_],
    *,
    full: float = float("nan"),
    seed: int = 0,
    shuffles: int = SHUFFLES,
) -> Probe:
    """The best single latent for a task.

    Parameters
    ----------
    values : sparse matrix (text, latent)
    labels : bool array (text,)
    full : float
        Loss of :func:`full_loss` on the same halves.
    seed : int
        Of the halves and of the labels at random.
    shuffles : int
        Draws of labels at random.

    References
    ----------
    Gao et al. (2024), arXiv 2406.04093, section 4.2. Gurnee et al. (2023), arXiv 2305.01610, of probes on a few.
    """
    split = halves(labels, seed)
    inside, outside = values[split.fitted].tocsc(), values[split.measured].tocsc()
    # of latents that fire in none of the examples there may be very many, all alike
    fires = np.flatnonzero(np.diff(inside.indptr)) if inside.nnz else np.arange(1)
    inside, outside = inside[:, fires], outside[:, fires]
    known, asked = labels[split.fitted], labels[split.measured]
    fits = fit_each(inside, known)
    order = np.argsort(fits.loss, kind="stable")
    best = int(order[0])
    odds = fits.predict(best, _column(outside, best))
    each = losses(odds, asked)
    rate = known.mean()
    constant = np.full(len(asked), np.log(rate / (1 - rate)))
    rng = np.random.default_rng([seed, 1])
    drawn = [_best_loss(inside, rng.permutation(known), outside, rng.permutation(asked)) for _ in range(shuffles)]
    return Probe(
        task,
        int(fires[best]),
        _mean(each, seed),
        float(((odds > 0) == asked).mean()),
        tuple(_several(inside, known, outside, asked, order[:count]) for count in SEVERAL),
        float(losses(constant, asked).mean()),
        float(np.mean(drawn)) if drawn else float("nan"),
        full,
        len(asked),
    )


def full_loss(states: Float, labels: NDArray[np.bool_], *, seed: int = 0) -> float:
    """Loss of a ridge logistic regression on states (text, d), on the half that it was not fitted to.

    The strength of the ridge is the best of five on a quarter of the fitted half.
    """
    split = halves(labels, seed)
    known = labels[split.fitted]
    mean, scale = states[split.fitted].mean(0), states[split.fitted].std(0)
    scaled = (states - mean) / np.where(scale > 0, scale, 1.0)
    # a ridge sees of the features no more than there are examples: turned to those, nothing is lost
    _, _, axes = np.linalg.svd(scaled[split.fitted], full_matrices=False)
    turned = scaled @ axes.T
    inner = (
        halves(known, seed + 1) if np.bincount(known.astype(int)).min() >= 4 else Halves(*[np.arange(len(known))] * 2)
    )
    learnt, left = (turned[split.fitted[some]] for some in (inner.fitted, inner.measured))
    tried = [_ridge(learnt, known[inner.fitted], left, known[inner.measured], strength) for strength in PENALTIES]
    best = PENALTIES[int(np.argmin(tried))]
    return _ridge(turned[split.fitted], known, turned[split.measured], labels[split.measured], best)


def _best_loss(
    inside: sparse.csc_matrix, known: NDArray[np.bool_], outside: sparse.csc_matrix, asked: NDArray[np.bool_]
) -> float:
    fits = fit_each(inside, known)
    best = int(np.argmin(fits.loss))
    return float(losses(fits.predict(best, _column(outside, best)), asked).mean())


def _several(
    inside: sparse.csc_matrix,
    known: NDArray[np.bool_],
    outside: sparse.csc_matrix,
    asked: NDArray[np.bool_],
    latents: NDArray[np.intp],
) -> float:
    """Loss of one regression on a few latents."""
    learnt, left = (values[:, latents].toarray() for values in (inside, outside))
    scale = learnt.std(0)
    scale[scale == 0] = 1.0
    return _ridge(learnt / scale, known, left / scale, asked, 1.0)


def _ridge(learnt: Float, known: NDArray[np.bool_], left: Float, asked: NDArray[np.bool_], strength: float) -> float:
    """Loss on ``left`` of a regression that was fitted to ``learnt``, of inverse penalty ``strength``."""
    linear: Any = require("sklearn.linear_model", "mechanism")
    model = linear.LogisticRegression(C=strength, max_iter=1000).fit(learnt, known)
    return float(losses(model.decision_function(left), asked).mean())


def _column(values: sparse.csc_matrix, latent: int) -> Float:
    column: Float = values[:, [latent]].toarray()[:, 0].astype(np.float64)
    return column


def _mean(each: Float, seed: int) -> Estimate:
    sums = np.stack([each, np.ones(len(each))], axis=1)
    low, high = sums_interval(sums, lambda totals: totals[:, :1] / totals[:, 1:], seed=seed)
    return Estimate(float(each.mean()), float(low[0]), float(high[0]))
