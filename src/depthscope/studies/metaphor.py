"""The metaphor study: stimuli, model, capture, instrument, statistics, report, in one run folder."""

import hashlib
import inspect
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from depthscope.capture.tokens import Subtoken
from depthscope.capture.trace import Keep, trace
from depthscope.errors import DepthscopeError, require
from depthscope.instrument.cse import cse
from depthscope.instrument.scalogram import scalogram
from depthscope.model.load import load
from depthscope.model.model import Model
from depthscope.report.figures import write_figures
from depthscope.report.summary import summarize
from depthscope.report.tables import clusters_table, contrasts_table, layers_table
from depthscope.statistics.contrast import contrast
from depthscope.statistics.result import Contrast
from depthscope.stimuli.read import read_stimuli
from depthscope.store.datasets import digest, read_zarr, write_netcdf, write_zarr
from depthscope.store.files import write_text
from depthscope.store.folder import RECORD, enter, run_folder
from depthscope.store.record import RunRecord
from depthscope.store.shards import Shards
from depthscope.studies.contrasts import check_pairs, parse_contrast
from depthscope.studies.environment import environment

# options of cse() that are not options of the scalogram it is made from
ENTROPY_OPTIONS = ("normalize", "mask_coi", "min_scales")


@dataclass(frozen=True)
class Settings:
    """Everything that is asked of a run. ``load``, ``cse`` and ``contrast`` hold keywords of those functions."""

    model: str = "embedded"
    stimuli: str = "builtin"
    folder: str | None = None
    contrasts: tuple[str, ...] = ("metaphor-literal",)
    subtoken: Subtoken = "last"
    keep: Keep = "gram"
    token_budget: int | None = None
    threads: int | None = None
    load: dict[str, Any] = field(default_factory=dict)
    cse: dict[str, Any] = field(default_factory=dict)
    contrast: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Run:
    """A finished run: where it is, and what it found."""

    folder: Path
    cse: xr.DataArray
    contrasts: list[Contrast]
    timings: dict[str, float]
    remarks: list[str]


def run_metaphor(settings: Settings, out: Path, *, command: str = "", progress: bool = True) -> Run:
    """Run the study, or continue it, in the folder ``out``.

    Finished batches are not recomputed, and the result does not depend on interruptions. Cheap errors come first: the
    stimuli and the contrasts are checked before the folder is made, the folder before the model is loaded.
    """
    table = read_stimuli(settings.stimuli, folder=settings.folder)
    conditions = list(dict.fromkeys(table["condition"]))
    pairs = [parse_contrast(text, conditions) for text in settings.contrasts]
    for a, b in pairs:
        check_pairs(table, a, b)
    _check_statistics(settings)
    torch = require("torch", "models")
    torch.set_num_threads(_threads(settings.threads, out) or torch.get_num_threads())

    options = {"cse": _with_defaults(cse, settings.cse), "contrast": _with_defaults(contrast, settings.contrast)}
    asked = {name: value for name, value in asdict(settings).items() if name != "threads"}
    record = RunRecord("metaphor", {**asked, **options}, command=command)
    with run_folder(out, record):
        clock = Clock()
        with clock("load"):
            model = load(settings.model, **settings.load)
        # a dry run on as many orthogonal updates: a transform that does not fit the depth fails before the tracing
        cse(np.eye(model.depth), **settings.cse)
        record.checks = dict(model.checks)
        record.environment = environment(str(model.device), torch.get_num_threads())
        record.identity = {"model": model.fingerprint, "stimuli": _fingerprint(table)}
        record = _continue(out, record)
        with clock("trace"):
            traj = _trajectories(model, table, settings, out, record, progress)
        with clock("analyse"):
            h = cse(traj, **settings.cse)
            contrasts = [contrast(h, a, b, **settings.contrast) for a, b in pairs]
        with clock("report"):
            remarks = _remarks(traj, h)
            _write(out, traj, h, contrasts, remarks, record, settings)
        record.status = "finished"
        record.timings = clock.seconds
        record.results = {c.name: [asdict(k) for k in c.clusters] for c in contrasts}
        record.write(out / RECORD)
    return Run(out, h, contrasts, clock.seconds, remarks)


def _threads(asked: int | None, out: Path) -> int | None:
    """What is asked for, else what the folder was begun with: the last bits of a result depend on it."""
    if asked is not None and asked < 1:
        raise DepthscopeError(f"threads={asked}: give at least 1")
    path = out / RECORD
    if asked is None and path.is_file():
        recorded = RunRecord.read(path).environment.get("threads", "")
        return int(recorded) if recorded.isdigit() else None
    return asked


def _resolved(traj: xr.Dataset, share: xr.DataArray) -> dict[str, Any]:
    """What the settings that were left open came to."""
    return {
        "layers": [int(share["layer"].values[0]), int(share["layer"].values[-1])],
        "scales": [round(float(s), 6) for s in share["scale"].values],
        "periods": [round(float(p), 6) for p in share["period"].values],
        "token_budget": int(traj.attrs["token_budget"]),
    }


