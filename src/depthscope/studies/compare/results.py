"""One contrast in many finished runs: what is found in which model, and the tables."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import isfinite, nan
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from depthscope.statistics.alignment import layers_between
from depthscope.statistics.comparison import Measured, MetaAnalysis, ends, in_order, measured_inside
from depthscope.statistics.effects import Effect
from depthscope.statistics.meta import Pooled
from depthscope.statistics.result import Cluster
from depthscope.studies.compare.heads import heads_compared
from depthscope.studies.contrast.results import QUANTITY_NAMES
from depthscope.words import ALPHA

# columns of a run's mechanism.csv, and the order of its keys
MECHANISM = ("key", "label", "n", "value", "low", "high", "p", "dz", "dz_low", "dz_high")
KEYS = (
    *("cse", "attention", "mlp", "interaction", "attention_alone", "mlp_alone"),
    *("relative", "relative_attention", "relative_mlp", "relative_interaction"),
    *("total", "norms", "directions", "autocorrelation"),
    *("patch_cluster", "patch_other", "patch_difference", "patch_together"),
)
# of quantities that depend on no weight, those that have a sentence of their own; the others stand in the tables
HEADLINES = ("relative", "directions")
# below this many models the spread between them is hardly known
FEW = 5
# a correlation between models that changes nothing
LITTLE = 0.05

Sign = Literal[-1, 0, 1]


@dataclass(frozen=True)
class Found:
    """In how many of the models that were ``asked`` an effect is found, by its direction."""

    asked: int
    higher: int
    lower: int

    @property
    def not_found(self) -> int:
        return self.asked - self.higher - self.lower


@dataclass(frozen=True, repr=False)
class Findings(MetaAnalysis):
    """What many models say together, decided.

    Attributes
    ----------
    notes : tuple of str
        In what the runs differ, and what was left out.
    command : str
        By which the comparison can be repeated.
    """

    notes: tuple[str, ...] = ()
    command: str = ""

    @property
    def higher(self) -> list[Measured]:
        """Models in which the first side is found to be higher."""
        return [m for m in self.asked if direction(m.effect) > 0]

    @property
    def lower(self) -> list[Measured]:
        return [m for m in self.asked if direction(m.effect) < 0]

    @property
    def not_found(self) -> list[Measured]:
        return [m for m in self.asked if direction(m.effect) == 0]

    @property
    def negligible(self) -> list[Measured]:
        """Of those in which it is not found, models in which |dz| is shown to be below the bound."""
        return [m for m in self.not_found if m.effect.p_equivalence <= ALPHA]

    @property
    def unmeasured(self) -> list[Measured]:
        """Models without a measured layer in the range."""
        return [m for m in self.models if not isfinite(m.effect.dz)]

    @property
    def shallow(self) -> list[tuple[Measured, int]]:
        """Models of which the range says little, half of its layers or fewer being measured; and how many it has there."""
        sizes = [(m, layers_between(m.depth, *self.depth)) for m in self.asked]
        return [(m, last - first + 1) for m, (first, last) in sizes if 2 * len(m.measured) <= last - first + 1]

    @property
    def heterogeneous(self) -> bool:
        """Whether the models differ more than chance would make them."""
        return self.pooled.q_p <= ALPHA

    @property
    def sign(self) -> Sign:
        """Which way the models go on the whole, whatever p."""
        return 1 if self.pooled.estimate >= 0 else -1

    @property
    def contradicting(self) -> list[Measured]:
        """Models in which the difference is found with the opposite sign."""
        return self.lower if self.sign > 0 else self.higher

    @property
    def open_prediction(self) -> bool:
        """Whether a new model is expected on either side of 0."""
        return self.pooled.prediction_low <= 0 <= self.pooled.prediction_high

    @property
    def every_model(self) -> Literal["supported", "not supported", "contradicted", "not asked"]:
        """Is "in every model" supported? Only if each model shows it, and a new one is expected to."""
        if self.pooled.k < 2:
            return "not asked"
        if self.contradicting:
            return "contradicted"
        missing = self.not_found or self.pooled.k == 2 or self.open_prediction
        return "not supported" if missing else "supported"

    @property
    def clusters(self) -> list[Cluster]:
        """Of the mean over these models, the clusters along the grid of relative depth that are found."""
        return [] if self.joint is None else self.joint.test.significant(ALPHA)

    @property
    def few_items(self) -> bool:
        """Whether no cluster along depth could be found, however large."""
        return self.joint is not None and self.joint.test.smallest_p > ALPHA

    @property
    def above(self) -> NDArray[np.bool_]:
        """Points of the grid at which the interval for models like these lies above 0."""
        return self._several & (self.curve["low"].values > 0)

    @property
    def below(self) -> NDArray[np.bool_]:
        return self._several & (self.curve["high"].values < 0)

    @property
    def _several(self) -> NDArray[np.bool_]:
        return np.asarray(self.curve["k"].values > 1)

    @property
    def points_pooled(self) -> int:
        """Points of the grid at which two models or more are measured."""
        return int(self._several.sum())

    @property
    def headlines(self) -> dict[str, Found]:
        """Quantities that depend on no weight and have a sentence of their own: in how many models they are found."""
        effects = {name: [m.beside[name].effect for m in self.models if name in m.beside] for name in HEADLINES}
        asked = {name: [e for e in some if isfinite(e.dz)] for name, some in effects.items()}
        return {
            name: Found(len(some), *(sum(direction(e) == sign for e in some) for sign in (1, -1)))
            for name, some in asked.items()
            if some
        }

    @cached_property
    def meta(self) -> pd.DataFrame:
        """One row per pooled quantity: ``meta.csv``."""
        low, high = self.depth
        joint = {name: getattr(self.joint, name, nan) for name in ("mean", "low", "high")}
        rows = [{"quantity": f"relative depth {low:g} to {high:g}", **_pooled_row(self.pooled, joint)}]
        rows += [
            {"quantity": f"{QUANTITY_NAMES[key]}, relative depth {low:g} to {high:g}", **_pooled_row(found)}
            for key, found in self.beside.items()
        ]
        rows += [{"quantity": key, **_pooled_row(found)} for key, found in self.mechanism.items()]
        return pd.DataFrame(rows)

    @cached_property
    def besides(self) -> pd.DataFrame:
        """One row per model and quantity that depends on no weight: ``relative-models.csv``; empty if no run has any."""
        return pd.DataFrame(
            [
                {"model": m.label, "quantity": key, "label": QUANTITY_NAMES[key]}
                | ends(measured_inside(m.source.beside[key], m.window))
                | {**vars(one.effect), "g": one.g, "variance": one.variance}
                for m in self.models
                for key, one in m.beside.items()
            ]
        )

    @cached_property
    def mechanisms(self) -> pd.DataFrame:
        """Tidy: one row per model and quantity; empty if no run has a ``mechanism.csv``."""
        frames = [m.source.mechanism.assign(model=m.label) for m in self.models if m.source.mechanism is not None]
        if not frames:
            return pd.DataFrame(columns=["model", *MECHANISM])
        return pd.concat(frames, ignore_index=True)[["model", *MECHANISM]]

    @property
    def mechanism_headlines(self) -> pd.DataFrame:
        """The rows of :attr:`mechanisms` that have a sentence or a line in a terminal, in the order of the keys."""
        table = self.mechanisms
        keys = in_order(dict.fromkeys(map(str, table["key"])), KEYS)
        order = {key: place for place, key in enumerate(keys) if is_headline(key)}
        chosen = table[table["key"].isin(order)]
        models = {m.label: place for place, m in enumerate(self.models)}
        places = [(models[model], order[str(key)]) for model, key in zip(chosen["model"], chosen["key"], strict=True)]
        return chosen.iloc[sorted(range(len(chosen)), key=places.__getitem__)]

    @cached_property
    def heads(self) -> pd.DataFrame:
        """One row per model whose run has a ``heads.csv``: how many heads carry the difference, and where."""
        return heads_compared({m.label: (m.source.heads, m.depth) for m in self.models if m.source.heads is not None})

    @property
    def forest(self) -> pd.DataFrame:
        """One row per model, as :func:`depthscope.studies.compare.figures.draw_meta` takes them."""
        rows = [
            {
                "label": m.label,
                "n": m.main.n,
                "layers": m.measured,
                **{name: getattr(m.effect, name) for name in ("dz", "low", "high", "p")},
            }
            for m in self.models
        ]
        return pd.DataFrame(rows)


def direction(effect: Effect) -> Sign:
    """Which way an effect goes, if it is found: p <= .05."""
    if not effect.p <= ALPHA or effect.dz == 0:
        return 0
    return 1 if effect.dz > 0 else -1


def side(low: float, high: float) -> Sign:
    """On which side of 0 an interval lies; 0: on both."""
    return 1 if low > 0 else -1 if high < 0 else 0


def is_headline(key: str) -> bool:
    """Of the quantities of a mechanism, those that have a sentence; the others stand in the tables alone."""
    free = (key in QUANTITY_NAMES and key != "cse") or key.startswith("relative_")
    return key in HEADLINES or not free


def _pooled_row(found: Pooled, joint: Mapping[str, float] | None = None) -> dict[str, Any]:
    joint = joint or dict.fromkeys(("mean", "low", "high"), nan)
    return {**vars(found), **{f"these_models_{name}": value for name, value in joint.items()}}
