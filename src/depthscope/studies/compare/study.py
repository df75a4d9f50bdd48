"""Many finished runs, one model each, and one question: does the contrast recur, at which depth, how large, how different?"""

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from depthscope.errors import DepthscopeError, listed, on_one_line, reason
from depthscope.report.codebook import write_tables
from depthscope.run.measures import BESIDE, MEASURE, read_beside, read_measure
from depthscope.run.recorded import recorded_options
from depthscope.run.several import comparison
from depthscope.statistics.alignment import EARLY
from depthscope.statistics.comparison import Source, compare_contrasts
from depthscope.statistics.contrast import OPTIONS
from depthscope.statistics.contrast import contrast as contrast_of
from depthscope.statistics.pairing import group_names
from depthscope.statistics.terms import Terms, parse_terms
from depthscope.store.folder import RECORD, finished_run
from depthscope.store.names import given, inside
from depthscope.store.record import RunRecord
from depthscope.store.sealed import Sealed
from depthscope.store.tables import read_csv
from depthscope.studies.compare.codebook import TABLES
from depthscope.studies.compare.figures import draw_meta, write_meta
from depthscope.studies.compare.heads import READ as HEADS_READ
from depthscope.studies.compare.page import LAYOUT, MECHANISMS, MODELS, POOLED
from depthscope.studies.compare.results import KEYS, MECHANISM, Findings
from depthscope.studies.compare.words import (
    answer,
    cautions,
    figure_words,
    mechanism,
    quantities,
    range_title,
    title_of,
    together,
    verdicts,
)
from depthscope.studies.contrast.quantities import contrast_quantities
from depthscope.telling import Sheet, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

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


@dataclass(frozen=True, repr=False)
class Comparison(Findings):
    """One contrast in many models. Returned by :func:`depthscope.compare`; ``str()`` gives the answer in words.

    Attributes
    ----------
    name : str
        The contrast.
    depth : (low, high)
        Range of relative depth of the one number per model.
    models : tuple of Measured
        In the order given.
    pooled : Pooled
        The range effects, meta-analysed: new models like these.
    curve : Dataset over relative_depth
        The fields of :class:`~depthscope.statistics.meta.Pooled` at each point of the grid.
    joint : Joint, optional
        New items, these models. None if covariates are held equal, or if the models share fewer than two items.
    beside : dict of Pooled
        CSE relative to norms, slopes and mean cosine over the range, pooled likewise: docs/relative.md.
    mechanism : dict of Pooled
        By key of the runs' ``mechanism.csv``, the pooled dz of those in two models or more.
    notes : tuple of str
        In what the runs differ, and what was left out.
    command : str
        By which it can be repeated.
    """

    @classmethod
    def of(
        cls,
        sources: Sequence[Source],
        depth: tuple[float, float],
        points: int = 20,
        *,
        notes: Sequence[str] = (),
        command: str = "",
    ) -> "Comparison":
        """Compare what several runs give: :func:`depthscope.statistics.comparison.compare_contrasts`."""
        found = compare_contrasts(sources, depth, points, order=KEYS)
        return cls(**{one.name: getattr(found, one.name) for one in fields(found)}, notes=tuple(notes), command=command)

    def plot(self) -> "Axes":
        """Draw dz by relative depth and the forest of the range; returns the axes of the curves.

        It takes two axes, one above the other, hence a figure of its own, ``.figure`` of what is returned.
        """
        curves = {m.label: m.curve for m in self.models}
        whole = vars(self.pooled)
        return draw_meta(curves, self.curve, self.forest, whole, self.depth, *figure_words(self)).axes[0]

    @property
    def told(self) -> list[str | Sheet]:
        """For a terminal: the models, the answer, what limits it, where it comes from."""
        pooled = self.meta[: int(self.pooled.k > 1)]
        sheets = [*MODELS.sheets(self.to_dataframe(), range_title(self)), *POOLED.sheets(pooled)]
        lines: list[str | Sheet] = [part for sheet in sheets for part in (sheet, "")]
        lines += [*verdicts(self), "", *(f"note: {line}" for line in cautions(self))]
        return [*lines, *(part for sheet in MECHANISMS.sheets(self.mechanism_headlines) for part in ("", sheet))]

    def _repr_html_(self) -> str:
        """The card that a notebook shows."""
        from depthscope.drawing.card import card, picture

        _, text, words = figure_words(self)
        # the mean of the models stands first
        lines = [*together(self)[:1], words, text]
        (table,) = MODELS.sheets(self.to_dataframe(), "")
        return card(range_title(self), lines, table, picture(self.plot))

    def __str__(self) -> str:
        return plain(self.told)

    __repr__ = __str__


