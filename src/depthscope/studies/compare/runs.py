"""Finished runs, read and compared with each other: they must measure the same quantity, each of another model."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from depthscope.errors import DepthscopeError, listed, on_one_line, reason
from depthscope.run.measures import BESIDE, MEASURE, read_beside, read_measure
from depthscope.run.recorded import recorded_options
from depthscope.statistics.comparison import Source
from depthscope.statistics.contrast import OPTIONS
from depthscope.statistics.contrast import contrast as contrast_of
from depthscope.statistics.pairing import group_names
from depthscope.statistics.terms import Terms, parse_terms
from depthscope.store.folder import RECORD, finished_run
from depthscope.store.names import given, inside
from depthscope.store.record import RunRecord
from depthscope.store.sealed import Sealed
from depthscope.store.tables import read_csv
from depthscope.studies.compare.heads import READ as HEADS_READ
from depthscope.studies.compare.results import MECHANISM
from depthscope.studies.contrast.quantities import contrast_quantities

PARTS, HEADS = "mechanism.csv", "heads.csv"
STUDIES = ("metaphor", "mechanism")
# settings that make the measure another quantity, whose dz cannot stand beside the first one's
SAME = ("cse.signal", "contrast.adjust")
WAY_OUT = "leave it out, or finish it by running its command again"
DAMAGED = "leave it out, or run the study again"


@dataclass(frozen=True)
class Finished:
    """A finished run, as it was read."""

    folder: Path
    label: str
    record: RunRecord
    h: xr.DataArray
    quantities: xr.Dataset
    mechanism: pd.DataFrame | None
    heads: pd.DataFrame | None = None
    cautions: tuple[str, ...] = ()

    @property
    def fingerprint(self) -> str:
        return str(self.record.identity.get("model", ""))


def read_runs(folders: Sequence[Path]) -> tuple[list[Finished], list[str]]:
    """All the runs in and below the folders, under labels of their own; and what was passed over."""
    if not folders:
        raise DepthscopeError("no run is named: give run folders, or a folder of them")
    notes: list[str] = []
    paths = [path for folder in folders for path in _runs_in(folder, notes)]
    found = [replace(_read(path), label=label) for path, label in zip(paths, _labels(paths), strict=True)]
    notes += [f"{one.label}: {caution}" for one in found for caution in one.cautions]
    seen: dict[str, Finished] = {}
    for one in found:
        before = seen.setdefault(one.fingerprint or str(one.folder.resolve()), one)
        if before is not one:
            raise DepthscopeError(
                f"{before.folder} and {one.folder}: the same model twice (fingerprint {one.fingerprint or 'unknown'}), which "
                "would count as two; leave one out"
            )
    return found, notes


def _runs_in(folder: Path, notes: list[str]) -> Iterator[Path]:
    """The folder itself if it is a run, else the runs directly below it."""
    if not given(folder, "a run folder").is_dir():
        raise DepthscopeError(
            f"{folder}: {'is a file' if folder.exists() else 'there is no such folder'}; give run folders"
        )
    record = RunRecord.read(folder / RECORD, DAMAGED) if (folder / RECORD).is_file() else None
    if record is not None and record.study in STUDIES:
        yield folder
        return
    below = [path for path in sorted(folder.iterdir()) if path.is_dir() and (path / RECORD).is_file()]
    below = [path for path in below if RunRecord.read(path / RECORD, DAMAGED).study in STUDIES]
    if record is not None and record.study == "models":
        finished_run(folder, WAY_OUT)
        # in the order in which they were asked for; what failed there has its reason there
        order = [name for name, result in record.results.items() if result == "measured"]
        below = [inside(folder, name) for name in order]
        notes += [
            f"{name} is left out, it was not measured: {result}"
            for name, result in record.results.items()
            if result != "measured"
        ]
    if not below:
        raise DepthscopeError(
            f"{folder}: neither a run of 'depthscope run metaphor' (or mechanism) nor a folder of such runs; give those folders"
        )
    yield from below


def _read(folder: Path) -> Finished:
    run = Sealed.opened(folder, WAY_OUT)
    measure = run.file(MEASURE)
    if measure is None:
        raise DepthscopeError(f"{folder}: there is no {MEASURE}; {WAY_OUT}")
    mechanism = _table(run.file(PARTS), MECHANISM, ["key"], "a mechanism")
    heads = _table(run.file(HEADS), HEADS_READ, ["layer", "head"], "heads")
    h = read_measure(measure)
    beside = run.file(BESIDE)
    quantities = xr.Dataset() if beside is None else read_beside(beside, h)
    return Finished(folder, folder.name, run.record, h, quantities, mechanism, heads, tuple(run.unchecked))


def _table(path: Path | None, columns: Sequence[str], keys: list[str], what: str) -> pd.DataFrame | None:
    if path is None:
        return None
    way_out = "delete the file to compare without it, or run the study again"
    try:
        table = read_csv(path)
    except (ValueError, OSError) as problem:
        raise DepthscopeError(f"{path}: damaged ({reason(problem, 80)}); {way_out}") from None
    missing = [name for name in columns if name not in table]
    if missing or table.duplicated(keys).any():
        why = f"without {listed(missing)}" if missing else f"a {' and '.join(keys)} stands there twice"
        raise DepthscopeError(f"{path}: not a table of {what} ({why}); {way_out}")
    numbers = [name for name in columns if name not in ("key", "label")]
    if table.empty or not all(pd.api.types.is_numeric_dtype(table[name]) for name in numbers):
        raise DepthscopeError(f"{path}: damaged (words stand where numbers belong, or nothing does); {way_out}")
    return table[list(columns)]


def _labels(paths: Sequence[Path]) -> list[str]:
    """The names of the folders; where two are the same, with the folder above them, and a number if that is not enough."""
    resolved = [path.resolve() for path in paths]
    names = [on_one_line(path.name) for path in resolved]  # as it can be drawn
    labels: list[str] = []
    for path, name in zip(resolved, names, strict=True):
        plain = name if names.count(name) == 1 else f"{on_one_line(path.parent.name)}/{name}"
        label, number = plain, 1
        while label in labels:
            number += 1
            label = f"{plain}-{number}"
        labels.append(label)
    return labels


def first_contrast(run: Finished) -> str:
    names = run.record.settings.get("contrasts") or []
    if not names or not isinstance(names, list):
        raise DepthscopeError(f"{run.folder}: its record names no contrast; give --contrast A-B")
    return str(names[0])


def source_of(run: Finished, name: str) -> Source:
    options = recorded_options(run.record.settings, run.folder / RECORD)
    try:
        terms = parse_terms(name, list(run.h["condition"].values))
        found = contrast_of(run.h, terms, **options)
        if not found.measured:
            raise DepthscopeError("no layer is measured in all items")
        beside = contrast_quantities(run.quantities, {}, found, options)
    except DepthscopeError as problem:
        raise DepthscopeError(f"{run.folder}: {problem}") from None
    except (ValueError, TypeError, LookupError, AttributeError) as problem:
        what = f"{type(problem).__name__}: {reason(problem, 80)}"
        raise DepthscopeError(
            f"{run.folder / RECORD}: its settings are not those of a run ({what}); {DAMAGED}"
        ) from problem
    model = str(run.record.settings.get("model", ""))
    depths = run.h["relative_depth"].values.astype(np.float64)
    texts, own = _texts(run.h, terms.conditions), (run.mechanism, run.heads)
    # where a contrast comes from was asked of the run's first one alone
    if any(table is not None for table in own) and not _is_first(run, terms):
        own = (None, None)
    rows = {key: one for key, one in beside.rows.items() if key != "cse"}
    return Source(run.label, model, str(run.folder), found, depths, texts, *own, beside=rows)


def _is_first(run: Finished, terms: Terms) -> bool:
    try:
        return parse_terms(first_contrast(run), list(run.h["condition"].values)) == terms
    except DepthscopeError:  # none is named, or one that the table does not know
        return False


def left_out(run: Finished, source: Source) -> list[str]:
    """The tables of a run that are of another contrast."""
    both = {PARTS: (run.mechanism, source.mechanism), HEADS: (run.heads, source.heads)}
    return [name for name, (there, used) in both.items() if there is not None and used is None]


def without_beside(runs: Sequence[Finished], sources: Sequence[Source]) -> list[str]:
    """Runs without the quantities that depend on no weight, named together; a signal without directions has none."""
    without = [source.label for source in sources if not source.beside]
    if not without or (runs[0].record.settings.get("cse") or {}).get("signal") == "norm":
        return []
    return [
        f"{listed(without, 20)}: no {BESIDE} is there, as in runs before 0.6.2, so that CSE relative to norms, the slopes "
        "and the cosine are not compared there; run the study again for them."
    ]


def _texts(h: xr.DataArray, conditions: list[str]) -> dict[str, object]:
    """By item, the texts and targets of its conditions, those of all its pairs together."""
    groups = group_names(h)
    known = [name for name in ("text", "target") if name in h.coords]
    chosen = [h[name].transpose("item", "condition").sel(condition=conditions).values for name in known]
    found: dict[str, tuple[object, ...]] = {}
    for i, group in enumerate(groups):
        found[group] = (*found.get(group, ()), tuple(str(v) for values in chosen for v in values[i]))
    return dict(found)


def differences(runs: Sequence[Finished]) -> list[str]:
    """In what the runs differ from the first one, besides the model.

    Raises
    ------
    DepthscopeError
        Where the numbers would be of another quantity.
    """
    first, notes = runs[0], []
    asked = _comparable(first)
    for one in runs[1:]:
        mine = _comparable(one)
        other = [name for name in dict.fromkeys([*asked, *mine]) if asked.get(name) != mine.get(name)]
        foreign = [name for name in other if name in SAME]
        if foreign:
            what = listed(f"{name} {mine.get(name)!r}, there {asked.get(name)!r}" for name in foreign)
            raise DepthscopeError(
                f"{one.folder}: measures another quantity than {first.folder} ({what}); compare like with like"
            )
        if other:
            notes.append(
                f"{one.label} differs from {first.label} in {listed(other, 8)}: a difference between the two may come of that."
            )
    return notes


def _comparable(run: Finished) -> dict[str, Any]:
    """What should be the same in all the runs; what stands open counts as its default."""
    settings = run.record.settings
    flat: dict[str, Any] = {
        "stimuli": run.record.identity.get("stimuli"),
        "target token": settings.get("subtoken", "last"),
    }
    for name in ("cse", "contrast"):
        if not isinstance(settings.get(name) or {}, dict):
            raise DepthscopeError(f"{run.folder / RECORD}: {name} in its settings is no set of options; {DAMAGED}")
    flat |= {f"cse.{name}": value for name, value in {"signal": "update", **(settings.get("cse") or {})}.items()}
    recorded = {**OPTIONS, **(settings.get("contrast") or {})}
    return flat | {f"contrast.{name}": list(v) if isinstance(v, tuple) else v for name, v in recorded.items()}
