"""Clusters of neighbouring cells beyond a threshold, and their mass."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from depthscope.arrays import Float


@dataclass(frozen=True)
class Cells:
    """One observed cluster: where it is, and the sum of t over it."""

    where: NDArray[np.bool_]
    mass: float


def find_clusters(t: Float, threshold: float, tail: int) -> list[Cells]:
    """Clusters of a map of t values, of one or two dimensions.

    Cells that touch along a dimension and exceed ``threshold`` with the same sign belong together. ``tail`` is 1
    (greater), -1 (less) or 0 (both). Missing cells must come as 0: they join nothing.
    """
    found = []
    for sign in _signs(tail):
        labels, count = ndimage.label(sign * t > threshold)
        found += [Cells(labels == k, float(t[labels == k].sum())) for k in range(1, count + 1)]
    return sorted(found, key=lambda cells: tuple(np.argwhere(cells.where.T)[0]))


def largest_mass(t: Float, threshold: float, tail: int, peaks: bool = False) -> tuple[Float, Float]:
    """Largest absolute cluster mass of each map ``t[i]``, 0 where there is no cluster, and with ``peaks`` its largest t.

    Returns
    -------
    mass, peak : arrays (maps,)
        The peak with its sign; where there is no cluster, the largest t of the map. Empty unless asked for, which maps of
        one dimension only can be.
    """
    if t.ndim == 2:
        found = [_largest_run(sign * t, threshold, peaks) for sign in _signs(tail)]
    else:
        found = [(_largest_label(sign * t, threshold), np.zeros(0)) for sign in _signs(tail)]
    mass = np.max([one for one, _ in found], axis=0)
    if not peaks:
        return mass, np.zeros(0)
    peak = np.take_along_axis(t, np.abs(t).argmax(1)[:, None], 1)[:, 0]
    for sign, (own, top) in zip(_signs(tail), found, strict=True):
        peak = np.where((own == mass) & (mass > 0), sign * top, peak)
    return mass, peak


def _largest_run(t: Float, threshold: float, peaks: bool) -> tuple[Float, Float]:
    """In one dimension a running sum that starts afresh below the threshold does, for all maps at once."""
    running, largest = np.zeros(len(t)), np.zeros(len(t))
    top, peak = (np.zeros(len(t) if peaks else 0) for _ in range(2))
    for layer in np.ascontiguousarray(t.T):
        inside = layer > threshold
        running += layer
        running *= inside
        if peaks:
            top = np.maximum(top, layer) * inside
            # within a run the mass only grows, so the last to exceed is the whole run
            peak = np.where(running > largest, top, peak)
        np.maximum(largest, running, out=largest)
    return largest, peak


def strongest_runs(
    t: Float, threshold: float, tail: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp], Float]:
    """Of each map ``t`` (map, layer), the run of largest absolute mass; without any, the layer of the largest t.

    Returns
    -------
    start, stop, peak, sign : arrays (map,)
        First layer, the one after the last, the layer of the largest |t| in it, counted from 0, and the direction.
    """
    rows = np.arange(len(t))
    # without a run: one layer, the farthest in the direction asked for
    peak = (np.abs(t) if tail == 0 else tail * t).argmax(1)
    sign = np.where(t[rows, peak] < 0, -1.0, 1.0) if tail == 0 else np.full(len(t), float(tail))
    start, stop = peak.copy(), peak + 1
    largest = np.zeros(len(t))
    for side in _signs(tail):
        mass, top = np.zeros(len(t)), np.zeros(len(t))
        began, where = np.zeros(len(t), dtype=np.intp), np.zeros(len(t), dtype=np.intp)
        for layer, column in enumerate(side * t.T):
            inside = column > threshold
            fresh = inside & (mass == 0)
            began[fresh], top[fresh] = layer, 0.0
            higher = inside & (column > top)
            where[higher], top[higher] = layer, column[higher]
            mass = np.where(inside, mass + column, 0.0)
            # within a run the mass only grows, so the last to exceed is the whole run
            more = mass > largest
            largest[more], sign[more] = mass[more], side
            start[more], stop[more], peak[more] = began[more], layer + 1, where[more]
    return start, stop, peak, sign


def _largest_label(t: Float, threshold: float) -> Float:
    """In two dimensions: label all maps at once, joined within a map, never across maps."""
    structure = ndimage.generate_binary_structure(t.ndim, 1)
    structure[0] = structure[-1] = False
    labels, count = ndimage.label(t > threshold, structure)
    largest = np.zeros(len(t))
    mass = np.bincount(labels.ravel(), t.ravel(), minlength=count + 1)[1:]
    # every cluster lies in one map: that of its cells
    cells = np.flatnonzero(labels)
    owner = np.zeros(count, dtype=np.intp)
    owner[labels.ravel()[cells] - 1] = cells // t[0].size
    np.maximum.at(largest, owner, mass)
    return largest


def _signs(tail: int) -> tuple[int, ...]:
    return (1, -1) if tail == 0 else (tail,)
