"""Whether a measure adds to a classifier of condition, cross-validated by item."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from depthscope.arrays import Float
from depthscope.errors import DepthscopeError, check_choice, listed, require
from depthscope.progress import bar
from depthscope.statistics.association import kept_texts, over_window
from depthscope.statistics.pairing import group_names
from depthscope.statistics.terms import Terms
from depthscope.statistics.units import in_own_units

Feed = Literal["layers", "window"]

# inverse strength of the ridge penalty, on standardised features
PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
FOLDS, INNER = 5, 3
MIN_ITEMS = 20
# copies are compared on the first few partitions: each takes as long as a classifier
COPY_REPEATS = 2
# the figures of a classifier that get an interval
FIGURES = ("auc", "accuracy", "bits")

# folds of items, each with inner folds of all others
Split = list[tuple[NDArray[np.intp], list[NDArray[np.intp]]]]


@dataclass(frozen=True)
class Estimate:
    """A number and its 95 % bootstrap interval over items."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Score:
    """How well a set of features tells the conditions apart, on items that the classifier had not seen.

    Attributes
    ----------
    name : str
    features : int
    auc : Estimate
        That a text of ``a`` is given a higher probability of being one than a text of ``b``: 0.5 by chance, to 1.
    accuracy : Estimate
        Share of texts on the right side of one half.
    bits : Estimate
        Log loss, -log2 of the probability given to the truth: 1 for "I do not know", less is better.
    """

    name: str
    features: int
    auc: Estimate
    accuracy: Estimate
    bits: Estimate


@dataclass(frozen=True)
class Gain:
    """What the set ``larger`` has beyond the set ``smaller``.

    Attributes
    ----------
    larger, smaller : str
    auc, bits : Estimate
        AUC more, and bits of log loss less; above 0 is better.
    p : float
        Of no gain in AUC: twice the share of resamples on the rarer side of 0.
    p_bits : float
        The same of the log loss.
    copy : Estimate
        Gain in AUC of copies of what is added that know of the condition no more than ``smaller`` does: mean and 95 % of
        the draws. NaN if not asked for.
    p_copy : float
        How often such a copy gains at least as much, on the same partitions.
    """

    larger: str
    smaller: str
    auc: Estimate
    bits: Estimate
    p: float
    p_bits: float
    copy: Estimate
    p_copy: float


@dataclass(frozen=True)
class Classification:
    """Scores of all sets of features, and gains; see :func:`classify`.

    Attributes
    ----------
    terms : Terms
    feed : {"layers", "window"}
    items, texts : int
    scores : dict of Score
        By name of the set.
    gains : tuple of Gain
    settings : dict
        Folds, repeats, resamples, seed, penalties.
    """

    terms: Terms
    feed: Feed
    items: int
    texts: int
    scores: dict[str, Score]
    gains: tuple[Gain, ...]
    settings: dict[str, Any]


