"""Settings in, a finished run folder out: every sound explained, one folder each, and what holds over all of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from depthscope.drawing.saving import save
from depthscope.errors import DepthscopeError, check_choice
from depthscope.model.speech import SpeechModel
from depthscope.progress import each
from depthscope.run.begin import Begun, begin
from depthscope.run.result import FinishedRun
from depthscope.stimuli.sound import read_sound, sound_files
from depthscope.store.files import write_text
from depthscope.store.manifest import file_sha256
from depthscope.store.tables import write_csv
from depthscope.studies.asr.depth import by_layer
from depthscope.studies.asr.explaining import Asked, explanation, recogniser
from depthscope.studies.asr.figures import draw_heard, draw_layers, draw_map
from depthscope.studies.asr.methods import DEFAULT, METHODS, method_of
from depthscope.studies.asr.page import LAYOUT
from depthscope.studies.asr.results import ABOUT, Explanation, together
from depthscope.studies.asr.subtitles import srt, vtt, whisper_json
from depthscope.studies.asr.words import answer, depth_words, title, word_sheet
from depthscope.telling import Sheet

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# methods whose maps stand beside the default one on the page
RIVALS = ("last-layer", "leaf-x")
# sounds whose maps are drawn as figures; all have theirs on the page, or in their folder
DRAWN = 6
SOUNDS = "sounds"


@dataclass(frozen=True, eq=False)
class AsrRun(FinishedRun):
    """What :func:`run_asr` returns.

    Attributes
    ----------
    folder : Path
    words : DataFrame
        Of all sounds: ``words.csv``.
    timings : dict
        Seconds by stage.
    """

    folder: Path
    words: pd.DataFrame
    timings: dict[str, float]

    @property
    def explanations(self) -> Iterator[Explanation]:
        """Every sound's, read from its folder when it is asked for."""
        for place in _finished(self.folder):
            yield Explanation.read(place)

    @property
    def told(self) -> Sequence[str | Sheet]:
        first = next(self.explanations)
        sheet: list[str | Sheet] = ["", word_sheet(first)] if len(first.words) else []
        return [*self.record.answer, *sheet, *self.ending]

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """The map of the first window that has words."""
        first = next(one for one in self.explanations if len(one.tokens))
        return _draw_map(first, ax)


def run_asr(
    model: SpeechModel | str,
    audio: Sequence[str | Path],
    out: Path,
    *,
    method: str = DEFAULT,
    rivals: Sequence[str] = RIVALS,
    heard: str | None = "sound",
    language: str | None = None,
    task: str | None = None,
    text: str | None = None,
    choices: dict[str, Any] | None = None,
    load: dict[str, Any] | None = None,
    threads: int | None = None,
    command: str = "",
    progress: bool = True,
) -> AsrRun:
    """Transcribe and explain sounds, one after the other; those that are finished are not done again.

    Parameters
    ----------
    model : SpeechModel or str
    audio : sequence of paths
        Files, or folders of them.
    out : Path
        The run folder.
    method, rivals, heard, language, task, text, choices
        As in :func:`depthscope.explain`.
    load : dict, optional
        Keywords of :func:`depthscope.load`.

    Raises
    ------
    DepthscopeError
        No sound that can be read, or whatever :func:`depthscope.explain` refuses. A sound in a folder that cannot be read is
        left out and named.
    """
    asked = Asked(method, tuple(rivals), heard, language, task, text, True, dict(choices or {}))
    # a run keeps the sounds that it has heard: they are none of those it is to hear
    within = Path(out).resolve()
    files = [file for one in audio for file in sound_files(one) if within not in file.resolve().parents]
    if not files:
        raise DepthscopeError(f"{audio[0]}: all sounds there are those of the run folder {out}: give others")
    if text is not None and len(files) > 1:
        raise DepthscopeError(f"a text of one's own goes with one sound, and there are {len(files)}: give one file")
    names = _names(files)
    with begin(
        "asr",
        {"model": _name(model), "method": method, "rivals": list(rivals), "heard": heard, "language": language, "task": task,
         "text": text, "choices": dict(choices or {}), "load": dict(load or {}), "sounds": list(names.values())},
        out,
        layout=LAYOUT,
        load=lambda: recogniser(_loaded(model, load)),
        ready=lambda loaded: _ready(loaded, asked),
        identity={f"sound {name}": file_sha256(file) for file, name in names.items()},
        threads=threads,
        command=command,
        progress=progress,
    ) as run:  # fmt: skip
        left: list[str] = []
        with run.clock("explain"):
            for file, name in each(list(names.items()), "sounds", unit="sound", shown=progress):
                _explain(run.model, file, out / SOUNDS / name, asked, left, alone=len(names) == 1)
        found = [Explanation.read(place) for place in _finished(out)]
        if not found:
            raise DepthscopeError(left[0] if len(left) == 1 else f"no sound can be read: {left[0]}")
        with run.clock("report"):
            words = _write(out, found, run, left)
    return AsrRun(out, words, run.clock.seconds)


