"""What quantisation does to a model, and to what is measured on it: one scheme after the other against the original."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from depthscope.errors import DepthscopeError
from depthscope.instrument.cse import cse
from depthscope.instrument.drift import state_drift
from depthscope.model.device import chosen_device
from depthscope.model.quantization import quantization_config
from depthscope.progress import step
from depthscope.report.codebook import write_tables
from depthscope.run.result import FinishedRun
from depthscope.run.several import comparison, shared_settings
from depthscope.statistics.contrast import contrast
from depthscope.statistics.drift import Drift, measure_drift
from depthscope.statistics.result import Contrast
from depthscope.statistics.terms import Terms
from depthscope.stimuli.passage import read_passage
from depthscope.store.datasets import read_zarr
from depthscope.store.files import write_text
from depthscope.store.folder import RECORD
from depthscope.store.record import RunRecord
from depthscope.studies.contrast.settings import Settings, prepare, settled
from depthscope.studies.quantization.child import ProcessDiedError, in_child
from depthscope.studies.quantization.codebook import TABLES
from depthscope.studies.quantization.figures import write_schemes
from depthscope.studies.quantization.limits import NO_LIMITS, Limits
from depthscope.studies.quantization.page import LAYOUT
from depthscope.studies.quantization.results import (
    PLAIN,
    READING,
    SchemeRow,
    answer,
    recommend,
    recommended,
    summarize_schemes,
    told_limits,
    told_schemes,
)
from depthscope.studies.quantization.scheme import measure_scheme, scheme_record
from depthscope.telling import Sheet
from depthscope.words import ALPHA, layers_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SCHEMES = ("int8", "nf4", "torchao-int8")
SHARE = 0.2


@dataclass(frozen=True)
class Quantized(FinishedRun):
    """A finished study of schemes."""

    folder: Path
    rows: list[SchemeRow]
    share: float
    original: Contrast
    drifts: dict[str, Drift] = field(default_factory=dict)
    timings: dict[str, float] = field(default_factory=dict)
    limits: Limits = NO_LIMITS

    @property
    def told(self) -> list[str | Sheet]:
        return [*told_schemes(self.rows, self.share, self.limits), *self.ending]

    @property
    def recommended(self) -> str | None:
        """Name of the scheme that is recommended, ``"none"`` for the original; None if there is no recommendation."""
        row = recommended(self.rows, self.share, self.limits)
        return None if row is None else row.scheme

    @property
    def broken(self) -> dict[str, list[str]]:
        """Schemes that break a limit that was set, and how."""
        return self.limits.broken(self.rows)

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw the contrast in the original; returns matplotlib axes."""
        return self.original.plot(ax)


@dataclass(frozen=True)
class Measured:
    """What a scheme's process left in its folder, and what follows from it."""

    record: RunRecord
    reading: xr.Dataset
    traj: xr.Dataset
    h: xr.DataArray


