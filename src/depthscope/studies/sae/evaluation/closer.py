"""The measures that take long, of each dictionary and of random directions in its place."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from depthscope.capture.windows import Window
from depthscope.errors import DepthscopeError
from depthscope.model.model import Model
from depthscope.studies.sae.dictionary import Dictionary
from depthscope.studies.sae.evaluation.ablation import ablate
from depthscope.studies.sae.evaluation.absorption import FRAME, Absorption, absorption, words_of
from depthscope.studies.sae.evaluation.evaluation import DICTIONARY, Scored
from depthscope.studies.sae.evaluation.giving_back import RANDOM, Placed
from depthscope.studies.sae.evaluation.pooled import pool_texts
from depthscope.studies.sae.evaluation.reading_patterns import read_patterns
from depthscope.studies.sae.evaluation.score import Score


@dataclass(frozen=True, eq=False)
class Closer:
    """What takes long.

    Attributes
    ----------
    scored : tuple of Scored
    patterns, letters : DataFrame
        :attr:`Patterns.latents` and :attr:`Absorption.letters`, with ``dictionary`` and ``site``.
    left_out : dict of str to str
        By measure, why it was not made.
    """

    scored: tuple[Scored, ...]
    patterns: pd.DataFrame
    letters: pd.DataFrame
    left_out: dict[str, str]


def look_closer(
    model: Model,
    subjects: Sequence[Placed],
    random: Mapping[str, Dictionary],
    windows: Sequence[Window],
    *,
    seed: int = 0,
    progress: bool = False,
) -> Closer:
    """Ablation sparsity, patterns of tokens, and absorption of first letters.

    What a model or a text does not allow is left out, and said why.

    Parameters
    ----------
    model : Model
    subjects : sequence of Placed
    random : mapping of str to Dictionary
        The random directions of each dictionary.
    windows : sequence of Window
    """
    scored: list[Scored] = []
    tables: dict[str, list[pd.DataFrame]] = {"patterns": [], "letters": []}
    left_out: dict[str, str] = {}
    for one in subjects:
        try:
            ablated = ablate(model, one.dictionary, one.writes, windows, seed=seed, progress=progress)
            scored += _of(one, ablated.scores(seed), ablated.totals.over)
        except DepthscopeError as problem:
            left_out[f"ablation of {one.name}"] = str(problem)
        try:
            mine = read_patterns(model, one.dictionary, one.reads, windows, seed=seed, progress=progress)
            scored += _of(one, mine.scores(seed), "latents")
            tables["patterns"].append(_named(one, mine.latents))
        except DepthscopeError as problem:
            left_out[f"patterns of {one.name}"] = str(problem)
    try:
        for one, found, beside in _absorptions(model, subjects, random, seed, progress, left_out):
            scores = found.scores(seed)
            if beside is not None:
                other = {score.name: score for score in beside.scores(seed)}
                scores = [
                    score.against(RANDOM, other[score.name]) if score.name in other else score for score in scores
                ]
            scored += _of(one, scores, "letters")
            tables["letters"].append(_named(one, found.letters))
    except DepthscopeError as problem:
        left_out["absorption"] = str(problem)
    patterns, letters = (pd.concat(some, ignore_index=True) if some else pd.DataFrame() for some in tables.values())
    return Closer(tuple(scored), patterns, letters, left_out)


def _absorptions(
    model: Model,
    subjects: Sequence[Placed],
    random: Mapping[str, Dictionary],
    seed: int,
    progress: bool,
    left_out: dict[str, str],
) -> list[tuple[Placed, Absorption, Absorption | None]]:
    """First letters in each dictionary, and in its random directions; all read the words in one pass."""
    words = words_of(model.tokenizer)
    both = {one.name: (one.reads, one.dictionary) for one in subjects}
    both |= {f"{one.name}\n": (one.reads, random[one.name]) for one in subjects}
    pooled = pool_texts(model, both, [FRAME.format(word) for word in words], pool="last", progress=progress)
    found = []
    for one in subjects:
        two: list[Absorption | None] = []
        for name in (one.name, f"{one.name}\n"):
            dictionary = both[name][1]
            decoder, bias = (np.asarray(x.detach().double().cpu()) for x in (dictionary.decoder, dictionary.bias))
            try:
                two.append(absorption(words, pooled.states[one.reads], pooled.latents[name], decoder, bias, seed=seed))
            except DepthscopeError as problem:
                left_out[f"absorption of {one.name}"] = str(problem)
                break
        if two and two[0] is not None:
            found.append((one, two[0], two[1] if len(two) > 1 else None))
    return found


def _of(one: Placed, scores: Sequence[Score], over: str) -> list[Scored]:
    return [Scored(one.name, DICTIONARY, one.writes, score, over) for score in scores]


def _named(one: Placed, table: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([pd.DataFrame({"dictionary": one.name, "site": str(one.reads)}, index=table.index), table], axis=1)
