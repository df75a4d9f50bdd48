"""From signature to mechanism, in numbers: scales, parts, interventions, and the rows that runs are compared by."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from depthscope.statistics.effects import Effect, mean_effect
from depthscope.statistics.layers import LayerComparison
from depthscope.statistics.result import Cluster, Contrast
from depthscope.studies.contrast.results import QUANTITY_NAMES, Quantities
from depthscope.studies.contrast.tables import quantities_layers_table, quantities_table
from depthscope.studies.mechanism.baselines import Baselines
from depthscope.words import ALPHA

HEAD_COLUMNS = ("difference", "low", "high", "t", "p", "p_holm", "p_bh", "dz", "dz_low", "dz_high")
ROWS = ("key", "label", "n", "value", "low", "high", "p", "dz", "dz_low", "dz_high")
CROSS = "cross"
# share of windows of neighbouring layers that may have an effect as large
FEW = 0.25
# a part carries the difference if more than this share of it is its own
HALF = 0.5


@dataclass(frozen=True)
class Attribution:
    """Where the difference in CSE comes from.

    Attributes
    ----------
    share : Contrast
        Of ``p(s | l)``, over scale and layer.
    scales : Contrast
        Contributions of the scales, over scale and layer; summed over scales they are the difference in CSE.
    parts : dict of Contrast
        Contributions of ``attention``, ``mlp`` and ``cross`` (what they have in common) by layer; empty if the model cannot
        be split.
    alone : dict of Contrast
        CSE of the trajectory that one part alone would make.
    about : str
        Which modules the parts are, or why there are none.
    map : Contrast, optional
        Of the centred log-ratio of the energies, over scale and layer: as ``share``, and no weight of the scales moves it.
    relative_parts : dict of Contrast
        As ``parts``, of CSE relative to norms.
    """

    share: Contrast
    scales: Contrast
    parts: dict[str, Contrast] = field(default_factory=dict)
    alone: dict[str, Contrast] = field(default_factory=dict)
    about: str = ""
    map: Contrast | None = None
    relative_parts: dict[str, Contrast] = field(default_factory=dict)


@dataclass(frozen=True)
class Exchange:
    """What exchanging states between twins does to the reading.

    Attributes
    ----------
    by_layer : Contrast
        Effect of exchanging the state after each single layer, in bits.
    carried : Dataset
        From :func:`depthscope.instrument.carried.carried`.
    layers : LayerComparison, optional
        The layers of CSE's cluster against the others; None without a significant cluster, or where it covers all.
    together : Effect, optional
        All states of the cluster exchanged at once.
    preference : dict of Effect
        By run: how much more probable the probe that fits is than the other, undisturbed, in bits.
    same : float
        Largest change when states are exchanged for themselves: 0.
    without : list of str
        Items without probes.
    """

    by_layer: Contrast
    carried: xr.Dataset
    layers: LayerComparison | None
    together: Effect | None
    preference: dict[str, Effect]
    same: float
    without: list[str] = field(default_factory=list)

    @property
    def most(self) -> float:
        """Mean effect of exchanging everything, text and all, in bits."""
        return float(self.carried["most"].mean())

    @property
    def probes_work(self) -> bool:
        """Whether each text is shown to prefer the probe that fits it."""
        return all(effect.difference_low > 0 for effect in self.preference.values())

    @property
    def peak(self) -> tuple[int, float]:
        """The layer after which an exchange turns the reading most, and by how many bits."""
        table = self.by_layer.table
        place = int(table["difference"].argmax("layer"))
        return int(table["layer"][place]), float(table["difference"][place])

    @property
    def matters(self) -> bool:
        """Whether exchanging states at CSE's layers turns the reading."""
        return self.layers is not None and self.layers.inside.difference > 0 and self.layers.inside.p <= ALPHA

    @property
    def causal(self) -> bool | None:
        """Whether it does, and more than at as many other layers: few sets of layers do as much, and few windows either.

        None without layers to compare. Where half of the depth has an effect and half has none, any neighbours in the first
        half beat most sets that are drawn from all of it; but not the other windows of neighbours, of which at most a quarter
        may do as much.
        """
        c = self.layers
        if c is None:
            return None
        among_windows = not c.windows or c.p_windows <= max(FEW, 1 / c.windows)
        return self.matters and c.p_sets <= ALPHA and among_windows


