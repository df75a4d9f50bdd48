"""Ground floor. One code for NumPy and torch, and the Gram matrix on which everything rests."""

from dataclasses import dataclass
from typing import Any

import array_api_compat
import numpy as np
from numpy.typing import NDArray

Array = Any  # a NumPy array or a torch tensor; array-api-compat has no static type for "either"
Float = NDArray[np.float64]

CHUNK_BYTES = 64 * 2**20


def is_torch(data: object) -> bool:
    return bool(array_api_compat.is_torch_array(data))


def as_array(data: object) -> Array:
    """A NumPy array or torch tensor as it is; anything else through ``numpy.asarray``."""
    return data if is_torch(data) else np.asarray(data)


def namespace(data: Array) -> Any:
    return array_api_compat.array_namespace(data)


def like(values: NDArray[Any], reference: Array) -> Array:
    """``values`` as the reference's kind of array, on the reference's device."""
    if not is_torch(reference):
        return values
    xp = namespace(reference)
    return xp.asarray(values, device=reference.device)


def float64(data: Array) -> Array:
    """``data`` in double precision, in place of which no single precision will do: see :func:`gram`."""
    xp = namespace(data)
    return xp.astype(data, xp.float64, copy=False)


@dataclass(frozen=True)
class DepthGram:
    """Inner products of the vectors ``u_1 .. u_L`` of each row, split at their mean over depth ``m``.

    A component that is constant in depth can be a thousand times the rest, as massive activations are. Wavelets
    cancel it, but what it has rounded away in a plain Gram matrix is lost: all of it in single precision, the last digits
    of 1e-9 in double. Centred in depth, and in float64, nothing is lost.

    Attributes
    ----------
    centred : array (..., L, L)
        ``<u_k - m, u_l - m>``.
    mean_dot : array (..., L)
        ``<m, u_l - m>``.
    mean_square : array (...)
        ``<m, m>``.
    """

    centred: Array
    mean_dot: Array
    mean_square: Array

    def full(self) -> Array:
        """``<u_k, u_l>``, (..., L, L)."""
        cross = self.mean_dot[..., None, :] + self.mean_dot[..., :, None]
        return self.centred + cross + self.mean_square[..., None, None]


def depth_gram(vectors: Array) -> DepthGram:
    """Gram matrix of the vectors along the last-but-one axis, in float64.

    Parameters
    ----------
    vectors : array (..., layer, feature)
        NumPy array or torch tensor of any real type.
    """
    xp = namespace(vectors)
    *lead, depth, width = vectors.shape
    rows = xp.reshape(vectors, (-1, depth, width))
    # Converting chunk by chunk bounds the double-precision copy, whatever the size of the input.
    step = max(1, CHUNK_BYTES // (8 * depth * width))
    parts = []
    for start in range(0, max(1, rows.shape[0]), step):
        chunk = float64(rows[start : start + step])
        mean = xp.mean(chunk, axis=-2, keepdims=True)
        centred = chunk - mean
        turned = xp.matrix_transpose(centred)
        parts.append((centred @ turned, (mean @ turned)[:, 0, :], xp.sum(mean * mean, axis=(-2, -1))))
    centred, mean_dot, mean_square = (xp.concat(part, axis=0) for part in zip(*parts, strict=True))
    return DepthGram(
        xp.reshape(centred, (*lead, depth, depth)),
        xp.reshape(mean_dot, (*lead, depth)),
        xp.reshape(mean_square, tuple(lead)),
    )


def split_at_mean(gram: Array) -> DepthGram:
    """The same split, from a Gram matrix ``<u_k, u_l>`` (..., L, L) that is already there."""
    xp = namespace(gram)
    mean_square = xp.mean(gram, axis=(-2, -1))
    mean_dot = xp.mean(gram, axis=-1) - mean_square[..., None]
    cross = mean_dot[..., None, :] + mean_dot[..., :, None]
    return DepthGram(gram - cross - mean_square[..., None, None], mean_dot, mean_square)