def classify(
    measures: Mapping[str, xr.DataArray],
    terms: Terms,
    sets: Mapping[str, Sequence[str]],
    gains: Sequence[tuple[str, str]] = (),
    *,
    against_copies: Sequence[tuple[str, str]] = (),
    copies: int = 39,
    feed: Feed = "layers",
    window: tuple[int, int] | None = None,
    repeats: int = 8,
    resamples: int = 2000,
    seed: int = 0,
    include_same_context: bool = False,
    progress: bool = False,
) -> Classification:
    """Logistic regression of condition on measures, scored on items that it has not seen.

    Parameters
    ----------
    measures : name -> DataArray (item, condition, layer)
        On the same texts.
    terms : Terms
        Two conditions, ``a - b``; the first one is what is to be recognised.
    sets : name -> names of measures
        Sets of features to score.
    gains : sequence of (larger, smaller)
        Pairs of sets to compare.
    against_copies : sequence of (larger, smaller)
        Those of the ``gains`` to be compared with the gain of copies; this trains ``copies`` further classifiers.
    copies : int
        Draws of a copy.
    feed : {"layers", "window"}
        ``"layers"``: a measure enters with one feature per layer at which every text is measured. ``"window"``: with one
        number, its mean over ``window``.
    window : (first, last), optional
        Layers, both included.
    repeats : int
        Partitions of the items into folds; scores are means over them.
    resamples : int
        Of the bootstrap over items.
    seed : int
        Of partitions and bootstrap: the same seed gives the same result.
    include_same_context : bool
        As in :func:`depthscope.contrast`.
    progress : bool
        Show a bar if it takes longer than a second.

    Returns
    -------
    Classification

    Raises
    ------
    DepthscopeError
        A contrast of more than two conditions, fewer than 20 items, a set without features, scikit-learn not installed.

    Notes
    -----
    All texts of an item, in both conditions and all its pairs, are in the same one of five folds, so that neither a
    word nor a sentence frame can be recognised. Features are standardised on the four folds that train; the ridge
    penalty is chosen there, by log loss in three inner folds, again by item. Since every item has both conditions, every
    fold is balanced and chance is one half; features without information come out a little below it, since what the held
    items have more of, the others have less of.

    The bootstrap draws items, the same for all sets, and holds the predictions fixed: **its intervals do not hold the
    variance of training** on other items, and are too narrow by that. A set can lose by being enlarged: features without
    information cost something in few items.

    And a set can gain by being enlarged with **a copy of what it holds**: one penalty shrinks all features alike, and what is
    told twice is shrunk less. So what is added is also compared with copies of itself: its ridge regression on the smaller
    set, plus its residuals, which in every item change places between the conditions by coin. Such a copy keeps all that
    the smaller set knows of it and nothing else about the condition (linearly, as far as the regression goes).

    References
    ----------
    Varma & Simon (2006), BMC Bioinformatics 7:91 (penalty chosen inside). Bouthillier et al. (2021), MLSys 3:747 (what an
    interval of one training leaves out). Candes et al. (2018), J R Stat Soc B 80:551 (conditional randomisation).
    """
    _check(measures, terms, sets, [*gains, *against_copies], feed, window, min(repeats, resamples, copies))
    kept = {name: kept_texts(measures[name], terms, include_same_context) for name in _used(sets)}
    first = next(iter(kept.values()))
    for name, h in kept.items():
        if list(h["item"].values) != list(first["item"].values):
            raise DepthscopeError(f"{name} is known for other items than the rest: give measures of the same trace")
    groups = np.unique(group_names(first), return_inverse=True)[1]
    items = int(groups.max()) + 1
    if items < MIN_ITEMS:
        raise DepthscopeError(
            f"{terms.name}: {items} items are too few for a classifier that is scored on items it has not seen: at least "
            f"{MIN_ITEMS} are needed"
        )
    columns = {name: _features(h, feed, window) for name, h in kept.items()}
    empty = [name for name, column in columns.items() if column.shape[-1] == 0]
    if empty:
        raise DepthscopeError(f"no layer at which every text is measured: {listed(empty)}; leave it out of the sets")
    # texts of the first condition, then those of the second
    owner = np.concatenate([groups, groups])
    truth = np.repeat([True, False], len(groups))
    inputs = {
        label: np.concatenate(np.moveaxis(np.concatenate([columns[m] for m in names], axis=-1), 1, 0))
        for label, names in sets.items()
    }
    generator = np.random.default_rng(seed)
    splits = [_split(items, generator) for _ in range(repeats)]
    rounds = len(sets) * repeats + len(against_copies) * copies * min(repeats, COPY_REPEATS)
    with bar(rounds, "classifying", unit="fit", shown=progress) as advance:

        def logits(x: Float, some: Sequence[Split]) -> Float:
            found = []
            for split in some:
                found.append(_unseen(x, truth, owner, split))
                advance(1)
            return np.stack(found)

        outside = {label: logits(x, splits) for label, x in inputs.items()}
        compared = {}
        for larger, smaller in against_copies:
            new = _which(sets[larger], [columns[m].shape[-1] for m in sets[larger]], sets[smaller])
            some = splits[:COPY_REPEATS]
            coins = np.random.default_rng([seed, 2])
            compared[larger, smaller] = np.array(
                [
                    _auc(
                        logits(_copy(inputs[larger], new, inputs[smaller], owner, items, coins), some),
                        owner,
                        truth,
                        items,
                    )
                    for _ in range(copies)
                ]
            )
    judged = {label: _Judged(outside[label], owner, truth, items) for label in sets}
    weights = np.concatenate([np.ones((1, items)), _draws(items, resamples, np.random.default_rng([seed, 1]))])
    figures = {label: one.figures(weights) for label, one in judged.items()}
    scores = {
        label: Score(label, inputs[label].shape[1], **{name: _estimate(figures[label][name]) for name in FIGURES})
        for label in sets
    }

    def against(sides: tuple[str, str]) -> tuple[Estimate, float]:
        if sides not in compared:
            return Estimate(*3 * (float("nan"),)), float("nan")
        real, before = (_auc(outside[label][:COPY_REPEATS], owner, truth, items) for label in sides)
        drawn = compared[sides]
        low, high = np.quantile(drawn - before, (0.025, 0.975))
        p = (1 + int((drawn >= real - 1e-12).sum())) / (1 + len(drawn))
        return Estimate(float((drawn - before).mean()), float(low), float(high)), p

    return Classification(
        terms,
        feed,
        items,
        len(truth),
        scores,
        tuple(_gain(sides, figures, *against(sides)) for sides in gains),
        {
            "folds": FOLDS,
            "inner_folds": INNER,
            "repeats": repeats,
            "resamples": resamples,
            "copies": copies,
            "penalties": list(PENALTIES),
            "seed": seed,
            "window": list(window) if window else None,
        },
    )