def compare(
    runs: str | Path | Sequence[str | Path],
    *,
    contrast: str | None = None,
    depth: tuple[float, float] = (0.0, EARLY),
    points: int = 20,
    out: str | Path | None = None,
    command: str = "",
) -> Comparison:
    """Compare one contrast in many finished runs, one model each.

    Parameters
    ----------
    runs : path or sequence of paths
        Run folders of ``depthscope run metaphor`` or ``run mechanism``; or folders whose direct sub-folders are such runs, as
        those of ``run models``: then all of these.
    contrast : str, optional
        ``"a-b"`` or ``"(a-b)-(c-d)"``; default: the first contrast of the first run.
    depth : (low, high)
        Range of relative depth, 0 .. 1, ends included, over whose layers each model's one number is the mean.
    points : int
        Of the grid of relative depth, ``1 / points .. 1``.
    out : path, optional
        Folder for summary, tables and figure (docs/run-folder.md).
    command : str
        By which it can be repeated, for the record.

    Returns
    -------
    Comparison
        ``.pooled``, ``.curve``, ``.joint``, ``.to_dataframe()``, ``.plot()``; ``str()`` gives the answer in words.

    Raises
    ------
    DepthscopeError
        A folder that is no finished run, or is damaged; a run without the contrast's conditions, of another quantity, or of
        a model that is there already; a range in which nothing was measured.

    Notes
    -----
    The contrast is computed again from ``cse.nc``, with the settings and the seed that each run recorded.
    The rules are in docs/studies/compare.md; the meta-analysis in :func:`depthscope.statistics.meta.pool`.

    Examples
    --------
    >>> found = compare(["runs/models"], depth=(0.4, 0.8))    # doctest: +SKIP
    >>> found.pooled.i2, found.to_dataframe()[["label", "dz"]]    # doctest: +SKIP
    """
    folders = [given(one, "a run folder") for one in (runs if isinstance(runs, list | tuple) else [runs])]
    place = None if out is None else given(out, "a folder")
    found, notes = read_runs(folders)
    name = contrast or _first_contrast(found[0])
    notes += _differences(found)
    sources = [_source(one, name) for one in found]
    notes += _without_beside(found, sources)
    notes += [
        f"{one.label}: its {' and '.join(names)} are of another contrast, the first one of its run, and left out."
        for one, source in zip(found, sources, strict=True)
        if (names := _left_out(one, source))
    ]
    words = [*map(str, folders), *(["--contrast", name] if contrast else []), "--depth", *(f"{d:g}" for d in depth)]
    command = command or shlex.join(["depthscope", "compare", *words, "--points", str(points)])
    result = Comparison.of(sources, depth, points, notes=notes, command=command)
    if place is not None:
        _write(place, result, found, name, points)
    return result


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


def _first_contrast(run: Finished) -> str:
    names = run.record.settings.get("contrasts") or []
    if not names or not isinstance(names, list):
        raise DepthscopeError(f"{run.folder}: its record names no contrast; give --contrast A-B")
    return str(names[0])


def _source(run: Finished, name: str) -> Source:
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
        return parse_terms(_first_contrast(run), list(run.h["condition"].values)) == terms
    except DepthscopeError:  # none is named, or one that the table does not know
        return False


def _left_out(run: Finished, source: Source) -> list[str]:
    """The tables of a run that are of another contrast."""
    both = {PARTS: (run.mechanism, source.mechanism), HEADS: (run.heads, source.heads)}
    return [name for name, (there, used) in both.items() if there is not None and used is None]


def _without_beside(runs: Sequence[Finished], sources: Sequence[Source]) -> list[str]:
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


def _differences(runs: Sequence[Finished]) -> list[str]:
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


def _write(out: Path, result: Comparison, runs: Sequence[Finished], name: str, points: int) -> None:
    """Everything that ``--out`` asks for; a folder that holds another comparison is refused."""
    settings = {
        "runs": {one.label: str(one.folder.resolve()) for one in runs},
        "order": [one.label for one in runs],
        "contrast": name,
        "depth": list(result.depth),
        "points": points,
    }
    # what was measured there, by content
    identity = {f"{one.label}.{what}": value for one in runs for what, value in one.record.identity.items()}
    record = RunRecord("compare", settings, command=result.command, identity=identity)
    with comparison(out, record, False, LAYOUT) as clock:
        record.write(out / RECORD)
        with clock("report"):
            tables = {"models.csv": result.to_dataframe(), "depths.csv": result.depths, "meta.csv": result.meta}
            if not result.besides.empty:
                tables["relative-models.csv"] = result.besides
            if not result.mechanisms.empty:
                tables[PARTS] = result.mechanisms
            if not result.heads.empty:
                tables[HEADS] = result.heads
            write_tables(out, tables, TABLES)
            write_meta(out / "figures", result.plot())
            record.title, record.answer = title_of(result), answer(result)
            record.words = {
                "short": together(result),
                "beside": quantities(result),
                "mechanism": mechanism(result),
                "compare": cautions(result),
            }
        record.results = {"pooled": vars(result.pooled)}
