"""``depthscope asr calibrate``: a recogniser's heads and their roles, remembered, told, and if wanted as a run folder."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from depthscope.drawing.saving import save
from depthscope.errors import DepthscopeError
from depthscope.model.speech import SpeechModel
from depthscope.run.begin import begin
from depthscope.stimuli.sound import read_sound, sound_files
from depthscope.store.manifest import file_sha256
from depthscope.store.tables import write_csv
from depthscope.studies.asr.calibration.calibrate import Calibration, calibrate, remember
from depthscope.studies.asr.calibration.roles import NEXT, OTHER, READ, SINK, Roles
from depthscope.studies.asr.explaining import recogniser
from depthscope.studies.asr.figures import draw_heads
from depthscope.studies.asr.page import HEADS, LAYOUT
from depthscope.studies.asr.truth.aligned import read_words
from depthscope.studies.asr.truth.times import Spoken
from depthscope.telling import Sheet
from depthscope.words import ALPHA, names_text

# heads in a terminal: those with the most mass
LISTED = 12


@dataclass(frozen=True, eq=False)
class Calibrated:
    """What was found of one model.

    Attributes
    ----------
    model : str
    roles : Roles
    calibration : Calibration
    table : DataFrame
        One row per head: ``heads.csv``.
    folder : Path or None
    """

    model: str
    roles: Roles
    calibration: Calibration
    table: pd.DataFrame
    folder: Path | None

    @property
    def answer(self) -> list[str]:
        counts = self.table["role"].value_counts()
        best = self.table.sort_values("mass_next", kind="stable").iloc[-1]
        used = names_text([f"layer {layer + 1} head {head}" for layer, head in self.calibration.heads])
        said = [
            f"In {self.model} {counts.get(NEXT, 0)} of {len(self.table)} heads hear the next word, {counts.get(READ, 0)} the "
            f"word just read, {counts.get(SINK, 0)} rest in padding, {counts.get(OTHER, 0)} do none of it (p at most "
            f"{ALPHA:g}, {self.roles.words} words of {self.roles.clips} sounds).",
            f"The best, layer {best['layer']} head {best['head']}, has {best['mass_next']:.2f} of its mass inside the "
            f"word that comes next; by chance it has {best['chance']:.2f}. Attribution now rests on {used}.",
        ]
        if self.published:
            theirs = self.table[self.table["published"]]
            said.append(
                f"Of the {len(theirs)} heads that the makers publish for timestamps {int((theirs['role'] == NEXT).sum())} hear "
                f"the next word; their mean mass inside it is {theirs['mass_next'].mean():.2f}."
            )
        return said

    @property
    def published(self) -> bool:
        return bool("published" in self.table and self.table["published"].any())

    @property
    def told(self) -> list[str | Sheet]:
        top = self.table.sort_values("mass_next", ascending=False, kind="stable").head(LISTED)
        sheet = HEADS.of(top, "heads")
        shown: list[str | Sheet] = ["", sheet.sheet()] if sheet is not None else []
        return [*self.answer, *shown]

    @property
    def document(self) -> dict[str, Any]:
        return {
            "model": self.model,
            "heads": [list(one) for one in self.calibration.heads],
            "lag": self.calibration.lag,
            "words": self.roles.words,
            "table": self.table.to_dict("records"),
            "folder": self.folder,
        }


def run_calibration(
    model: SpeechModel | str,
    *,
    audio: Sequence[str | Path] | None = None,
    words: str | Path | None = None,
    language: str | None = None,
    out: Path | None = None,
    seed: int = 0,
    load: dict[str, Any] | None = None,
    command: str = "",
    progress: bool = True,
) -> Calibrated:
    """Calibrate a model, remember what was found, and write it into a run folder if one is given.

    Raises
    ------
    DepthscopeError
        As :func:`depthscope.studies.asr.calibration.calibrate.calibrate`; sounds without word times, or none of both.
    """

    def loaded() -> SpeechModel:
        from depthscope.model.load import load as load_any

        return recogniser(load_any(model, **(load or {})) if isinstance(model, str) else model)  # type: ignore[arg-type]

    def found(recogniser_: SpeechModel) -> Calibrated:
        spoken = None if audio is None or words is None else aligned_sounds(audio, words, recogniser_.rate)
        roles, calibration = calibrate(recogniser_, spoken, language=language, seed=seed, progress=progress)
        remember(recogniser_, calibration)
        return Calibrated(recogniser_.name, roles, calibration, heads_table(recogniser_, roles), out)

    if out is None:
        return found(loaded())
    files = [file for one in audio or () for file in sound_files(one)]
    with begin(
        "asr",
        {"question": "heads", "model": model if isinstance(model, str) else model.name, "language": language, "seed": seed,
         "load": dict(load or {}), "sounds": [file.name for file in files]},
        out,
        layout=LAYOUT,
        load=loaded,
        ready=lambda _: {},
        identity={f"sound {file.name}": file_sha256(file) for file in files},
        command=command,
        progress=progress,
    ) as run:  # fmt: skip
        with run.clock("calibrate"):
            done = found(run.model)
        with run.clock("report"):
            write_csv(out / "heads.csv", done.table)
            (out / "figures").mkdir(exist_ok=True)
            source = f"{done.model}; {done.roles.words} words of {done.roles.clips} sounds"
            save(draw_heads(done.table, f"Heads of {done.model}", source).figure, out / "figures" / "heads")
            run.record.title = f"Which heads of {done.model} hear"
            run.record.answer = done.answer
            run.about["model"] = done.model
    return done


def heads_table(model: SpeechModel, roles: Roles) -> pd.DataFrame:
    """One row per head, with whether its makers publish it as one that aligns words."""
    theirs = {tuple(one) for one in getattr(model.network.generation_config, "alignment_heads", None) or ()}
    table = roles.to_dataframe()
    return table.assign(
        published=[(layer - 1, head) in theirs for layer, head in zip(table["layer"], table["head"], strict=True)]
    )


def aligned_sounds(audio: Sequence[str | Path], words: str | Path, rate: int) -> list[Spoken]:
    """Sounds, each with the times of its words: out of one table with a column ``file``, or of a TextGrid of its name each."""
    files = [file for one in audio for file in sound_files(one)]
    place = Path(words)
    found = []
    for file in files:
        table = read_words(place / f"{file.stem}.TextGrid") if place.is_dir() else read_words(place)
        if "file" in table:
            named = table["file"].astype(str)
            table = table[(named == file.name) | (named == file.stem)]
        elif len(files) > 1 and not place.is_dir():
            raise DepthscopeError(
                f"{place}: there are {len(files)} sounds, and no column `file` says whose words these are"
            )
        if not len(table):
            raise DepthscopeError(
                f"{place}: no words of {file.name}; name it in the column `file`, or leave the sound out"
            )
        found.append(Spoken(read_sound(file, to=rate), table[["word", "start", "end"]].reset_index(drop=True)))
    return found