def _check(
    measures: Mapping[str, xr.DataArray],
    terms: Terms,
    sets: Mapping[str, Sequence[str]],
    gains: Sequence[tuple[str, str]],
    feed: Feed,
    window: tuple[int, int] | None,
    counts: int,
) -> None:
    check_choice("feed", feed, get_args(Feed))
    if len(terms.left) != 1:
        raise DepthscopeError(f"{terms.name}: a classifier tells two conditions apart, not a difference of differences")
    if feed == "window" and window is None:
        raise DepthscopeError('feed="window" needs window=(first, last), the layers to average over')
    if counts < 1:
        raise DepthscopeError("repeats, resamples and copies must be at least 1")
    unknown = [name for name in _used(sets) if name not in measures]
    if unknown or not sets or not all(sets.values()):
        what = f"unknown measures {listed(unknown)}" if unknown else "a set without measures"
        raise DepthscopeError(f"sets of features: {what}; choose among {listed(measures, 12)}")
    for label in dict.fromkeys(name for both in gains for name in both):
        check_choice("gains", label, sets)


def _used(sets: Mapping[str, Sequence[str]]) -> list[str]:
    return list(dict.fromkeys(name for names in sets.values() for name in names))


def _features(h: xr.DataArray, feed: Feed, window: tuple[int, int] | None) -> Float:
    """(item, condition, feature), none of them missing."""
    h = h.transpose("item", "condition", "layer")
    values: Float = (
        h.values.astype(np.float64) if window is None or feed == "layers" else over_window(h, window)[..., None]
    )
    return values[..., np.isfinite(values).all((0, 1))]


def _split(items: int, generator: np.random.Generator) -> Split:
    """Random folds of nearly equal size; and for each, inner folds of the rest, by their rank in it."""
    folds = np.array_split(generator.permutation(items), FOLDS)
    return [(fold, np.array_split(generator.permutation(items - len(fold)), INNER)) for fold in folds]


def _unseen(x: Float, truth: NDArray[np.bool_], owner: NDArray[np.intp], split: Split) -> Float:
    """Logits of every text from classifiers that have not seen its item."""
    logits = np.empty(len(truth))
    for fold, within in split:
        held = np.isin(owner, fold)
        logits[held] = _predict(x[~held], truth[~held], owner[~held], x[held], within)
    return logits


def _which(names: Sequence[str], widths: Sequence[int], known: Sequence[str]) -> NDArray[np.bool_]:
    """Columns of the measures that are not among the ``known``."""
    return np.repeat([name not in known for name in names], widths)


def _copy(
    x: Float, new: NDArray[np.bool_], known: Float, owner: NDArray[np.intp], items: int, coins: np.random.Generator
) -> Float:
    """``x`` with its ``new`` columns as the ``known`` features give them, their residuals swapped within items by coin."""
    linear = require("sklearn.linear_model", "mechanism")
    known, _ = in_own_units(known)
    scaled = (known - known.mean(0)) / np.where(known.std(0) > 0, known.std(0), 1.0)
    fitted = linear.RidgeCV(alphas=np.logspace(-3, 4, 8)).fit(scaled, x[:, new]).predict(scaled)
    residual = x[:, new] - fitted.reshape(-1, int(new.sum()))
    half = len(x) // 2  # the texts of the second condition are in the order of those of the first
    swapped = np.concatenate([residual[half:], residual[:half]])
    flip = coins.integers(2, size=items).astype(bool)[owner]
    copy = x.copy()
    copy[:, new] = fitted.reshape(residual.shape) + np.where(flip[:, None], swapped, residual)
    return copy


