"""Whether a score tells wrong words from right ones, and whether it adds anything to the word's own probability."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from depthscope.errors import DepthscopeError, check_count, require
from depthscope.studies.asr.intervals import draws, ends

Float = NDArray[np.float64]
Clips = Sequence[object] | None
# of wrong words, and of right ones, below which nothing is fitted
FEWEST = 5


@dataclass(frozen=True)
class Detector:
    """Area under the ROC curve, or a difference of two, with its 95 % interval.

    ``wrong`` of ``words`` words were wrong; ``over``: what was resampled, ``clips`` or ``words``.
    """

    value: float
    low: float
    high: float
    wrong: int
    words: int
    over: str


@dataclass(frozen=True)
class Added:
    """What a score, or several, add to others as a detector of wrong words.

    Attributes
    ----------
    without, together : Detector
        AUC of a logistic regression on the known scores, and on those and the new ones, on clips (or words) that it was not
        fitted on.
    gain : Detector
        together - without, paired.
    ratio, p : float
        Likelihood ratio statistic of the new scores in a regression on all words, and its p (chi squared, a degree of
        freedom for each), which takes words as independent; NaN where words are separated completely.
    """

    without: Detector
    together: Detector
    gain: Detector
    ratio: float
    p: float


def auc(score: NDArray[np.floating], wrong: NDArray[np.bool_], counts: Float | None = None) -> Float:
    """Chance that a wrong word has the higher score than a right one, ties by half: (resample,), or () without counts.

    Parameters
    ----------
    score, wrong : array (word,)
        The score is high where a word is suspected: give ``-log_p``, ``-heard``.
    counts : array (resample, word), optional
        How often each word counts. NaN where no wrong, or no right, word is left.
    """
    given = np.ones((1, len(score))) if counts is None else counts
    order = np.argsort(score, kind="stable")
    ranked, bad = score[order], wrong[order]
    weights = given[:, order]
    right = np.where(bad, 0.0, weights)
    # of words with the same score, where they begin and end
    first = np.searchsorted(ranked, ranked, "left")
    last = np.searchsorted(ranked, ranked, "right")
    below = np.concatenate([np.zeros((len(weights), 1)), right.cumsum(-1)], -1)
    beaten = (below[:, first] + below[:, last]) / 2
    pairs = right.sum(-1) * np.where(bad, weights, 0.0).sum(-1)
    wins = (np.where(bad, weights, 0.0) * beaten).sum(-1)
    found: Float = np.divide(wins, pairs, out=np.full(len(weights), np.nan), where=pairs > 0)
    return found[0] if counts is None else found


def detector(
    score: NDArray[np.floating],
    wrong: NDArray[np.bool_],
    clips: Clips = None,
    *,
    resamples: int = 2000,
    seed: int = 0,
) -> Detector:
    """AUC of a score (word,), high where a word is suspected, and its percentile bootstrap interval.

    Parameters
    ----------
    wrong : bool array (word,)
    clips : sequence, optional
        The clip of each word: words of a clip are drawn together, where there are six clips or more.

    Raises
    ------
    DepthscopeError
        Scores that are not finite, or another number of them than of words.
    """
    return _difference(_checked(score, wrong, clips), None, wrong, clips, resamples, seed)


def difference(
    score: NDArray[np.floating],
    other: NDArray[np.floating],
    wrong: NDArray[np.bool_],
    clips: Clips = None,
    *,
    resamples: int = 2000,
    seed: int = 0,
) -> Detector:
    """AUC of one score less that of another, of the same words in every resample; as :func:`detector`."""
    one, two = _checked(score, wrong, clips), _checked(other, wrong, clips)
    return _difference(one, two, wrong, clips, resamples, seed)


def added(
    score: NDArray[np.floating],
    known: NDArray[np.floating],
    wrong: NDArray[np.bool_],
    clips: Clips = None,
    *,
    folds: int = 5,
    resamples: int = 2000,
    seed: int = 0,
) -> Added | None:
    """What a score adds to what is known already, such as the log p of a word.

    Parameters
    ----------
    score, known : arrays (word,) or (word, feature)
    clips : sequence, optional
        Words of a clip are never in both parts of a fold, where there are as many clips as folds.
    folds : int
        Of the cross-validation.

    Returns
    -------
    Added, or None
        None with fewer than five wrong or five right words.
    """
    check_count("folds", folds, 2)
    new, old = (np.asarray(one, dtype=np.float64).reshape(len(score), -1) for one in (score, known))
    for column in (*new.T, *old.T):
        _checked(column, wrong, clips)
    if min(int(wrong.sum()), int((~wrong).sum())) < max(FEWEST, folds):
        return None
    both = np.column_stack([old, new])
    parts = _folds(wrong, clips, folds, seed)
    without, together = (_out_of_fold(x, wrong, parts) for x in (old, both))
    options: dict[str, Any] = {"resamples": resamples, "seed": seed}
    ratio, p = _likelihood_ratio(old, both, wrong)
    return Added(
        detector(without, wrong, clips, **options),
        detector(together, wrong, clips, **options),
        difference(together, without, wrong, clips, **options),
        ratio,
        p,
    )


def _checked(score: NDArray[np.floating], wrong: NDArray[np.bool_], clips: Clips) -> Float:
    given = np.asarray(score, dtype=np.float64)
    if given.shape != wrong.shape or (clips is not None and len(clips) != len(wrong)):
        raise DepthscopeError(
            f"{given.shape} scores for {len(wrong)} words: give one score, and one clip, for each word"
        )
    if not np.isfinite(given).all():
        raise DepthscopeError(
            f"{int((~np.isfinite(given)).sum())} scores are not finite: leave those words out of all that is compared"
        )
    return given


def _difference(
    one: Float, other: Float | None, wrong: NDArray[np.bool_], clips: Clips, resamples: int, seed: int
) -> Detector:
    counts, over = draws(len(one), clips, resamples, seed)
    value, drawn = auc(one, wrong), auc(one, wrong, counts)
    if other is not None:
        value, drawn = value - auc(other, wrong), drawn - auc(other, wrong, counts)
    low, high = ends(drawn)
    return Detector(float(value), low, high, int(wrong.sum()), len(wrong), over)


def _folds(wrong: NDArray[np.bool_], clips: Clips, folds: int, seed: int) -> list[Any]:
    selection = require("sklearn.model_selection", "mechanism")
    blank = np.zeros(len(wrong))
    if clips is not None and len(set(clips)) >= folds:
        names = {name: k for k, name in enumerate(dict.fromkeys(clips))}
        divided = selection.StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
        return list(divided.split(blank, wrong, [names[clip] for clip in clips]))
    divided = selection.StratifiedKFold(folds, shuffle=True, random_state=seed)
    return list(divided.split(blank, wrong))


def _out_of_fold(x: Float, wrong: NDArray[np.bool_], parts: list[Any]) -> Float:
    """How suspicious each word is, by regressions that it was not part of.

    Of each regression its direction alone is taken, without intercept and length: those differ from fold to fold with the
    share of wrong words in it, and words of several folds are compared. So of one score that is known nothing is lost.
    """
    linear = require("sklearn.linear_model", "mechanism")
    found = np.zeros(len(x))
    spread = x.std(0)
    scaled = (x - x.mean(0)) / np.where(spread > 0, spread, 1.0)
    for train, test in parts:
        if wrong[train].all() or not wrong[train].any():
            continue  # a fold that knows of one kind alone tells nothing
        model = linear.LogisticRegression(C=1.0, max_iter=1000).fit(scaled[train], wrong[train])
        direction = model.coef_[0]
        found[test] = scaled[test] @ (direction / max(float(np.linalg.norm(direction)), 1e-12))
    return found


def _likelihood_ratio(old: Float, both: Float, wrong: NDArray[np.bool_]) -> tuple[float, float]:
    models = require("statsmodels.api", "mechanism")
    from statsmodels.tools.sm_exceptions import PerfectSeparationError

    likelihoods = []
    for x in (old, both):
        scaled = (x - x.mean(0)) / np.where(x.std(0) > 0, x.std(0), 1.0)
        try:
            fitted = models.Logit(wrong.astype(float), models.add_constant(scaled)).fit(disp=0, maxiter=200)
        except (PerfectSeparationError, np.linalg.LinAlgError):
            return float("nan"), float("nan")
        if not fitted.mle_retvals["converged"]:
            return float("nan"), float("nan")
        likelihoods.append(float(fitted.llf))
    ratio = max(2 * (likelihoods[1] - likelihoods[0]), 0.0)
    return ratio, float(stats.chi2.sf(ratio, both.shape[1] - old.shape[1]))
