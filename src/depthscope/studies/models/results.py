"""One contrast in several models, compared at the same relative depth."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import nan
from typing import Any

import numpy as np
import pandas as pd

from depthscope.drawing.difference import total_depth
from depthscope.statistics.alignment import EARLY
from depthscope.statistics.result import Cluster, Contrast
from depthscope.studies.contrast.across import HELD_EQUAL, Window, adjusted_for_all, compare
from depthscope.studies.contrast.results import Compared, Evidence
from depthscope.words import ALPHA

# below this share of layers that are measured, a model is said to say little
ASKED = 0.5


@dataclass(frozen=True)
class Studied:
    """The study in one model.

    Attributes
    ----------
    label : str
        Of its folder, by which tables and figures call it.
    model, about : str
        As it was asked for; what the registry says of it, if it is listed there.
    model_class, quantization : str
    width : int
        Number of features.
    evidence : Evidence
    """

    label: str
    model: str
    about: str
    model_class: str
    width: int
    quantization: str
    evidence: Evidence

    @property
    def main(self) -> Contrast:
        return self.evidence.main

    @property
    def depth(self) -> int:
        return total_depth(self.main.table)

    @property
    def measured(self) -> list[int]:
        """Layers at which CSE could be computed."""
        return self.main.measured

    def relative(self, layer: float) -> float:
        return layer / self.depth

    def centre(self, cluster: Cluster) -> float:
        return self.relative((cluster.first + cluster.last) / 2)

    def place(self, cluster: Cluster) -> str:
        """Relative depth of its first and last layer."""
        first, last = (f"{self.relative(layer):.2f}" for layer in (cluster.first, cluster.last))
        return first if cluster.first == cluster.last else f"{first}-{last}"

    @property
    def positive(self) -> list[Cluster]:
        return [k for k in self.main.significant(ALPHA) if k.mass > 0]

    @property
    def negative(self) -> list[Cluster]:
        return [k for k in self.main.significant(ALPHA) if k.mass < 0]

    @property
    def early(self) -> list[Cluster]:
        """Significant positive clusters in the early-to-mid part."""
        return [k for k in self.positive if self.centre(k) < EARLY]


@dataclass(frozen=True)
class Unmeasured:
    """A model in which the study failed, and the reason."""

    label: str
    model: str
    reason: str


Outcome = Studied | Unmeasured


def studied(outcomes: Iterable[Outcome]) -> list[Studied]:
    return [one for one in outcomes if isinstance(one, Studied)]


def unmeasured(outcomes: Iterable[Outcome]) -> list[Unmeasured]:
    return [one for one in outcomes if isinstance(one, Unmeasured)]


def fixed_range(models: Sequence[Studied]) -> tuple[float, float]:
    """Relative depth that the first model's strongest cluster covers."""
    first, last = models[0].evidence.window
    return models[0].relative(first), models[0].relative(last)