def _predict(
    x: Float, truth: NDArray[np.bool_], owner: NDArray[np.intp], unseen: Float, within: Sequence[NDArray[np.intp]]
) -> Float:
    """Logits of the ``unseen``, with the penalty that is best among the others.

    ``within`` are inner folds of the training items, by their rank.
    """
    x, powers = in_own_units(x)
    unseen = np.ldexp(unseen, -powers)
    mean, spread = x.mean(0), x.std(0)
    spread = np.where(spread > 0, spread, 1.0)
    # scaled once: inner folds see means and spreads of all that trains, but no label of it
    x, unseen = (x - mean) / spread, (unseen - mean) / spread
    rank = np.unique(owner, return_inverse=True)[1]
    losses = np.zeros(len(PENALTIES))
    for fold in within:
        held = np.isin(rank, fold)
        for i, strength in enumerate(PENALTIES):
            logits = _fit(x[~held], truth[~held], strength).decision_function(x[held])
            losses[i] += _bits(logits, truth[held]).sum()
    # of equal ones the strongest penalty
    best = PENALTIES[int(np.argmin(losses))]
    chosen: Float = _fit(x, truth, best).decision_function(unseen)
    return chosen


def _fit(x: Float, truth: NDArray[np.bool_], strength: float) -> Any:
    linear = require("sklearn.linear_model", "mechanism")
    # Newton's method: a few steps, exact for so few features, and nothing random in it
    return linear.LogisticRegression(C=strength, solver="newton-cholesky", max_iter=200).fit(x, truth)


def _bits(logits: Float, truth: NDArray[np.bool_]) -> Float:
    """-log2 of the probability given to the truth, also where that is next to nothing."""
    against: Float = np.where(truth, -logits, logits)
    bits: Float = np.logaddexp(0.0, against) / np.log(2)
    return bits


def _auc(logits: Float, owner: NDArray[np.intp], truth: NDArray[np.bool_], items: int) -> float:
    return float(_Judged(logits, owner, truth, items).figures(np.ones((1, items)))["auc"][0])


class _Judged:
    """Out-of-fold predictions, summed up by item, so that a resample of items is a vector of weights."""

    def __init__(self, logits: Float, owner: NDArray[np.intp], truth: NDArray[np.bool_], items: int) -> None:
        member = (owner[:, None] == np.arange(items)).astype(np.float64)
        self.ones, self.others = member[truth], member[~truth]
        self.texts = member.sum(0)
        # (item, item): how often a text of the one item's first condition is above the other item's second
        wins = np.mean([_above(row[truth], row[~truth]) for row in logits], axis=0)
        self.wins = self.ones.T @ wins @ self.others
        right = np.where(logits == 0, 0.5, (logits > 0) == truth)
        self.right = right.mean(0) @ member
        self.bits = _bits(logits, truth).mean(0) @ member

    def figures(self, weights: Float) -> dict[str, Float]:
        """Each figure under ``weights`` (resample, item)."""
        pairs = (weights @ self.ones.sum(0)) * (weights @ self.others.sum(0))
        texts = weights @ self.texts
        return {
            "auc": ((weights @ self.wins) * weights).sum(1) / pairs,
            "accuracy": weights @ self.right / texts,
            "bits": weights @ self.bits / texts,
        }


def _above(ones: Float, others: Float) -> Float:
    wins: Float = (ones[:, None] > others).astype(np.float64) + 0.5 * (ones[:, None] == others)
    return wins


def _draws(items: int, resamples: int, generator: np.random.Generator) -> Float:
    """How often each item is drawn: (resample, item)."""
    return generator.multinomial(items, np.full(items, 1 / items), size=resamples).astype(np.float64)


def _estimate(values: Float) -> Estimate:
    """The observed value stands first."""
    low, high = np.quantile(values[1:], (0.025, 0.975))
    return Estimate(float(values[0]), float(low), float(high))


def _gain(sides: tuple[str, str], figures: Mapping[str, Mapping[str, Float]], copy: Estimate, p_copy: float) -> Gain:
    larger, smaller = sides
    more = figures[larger]["auc"] - figures[smaller]["auc"]
    less = figures[smaller]["bits"] - figures[larger]["bits"]
    return Gain(larger, smaller, _estimate(more), _estimate(less), _p(more[1:]), _p(less[1:]), copy=copy, p_copy=p_copy)


def _p(drawn: Float) -> float:
    rarer = min(int((drawn <= 0).sum()), int((drawn >= 0).sum()))
    return min(1.0, 2 * (1 + rarer) / (1 + len(drawn)))
