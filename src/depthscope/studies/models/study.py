"""The metaphor study on one set of stimuli with several models, and whether they say the same."""

import gc
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import xarray as xr

from depthscope.capture.tokens import tokenize
from depthscope.errors import DepthscopeError, reason, require
from depthscope.model.foreign import one_sentence
from depthscope.model.pretrained import pretrained_folder
from depthscope.model.pretrained.registry import find
from depthscope.model.quiet import quiet
from depthscope.model.stacks import auto_class
from depthscope.model.tokenizer import load_tokenizer
from depthscope.report.codebook import NAME as CODEBOOK
from depthscope.report.codebook import write_tables
from depthscope.run.result import FinishedRun
from depthscope.run.several import comparison, shared_settings, statistics_text
from depthscope.store.folder import RECORD
from depthscope.store.record import RunRecord
from depthscope.store.sealed import REPORT, SUMMARY
from depthscope.studies.contrast.figures import file_stem, plot_forest
from depthscope.studies.contrast.results import Compared, Evidence
from depthscope.studies.contrast.settings import Settings, prepare, settled
from depthscope.studies.contrast.study import Run, run_metaphor
from depthscope.studies.models.codebook import TABLES
from depthscope.studies.models.figures import write_figures
from depthscope.studies.models.page import LAYOUT, MODELS
from depthscope.studies.models.results import (
    Outcome,
    Studied,
    Unmeasured,
    compare_models,
    depths_table,
    models_table,
    studied,
)
from depthscope.studies.models.words import answer, failures, fixed_text, intro, title, verdicts
from depthscope.telling import Sheet

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# what stands beside the folders of the models
TABLE, DEPTHS, FIGURES = "models.csv", "depths.csv", "figures"