def fixed_windows(models: Sequence[Studied]) -> dict[str, Window]:
    """The layers of each model whose relative depth lies in that range, ends included; last < first if none does."""
    origin = models[0]
    first, last = origin.evidence.window
    # in whole numbers: 0.4 * 30 must not miss layer 12
    return {m.label: (-(-first * m.depth // origin.depth), last * m.depth // origin.depth) for m in models}


def compare_models(models: Sequence[Studied]) -> list[Compared]:
    """Every model at the relative depth that the first one chose, plain and adjusted; and each at its own strongest cluster."""
    low, high = fixed_range(models)
    return compare(runs_of(models), fixed_windows(models), f"relative depth {low:.2f} to {high:.2f}")


def runs_of(models: Iterable[Studied]) -> dict[str, Evidence]:
    return {m.label: m.evidence for m in models}


def without_early(models: Iterable[Studied]) -> list[Studied]:
    """Models without a positive cluster early to mid: in these "higher, early to mid" does not recur."""
    return [m for m in models if not m.early]


def at_fixed(models: Sequence[Studied], rows: Sequence[Compared]) -> list[Compared]:
    """The rows of the models after the first, at the fixed relative depth, that are measured there."""
    others = {m.label for m in models[1:]}
    return [row for row in rows if row.group == rows[0].group and row.label in others and np.isfinite(row.dz)]


def held_equal(models: Sequence[Studied], rows: Sequence[Compared]) -> list[Compared]:
    """The rows with covariates held equal, if the first model has one, another too, and there is something to replicate."""
    held = [row for row in rows if row.group.endswith(HELD_EQUAL)]
    asked = len(held) > 1 and held[0].label == models[0].label and models[0].evidence.found is not None
    return held if asked else []


def shallow(models: Iterable[Studied]) -> list[Studied]:
    """Models of which so few layers are measured that they say little."""
    return [m for m in models if len(m.measured) < ASKED * m.depth]


def powerless(models: Iterable[Studied]) -> list[Studied]:
    """Models with so few items that no cluster could be found, however large."""
    return [m for m in models if m.main.smallest_p > ALPHA]


def depths_table(models: Sequence[Studied]) -> pd.DataFrame:
    """One row per model and layer: ``depths.csv``."""
    return pd.concat([m.main.to_dataframe().assign(model=m.label) for m in models], ignore_index=True)


def models_table(outcomes: Sequence[Outcome]) -> pd.DataFrame:
    """One row per model, in the order asked: ``models.csv``."""
    models = studied(outcomes)
    windows = fixed_windows(models)
    rows: list[dict[str, Any]] = []
    for one in outcomes:
        row: dict[str, Any] = {"label": one.label, "model": one.model}
        if isinstance(one, Unmeasured):
            rows.append({**row, "status": "failed", "reason": one.reason})
        else:
            rows.append({**row, "status": "measured", "reason": "", **_row(one, windows[one.label], one is models[0])})
    # a failed model at the top must not decide the order of the columns, nor an empty cell turn whole numbers into others
    columns = max((list(row) for row in rows), key=len)
    return pd.DataFrame(rows, columns=columns, dtype=object)


def _row(m: Studied, window: Window, origin: bool) -> dict[str, Any]:
    main, effect = m.main, m.main.over(*window)
    adjusted = adjusted_for_all(m.evidence)
    held = adjusted.over(*window) if adjusted else None
    higher, lower = items_on_either_side(main, window)
    fixed = {"first": window[0], "last": window[1]} if window[0] <= window[1] else {"first": None, "last": None}
    return {
        "about": m.about,
        "class": m.model_class,
        "layers": m.depth,
        "measured_first": m.measured[0],
        "measured_last": m.measured[-1],
        "features": m.width,
        "quantization": m.quantization,
        "n": main.n,
        **{f"strongest_{name}": value for name, value in _strongest(m).items()},
        "fixed_chosen_here": origin,
        **{f"fixed_{name}": value for name, value in {**fixed, **vars(effect)}.items() if name != "n"},
        "fixed_items_higher": higher,
        "fixed_items_lower": lower,
        **{f"fixed_adjusted_{name}": getattr(held, name, nan) for name in ("dz", "low", "high", "p")},
        "positive_clusters": len(m.positive),
        "early_positive_clusters": len(m.early),
        "negative_clusters": len(m.negative),
    }


def _strongest(m: Studied) -> dict[str, Any]:
    k = m.main.strongest()
    names = ("first", "last", "relative_first", "relative_last", "peak_layer", "dz", "low", "high", "p")
    if k is None:
        return dict.fromkeys(names)
    place = (k.first, k.last, m.relative(k.first), m.relative(k.last), k.peak_layer)
    return dict(zip(names, (*place, k.dz, k.dz_low, k.dz_high, k.p), strict=True))


def items_on_either_side(main: Contrast, window: Window) -> tuple[int, int]:
    """Items whose mean difference over the window is above 0, and below."""
    layers = main.differences["layer"]
    inside = main.differences.where((layers >= window[0]) & (layers <= window[1]), drop=True)
    means = inside.mean("layer").values if inside.sizes["layer"] else np.zeros(main.n)
    return int((means > 0).sum()), int((means < 0).sum())
