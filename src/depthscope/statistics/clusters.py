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


def largest_mass(t: Float, threshold: float, tail: int) -> Float:
    """Largest absolute cluster mass of each map ``t[i]``: (maps,), 0 where there is no cluster."""
    search = _largest_run if t.ndim == 2 else _largest_label
    largest: Float = np.max([search(sign * t, threshold) for sign in _signs(tail)], axis=0)
    return largest


def _largest_run(t: Float, threshold: float) -> Float:
    """In one dimension a running sum that starts afresh below the threshold does, for all maps at once."""
    running = np.zeros(len(t))
    largest = np.zeros(len(t))
    for layer in np.ascontiguousarray(t.T):
        running += layer
        running *= layer > threshold
        np.maximum(largest, running, out=largest)
    return largest


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
