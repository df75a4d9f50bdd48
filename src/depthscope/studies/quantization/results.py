"""What quantisation costs, saves, and does to what is measured: one row per scheme, and which scheme is recommended."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

import numpy as np
import pandas as pd
import xarray as xr

from depthscope.statistics.drift import Drift
from depthscope.statistics.result import Contrast
from depthscope.studies.quantization.limits import NO_LIMITS, Limits

PLAIN = "none"
NEAR = 0.02  # schemes whose bytes differ by less are equally cheap


@dataclass(frozen=True)
class SchemeRow:
    """One way to hold the weights of a model.

    Attributes
    ----------
    scheme, weights : str
        Its name (``"none"`` for the original), and how the network says it holds its weights.
    failed : str
        Why there are no numbers; empty if there are.
    weight_bytes : float
        All parameters and buffers, with the scales and tables of quantised ones, what is shared counted once.
    peak_bytes : float
        Largest memory of the process (on a GPU: on it) over what it held before loading, from loading to the last measurement.
    load_seconds : float
    prefill, decode : float
        Tokens per second, batch of one.
    perplexity : float
        Of the passage.
    agreement : float
        Share of the passage's tokens for which the likeliest one is that of the original.
    state_error, state_cosine : float
        Median over texts and layers of the relative error, and of the cosine, of the states.
    cse_drift : float
        Mean over layers of the root mean square change of CSE over its spread between items.
    effect, effect_low, effect_high : float
        dz of the main contrast at the layers of the original's strongest cluster, with its 95 % interval.
    moved, moved_low, moved_high : float
        Change of that effect, item by item, as a share of the original's size, with its 95 % interval.
    share : float
        The far end of that interval: the effect may have moved by so much.
    cluster : str
        Layers of the cluster that answers to the original's strongest (same direction, overlapping, p <= .05); empty if
        there is none.
    p : float
        Of that cluster.
    clusters : str
        All clusters with p <= .05: layers and direction.
    """

    scheme: str
    weights: str = ""
    failed: str = ""
    weight_bytes: float = np.nan
    peak_bytes: float = np.nan
    load_seconds: float = np.nan
    prefill: float = np.nan
    decode: float = np.nan
    perplexity: float = np.nan
    agreement: float = np.nan
    state_error: float = np.nan
    state_cosine: float = np.nan
    cse_drift: float = np.nan
    effect: float = np.nan
    effect_low: float = np.nan
    effect_high: float = np.nan
    moved: float = np.nan
    moved_low: float = np.nan
    moved_high: float = np.nan
    share: float = np.nan
    cluster: str = ""
    p: float = np.nan
    clusters: str = ""

    def faithful(self, share: float) -> bool:
        """The effect is found again, and has moved by less than ``share`` of its size."""
        return not self.failed and bool(self.cluster) and self.share < share


def recommended(rows: Sequence[SchemeRow], share: float, limits: Limits = NO_LIMITS) -> SchemeRow | None:
    """The cheapest scheme that keeps the effect and breaks no limit; the original if that takes no more bytes.

    Cheapest is the one with the fewest bytes of weights. ``rows`` begin with the original.
    """
    original, *others = rows
    if original.failed or not original.cluster:
        return None
    good = [row for row in others if row.faithful(share) and not limits.broken_by(row, original)]
    if not good:
        return None
    fewest = min(row.weight_bytes for row in good)
    best = min((row for row in good if row.weight_bytes <= fewest * (1 + NEAR)), key=lambda row: row.share)
    return best if best.weight_bytes < original.weight_bytes else original


@dataclass(frozen=True)
class Comparison:
    """The schemes that were measured, each against the original.

    Attributes
    ----------
    original : Contrast
        Of the model as it is.
    rows : list of SchemeRow
        The original first.
    drifts : dict of Drift
        By scheme.
    errors, cosines : dict of DataArray over state
        By scheme: relative error of the states and their cosine with those of the original, medians over texts.
    """

    original: Contrast
    rows: list[SchemeRow]
    drifts: dict[str, Drift] = field(default_factory=dict)
    errors: dict[str, xr.DataArray] = field(default_factory=dict)
    cosines: dict[str, xr.DataArray] = field(default_factory=dict)


def scheme_tables(found: Comparison, rows: Sequence[SchemeRow]) -> dict[str, pd.DataFrame]:
    """Tidy tables by the name of their file; ``rows`` are those of ``found`` and of the schemes that failed."""
    tables = {"schemes.csv": schemes_table(rows)}
    if found.drifts:
        tables["layers.csv"] = pd.concat([_layers(found, name) for name in found.drifts], ignore_index=True)
        tables["clusters.csv"] = _clusters(found)
    return tables


def schemes_table(rows: Sequence[SchemeRow]) -> pd.DataFrame:
    """One row per scheme."""
    return pd.DataFrame([asdict(row) for row in rows])


def _clusters(found: Comparison) -> pd.DataFrame:
    """All clusters, the original first."""
    contrasts = {PLAIN: found.original, **{name: drift.contrast for name, drift in found.drifts.items()}}
    frames = [one.clusters_dataframe().assign(scheme=name) for name, one in contrasts.items()]
    return pd.concat([frame for frame in frames if len(frame)] or frames[:1], ignore_index=True)


def _layers(found: Comparison, name: str) -> pd.DataFrame:
    """One row per layer: drift of the states after it, drift of the measure, and the contrast."""
    drift = found.drifts[name]
    frame = drift.by_layer.to_dataframe().reset_index()[["layer", "drift", "spread", "ratio"]]
    states = frame["layer"].to_numpy()
    frame["state_error"], frame["state_cosine"] = (
        curves[name].sel(state=states).to_numpy() for curves in (found.errors, found.cosines)
    )
    difference = drift.contrast.table["difference"].to_series()
    return frame.assign(scheme=name, difference=frame["layer"].map(difference))