def _check_statistics(settings: Settings) -> None:
    """A dry run on two items without a difference: a setting that no test can take fails before the tracing."""
    labels = {"item": ["x", "y"], "condition": ["a", "b"]}
    nothing = xr.DataArray(np.zeros((2, 2, 1)), labels, dims=("item", "condition", "layer"))
    contrast(nothing, "a", "b", **settings.contrast)


def _with_defaults(function: Callable[..., Any], given: dict[str, Any]) -> dict[str, Any]:
    """All keyword options of a function: the given ones, and the defaults of this version."""
    parameters = inspect.signature(function).parameters.values()
    return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY} | given


class Clock:
    """Wall time per stage, in seconds."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[stage] = round(time.perf_counter() - start, 3)


def _fingerprint(table: pd.DataFrame) -> str:
    return hashlib.sha256(table.to_csv(index=False).encode()).hexdigest()[:16]


def _continue(out: Path, record: RunRecord) -> RunRecord:
    """The record on disk, if it is of the same run; now that the model is known, compare that too."""
    path = out / RECORD
    if path.exists():
        before = RunRecord.read(path)
        enter(before, record, out)
        record.digests = before.digests
    record.write(path)
    return record


def _trajectories(
    model: Model, table: pd.DataFrame, settings: Settings, out: Path, record: RunRecord, progress: bool
) -> xr.Dataset:
    """From disk if they are there, else traced batch by batch."""
    store, shards = out / "trajectories.zarr", Shards(out / "shards")
    if store.exists() and "trajectories" in record.digests:
        shards.clear()
        return read_zarr(store, record.digests["trajectories"])
    traj = trace(
        model,
        table,
        subtoken=settings.subtoken,
        keep=settings.keep,
        token_budget=settings.token_budget,
        progress=progress,
        shards=shards,
    )
    write_zarr(traj, store)
    record.digests["trajectories"] = digest(traj)
    record.write(out / RECORD)
    shards.clear()
    # what a later continuation would read: types of labels differ in the last byte of a file, and so must not differ here
    return read_zarr(store, record.digests["trajectories"])


def _write(
    out: Path,
    traj: xr.Dataset,
    h: xr.DataArray,
    contrasts: list[Contrast],
    remarks: list[str],
    record: RunRecord,
    settings: Settings,
) -> None:
    """Files to work on, figures to look at, words to read."""
    write_netcdf(h, out / "cse.nc")
    clusters = clusters_table(contrasts)
    for name, frame in (
        ("layers.csv", layers_table(h)),
        ("contrasts.csv", contrasts_table(contrasts)),
        ("clusters.csv", clusters),
    ):
        write_text(out / name, frame.to_csv(index=False))
    transform = {name: value for name, value in settings.cse.items() if name not in ENTROPY_OPTIONS}
    share = scalogram(traj, **transform, share=True)
    record.resolved = _resolved(traj, share)
    source = f"{_short(settings.model)}, {_short(settings.stimuli)}, {record.settings['cse']['wavelet']}"
    write_figures(out / "figures", h, share, contrasts, source)
    described = {
        "model": f"{traj.attrs['model']} ({traj.attrs['model_class']}, fingerprint {traj.attrs['fingerprint']})",
        "stimuli": f"{settings.stimuli} ({traj.sizes['stimulus']} texts)",
        "target token": traj.attrs["subtoken"],
        "added before each text": traj.attrs["special_prefix"] or "nothing",
        "CSE": ", ".join(f"{name} {value}" for name, value in record.settings["cse"].items() if value is not None),
        "Fourier periods": f"{share['period'].values.min():.3g} to {share['period'].values.max():.3g} layers",
        "statistics": contrasts[0].settings_text,
        "versions": ", ".join(f"{k} {v}" for k, v in record.environment.items()),
    }
    title = f"{contrasts[0].name} in {settings.model}: conditional scale entropy by depth"
    depth = traj.sizes["layer"]
    text = summarize(title, contrasts, clusters, depth, remarks, described, record.command)
    write_text(out / "summary.md", text)


def _short(name: str) -> str:
    """The last part of a path, for figures; a name as it is."""
    return Path(name).name if Path(name).exists() else name


def _remarks(traj: xr.Dataset, h: xr.DataArray) -> list[str]:
    """What a reader should know of the targets and the layers."""
    remarks = []
    missing = h["layer"].values[np.isnan(h.values).all((0, 1))]
    if len(missing):
        remarks.append(
            f"Layers {', '.join(map(str, missing))} have too few scales free of edge effects: missing, not zero."
        )
    for name, text in (
        ("at_start", "stand at position 0, where models park attention: their states mean something else"),
        ("token_exceeds", "share a token with their neighbours: the state covers more than the target"),
    ):
        rows = traj["item"].values[traj[name].values.astype(bool)]
        if len(rows):
            remarks.append(f"{len(rows)} target(s) {text} (items {', '.join(dict.fromkeys(map(str, rows[:10])))}).")
    return remarks
