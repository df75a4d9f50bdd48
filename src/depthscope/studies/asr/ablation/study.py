"""``depthscope asr ablation``: all methods by all metrics in several models, and which of the claims about LEAF-X hold."""

import gc
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from depthscope.drawing.saving import save
from depthscope.errors import DepthscopeError, check_choice, check_count
from depthscope.model.speech import SpeechModel
from depthscope.progress import bar
from depthscope.run.clock import Clock
from depthscope.run.environment import environment
from depthscope.run.result import FinishedRun
from depthscope.run.several import comparison
from depthscope.stimuli.sound import sound_files
from depthscope.store.files import write_text
from depthscope.store.folder import RECORD
from depthscope.store.jsonable import jsonable
from depthscope.store.manifest import file_sha256
from depthscope.store.record import RunRecord
from depthscope.store.tables import write_csv
from depthscope.studies.asr.ablation.claims import Findings, findings, normalised_table, rivals_table
from depthscope.studies.asr.ablation.measuring import BASELINES, METRICS, Effort, Heard, hear, measure, method_for
from depthscope.studies.asr.ablation.shortened import shortened
from depthscope.studies.asr.ablation.words import answer, claims_words, title
from depthscope.studies.asr.calibration.study import aligned_sounds
from depthscope.studies.asr.explaining import recogniser
from depthscope.studies.asr.figures import draw_rivals
from depthscope.studies.asr.methods import METHODS, methods_for
from depthscope.studies.asr.page import CLAIMS, LAYOUT, RIVALS
from depthscope.studies.asr.truth.sentences import HELD_OUT, HELD_OUT_VOICES
from depthscope.studies.asr.truth.times import Spoken, synthesise
from depthscope.telling import Sheet

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MODELS = ("whisper-tiny.en", "whisper-base", "moonshine-tiny")
CELLS, VALUES = "cells", "values.csv"
# sentences by the synthesiser where there is no speech of one's own
CLIPS = 6
# seconds behind the longest sound that a shortened window has, for the shift
SPARE = 0.5
# panels of the figure
DRAWN = ("tloc", "d_aopc_silence", "infidelity", "sharpness")


@dataclass(frozen=True)
class Asked:
    """Every setting that decides the result.

    Attributes
    ----------
    models : tuple of str
    methods : tuple of str
        Empty: all that a model has what they need for.
    clips : int
        Sentences by the synthesiser: held-out sentences in held-out voices.
    audio, times : paths
        Speech of one's own, and its word times.
    whole : bool
        Leave the window of a model as it is; by default it is cut to the sounds (:mod:`.shortened`).
    effort : Effort
    load : dict
        Keywords of :func:`depthscope.load`.
    """

    models: tuple[str, ...] = MODELS
    methods: tuple[str, ...] = ()
    clips: int = CLIPS
    audio: tuple[str, ...] = ()
    times: str = ""
    whole: bool = False
    effort: Effort = field(default_factory=Effort)
    load: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class AblationRun(FinishedRun):
    """What :func:`run_ablation` returns.

    Attributes
    ----------
    folder : Path
    values : DataFrame
        One row per model, clip, word and method, a column for each metric: ``values.csv``.
    rivals : DataFrame
        Means with intervals: ``rivals.csv``.
    findings : Findings
    timings : dict
    """

    folder: Path
    values: pd.DataFrame
    rivals: pd.DataFrame
    findings: Findings
    timings: dict[str, float]

    @property
    def told(self) -> list[str | Sheet]:
        sheets = [*RIVALS.sheets(self.rivals), *CLAIMS.sheets(self.findings.to_dataframe())]
        return [*self.record.answer, "", *sheets, *self.ending]

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """The methods in the first model."""
        model = self.findings.models[0]
        own: Axes = _drawn(self.rivals[self.rivals["model"] == model], model).axes[0]
        return own


