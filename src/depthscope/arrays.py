"""Ground floor: one code for NumPy and torch, and the Gram matrix on which everything rests."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, fields
from typing import Any, Literal

import array_api_compat
import numpy as np
from numpy.typing import NDArray

from depthscope.errors import require

Array = Any  # a NumPy array or a torch tensor; array-api-compat has no static type for "either"
Float = NDArray[np.float64]

Precision = Literal["double", "single"]

# layers that the defaults of the transform along depth need: periods from 2 to half of them, outside the cone of influence
DEEP_ENOUGH = 5

# small enough for a processor's own cache, in which the passes over a chunk then find it; on an accelerator large enough
# that starting each pass costs nothing beside it
CHUNK_BYTES, DEVICE_CHUNK_BYTES = 2**20, 2**28


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


def chunk_rows(data: Array) -> int:
    """How many rows (layer, feature) of ``data`` (..., layer, feature), in float64, make a chunk; at least 1."""
    on_cpu = not is_torch(data) or data.device.type == "cpu"
    depth, width = data.shape[-2:]
    return max(1, int((CHUNK_BYTES if on_cpu else DEVICE_CHUNK_BYTES) // (8 * depth * width)))


def unsquared(energy: Array, precision: Precision = "double") -> Array:
    """Which sums of squares ``energy`` (...) their ``precision`` did not hold in full, unless all are 0."""
    xp = namespace(energy)
    kind = xp.finfo(xp.float64 if precision == "double" else xp.float32)
    return ~xp.isfinite(energy) | (energy < kind.smallest_normal / kind.eps)


def unsquared_sentence(who: str, energy: float, precision: Precision = "double") -> str:
    """What to do about a row that :func:`unsquared` names."""
    size = "small" if energy < 1 else "large"
    return (
        f"the numbers of {who} are so {size} that {precision} precision does not hold their squares: multiply all of your "
        "numbers by one factor, which changes no CSE"
    )


def participation(vectors: Array) -> Array:
    """How many coordinates a vector (..., feature) is spread over, ``(sum_i u_i^2)^2 / sum_i u_i^4``, (...).

    1 for a single one, the number of features for all alike; NaN for none.
    """
    xp = namespace(vectors)
    # in units of the largest, whose fourth power might not be held
    scaled = (vectors / xp.max(xp.abs(vectors), axis=-1, keepdims=True)) ** 2
    return xp.sum(scaled, axis=-1) ** 2 / xp.sum(scaled**2, axis=-1)


def trajectory(states: Array, updates: Array | None = None) -> dict[str, Array]:
    """What remains of the states ``h_0 .. h_L`` (N, L + 1, d), float64; ``updates`` (N, L, d), if they are there already.

    Returns
    -------
    dict of arrays
        ``gram`` (N, L, L): ``<u_k, u_l>`` of the updates ``u_l = h_l - h_(l-1)``; ``initial_dot`` (N, L): ``<h_0, u_l>``;
        ``state_norm`` (N, L + 1): ``|h_l|``; ``participation`` (N, L).
    """
    updates = states[:, 1:] - states[:, :-1] if updates is None else updates
    return {
        "gram": depth_gram(updates).full(),
        "initial_dot": (updates @ states[:, 0, :, None])[..., 0],
        "state_norm": namespace(states).linalg.vector_norm(states, axis=-1),
        "participation": participation(updates),
    }


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


def depth_gram(vectors: Array, precision: Precision = "double", *, overwrite: bool = False) -> DepthGram:
    """Gram matrix of the vectors along the last-but-one axis.

    Parameters
    ----------
    vectors : array (..., layer, feature)
        NumPy array or torch tensor of any real type.
    precision : {"double", "single"}
        Of the products. ``"single"`` takes a third of the time; centring still keeps what is constant in depth from
        drowning the rest, and what is lost is of the order of 1e-7 of the row's energy about its mean.
    overwrite : bool
        The vectors may be centred where they stand, if they are of that precision: they are not needed any more.
    """
    with _unmixed(vectors):
        return _depth_gram(vectors, precision, overwrite)


def _unmixed(data: Array) -> AbstractContextManager[Any]:
    """Autocast would multiply single precision in half precision."""
    if not is_torch(data):
        return nullcontext()
    off: AbstractContextManager[Any] = require("torch", "models").autocast(data.device.type, enabled=False)
    return off


def _depth_gram(vectors: Array, precision: Precision, overwrite: bool) -> DepthGram:
    xp = namespace(vectors)
    kind = xp.float64 if precision == "double" else xp.float32
    *lead, depth, width = vectors.shape
    rows = xp.reshape(vectors, (-1, depth, width))
    step = chunk_rows(rows)
    parts = []
    for start in range(0, max(1, rows.shape[0]), step):
        centred = xp.astype(rows[start : start + step], kind, copy=not overwrite)
        mean = xp.mean(centred, axis=-2, keepdims=True)
        centred -= mean  # in place: a fresh array would cost more than the subtraction
        turned = xp.matrix_transpose(centred)
        parts.append((centred @ turned, (mean @ turned)[:, 0, :], xp.sum(mean * mean, axis=(-2, -1))))
    centred, mean_dot, mean_square = (float64(xp.concat(part, axis=0)) for part in zip(*parts, strict=True))
    return DepthGram(
        xp.reshape(centred, (*lead, depth, depth)),
        xp.reshape(mean_dot, (*lead, depth)),
        xp.reshape(mean_square, tuple(lead)),
    )


def joined(grams: Sequence[DepthGram]) -> DepthGram:
    """The rows (n, ...) of several, one after the other."""
    xp = namespace(grams[0].centred)
    parts = ([getattr(one, field.name) for one in grams] for field in fields(DepthGram))
    return DepthGram(*(xp.concat(part, axis=0) for part in parts))


def split_at_mean(gram: Array) -> DepthGram:
    """The same split, from a Gram matrix ``<u_k, u_l>`` (..., L, L) that is already there."""
    xp = namespace(gram)
    mean_square = xp.mean(gram, axis=(-2, -1))
    mean_dot = xp.mean(gram, axis=-1) - mean_square[..., None]
    cross = mean_dot[..., None, :] + mean_dot[..., :, None]
    return DepthGram(gram - cross - mean_square[..., None, None], mean_dot, mean_square)
