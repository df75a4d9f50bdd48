"""Every scheme against the original: what its process left in its folder, and how far it is from the model as it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from depthscope.instrument.cse import cse
from depthscope.instrument.drift import state_drift
from depthscope.statistics.contrast import contrast
from depthscope.statistics.drift import Drift, measure_drift
from depthscope.statistics.terms import Terms
from depthscope.store.datasets import read_zarr
from depthscope.store.folder import RECORD
from depthscope.store.record import RunRecord
from depthscope.studies.contrast.settings import Settings
from depthscope.studies.quantization.results import PLAIN, Comparison, SchemeRow


@dataclass(frozen=True)
class Measured:
    """What the process of a scheme left in its folder, and the CSE that follows from it."""

    record: RunRecord
    reading: xr.Dataset
    traj: xr.Dataset
    h: xr.DataArray


def compare_schemes(settings: Settings, out: Path, schemes: Sequence[str], terms: Terms) -> Comparison:
    """Compare the ``schemes``, which have folders below ``out``, with the original."""
    plain = _read(out / PLAIN, settings)
    original = contrast(plain.h, terms, **settings.contrast)
    own = measure_drift(plain.h, plain.h, original, settings.contrast)
    found = Comparison(original, [_row(PLAIN, plain, plain, own, np.zeros(1), np.ones(1))])
    for name in schemes:
        changed = _read(out / name, settings)
        drift = measure_drift(changed.h, plain.h, original, settings.contrast)
        error, cosine = state_drift(changed.traj["states"].values, plain.traj["states"].values)
        found.rows.append(_row(name, changed, plain, drift, error, cosine))
        found.drifts[name] = drift
        for curves, values in ((found.errors, error), (found.cosines, cosine)):
            curves[name] = xr.DataArray(np.nanmedian(values, axis=0), {"state": plain.traj["state"]}, ("state",))
    return found


def _read(folder: Path, settings: Settings) -> Measured:
    record = RunRecord.read(folder / RECORD)
    traj, reading = (read_zarr(folder / f"{name}.zarr", record.digests[name]) for name in ("trajectories", "reading"))
    return Measured(record, reading, traj, cse(traj, **settings.cse))


def _row(
    name: str,
    changed: Measured,
    plain: Measured,
    drift: Drift,
    error: NDArray[np.floating[Any]],
    cosine: NDArray[np.floating[Any]],
) -> SchemeRow:
    # a number that there is none of is null in a record
    costs: dict[str, Any] = {cost: np.nan if v is None else v for cost, v in changed.record.results.items()}
    kept = drift.kept
    return SchemeRow(
        scheme=name,
        **costs,
        perplexity=float(np.exp(changed.reading["nats"].mean())),
        agreement=float((changed.reading["best"] == plain.reading["best"]).mean()),
        state_error=float(np.nanmedian(error)),
        state_cosine=float(np.nanmedian(cosine)),
        cse_drift=float(drift.by_layer["ratio"].mean()),
        **_effects(drift),
        cluster=f"{kept.first}-{kept.last}" if kept else "",
        p=kept.p if kept else float("nan"),
        clusters=", ".join(f"{c.first}-{c.last} ({'+' if c.mass > 0 else '-'})" for c in drift.contrast.significant()),
    )


def _effects(drift: Drift) -> dict[str, Any]:
    """The effect at the layers of the original's strongest cluster, and how far it moved; nothing without a cluster."""
    if drift.before is None or drift.after is None or drift.moved is None:
        return {}
    size = drift.before.difference
    low, high = sorted((drift.moved.difference_low / size, drift.moved.difference_high / size))
    return {
        "effect": drift.after.dz,
        "effect_low": drift.after.low,
        "effect_high": drift.after.high,
        "moved": drift.moved.difference / size,
        "moved_low": low,
        "moved_high": high,
        "share": drift.share,
    }
