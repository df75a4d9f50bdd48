"""What a batch must be before it is counted: a row of layers and a group for each token."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from depthscope.errors import DepthscopeError

Counts = NDArray[np.int64]


def checked(values: ArrayLike, group: ArrayLike, groups: int, layers: int) -> tuple[NDArray[Any], Counts]:
    """``values`` (N, L) and ``group`` (N,) as arrays.

    Raises
    ------
    DepthscopeError
        Shapes that do not belong together, or a group that there is not: NumPy would count -1 as the last one.
    """
    rows, labels = np.asarray(values), np.asarray(group)
    if labels.ndim != 1 or rows.shape != (len(labels), layers):
        raise DepthscopeError(
            f"values of shape {rows.shape} for groups of shape {labels.shape}: give (N, {layers}) and (N,)"
        )
    if len(labels) and not 0 <= labels.min() <= labels.max() < groups:
        raise DepthscopeError(f"groups from {labels.min()} to {labels.max()}: give numbers from 0 to {groups - 1}")
    return rows, labels.astype(np.int64, copy=False)


def same_shape(one: tuple[float, ...], other: tuple[float, ...]) -> None:
    """Refuse to merge summaries that were not made alike."""
    if one != other:
        raise DepthscopeError(f"summaries of {one} and {other} cannot be merged: make both alike")
