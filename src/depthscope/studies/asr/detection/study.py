"""Detectors of wrong words on sounds with a known text: settings in, a finished run folder out."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from depthscope.errors import DepthscopeError, check_choice, require
from depthscope.model.speech import SpeechModel
from depthscope.progress import bar, step
from depthscope.run.environment import environment
from depthscope.run.result import FinishedRun
from depthscope.run.several import comparison
from depthscope.store.folder import RECORD
from depthscope.store.record import RunRecord
from depthscope.store.tables import read_csv, write_csv
from depthscope.studies.asr.detection.conditions import CONDITIONS
from depthscope.studies.asr.detection.figures import plot_detectors, write_detectors
from depthscope.studies.asr.detection.results import detectors_table, judged, thresholds_table, verdicts_table
from depthscope.studies.asr.detection.sentences import answer, detector_words, title, verdict_words
from depthscope.studies.asr.detection.words import TEXTS, Dictation, check_dictations, word_rows
from depthscope.studies.asr.explaining import recogniser
from depthscope.studies.asr.page import DETECTORS, LAYOUT
from depthscope.studies.asr.silencing.heard import VARIANTS
from depthscope.telling import Sheet

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# one file for each model, condition and sound that is done
CELLS = "cells"
TABLE, WORDS, THRESHOLDS, JUDGED = "detectors.csv", "doubted.csv", "thresholds.csv", "verdicts.csv"


@dataclass(frozen=True, eq=False)
class Doubts(FinishedRun):
    """A finished test of detectors.

    Attributes
    ----------
    folder : Path
    words : DataFrame
        Every word that was written: :func:`depthscope.studies.asr.detection.words.word_rows`, with its ``verdict``.
    table, thresholds, verdicts : DataFrame
        :mod:`depthscope.studies.asr.detection.results`.
    """

    folder: Path
    words: pd.DataFrame
    table: pd.DataFrame
    thresholds: pd.DataFrame
    verdicts: pd.DataFrame
    timings: dict[str, float] = field(default_factory=dict)

    @property
    def told(self) -> list[str | Sheet]:
        shown = self.table[self.table["condition"] == "all"] if len(self.table) else self.table
        said = [*detector_words(self.table), *verdict_words(self.verdicts)]
        return [*answer(self.words, self.table), "", *DETECTORS.sheets(shown), "", *said, *self.ending]

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw the area of each detector by condition, of the first model and kind of speech; returns matplotlib axes."""
        return plot_detectors(self.table, ax)