@dataclass(frozen=True)
class HeadShares:
    """What every head contributes to the difference in CSE, averaged over the window.

    Attributes
    ----------
    contrast : Contrast
        Over ``layer``, the block of a head, and ``attention_head``. Heads have no neighbours, so its clusters mean nothing.
    without : DataArray (layer, attention_head)
        Mean difference in CSE when what the head writes is left out.
    relative : DataArray (layer, attention_head)
        Mean contribution to the difference in CSE relative to norms.
    sums : dict of Effect
        ``heads``, all of them together; ``rest``, of attention, that is of no head; ``mlp``.
    about : str
        Which modules add up the heads.
    """

    contrast: Contrast
    without: xr.DataArray
    relative: xr.DataArray
    sums: dict[str, Effect]
    about: str

    @property
    def shown(self) -> NDArray[np.bool_]:
        """Which heads contribute, (layer, attention_head): p at most .05, corrected for all of them after Holm."""
        shown: NDArray[np.bool_] = self.contrast.table["p_holm"].transpose("layer", "attention_head").values <= ALPHA
        return shown


@dataclass(frozen=True)
class Mechanism:
    """Everything that a run of the study found."""

    main: Contrast
    attribution: Attribution
    baselines: Baselines | None = None
    exchange: Exchange | None = None
    no_exchange: str = ""
    heads: HeadShares | None = None
    no_heads: str = ""  # why there are none, if they were asked for
    beside: Quantities | None = None

    @property
    def found(self) -> Cluster | None:
        """CSE's strongest significant cluster."""
        return self.main.strongest(ALPHA)

    @property
    def window(self) -> tuple[int, int]:
        """The layers at which everything is asked: those of the strongest cluster, else all that were measured."""
        return self.main.window


def scale_means(m: Mechanism) -> xr.DataArray:
    """What each scale adds to the difference in CSE, averaged over the window, (item, scale)."""
    first, last = m.window
    # a scale that does not enter CSE at a layer adds nothing there
    inside = m.attribution.scales.differences.sel(layer=slice(first, last))
    return inside.fillna(0.0).mean("layer").transpose("item", "scale")


def scale_effects(m: Mechanism) -> pd.DataFrame:
    """One row per scale: what it adds to the difference in CSE, averaged over the window."""
    means, (first, last) = scale_means(m), m.window
    entering = m.attribution.scales.differences.sel(layer=slice(first, last)).notnull().all("item").sum("layer")
    rows = []
    for scale in means["scale"].values:
        effect = mean_effect(means.sel(scale=scale).values, **_options(m.main))
        period, measured = float(means["period"].sel(scale=scale)), int(entering.sel(scale=scale))
        rows.append({"scale": float(scale), "period": period, "layers": measured, **vars(effect)})
    return pd.DataFrame(rows)


def _options(c: Contrast) -> dict[str, Any]:
    return {name: c.settings[name] for name in ("permutations", "resamples", "bound", "seed")}


def mechanism_table(m: Mechanism) -> pd.DataFrame:
    """``mechanism.csv``: one row per quantity, by which runs are compared."""
    return pd.DataFrame([_row(*row) for row in quantities(m)], columns=list(ROWS))


def quantities(m: Mechanism) -> Iterator[tuple[str, str, Effect]]:
    """Key, words and effect of all that is said of the window."""
    yield "cse", "difference in CSE, mean over the window", m.main.over(*m.window)
    for name, c in m.attribution.parts.items():
        key = "interaction" if name == CROSS else name
        yield key, f"of which {PART_NAMES[name]}", c.over(*m.window)
    for name, c in m.attribution.alone.items():
        yield f"{name}_alone", f"difference in CSE of {PART_NAMES[name]} alone", c.over(*m.window)
    rows = m.beside.rows if m.beside else {}
    for name, c in rows.items():
        if name == "cse":
            continue
        yield name, f"difference in {QUANTITY_NAMES[name]}", c.over(*m.window)
        for part, of in (m.attribution.relative_parts if name == "relative" else {}).items():
            key = "interaction" if part == CROSS else part
            yield f"relative_{key}", f"of which {PART_NAMES[part]}", of.over(*m.window)
    e = m.exchange
    if e is not None and e.layers is not None:
        yield "patch_cluster", "exchange of one state, mean over the cluster's layers (bits)", e.layers.inside
        yield "patch_other", "the same over the other layers (bits)", e.layers.outside
        yield "patch_difference", "cluster less others (bits)", e.layers.excess
    if e is not None and e.together is not None:
        yield "patch_together", "exchange of all states of the cluster (bits)", e.together