def run_ablation(
    asked: Asked,
    out: Path,
    *,
    loader: Callable[[str], SpeechModel] | None = None,
    command: str = "",
    progress: bool = True,
) -> AblationRun:
    """Measure every method on the same words, and test the claims; what is measured is not measured again.

    Each cell, a method on a sound in a model, is one file in ``cells``, so that a run that was killed goes on where it was.

    Parameters
    ----------
    asked : Asked
    out : Path
        The run folder.
    loader : callable, optional
        Name -> model; by default :func:`depthscope.load`.

    Raises
    ------
    DepthscopeError
        An unknown method or metric, word times without sounds, no word that any model wrote as it was spoken, or a folder of
        another run.
    """
    _check(asked)
    labels = _labels(asked.models)
    files = [file for one in asked.audio for file in sound_files(one)]
    record = RunRecord("asr", {"question": "ablation", **_settings(asked)}, command=command)
    record.identity = {f"sound {file.name}": file_sha256(file) for file in files}
    if asked.times and Path(asked.times).is_file():
        record.identity["times"] = file_sha256(Path(asked.times))
    record.environment = environment(str(asked.load.get("device", "as loaded")), _threads())
    with comparison(out, record, progress, LAYOUT) as clock:
        record.write(out / RECORD)
        tables = []
        for label, name in labels.items():
            with clock(label):
                tables.append(_measured(asked, name, out / CELLS / label, record, loader or _loader(asked), progress))
            gc.collect()
        values = pd.concat(tables, ignore_index=True)
        if not len(values):
            raise DepthscopeError(
                f"{out}: no model wrote a word as it was spoken: give clearer speech, or other models"
            )
        found, rivals = _report(out, asked, values, record, clock)
    return AblationRun(out, values, rivals, found, clock.seconds)


def _check(asked: Asked) -> None:
    for method in asked.methods:
        check_choice("method", method, tuple(METHODS))
    for metric in asked.effort.metrics:
        check_choice("metric", metric, tuple(METRICS))
    check_count("clips", asked.clips, 0)
    check_count("words", asked.effort.words)
    if bool(asked.audio) != bool(asked.times):
        raise DepthscopeError("--audio and --words go together: sounds, and when each word in them is spoken")
    if not asked.audio and not asked.clips:
        raise DepthscopeError("clips=0: without speech of your own give at least one sentence of the synthesiser")
    levels = asked.effort.levels
    if not levels or levels[0] <= 0 or levels[-1] > 1 or list(levels) != sorted(set(levels)):
        raise DepthscopeError(f"levels={list(levels)}: give shares of the frames that rise from above 0 to at most 1")


def _settings(asked: Asked) -> dict[str, Any]:
    """As the record has them: paths are told by the digests of what they hold."""
    found = asdict(asked)
    return {name: value for name, value in found.items() if name not in ("audio", "times")}


def _threads() -> int:
    import torch

    return torch.get_num_threads()


def _loader(asked: Asked) -> Callable[[str], SpeechModel]:
    def loaded(name: str) -> SpeechModel:
        from depthscope.model.load import load

        return recogniser(load(name, **asked.load))  # type: ignore[arg-type]

    return loaded


def _labels(models: Sequence[str]) -> dict[str, str]:
    """A folder for each model."""
    if not models:
        raise DepthscopeError("no model is named: give --models A,B,C")
    found: dict[str, str] = {}
    for name in models:
        label = Path(name).name or name
        if label in found:
            raise DepthscopeError(f"models {name}: the same model twice; name each once")
        found[label] = name
    return found