def run_doubts(
    models: Sequence[str | SpeechModel],
    sounds: Sequence[Dictation],
    out: Path,
    *,
    conditions: Sequence[str] = CONDITIONS,
    variants: Sequence[str] = VARIANTS,
    resamples: int = 1000,
    seed: int = 0,
    command: str = "",
    progress: bool = True,
) -> Doubts:
    """Let models write sounds of which it is known what is said, as they are and made worse, and test what betrays wrong words.

    Each sound in each condition is one file in ``cells``; a run that was killed goes on where it was.

    Parameters
    ----------
    models : sequence of str or SpeechModel
    sounds : sequence of Dictation
        :func:`depthscope.studies.asr.detection.dictations.read_dictations`, ``demo_dictations``.
    out : Path
        The run folder.
    conditions : sequence of str
        Of :data:`depthscope.studies.asr.detection.conditions.CONDITIONS`.
    variants : sequence of {"sound", "states"}
        How a word's own frames are silenced: ``sound`` takes one encoder pass a word.
    resamples, seed : int
        Of the bootstrap over clips; of noise, and of folds.

    Raises
    ------
    DepthscopeError
        No model or sound, an unknown condition, a folder that cannot be continued, nothing written at all.
    """
    check_dictations(sounds)
    names = [one if isinstance(one, str) else one.name for one in models]
    if not names or len({*names}) < len(names):
        raise DepthscopeError(f"models {', '.join(names) or 'are none'}: name at least one, and each once")
    for condition in conditions:
        check_choice("conditions", condition, CONDITIONS)
    for variant in variants:
        check_choice("variants", variant, VARIANTS)
    require("sklearn.model_selection", "mechanism")
    settings = {
        "models": names,
        "sounds": {one.sound.name: f"{one.sound.digest} {one.speech}: {one.text}" for one in sounds},
        "languages": sorted({one.language for one in sounds if one.language}),
        "conditions": list(conditions),
        "variants": list(variants),
        "resamples": resamples,
        "seed": seed,
    }
    record = RunRecord("asr", settings, command=command)
    with comparison(out, record, progress, LAYOUT) as clock:
        record.write(out / RECORD)
        parts = []
        for number, model in enumerate(models):
            with clock(names[number]):
                parts += _model_words(
                    model,
                    names[number],
                    out / CELLS / f"{number}",
                    sounds,
                    conditions,
                    variants,
                    seed,
                    record,
                    progress,
                )
        written = [one for one in parts if len(one)]
        if not written:
            raise DepthscopeError(f"{out}: no model wrote a word of any sound")
        with clock("statistics"):
            words = pd.concat(written, ignore_index=True)
            words = words.assign(verdict=judged(words))
            table = detectors_table(words, resamples=resamples, seed=seed)
            thresholds = thresholds_table(words, resamples=resamples, seed=seed)
            rates = verdicts_table(words, resamples=resamples, seed=seed)
        with clock("report"):
            write_csv(out / WORDS, words)
            for name, one in ((TABLE, table), (THRESHOLDS, thresholds), (JUDGED, rates)):
                if len(one):
                    write_csv(out / name, one)
            if len(table):
                write_detectors(out / "figures", table)
            record.title, record.answer = title(words), answer(words, table)
            record.words = {"detectors": [*detector_words(table), *verdict_words(rates)]}
            record.results = {"words": len(words), "wrong": int(words["wrong"].sum())}
    return Doubts(out, words, table, thresholds, rates, clock.seconds)


def _model_words(
    model: str | SpeechModel,
    name: str,
    folder: Path,
    sounds: Sequence[Dictation],
    conditions: Sequence[str],
    variants: Sequence[str],
    seed: int,
    record: RunRecord,
    progress: bool,
) -> list[pd.DataFrame]:
    """The words of one model, sound by sound; it is loaded only if something is missing."""
    cells = [
        (condition, k, folder / f"{condition.replace(' ', '-')}-{k:04d}.csv")
        for condition in conditions
        for k in range(len(sounds))
    ]
    left = [one for one in cells if not one[2].is_file()]
    if left:
        step(f"{name}: {len(left)} of {len(cells)} sounds in conditions to be heard", shown=progress)
        loaded = recogniser(model)
        record.checks |= {f"{name}: {called}": said for called, said in loaded.checks.items()}
        record.environment = record.environment or environment(str(loaded.device), _threads())
        folder.mkdir(parents=True, exist_ok=True)
        with bar(len(left), name, unit="sound", shown=progress) as advance:
            for condition, k, path in left:
                rows = word_rows(loaded, sounds[k], condition, variants=variants, seed=seed + k)
                write_csv(path, rows.assign(model=name))
                advance(1)
    return [cell(path) for _, _, path in cells]


def _threads() -> int:
    torch = require("torch", "models")
    return int(torch.get_num_threads())


def cell(path: Path) -> pd.DataFrame:
    """What was kept of one sound in one condition: numbers to the last digit, text as it is, a word called NA among it."""
    # a carriage return within a word ends no line
    kept = read_csv(path, dtype=str, keep_default_na=False)
    whole = ("index", "wrong")
    numbers = {
        name: np.array([float(one) if one else np.nan for one in kept[name]])
        for name in kept.columns
        if name not in TEXTS
    }
    return kept.assign(**{name: one.astype(int) if name in whole else one for name, one in numbers.items()})
