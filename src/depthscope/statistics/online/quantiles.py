"""Quantiles by group and layer within a stated relative error, from counts in logarithmic bins."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from depthscope.arrays import CHUNK_BYTES, Float
from depthscope.errors import DepthscopeError
from depthscope.statistics.online.batch import Counts, checked, same_shape

LOW, HIGH = 1e-9, 1e9  # of magnitudes; what lies outside is counted in the outermost bins


class Bins(NamedTuple):
    """Bins that hold something, by group, layer and value.

    A bin of positive values is [low, high), one of negative values (low, high], and that of zero [0, 0]. The bins next to zero
    begin at zero and the outermost ones reach to infinity: the relative accuracy holds between.
    """

    group: Counts
    layer: Counts  # from 0
    low: Float
    high: Float
    counts: Counts


class Quantiles:
    """A dense DDSketch of ``layers`` numbers in each of ``groups`` groups.

    Bins grow by the factor (1 + a) / (1 - a), a the accuracy, are mirrored for negative values, and zero has its own.
    Counts are whole numbers, so that merging is exact, and neither the order of values nor their division into batches
    changes anything.

    Memory depends on the range of the values, not on how many there are. Counts are kept, for all groups and layers alike,
    from the bin of the smallest positive magnitude that occurred to that of the largest, and so for negative values; with
    the room to grow, these are up to 1.6 times as many. A group and layer takes 8 bytes a bin. At an accuracy of 0.1 % a
    decade has 1,151 bins, values from 0.9 to 1 take about 53, and everything from 1e-9 to 1e9, of both signs, 332 kB; the
    edges of all bins are 0.5 MB once.

    A value that is no finite number is left out.

    Parameters
    ----------
    groups, layers : int
    accuracy : float
        Between 0 and 1: the largest error of a quantile as a share of it, for magnitudes from 1e-9 to 1e9.

    References
    ----------
    Masson, Rim & Lee (2019), PVLDB 12:2195.
    """

    def __init__(self, groups: int, layers: int, accuracy: float = 0.001) -> None:
        if not 0 < accuracy < 1:
            raise DepthscopeError(f"accuracy={accuracy}: give a share between 0 and 1, such as 0.001")
        self.groups, self.layers, self.accuracy = groups, layers, accuracy
        self._grain = np.log1p(accuracy) - np.log1p(-accuracy)
        self._size = int(np.ceil(np.log(HIGH / LOW) / self._grain))  # bins of one sign
        self._edges: Float = LOW * np.exp(self._grain * np.arange(self._size + 1))
        self._held: Counts = np.array([self._size])  # bins with a column, in the order of values: first that of zero
        self._column: Counts = np.full(2 * self._size + 1, -1)  # of each bin; -1: none
        self._column[self._held] = 0
        self._counts: Counts = np.zeros((groups, layers, 1), np.int64)

    @property
    def count(self) -> Counts:
        """Values counted, (groups, layers)."""
        return np.asarray(self._counts.sum(-1), np.int64)

    @property
    def nbytes(self) -> int:
        """Memory of the counts, in bytes."""
        return self._counts.nbytes

    def add(self, values: ArrayLike, group: ArrayLike) -> None:
        """Take a batch in: ``values`` (N, layers), any real type, and the ``group`` of each row (N,).

        Raises
        ------
        DepthscopeError
            Shapes that do not belong together; a group outside 0 .. groups - 1.
        """
        rows, labels = checked(values, group, self.groups, self.layers)
        step = max(1, CHUNK_BYTES // (8 * self.layers))
        for start in range(0, len(labels), step):
            self._add(rows[start : start + step], labels[start : start + step])

    def merge(self, other: "Quantiles") -> None:
        """Take in what another of the same shape and accuracy has counted."""
        same_shape((self.groups, self.layers, self.accuracy), (other.groups, other.layers, other.accuracy))
        group, layer, held, counts = other._entries()
        self._count(group * self.layers + layer, held, counts)

    def pooled(self, labels: ArrayLike, groups: int) -> "Quantiles":
        """The counts of coarser groups: ``labels`` (groups,) says in which of the new ``groups`` each of the old ones is."""
        whole = Quantiles(groups, self.layers, self.accuracy)
        group, layer, held, counts = self._entries()
        whole._count(np.asarray(labels, np.int64)[group] * self.layers + layer, held, counts)
        return whole

    def quantile(self, q: float) -> Float:
        """The lower empirical quantile, (groups, layers): of n sorted values that with the index floor(q (n - 1)).

        Within ``accuracy`` of it, as a share of it, if its magnitude lies between 1e-9 and 1e9, and exact if it is zero.
        NaN where nothing was counted.

        Raises
        ------
        DepthscopeError
            ``q`` outside 0 .. 1.
        """
        if not 0 <= q <= 1:
            raise DepthscopeError(f"q={q}: give a share between 0 and 1")
        below = np.cumsum(self._counts, axis=-1)
        count = below[..., -1]
        rank = np.floor(q * (count - 1))
        found = np.minimum((below <= rank[..., None]).sum(-1), below.shape[-1] - 1)
        return np.where(count > 0, self._centres()[self._held[found]], np.nan)

    def bins(self) -> Bins:
        """What was counted, without the empty bins."""
        group, layer, held, counts = self._entries()
        near, far = self._edges[:-1].copy(), self._edges[1:].copy()
        near[0], far[-1] = 0, np.inf
        low = np.concatenate([-far[::-1], [0.0], near])
        high = np.concatenate([-near[::-1], [0.0], far])
        return Bins(group, layer, low[held], high[held], counts)

    def _entries(self) -> tuple[Counts, Counts, Counts, Counts]:
        """Group, layer, bin and count of what is not empty, in this order."""
        group, layer, column = (axis.astype(np.int64, copy=False) for axis in np.nonzero(self._counts))
        return group, layer, self._held[column], self._counts[group, layer, column]

    def _add(self, rows: NDArray[Any], labels: Counts) -> None:
        cell = labels[:, None] * self.layers + np.arange(self.layers)
        there = np.isfinite(rows)
        if not there.all():
            rows, cell = rows[there], cell[there]
        self._count(cell, self._bin(rows), 1)

    def _count(self, cell: Counts, bins: Counts, counts: Counts | int) -> None:
        """Add to the ``bins`` of cells, each a group and layer: layers of the first group, then of the second ..."""
        column = self._column[bins]
        if column.min(initial=0) < 0:
            self._widen(bins)
            column = self._column[bins]
        column += cell * self._counts.shape[-1]
        np.add.at(self._counts.reshape(-1), column.reshape(-1), counts)

    def _widen(self, bins: Counts) -> None:
        """Give columns to ``bins`` and to what lies between them and those that have one; that of values stays the order."""
        zero, held, counts = self._size, self._held, self._counts
        above = _range(held - zero, bins - zero, self._size)
        below = _range(zero - held, zero - bins, self._size)
        self._held = np.concatenate([zero - below[::-1], [zero], zero + above])
        self._column[self._held] = np.arange(len(self._held))
        self._counts = np.zeros((self.groups, self.layers, len(self._held)), np.int64)
        self._counts[..., self._column[held]] = counts

    def _bin(self, values: NDArray[Any]) -> Counts:
        """The bin of each value, all finite, in the order of values."""
        signed = values.astype(np.float64)
        magnitude = np.clip(np.abs(signed), self._edges[0], self._edges[-1])
        guess = ((np.log(magnitude) - np.log(LOW)) / self._grain).astype(np.int64)
        np.clip(guess, 0, self._size - 1, out=guess)
        # a logarithm may round across an edge, and not alike on every processor: the edges decide
        guess += magnitude >= self._edges[guess + 1]
        guess -= magnitude < self._edges[guess]
        np.clip(guess, 0, self._size - 1, out=guess)
        place: Counts = self._size + np.sign(signed).astype(np.int64) * (guess + 1)
        return place

    def _centres(self) -> Float:
        """What stands for a bin: as far from its one end as from the other, each as a share of that end."""
        near, far = self._edges[:-1], self._edges[1:]
        positive = 2 * near * far / (near + far)
        return np.concatenate([-positive[::-1], [0.0], positive])


def _range(held: Counts, new: Counts, limit: int) -> Counts:
    """The positive ones of the numbers ``held``, which are consecutive, and on to those of ``new``.

    Where the range grows, it grows by a quarter at least, up to 1 and ``limit``: else a tail would be copied bin by bin.
    """
    held, new = np.sort(held[held > 0]), new[new > 0]
    if not len(new):
        return held
    low, high = new.min(), new.max()
    if len(held):
        room = -(-len(held) // 4)
        low = held[0] if low >= held[0] else max(1, min(low, held[0] - room))
        high = held[-1] if high <= held[-1] else min(limit, max(high, held[-1] + room))
    return np.arange(low, high + 1, dtype=np.int64)