PART_NAMES = {"attention": "attention", "mlp": "MLP", CROSS: "what the two have in common"}


def _row(key: str, label: str, e: Effect) -> dict[str, Any]:
    value = (e.difference, e.difference_low, e.difference_high)
    return dict(zip(ROWS, (key, label, e.n, *value, e.p, e.dz, e.low, e.high), strict=True))


def mechanism_tables(m: Mechanism) -> dict[str, pd.DataFrame]:
    """The tables of a run folder, by file name."""
    a, e = m.attribution, m.exchange
    tables = {
        "mechanism.csv": mechanism_table(m),
        "contrasts.csv": m.main.to_dataframe(),
        "clusters.csv": m.main.clusters_dataframe(),
        "scales.csv": a.share.to_dataframe(),
        "scale-clusters.csv": a.share.clusters_dataframe(),
        "scale-contributions.csv": scale_effects(m),
    }
    if a.map is not None:
        tables["energy-map.csv"] = a.map.to_dataframe()
        tables["energy-map-clusters.csv"] = a.map.clusters_dataframe()
    if m.beside is not None:
        tables["relative.csv"] = quantities_table(m.beside)
        tables["relative-layers.csv"] = quantities_layers_table(m.beside)
    if a.parts:
        frames = [c.to_dataframe().assign(part=name) for name, c in a.parts.items()]
        frames += [c.to_dataframe().assign(part=f"{name} alone") for name, c in a.alone.items()]
        frames += [c.to_dataframe().assign(part=f"{name}, relative to norms") for name, c in a.relative_parts.items()]
        tables["parts.csv"] = pd.concat(frames, ignore_index=True)
    if m.heads is not None:
        tables["heads.csv"] = heads_table(m.heads)
    if e is not None:
        tables["patching.csv"] = e.by_layer.to_dataframe()
        tables["patching-clusters.csv"] = e.by_layer.clusters_dataframe()
    return tables


def heads_table(h: HeadShares) -> pd.DataFrame:
    """``heads.csv``: one row per head, those with the largest contribution first."""
    table = h.contrast.table[list(HEAD_COLUMNS)].assign(without=h.without, relative=h.relative)
    frame = table.to_dataframe().reset_index().dropna(subset=["difference"])
    frame = frame[["layer", "attention_head", *HEAD_COLUMNS, "without", "relative"]].rename(
        columns={"attention_head": "head"}
    )
    frame.insert(2, "n", h.contrast.n)
    order = np.argsort(-frame["difference"].abs().to_numpy(), kind="stable")
    return frame.iloc[order].reset_index(drop=True)


def share_of(part: Effect, whole: Effect) -> float:
    """A part's share of the difference, NaN where there is none to share."""
    return part.difference / whole.difference if isfinite(whole.difference) and whole.difference else float("nan")


def carrier(m: Mechanism) -> str | None:
    """The part with more than half of the difference, in its direction at p <= .05; None if there is no difference."""
    if m.found is None:
        return None
    whole = m.main.over(*m.window)
    for name, contrast in m.attribution.parts.items():
        effect = contrast.over(*m.window)
        if effect.p <= ALPHA and share_of(effect, whole) > HALF:
            return name
    return None


def octave_shares(m: Mechanism) -> list[tuple[float, float, float]]:
    """Fourier periods from and to, octave by octave, and what their scales add: a share of the difference over the window."""
    whole = m.main.over(*m.window).difference
    means = scale_means(m).mean("item")
    periods = means["period"].values
    octaves = np.clip(np.floor(np.log2(periods / 2)), 0, None).astype(int)
    return [
        (
            2 * 2 ** int(one),
            min(2 * 2 ** (int(one) + 1), periods.max()),
            float(means.values[octaves == one].sum()) / whole,
        )
        for one in np.unique(octaves)
    ]