def _finished(folder: Path) -> list[Path]:
    """The folders of the sounds that are explained."""
    return sorted(place.parent for place in (folder / SOUNDS).glob(f"*/{ABOUT}"))


def _name(model: SpeechModel | str) -> str:
    return model if isinstance(model, str) else model.name


def _loaded(model: SpeechModel | str, options: dict[str, Any] | None) -> Any:
    from depthscope.model.load import load

    return load(model, **(options or {})) if isinstance(model, str) else model


def _ready(model: SpeechModel, asked: Asked) -> dict[str, str]:
    """What is missing is said before anything is heard."""
    from depthscope.capture.speech import check_choice_of

    check_choice_of(model, asked.language, asked.task)
    method_of(asked.method, model, **asked.choices)
    for name in asked.rivals:
        check_choice("rivals", name, tuple(METHODS))
        method_of(name, model)
    return {"method": METHODS[asked.method].about}


def _names(files: Sequence[Path]) -> dict[Path, str]:
    """Names of folders, one for each sound: those of the files, numbered where they are alike."""
    found: dict[Path, str] = {}
    taken: set[str] = set()
    for file in dict.fromkeys(files):
        stem = file.stem.strip(". ") or "sound"
        name, number = stem, 2
        while name.casefold() in taken:
            name, number = f"{stem}-{number}", number + 1
        taken.add(name.casefold())
        found[file] = name
    return found


def _explain(model: SpeechModel, file: Path, place: Path, asked: Asked, left: list[str], alone: bool) -> None:
    """Into the folder ``place``, unless it is there; a sound among others that cannot be read is named in ``left``."""
    if (place / ABOUT).is_file():
        return
    try:
        sound = read_sound(file, to=model.rate)
        found = explanation(model, sound, asked)
    except DepthscopeError as problem:
        if alone:
            raise
        left.append(str(problem))
        return
    place.mkdir(parents=True, exist_ok=True)
    write_text(place / "words.srt", srt(found.words))
    write_text(place / "words.vtt", vtt(found.words))
    write_text(place / "words.json", whisper_json(found.words, found.language or None))
    found.save(place)


def _write(out: Path, found: list[Explanation], run: Begun[SpeechModel], left: list[str]) -> pd.DataFrame:
    words, layers = together(found, "words"), by_layer(found)
    write_csv(out / "words.csv", words)
    write_csv(out / "tokens.csv", together(found, "tokens"))
    if len(layers):
        write_csv(out / "layers.csv", layers)
    figures = out / "figures"
    figures.mkdir(exist_ok=True)
    source = f"{run.model.name}; {found[0].method}"
    for one in found[:DRAWN]:
        if len(one.tokens):
            save(_draw_map(one).figure, figures / f"map-{one.name}")
    if len(layers):
        save(draw_layers(layers, "Where words find their place", source), figures / "layers")
    if "heard" in words and words["heard"].notna().any():
        save(draw_heard(words, "What silence costs each word", source).figure, figures / "heard")
    told = answer(found)
    run.record.title = title(found)
    run.record.answer = told[:2]
    run.record.words = {"sound": told[2:], "depth": depth_words(layers)}
    if left:
        run.record.words["left_out"] = left
    run.about["model"], run.about["method"] = run.model.name, METHODS[found[0].method].about
    return words


def _draw_map(one: Explanation, ax: "Axes | None" = None) -> "Axes":
    number = next(k for k, window in enumerate(one.windows) if len(window.map))
    window, tokens = one.windows[number], one.tokens[one.tokens["window"] == number]
    source = f"{one.model}; {one.method}; window {number + 1} of {len(one.windows)}"
    return draw_map(window.map, window.times, tokens, title([one]), source, ax)
