"""The two texts of each item: which rows of the stimuli are compared, and differences between them."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from depthscope.arrays import Float
from depthscope.errors import DepthscopeError
from depthscope.instrument.labels import by_item
from depthscope.statistics.pairing import group_names
from depthscope.statistics.result import Contrast

Rows = NDArray[np.int64]
Mask = NDArray[np.bool_]
# items of one half: fewer tell nothing of a latent
FEWEST = 3


@dataclass(frozen=True, eq=False)
class Pairs:
    """Pairs of rows, each of one item; items with several pairs are averaged over them.

    Attributes
    ----------
    left, right : int arrays (pair,)
        Rows of the stimuli: of the first condition, and of the second.
    item : int array (pair,)
        Of which item, counted from 0, in the order in which items first appear.
    """

    left: Rows
    right: Rows
    item: Rows

    @property
    def items(self) -> int:
        """How many items there are."""
        return int(self.item.max()) + 1

    @property
    def rows(self) -> Rows:
        """All rows that are compared, the first conditions before the second."""
        return np.concatenate([self.left, self.right])

    def differences(self, values: Float) -> Float:
        """First condition less second of ``values`` (stimulus, ...), by item: (item, ...)."""
        return self.over_items(values[self.left] - values[self.right])

    def over_items(self, values: Float) -> Float:
        """Means over the pairs of each item, (pair, ...) to (item, ...)."""
        if len(self.item) == self.items:
            return values
        weights = np.zeros((self.items, len(self.item)))
        weights[self.item, np.arange(len(self.item))] = 1 / np.bincount(self.item)[self.item]
        averaged: Float = np.tensordot(weights, values, 1)
        return averaged

    def halves(self, seed: int) -> Mask:
        """Which items are in the first of two halves, drawn at random: (item,).

        Raises
        ------
        DepthscopeError
            So few items that latents cannot be chosen on some and measured on others.
        """
        if self.items < 2 * FEWEST:
            raise DepthscopeError(
                f"{self.items} items are too few to choose latents on one half and measure them on the other: give "
                f"{2 * FEWEST} at least"
            )
        first = np.zeros(self.items, dtype=bool)
        first[np.random.default_rng(seed).permutation(self.items)[: self.items // 2]] = True
        return first

    def choice_of(self, halves: Mask, rows: int) -> Rows:
        """Of each of so many ``rows`` of the stimuli, which turn of :func:`crossed` measures it: 0, 1, or -1 if none does."""
        found = np.full(rows, -1)
        for turn, (_, measured) in enumerate(crossed(halves)):
            mine = measured[self.item]
            found[self.left[mine]] = found[self.right[mine]] = turn
        return found


def pairs_of(traced: xr.Dataset, contrast: Contrast) -> Pairs:
    """The pairs that a contrast of two conditions was tested on.

    Raises
    ------
    DepthscopeError
        A difference of differences.
    """
    if len(contrast.terms.left) > 1:
        raise DepthscopeError(f"{contrast.name}: latents are compared between two conditions: give a contrast like a-b")
    labels = {name: traced[name] for name in ("item", "condition", "pair") if name in traced.coords}
    numbers = np.arange(traced.sizes["stimulus"], dtype=np.float64)
    table = by_item(xr.DataArray(numbers, dims=("stimulus",), coords=labels))
    out = {*contrast.incomplete, *contrast.same_context, *contrast.uncovered, *contrast.partial}
    used = np.array([str(label) not in out for label in table["item"].values])
    sides = table.sel(condition=[contrast.a, contrast.b]).values[used].astype(np.int64)
    groups = np.array(group_names(table), dtype=object)[used]
    number = {name: i for i, name in enumerate(dict.fromkeys(groups))}
    return Pairs(sides[:, 0], sides[:, 1], np.array([number[name] for name in groups]))


def crossed(halves: Mask) -> Iterator[tuple[Mask, Mask]]:
    """(items that latents are chosen on, items that they are measured on), twice: so that no item chooses for itself."""
    yield halves, ~halves
    yield ~halves, halves
