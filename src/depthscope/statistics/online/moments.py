"""Count, mean and variance by group and layer, in one pass and without cancellation."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from depthscope.arrays import Float
from depthscope.statistics.online.batch import Counts, checked, same_shape

BLOCK = 2**14  # groups at a time where all of them are gone through: temporary arrays stay small


class Part(NamedTuple):
    """Moments of a few groups, a row each; a second axis of length one holds for every layer."""

    group: Counts  # (R,)
    seen: Counts  # (R,)
    missing: Counts  # (R, L) or (R, 1)
    centre: Float  # (R, L)
    squares: Float  # (R, L) or (R, 1)


class Moments:
    """Mean and variance of ``layers`` numbers in each of ``groups`` groups.

    Each batch is reduced to means and sums of squared deviations of the groups that occur in it, and these are combined
    pairwise. Sums of squares, which lose every digit where the mean is a million times the deviation, are not formed.
    Memory is of one size from the first batch on: two float64 numbers for a group and layer, and a count of what is
    missing; where the system hands out memory as it is written to, groups that never occur cost nothing.

    A value that is no finite number is missing: counted apart, and in neither mean nor variance.

    Parameters
    ----------
    groups, layers : int

    Attributes
    ----------
    seen : int64 array (groups,)
        Rows given, whether their values are missing or not.
    missing : int64 array (groups, layers)

    References
    ----------
    Chan, Golub & LeVeque (1983), Am Stat 37:242, equations 2.1.
    """

    def __init__(self, groups: int, layers: int) -> None:
        self.groups, self.layers = groups, layers
        self.seen: Counts = np.zeros(groups, np.int64)
        self.missing: Counts = np.zeros((groups, layers), np.int64)
        self._centre: Float = np.zeros((groups, layers))
        self._squares: Float = np.zeros((groups, layers))

    @property
    def count(self) -> Counts:
        """Values in the mean, (groups, layers)."""
        return self.seen[:, None] - self.missing

    @property
    def mean(self) -> Float:
        """(groups, layers); NaN where there is no value."""
        return np.where(self.count > 0, self._centre, np.nan)

    @property
    def variance(self) -> Float:
        """Of a sample (n - 1), (groups, layers); NaN where there are fewer than two values."""
        count = self.count
        return np.where(count > 1, self._squares / np.maximum(count - 1, 1), np.nan)

    def add(self, values: ArrayLike, group: ArrayLike) -> None:
        """Take a batch in: ``values`` (N, layers), any real type, and the ``group`` of each row (N,).

        Raises
        ------
        DepthscopeError
            Shapes that do not belong together; a group outside 0 .. groups - 1.
        """
        rows, labels = checked(values, group, self.groups, self.layers)
        numbers = rows.astype(np.float64)
        absent = ~np.isfinite(numbers)
        nothing = np.zeros((len(labels), 1))
        missing = nothing.astype(np.int64)
        if absent.any():
            numbers[absent] = 0
            missing = absent.astype(np.int64)
        self._absorb(_reduced(Part(labels, np.ones(len(labels), np.int64), missing, numbers, nothing)))

    def merge(self, other: "Moments") -> None:
        """Take in what another of the same shape has seen."""
        same_shape((self.groups, self.layers), (other.groups, other.layers))
        for rows in other._blocks():
            self._absorb(other._part(rows))

    def pooled(self, labels: ArrayLike, groups: int) -> "Moments":
        """The moments of coarser groups: ``labels`` (groups,) says in which of the new ``groups`` each of the old ones is."""
        target = np.asarray(labels, np.int64)
        whole = Moments(groups, self.layers)
        for rows in self._blocks():
            whole._absorb(_reduced(self._part(rows)._replace(group=target[rows])))
        return whole

    def of(self, groups: ArrayLike) -> "Moments":
        """Some of the groups, in the order given."""
        rows = np.asarray(groups, np.int64)
        few = Moments(len(rows), self.layers)
        _, few.seen, few.missing, few._centre, few._squares = self._part(rows)
        return few

    def _part(self, rows: Counts) -> Part:
        return Part(rows, self.seen[rows], self.missing[rows], self._centre[rows], self._squares[rows])

    def _blocks(self) -> Iterator[Counts]:
        rows = np.flatnonzero(self.seen)
        return (rows[start : start + BLOCK] for start in range(0, len(rows), BLOCK))

    def _absorb(self, part: Part) -> None:
        """Combine with moments of groups each of which is there once."""
        here = self._part(part.group)
        before = here.seen[:, None] - here.missing
        coming = part.seen[:, None] - part.missing
        share = coming / np.maximum(before + coming, 1)
        step = part.centre - here.centre
        # as a step from the one mean, not as a weighted sum of both: no digit is lost where they are nearly equal
        self._centre[part.group] = here.centre + step * share
        self._squares[part.group] = here.squares + part.squares + step**2 * before * share
        self.seen[part.group] = here.seen + part.seen
        if part.missing.any():  # pages of groups that miss nothing are never written to
            self.missing[part.group] = here.missing + part.missing


def _reduced(part: Part) -> Part:
    """Rows of the same group made one."""
    if not len(part.group):
        return part
    order = np.argsort(part.group, kind="stable")
    group, seen, missing = (np.take(rows, order, axis=0) for rows in part[:3])
    centre, squares = (np.take(rows, order, axis=0) for rows in part[3:])
    starts = np.flatnonzero(np.concatenate([[True], group[1:] != group[:-1]]))
    length = np.diff(np.append(starts, len(group)))

    def total(rows: NDArray[Any]) -> Any:
        return np.add.reduceat(rows, starts, axis=0)

    weight = (seen[:, None] - missing).astype(np.float64)
    mean = total(weight * centre) / np.maximum(total(weight), 1)
    deviation = centre - np.repeat(mean, length, axis=0)
    return Part(
        group[starts],
        total(seen),
        total(missing),
        mean,
        total(squares + weight * deviation**2),
    )
