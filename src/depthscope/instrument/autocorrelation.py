"""How much of its direction an update shares with those some layers away: persistence over depth, without wavelets."""

from typing import Any

import numpy as np

from depthscope.arrays import Array, Precision, like, namespace
from depthscope.errors import DepthscopeError
from depthscope.instrument.inputs import measurable
from depthscope.instrument.labels import origin_of
from depthscope.instrument.signals import Signal

# of the largest square of a row: what a Gram matrix that was taken apart at its mean leaves of an update of zero is below it
NOTHING = 1e-13


def direction_autocorrelation(
    data: Any,
    *,
    lags: int | tuple[int, int] | None = None,
    signal: Signal = "update",
    layers: tuple[int, int] | None = None,
    precision: Precision = "double",
) -> Any:
    """Mean cosine of each update with those that are some layers away from it, on either side.

        ``C(l) = mean over lags k of  mean over both sides of  <u_l, u_(l+-k)> / (|u_l| |u_(l+-k)|)``

    Above 0: updates keep a direction over these layers; 0: they have none in common, as random directions in a wide model;
    below 0: they take back. No wavelet, no scale and no weight enters, and the lengths of the updates cancel: the companion of
    the slope that directions give (:func:`depthscope.slope`) for whoever does not trust wavelets.

    Parameters
    ----------
    data : Dataset from ``trace``, DataArray, NumPy array or torch tensor
        As for :func:`depthscope.cse`.
    lags : int or (first, last), optional
        Distances in layers, from 1 or ``first``, both included; default 1 to half of the layers, so that every layer has
        an update at every distance on one side at least.
    signal : {"update", "direction", "state"}
        Whose cosines: of updates (``"direction"`` gives the same) or of states.
    layers : (first, last), optional
        Use these layers only, counted from 1, both included.
    precision : {"double", "single"}
        Of the products of plain updates.

    Returns
    -------
    DataArray (item, condition, layer) or (stimulus, layer) for a traced Dataset; for plain updates the same kind of array,
    ``(..., layer)``, float64, -1 to 1
        NaN at the layer of an update of zero, which has no direction (its square below 1e-13 of the largest one, which double
        precision cannot tell from 0); pairs with such an update are left out elsewhere.

    Raises
    ------
    DepthscopeError
        Lags that do not fit the depth; ``signal="norm"``, which has no directions; otherwise as :func:`depthscope.cse`.

    References
    ----------
    Direction autocorrelation of the steps of a path, there of migrating cells: Gorelik & Gautreau (2014), Nat Protoc 9:1931.
    The mean over lags and both sides, by layer, is ours (docs/relative.md).

    Examples
    --------
    >>> import numpy as np, depthscope as ds
    >>> straight = np.ones((12, 3)) * np.arange(1, 13)[:, None]
    >>> ds.direction_autocorrelation(straight).round(6).tolist() == [1.0] * 12
    True
    """
    if signal == "norm":
        raise DepthscopeError(
            "signal='norm': logarithms of norms have no directions; choose update, direction or state"
        )
    source = measurable(data, signal, layers, precision)
    span = lags_of(lags, len(source.layers))
    result = source.wrap(mean_cosine(source.gram.full(), span), ("layer",), source.layer_coords())
    if hasattr(result, "attrs"):
        result.name = "direction_autocorrelation"
        result.attrs = {
            "long_name": "mean cosine with updates some layers away",
            "units": "1",
            **origin_of(data),
            "signal": signal,
            "lags": f"{span[0]} to {span[1]} layers",
        }
    return result


def lags_of(lags: int | tuple[int, int] | None, depth: int) -> tuple[int, int]:
    """First and last distance in layers.

    Raises
    ------
    DepthscopeError
        None from 1 to half of the depth, or in the wrong order.
    """
    most = depth // 2
    given = (1, most) if lags is None else lags if isinstance(lags, tuple | list) else (1, lags)
    whole = len(given) == 2 and all(isinstance(k, int | np.integer) and not isinstance(k, bool) for k in given)
    if not whole or not 1 <= given[0] <= given[1] <= most:
        raise DepthscopeError(
            f"lags={lags!r}: give the largest distance, or (first, last), in whole layers from 1 to {most}, half of the "
            f"{depth} layers measured: farther away some layers have no other"
        )
    return int(given[0]), int(given[1])


def mean_cosine(gram: Array, lags: tuple[int, int]) -> Array:
    """Mean over lags and both sides of the cosines in a Gram matrix (..., L, L): (..., L); NaN for an update of zero."""
    xp = namespace(gram)
    depth = gram.shape[-1]
    squares = xp.linalg.diagonal(gram)
    there = squares > NOTHING * xp.max(squares, axis=-1, keepdims=True)
    length = xp.sqrt(xp.clip(squares, 0.0, None))
    unit = xp.where(there, length, xp.ones_like(length))
    cosine = xp.clip(gram / (unit[..., None, :] * unit[..., :, None]), -1.0, 1.0)
    known = xp.astype(there[..., None, :] & there[..., :, None], gram.dtype)
    distance = np.abs(np.arange(depth)[:, None] - np.arange(depth))
    total, count = xp.zeros_like(length), xp.zeros_like(length)
    for lag in range(lags[0], lags[1] + 1):
        pairs = known * like((distance == lag).astype(np.float64), gram)
        sides = xp.sum(pairs, axis=-1)  # 2, or 1 near an end; of updates of zero none
        some = sides > 0
        total = total + xp.sum(cosine * pairs, axis=-1) / xp.where(some, sides, xp.ones_like(sides))
        count = count + xp.astype(some, gram.dtype)
    nan = xp.full_like(total, xp.nan)
    return xp.where(count > 0, total / xp.where(count > 0, count, xp.ones_like(count)), nan)
