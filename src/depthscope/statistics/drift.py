"""What a change of the model does to a measurement: to its numbers, and to what is concluded from them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from depthscope.statistics.contrast import contrast
from depthscope.statistics.effects import Effect
from depthscope.statistics.result import Cluster, Contrast


@dataclass(frozen=True)
class Drift:
    """A measure on the same texts by two models, the second a changed form of the first.

    Attributes
    ----------
    by_layer : Dataset over layer
        ``drift``: root mean square of what changed, over texts; ``spread``: standard deviation between items, within
        conditions, of the original; ``ratio`` of the two.
    contrast : Contrast
        Of the changed model.
    change : Contrast
        The same contrast on what changed: does the effect itself move?
    window : (int, int), optional
        Layers of the original's strongest cluster with p <= .05, where the effects below are taken; None without one.
    before, after, moved : Effect, optional
        The effect there in the original, in the changed model, and the difference of the two, item by item.
    """

    by_layer: xr.Dataset
    contrast: Contrast
    change: Contrast
    window: tuple[int, int] | None
    before: Effect | None
    after: Effect | None
    moved: Effect | None

    @property
    def share(self) -> float:
        """How far the effect may have moved, as a share of its size: the far end of the 95 % interval; NaN without one."""
        if self.before is None or self.moved is None:
            return float("nan")
        far = max(abs(self.moved.difference_low), abs(self.moved.difference_high))
        return far / abs(self.before.difference)

    @property
    def kept(self) -> Cluster | None:
        """The changed model's cluster that corresponds to the original's strongest: same direction, overlapping, p <= .05."""
        if self.window is None or self.before is None:
            return None
        first, last = self.window
        same = [
            c
            for c in self.contrast.significant()
            if np.sign(c.mass) == np.sign(self.before.difference) and c.first <= last and c.last >= first
        ]
        return max(same, key=lambda c: abs(c.mass), default=None)


def measure_drift(h: xr.DataArray, reference: xr.DataArray, original: Contrast, options: dict[str, Any]) -> Drift:
    """Compare ``h`` with ``reference``, both (item, condition, layer) on the same texts.

    Parameters
    ----------
    original : Contrast
        Of ``reference``; the same is asked of ``h``.
    options : dict
        Keywords of :func:`contrast`.
    """
    moved = (h - reference).rename(reference.name)
    changed = contrast(h, original.terms, **options)
    change = contrast(moved, original.terms, **options)
    strongest = original.strongest(0.05)
    window = (strongest.first, strongest.last) if strongest is not None else None
    effects = [c.over(*window) if window else None for c in (original, changed, change)]
    return Drift(drift_by_layer(h, reference), changed, change, window, *effects)


def drift_by_layer(h: xr.DataArray, reference: xr.DataArray) -> xr.Dataset:
    """Size of the change beside the spread between items, per layer; see :class:`Drift`."""
    moved = h - reference
    drift = (moved**2).mean(["item", "condition"]) ** 0.5
    # what conditions differ by is no spread between items
    spread = reference.var("item", ddof=1).mean("condition") ** 0.5
    return xr.Dataset({"drift": drift, "spread": spread, "ratio": drift / spread.where(spread > 0)})
