"""How well each score tells wrong words, whether it adds to the word's own probability, and what the verdicts are worth."""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from depthscope.studies.asr.detection.auc import Added, Detector, added, detector, difference
from depthscope.studies.asr.detection.conditions import group_of
from depthscope.studies.asr.intervals import draws, ends
from depthscope.studies.asr.results import ENOUGH, LITTLE, VERDICTS, verdicts

# detectors: the column of each, and -1 where a low value is suspicious
DETECTORS: Mapping[str, tuple[str, int]] = {
    "log p": ("log_p", -1),
    "log p of the least token": ("least", -1),
    "heard": ("heard_sound", -1),
    "heard, states": ("heard_states", -1),
    "total": ("total", -1),
    "peak": ("peak_sound", -1),
    "peak, states": ("peak_states", -1),
    "concentration": ("concentration", -1),
    "entropy": ("entropy", 1),
    "agreement": ("agreement", -1),
    "padding": ("padding", 1),
}
# what every recogniser knows without attribution
KNOWN = ("log p", "log p of the least token")
# a regression on both and on all others
TOGETHER = "all together"
# of wrong words, and of right ones: of fewer nothing is said
FEWEST = 5
# a score that differs by less is the same for all words: shares of padding are 0 but for rounding where there is none
SAME = 1e-5
# all conditions together
ALL = "all"
# nats of which it is told how many right, and how many wrong words fall below
STEPS = (0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0)
# the scores that verdicts rest on: the one of "rests on nothing", and that of "rests on the sound"
JUDGED = ("total", "heard_sound", "heard_states")

Bools = NDArray[np.bool_]
Float = NDArray[np.float64]


def grouped(words: pd.DataFrame) -> Iterator[tuple[dict[str, str], pd.DataFrame]]:
    """Words by model and kind of speech, of each group of conditions and of all, where enough are wrong and enough right."""
    for (model, speech), mine in words.groupby(["model", "speech"], sort=False):
        groups = mine["condition"].map(group_of)
        for name in (*dict.fromkeys(groups), ALL):
            part = mine if name == ALL else mine[groups == name]
            if min(int(part["wrong"].sum()), int((1 - part["wrong"]).sum())) >= FEWEST:
                yield {"model": str(model), "speech": str(speech), "condition": name}, part


def detectors_table(words: pd.DataFrame, *, resamples: int = 1000, seed: int = 0) -> pd.DataFrame:
    """One row for each detector in each group of conditions.

    Parameters
    ----------
    words : DataFrame
        As of :func:`depthscope.studies.asr.detection.words.word_rows`, of any models and sounds.

    Returns
    -------
    DataFrame
        ``model``, ``speech``, ``condition``, ``detector``; ``auc``, ``low``, ``high``: chance that a wrong word is more
        suspicious than a right one, 95 % bootstrap over clips; ``difference``, with its ends: less the AUC of the word's own
        log p, paired; ``gain``, with its ends: what a logistic regression on its log p and that of its least token gains in AUC
        by it, out of fold; ``wrong`` of ``words``; ``over``: what was resampled. A score that is the same for all words is
        left out. The last detector, ``all together``, is the regression on all of them.
    """
    rows: list[dict[str, Any]] = []
    for about, part in grouped(words):
        rows += [{**about, **one} for one in _detectors(part, {"resamples": resamples, "seed": seed})]
    return pd.DataFrame(rows)