def run_quantization(
    settings: Settings,
    out: Path,
    *,
    schemes: Sequence[str] = SCHEMES,
    share: float = SHARE,
    text: str | None = None,
    max_perplexity: str | float | None = None,
    min_agreement: float | None = None,
    max_drift: float | None = None,
    command: str = "",
    progress: bool = True,
) -> Quantized:
    """Measure the model as it is and in each of the ``schemes``, and compare.

    Every scheme has a process and a folder of its own below ``out``. What is finished is not measured again, also when
    more schemes are asked for later; a scheme that fails is named with the reason, and the others go on.

    Parameters
    ----------
    settings : Settings
        As for the metaphor study; only its first contrast is made, without evidence.
    schemes : sequence of str
        Names of :data:`depthscope.model.quantization.SCHEMES`.
    share : float
        The effect may move by so much of its size; see :func:`depthscope.studies.quantization.results.recommend`.
    text : str, optional
        File with the passage whose perplexity is measured; by default one of our own.
    max_perplexity : str or float, optional
        Limit for every scheme: ``"1.05x"`` is 1.05 times that of the original, ``25.3`` a perplexity.
    min_agreement : float, optional
        Limit: share of the passage's tokens for which the likeliest one is that of the original, 0 to 1.
    max_drift : float, optional
        Limit: drift of CSE over its spread between items (``SchemeRow.cse_drift``). A scheme that breaks a limit, or was not
        measured, is named in ``broken`` and in ``run.json``, and is not recommended; the run is finished all the same.

    Raises
    ------
    DepthscopeError
        Bad settings; a scheme that does not run here; an original that cannot be measured.
    """
    if not share > 0:
        raise DepthscopeError(f"share={share:g}: give a positive share of the effect, such as 0.2")
    limits = Limits.of(max_perplexity, min_agreement, max_drift)
    schemes = [name for name in dict.fromkeys(schemes) if name != PLAIN]
    if limits.told and not schemes:
        raise DepthscopeError(
            "limits are for schemes beside the original: name some with --schemes, or leave the limits out"
        )
    settings = settled(settings)
    _, terms = prepare(settings)
    read_passage(text)
    _check_schemes(settings, schemes)
    asked = {**shared_settings(settings, "evidence", "confounds", "reliability", "crossed"), "text": text}
    record = RunRecord("quantization", asked, command=command)
    with comparison(out, record, progress, LAYOUT) as clock:
        # not among the settings: more schemes may be asked for later
        record.resolved = {"schemes": schemes, "share": share}
        record.write(out / RECORD)
        failed: dict[str, str] = {}
        for name in (PLAIN, *schemes):
            with clock(name):
                reason = _in_own_process(settings, name, out / name, text, progress)
            if reason and name == PLAIN:
                raise DepthscopeError(reason)
            if reason:
                failed[name] = reason
        with clock("compare"):
            found = _compare(settings, out, [name for name in schemes if name not in failed], terms[0])
            rows = [*found.rows, *(SchemeRow(name, failed=reason) for name, reason in failed.items())]
            _write(settings, out, found, rows, share, limits, record)
            if limits.told:
                record.resolved |= {"limits": limits.told, "broken": limits.broken(rows)}
        record.results = {row.scheme: asdict(row) for row in rows}
    return Quantized(out, rows, share, found.original, found.drifts, clock.seconds, limits)


def _check_schemes(settings: Settings, schemes: Sequence[str]) -> None:
    """Whatever cannot run here is said before anything is computed."""
    if "quantization" in settings.load:
        raise DepthscopeError("quantization: this study compares schemes with the original; name them with --schemes")
    device = chosen_device(settings.load.get("device"))
    for name in schemes:
        quantization_config(name, source=settings.model, device=device)


def _in_own_process(settings: Settings, scheme: str, folder: Path, text: str | None, progress: bool) -> str:
    """Run :func:`measure_scheme` unless it is done; the reason if it failed."""
    path = folder / RECORD
    if path.is_file():
        before = RunRecord.read(path)
        if before.status == "finished" and not before.differences(scheme_record(settings, scheme, text)):
            step(f"{scheme}: was measured before", shown=progress)
            return ""
    try:
        in_child(measure_scheme, settings, scheme, folder, text, progress)
    except ProcessDiedError as problem:
        return f"{scheme}: {problem}"
    except DepthscopeError as problem:
        return str(problem)
    return ""


@dataclass(frozen=True)
class _Comparison:
    original: Contrast
    rows: list[SchemeRow]
    drifts: dict[str, Drift]
    errors: dict[str, xr.DataArray]
    cosines: dict[str, xr.DataArray]


def _compare(settings: Settings, out: Path, schemes: Sequence[str], terms: Terms) -> _Comparison:
    plain = _read(out / PLAIN, settings)
    original = contrast(plain.h, terms, **settings.contrast)
    own = measure_drift(plain.h, plain.h, original, settings.contrast)
    rows = [_row(PLAIN, plain, plain, own, np.zeros(1), np.ones(1))]
    found = _Comparison(original, rows, {}, {}, {})
    for name in schemes:
        changed = _read(out / name, settings)
        drift = measure_drift(changed.h, plain.h, original, settings.contrast)
        error, cosine = state_drift(changed.traj["states"].values, plain.traj["states"].values)
        rows.append(_row(name, changed, plain, drift, error, cosine))
        found.drifts[name] = drift
        for curves, values in ((found.errors, error), (found.cosines, cosine)):
            curves[name] = xr.DataArray(np.nanmedian(values, axis=0), {"state": plain.traj["state"]}, ("state",))
    return found


