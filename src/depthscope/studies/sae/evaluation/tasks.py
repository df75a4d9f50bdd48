"""Binary questions about texts, to which a single latent may be the answer: made by templates, or read from tables."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from depthscope.corpus.files import CODECS, File, opened
from depthscope.errors import DepthscopeError, check_count, listed, reason
from depthscope.studies.sae.evaluation.templates import PAIRS

EXAMPLES = 200  # of a task: half of them to choose the latent by, half to measure it on
LEAST = 20  # examples of the rarer answer that a table must have
TABLES = {".csv": ",", ".tsv": "\t"}


@dataclass(frozen=True, eq=False)
class Task:
    """One question.

    Attributes
    ----------
    name : str
    texts : tuple of str
        No two the same.
    labels : bool array (text,)
        The answers.
    """

    name: str
    texts: tuple[str, ...]
    labels: NDArray[np.bool_]


def own_tasks(examples: int = EXAMPLES, *, seed: int = 0) -> list[Task]:
    """Questions of our own, 35 of them, in sentences by templates: languages, tense, number, negation, topics, names, code.

    Both answers are equally frequent, and the sentences of either come from the same templates and words, so that the answer
    is not told by something else. What they ask of a dictionary is easy, and the same vocabulary is on both sides of the split:
    a high score says that the property has a latent in such sentences, no more.

    Parameters
    ----------
    examples : int
        Of each task, at least 40 and at most 1,000.
    seed : int
        The same seed gives the same texts.
    """
    check_count("examples", examples, 2 * LEAST)
    if examples > 1000:
        raise DepthscopeError(f"examples={examples}: the templates give 1,000 of each task; give as many, or fewer")
    return [_made(name, examples, seed) for name in PAIRS]


def _made(name: str, examples: int, seed: int) -> Task:
    rng = np.random.default_rng([seed, *name.encode()])
    half = examples // 2
    sides: tuple[dict[str, None], dict[str, None]] = {}, {}
    while min(map(len, sides)) < half:
        for side, text in zip(sides, PAIRS[name](rng), strict=True):
            if len(side) < half and text not in sides[0] and text not in sides[1]:
                side[text] = None
    return Task(name, (*sides[0], *sides[1]), np.repeat([True, False], half))


def read_tasks(folder: str | PathLike[str], examples: int | None = 1000, *, seed: int = 0) -> list[Task]:
    """Questions from a folder of tables with columns ``prompt`` and ``target``, one question a file.

    Parameters
    ----------
    folder : path
        Files ``.csv`` and ``.tsv``, also with ``.gz`` or ``.zst``. Those whose target has other than two values, or fewer
        than 20 examples of one, ask no such question and are passed over.
    examples : int, optional
        Of each task at most: drawn so that both answers are equally frequent, as far as there are enough.
    seed : int
        Of the draw.

    Raises
    ------
    DepthscopeError
        No such folder, no table of two answers, a table without these columns, or one that cannot be read.
    """
    place = Path(folder)
    if not place.is_dir():
        raise DepthscopeError(
            f"{place}: no such folder; give one with tables (csv, tsv) of the columns prompt and target"
        )
    found = [task for file in _tables(place) if (task := _read(file, examples, seed)) is not None]
    if not found:
        raise DepthscopeError(
            f"{place}: no table with two answers of at least {LEAST} examples each; give csv or tsv files with the columns "
            "prompt and target"
        )
    return found


def _tables(folder: Path) -> Iterator[File]:
    for path in sorted(folder.iterdir()):
        suffixes = [suffix.lower() for suffix in path.suffixes]
        codec = CODECS.get(suffixes.pop()) if suffixes and suffixes[-1] in CODECS else None
        if path.is_file() and suffixes and suffixes[-1] in TABLES:
            yield File(path, path.name, "text", codec, path.stat().st_size)


def _read(file: File, examples: int | None, seed: int) -> Task | None:
    suffix = next(suffix for suffix in TABLES if suffix in file.name.lower())
    try:
        with opened(file) as (stream, _):
            table = pd.read_csv(stream, sep=TABLES[suffix], dtype=str, keep_default_na=False)
    except (ValueError, csv.Error, OSError) as problem:
        if isinstance(problem, DepthscopeError):
            raise
        raise DepthscopeError(f"{file.path}: cannot be read as a table ({reason(problem)})") from None
    if missing := [name for name in ("prompt", "target") if name not in table]:
        raise DepthscopeError(
            f"{file.path}: no column {' or '.join(missing)} (there is {listed(table.columns)}); rename the one that is meant"
        )
    table = table[table["prompt"].str.strip() != ""].drop_duplicates("prompt")
    counts = table["target"].value_counts()
    if len(counts) != 2 or counts.min() < LEAST:
        return None
    labels = (table["target"] == max(counts.index)).to_numpy()
    rng = np.random.default_rng([seed, *file.name.encode()])
    sides = [rng.permutation(np.flatnonzero(labels == answer)) for answer in (True, False)]
    if examples is not None:
        few = min(map(len, sides))
        rare = min(few, examples // 2)
        sides = [side[: rare if len(side) == few else examples - rare] for side in sides]
    rows = np.sort(np.concatenate(sides))
    name = file.name[: file.name.lower().index(suffix)]
    return Task(name, tuple(table["prompt"].iloc[rows]), labels[rows])