@dataclass(frozen=True)
class Models(FinishedRun):
    """A finished study over models."""

    folder: Path
    outcomes: list[Outcome]
    rows: list[Compared] = field(default_factory=list)
    timings: dict[str, float] = field(default_factory=dict)

    @property
    def told(self) -> list[str | Sheet]:
        models = studied(self.outcomes)
        table = MODELS.sheets(models_table(self.outcomes), fixed_text(models))
        return [*table, "", *verdicts(models, self.rows), *failures(self.outcomes), *self.ending]

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw the contrast in every model; returns matplotlib axes."""
        return plot_forest(self.rows, "The contrast in every model", ax=ax)


def run_models(
    settings: Settings, models: Sequence[str], out: Path, *, command: str = "", progress: bool = True
) -> Models:
    """Run the metaphor study in each of the ``models``, one after the other, into folders below ``out``; then compare them.

    The first model chooses the relative depth at which all are compared. Stimuli, names, tokenizers and lengths of texts are
    checked for all models before the first is loaded. What fails later fails alone: its row says why, and the same command
    tries it again. Continues where it was killed.

    Raises
    ------
    DepthscopeError
        A model that is refused before anything is traced, a folder that cannot be continued, or no model that worked.
    """
    settings = settled(settings)
    table, _ = prepare(settings)
    labels = folder_names(models)
    for name in models:
        check_model(name, settings, table)
    # the first chooses what all are compared at, and two mappings are the same in whatever order
    asked = {**shared_settings(settings, "model"), "models": labels, "order": list(labels)}
    record = RunRecord("models", asked, command=command)
    with comparison(out, record, progress, LAYOUT) as clock:
        record.write(out / RECORD)
        outcomes: list[Outcome] = []
        for label, name in labels.items():
            with clock(label):
                outcomes.append(_study(label, replace(settings, model=name), out / label, command, progress))
        if not studied(outcomes):
            _leave_nothing(out)
            raise DepthscopeError(f"{out}: no model could be measured: {'; '.join(failures(outcomes))}")
        with clock("report"):
            rows = compare_models(studied(outcomes))
            _write(out, settings, outcomes, rows, record)
        record.results = {one.label: one.reason if isinstance(one, Unmeasured) else "measured" for one in outcomes}
    return Models(out, outcomes, rows, clock.seconds)


def folder_names(models: Sequence[str]) -> dict[str, str]:
    """A folder for each model, called after the last part of its name: ``{"x": "/path/to/x"}``.

    Raises
    ------
    DepthscopeError
        No model, or the same one twice, whatever it is called.
    """
    if not models:
        raise DepthscopeError("no model is named: give --models A,B,C")
    taken = {TABLE, DEPTHS, CODEBOOK, SUMMARY, FIGURES, RECORD, REPORT, "", ".", ".."}
    labels: dict[str, str] = {}
    same: dict[str, str] = {}
    for name in models:
        entry, path = find(name), Path(name)
        one = entry.name if entry else str(path.resolve()) if path.exists() else name
        if one in same:
            twice = name if same[one] == name else f"{same[one]} and {name}"
            raise DepthscopeError(f"models {twice}: the same model twice; name each once")
        same[one] = name
        labels[file_stem(path.name if entry or not path.exists() else path.resolve().name, taken)] = name
    return labels


def check_model(name: str, settings: Settings, table: pd.DataFrame) -> None:
    """All that can be known of a model without its weights: it is there, reads text, and takes these texts."""
    transformers = require("transformers", "models")
    with quiet(transformers):
        trust = bool(settings.load.get("trust_remote_code", False))
        tokenizer, longest = load_tokenizer(name, trust)
        if Path(name).suffix.lower() != ".gguf":
            with one_sentence(name):
                config = transformers.AutoConfig.from_pretrained(
                    str(pretrained_folder(name) or name), trust_remote_code=trust
                )
            auto_class(transformers, config, settings.load.get("stack"), name)
    try:
        tokenize(tokenizer, table, settings.subtoken, longest)
    except DepthscopeError as problem:
        raise DepthscopeError(f"model {name}: {problem}") from None


def _study(label: str, settings: Settings, out: Path, command: str, progress: bool) -> Outcome:
    finished = _is_finished(out)
    try:
        return _studied(label, settings.model, run_metaphor(settings, out, command=command, progress=progress))
    except OSError:
        raise  # no space, no permission: the others would fare no better
    except Exception as problem:  # a network's own code raises whatever it likes
        # a model that was measured before is not at fault: the settings or the libraries have changed, for all of them
        if finished:
            raise
        kind = "" if isinstance(problem, DepthscopeError) else f"{type(problem).__name__}: "
        return Unmeasured(label, settings.model, f"{kind}{reason(problem, 500)}")
    finally:
        _release()


def _studied(label: str, name: str, run: Run) -> Studied:
    entry = find(name)
    with xr.open_zarr(run.folder / "trajectories.zarr") as traj:
        about = dict(traj.attrs)
    return Studied(
        label,
        name,
        entry.title if entry else "",
        about["model_class"],
        int(about["width"]),
        about["quantization"],
        run.evidence or Evidence(run.contrasts[0]),
    )


def _is_finished(out: Path) -> bool:
    path = out / RECORD
    return path.is_file() and RunRecord.read(path).status == "finished"


def _release() -> None:
    """Networks are full of cycles: without this two of them are in memory at once."""
    gc.collect()
    torch = require("torch", "models")
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _leave_nothing(out: Path) -> None:
    """A folder in which no model left anything goes with its record."""
    if not any(path.is_dir() for path in out.iterdir()):
        (out / RECORD).unlink()


def _write(out: Path, settings: Settings, outcomes: list[Outcome], rows: list[Compared], record: RunRecord) -> None:
    models = studied(outcomes)
    text = f"{Path(settings.stimuli).name}; {statistics_text(models[0].main)}"
    write_tables(out, {TABLE: models_table(outcomes), DEPTHS: depths_table(models)}, TABLES)
    write_figures(out / FIGURES, models, rows, text)
    record.title, record.answer = title(models), answer(models)
    record.words = {"short": [*verdicts(models, rows)[1:], *failures(outcomes)], "models": [intro(models)]}