def _read(folder: Path, settings: Settings) -> Measured:
    record = RunRecord.read(folder / RECORD)
    traj, reading = (read_zarr(folder / f"{name}.zarr", record.digests[name]) for name in ("trajectories", "reading"))
    return Measured(record, reading, traj, cse(traj, **settings.cse))


def _row(name: str, changed: Measured, plain: Measured, drift: Drift, error: Any, cosine: Any) -> SchemeRow:
    # a number that there is none of is null in a record
    costs: dict[str, Any] = {cost: np.nan if v is None else v for cost, v in changed.record.results.items()}
    effects: dict[str, Any] = {}
    if drift.before is not None and drift.after is not None and drift.moved is not None:
        size = drift.before.difference
        ends = sorted((drift.moved.difference_low / size, drift.moved.difference_high / size))
        effects = {
            "effect": drift.after.dz,
            "effect_low": drift.after.low,
            "effect_high": drift.after.high,
            "moved": drift.moved.difference / size,
            "moved_low": ends[0],
            "moved_high": ends[1],
            "share": drift.share,
        }
    kept = drift.kept
    return SchemeRow(
        scheme=name,
        **costs,
        perplexity=float(np.exp(changed.reading["nats"].mean())),
        agreement=float((changed.reading["best"] == plain.reading["best"]).mean()),
        state_error=float(np.nanmedian(error)),
        state_cosine=float(np.nanmedian(cosine)),
        cse_drift=float(drift.by_layer["ratio"].mean()),
        **effects,
        cluster=f"{kept.first}-{kept.last}" if kept else "",
        p=kept.p if kept else float("nan"),
        clusters=", ".join(f"{c.first}-{c.last} ({'+' if c.mass > 0 else '-'})" for c in drift.contrast.significant()),
    )


def _write(
    settings: Settings,
    out: Path,
    found: _Comparison,
    rows: Sequence[SchemeRow],
    share: float,
    limits: Limits,
    record: RunRecord,
) -> None:
    c = found.original
    tables = {"schemes.csv": pd.DataFrame([asdict(row) for row in rows])}
    if found.drifts:
        layers = [_layers(name, found) for name in found.drifts]
        tables["layers.csv"] = pd.concat(layers, ignore_index=True)
        clusters = [drift.contrast.clusters_dataframe().assign(scheme=name) for name, drift in found.drifts.items()]
        clusters = [c.clusters_dataframe().assign(scheme=PLAIN), *clusters]
        filled = [frame for frame in clusters if len(frame)] or clusters[:1]
        tables["clusters.csv"] = pd.concat(filled, ignore_index=True)
    write_tables(out, tables, TABLES)
    strongest = c.strongest(ALPHA)
    window = f"at {layers_text(strongest.first, strongest.last)}" if strongest else ""
    name = Path(settings.model).name
    worth = [(row.scheme, row.weight_bytes, row.share) for row in rows if row.scheme in found.drifts]
    title = f"{name}: what quantisation does to {c.name}"
    write_schemes(out / "figures", c, found.drifts, found.errors, worth, share, title)
    record.title, record.answer = title, answer(name, c.name, rows, share, limits)
    kept_to = told_limits(rows, limits) if limits.told else []
    record.words = {"schemes": [recommend(rows, share, limits), *kept_to, *READING]}
    text = summarize_schemes(
        record.title, record.answer[0], rows, window, share, c.settings_text, record.command, limits
    )
    write_text(out / "summary.md", text)


def _layers(name: str, found: _Comparison) -> pd.DataFrame:
    """One row per layer: drift of the states after it, drift of the measure, and the contrast."""
    drift = found.drifts[name]
    frame = drift.by_layer.to_dataframe().reset_index()[["layer", "drift", "spread", "ratio"]]
    states = frame["layer"].to_numpy()
    frame["state_error"], frame["state_cosine"] = (
        curves[name].sel(state=states).to_numpy() for curves in (found.errors, found.cosines)
    )
    difference = drift.contrast.table["difference"].to_series()
    return frame.assign(scheme=name, difference=frame["layer"].map(difference))