def _detectors(part: pd.DataFrame, options: dict[str, int]) -> Iterator[dict[str, Any]]:
    columns = {name: (column, sign) for name, (column, sign) in DETECTORS.items() if column in part}
    scores = {name: sign * part[column].to_numpy(np.float64) for name, (column, sign) in columns.items()}
    whole = {name: one for name, one in scores.items() if np.isfinite(one).all() and np.ptp(one) > SAME}
    wrong, clips = part["wrong"].to_numpy() == 1, list(part["clip"])
    others = [name for name in whole if name not in KNOWN]
    known = np.column_stack([whole[name] for name in whole if name in KNOWN])
    about = {"wrong": int(wrong.sum()), "words": len(part), "over": draws(len(part), clips, 1, 0)[1]}
    for name, score in whole.items():
        row = {"detector": name, **_spread("auc", detector(score, wrong, clips, **options))}
        if name != KNOWN[0]:
            row |= _spread("difference", difference(score, whole[KNOWN[0]], wrong, clips, **options))
        if name in others and (more := _added(score, known, wrong, clips, options)) is not None:
            row |= _spread("gain", more.gain)
        yield {**row, **about}
    every = np.column_stack([whole[name] for name in others])
    if len(others) > 1 and (more := _added(every, known, wrong, clips, options)) is not None:
        yield {"detector": TOGETHER, **_spread("auc", more.together), **_spread("gain", more.gain), **about}


def _added(score: Float, known: Float, wrong: Bools, clips: list[str], options: dict[str, int]) -> Added | None:
    with warnings.catch_warnings():
        # of words that are told apart without a fault no likelihood ratio is made, and none is asked for here
        warnings.simplefilter("ignore")
        return added(score, known, wrong, clips, **options)


def _spread(name: str, found: Detector) -> dict[str, float]:
    before = "" if name == "auc" else f"{name}_"
    return {name: found.value, f"{before}low": found.low, f"{before}high": found.high}


def thresholds_table(
    words: pd.DataFrame, steps: Sequence[float] = STEPS, *, resamples: int = 1000, seed: int = 0
) -> pd.DataFrame:
    """Which share of right, and of wrong words falls below so many nats: ``score``, ``nats``, ``right``, ``wrong`` with ends.

    Returns
    -------
    DataFrame
        ``model``, ``speech``, ``condition``, ``score``, ``nats``; ``right``, ``right_low``, ``right_high``, ``wrong``,
        ``wrong_low``, ``wrong_high``: shares with 95 % bootstrap over clips; ``right_words``, ``wrong_words``: of how many.
    """
    rows = []
    for about, part in grouped(words):
        for name in JUDGED:
            if name not in part:
                continue
            values = part[name].to_numpy(np.float64)
            for nats in steps:
                shares = _shares(part, lambda mine, v=values, n=nats: v[mine] < n, resamples, seed)  # type: ignore[misc]
                rows.append({**about, "score": name, "nats": nats, **shares})
    return pd.DataFrame(rows)


def verdicts_table(words: pd.DataFrame, *, resamples: int = 1000, seed: int = 0) -> pd.DataFrame:
    """Which share of right, and of wrong words each verdict is said of; columns as of :func:`thresholds_table`."""
    rows = []
    for about, part in grouped(words.assign(verdict=judged(words))):
        said = part["verdict"].to_numpy()
        for verdict in VERDICTS:
            if (said == verdict).any():
                shares = _shares(part, lambda mine, v=verdict, s=said: s[mine] == v, resamples, seed)  # type: ignore[misc]
                rows.append({**about, "verdict": verdict, **shares})
    return pd.DataFrame(rows).assign(little=LITTLE, enough=ENOUGH)


def judged(words: pd.DataFrame) -> list[str]:
    """The verdict of each word, as an explanation gives it."""
    heard = [words[name] for name in ("heard_sound", "heard_states") if name in words]
    given = words[["total"]].assign(heard=heard[0].fillna(heard[-1])) if heard else words[["total"]]
    return verdicts(given)


def _shares(part: pd.DataFrame, of: Callable[[Bools], Bools], resamples: int, seed: int) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, kind in (("right", 0), ("wrong", 1)):
        mine = (part["wrong"] == kind).to_numpy()
        yes = of(mine).astype(np.float64)
        counts, _ = draws(int(mine.sum()), list(part["clip"][mine]), resamples, seed)
        sums = counts.sum(-1)
        drawn = np.divide(counts @ yes, sums, out=np.full(len(counts), np.nan), where=sums > 0)
        low, high = ends(drawn)
        found |= {name: float(yes.mean()), f"{name}_low": low, f"{name}_high": high, f"{name}_words": int(mine.sum())}
    return found