def sounds(asked: Asked, rate: int) -> Iterator[tuple[str, str, Spoken]]:
    """Name, source and sound with its word times: those of the synthesiser first."""
    for k in range(asked.clips):
        text, voice = HELD_OUT[k % len(HELD_OUT)], HELD_OUT_VOICES[(k + k // len(HELD_OUT)) % len(HELD_OUT_VOICES)]
        yield f"{k + 1:03}-{voice}", "synthesised", synthesise(text, voice=voice, to=rate)
    if asked.audio:
        files = [file for one in asked.audio for file in sound_files(one)]
        for k, (file, spoken) in enumerate(zip(files, aligned_sounds(files, asked.times, rate), strict=True)):
            yield f"own-{k + 1:03}-{file.stem}", "own", spoken


def _measured(
    asked: Asked, name: str, place: Path, record: RunRecord, loader: Callable[[str], SpeechModel], progress: bool
) -> pd.DataFrame:
    """All cells of one model: those that are there are read, the others measured."""
    original = loader(name)
    spoken = list(sounds(asked, original.rate))
    model = original
    if not asked.whole:
        model = shortened(original, max((one.sound.seconds for _, _, one in spoken), default=0.0) + SPARE)
    known = methods_for(original)
    methods = [one for one in (asked.methods or METHODS) if one in known]
    _same_model(place, model)
    record.resolved[f"model {place.name}"] = model.fingerprint
    record.checks[f"window of {place.name}"] = _window(original, model)
    cells = []
    with bar(len(spoken) * (len(methods) + len(BASELINES)), place.name, unit="cell", shown=progress) as advance:
        for number, (clip, source, one) in enumerate(spoken):
            folder = place / clip
            names = [*methods, *BASELINES]
            todo = [method for method in names if not (folder / f"{method}.json").is_file()]
            advance(len(names) - len(todo))
            heard = hear(model, one, clip, number, asked.effort) if todo else None
            for method in todo:
                _write_cell(folder / f"{method}.json", heard, method, model, original, asked.effort)
                advance(1)
            cells += [_read_cell(folder / f"{method}.json", place.name, clip, source, method) for method in names]
    return pd.concat(cells, ignore_index=True)


def _window(original: SpeechModel, model: SpeechModel) -> str:
    if model is original:
        return "its own" if model.window is None else f"{model.window:g} s, its own"
    return f"{model.window:g} s in place of {original.window:g}: the padding is cut"


def _same_model(place: Path, model: SpeechModel) -> None:
    """Cells of other weights are not gone on with."""
    path = place / "model.json"
    if path.is_file():
        if json.loads(path.read_text(encoding="utf-8"))["fingerprint"] != model.fingerprint:
            raise DepthscopeError(f"{place}: measured with other weights of {model.name}: choose another --out")
        return
    place.mkdir(parents=True, exist_ok=True)
    write_text(path, json.dumps({"model": model.name, "fingerprint": model.fingerprint}) + "\n")


def _write_cell(
    path: Path, heard: Heard | None, name: str, model: SpeechModel, original: SpeechModel, effort: Effort
) -> None:
    table, passes = pd.DataFrame(), 0.0
    if heard is not None:
        method = None if name in BASELINES else method_for(name, model, original, effort)
        table, passes = measure(heard, name, method)
    path.parent.mkdir(parents=True, exist_ok=True)
    found = {"passes": passes, "words": table.to_dict("records")}
    write_text(path, json.dumps(jsonable(found), allow_nan=False) + "\n")


def _read_cell(path: Path, model: str, clip: str, source: str, method: str) -> pd.DataFrame:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        table = pd.DataFrame(found["words"])
        for metric in set(METRICS) & set(table.columns):
            table[metric] = table[metric].astype(float)
        about = {"model": model, "clip": clip, "source": source, "method": method}
        return table.assign(**about, passes=float(found["passes"]))
    except (ValueError, LookupError, TypeError):
        raise DepthscopeError(
            f"{path}: no cell of a measurement any more; delete it, and it is measured again"
        ) from None


def _report(
    out: Path, asked: Asked, values: pd.DataFrame, record: RunRecord, clock: Clock
) -> tuple[Findings, pd.DataFrame]:
    with clock("report"):
        first = ["model", "clip", "source", "word", "text", "method", "sampled"]
        values = values[[*first, *(name for name in values if name not in first)]]
        found, rivals = findings(values, seed=asked.effort.seed), rivals_table(values, seed=asked.effort.seed)
        write_csv(out / VALUES, values)
        write_csv(out / "rivals.csv", rivals)
        write_csv(out / "claims.csv", found.to_dataframe())
        write_csv(out / "normalised.csv", normalised_table(rivals))
        figures = out / "figures"
        figures.mkdir(exist_ok=True)
        for model in found.models:
            save(_drawn(rivals[rivals["model"] == model], model), figures / f"rivals-{model}")
        record.title = title(found)
        words = values.drop_duplicates(["clip", "word"])
        record.answer = answer(found, len(words), words["clip"].nunique())
        record.words = {"claims": claims_words(found)}
    return found, rivals


def _drawn(rows: pd.DataFrame, model: str) -> Any:
    measures = [(name, METRICS[name].label) for name in DRAWN if name in rows and rows[name].notna().any()]
    text = f"{model}; means over words with 95 % intervals over clips"
    return draw_rivals(rows, measures, f"Ways of attribution in {model}", text)
