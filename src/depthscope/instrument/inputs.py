"""The doors of an instrument: a traced Dataset, a labelled array or a plain one in, the same kind out."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from depthscope.arrays import (
    Array,
    DepthGram,
    Precision,
    as_array,
    depth_gram,
    float64,
    is_torch,
    namespace,
    split_at_mean,
    unsquared,
    unsquared_sentence,
)
from depthscope.errors import DepthscopeError, check_choice, listed, reason
from depthscope.instrument.labels import by_item
from depthscope.instrument.signals import Signal, signal_gram
from depthscope.words import layers_text

Layers = NDArray[np.int64]
# (values, dims after the leading ones, their coordinates) -> what the user gets back
Wrap = Callable[[Array, tuple[str, ...], dict[str, Any]], Any]


@dataclass(frozen=True)
class Measurable:
    """Gram matrices of the signal, with the layers they cover and the way back to the user's kind of array."""

    gram: DepthGram
    layers: Layers
    total_depth: int
    wrap: Wrap

    def layer_coords(self) -> dict[str, Any]:
        return {"layer": self.layers, "relative_depth": ("layer", self.layers / self.total_depth)}


def measurable(
    data: Any, signal: Signal, layers: tuple[int, int] | None, precision: Precision = "double"
) -> Measurable:
    """Read ``data`` as Gram matrices of ``signal``, restricted to ``layers`` (first, last; counted from 1)."""
    check_choice("precision", precision, get_args(Precision))
    if isinstance(data, xr.Dataset):
        parts, dot, norm, wrap = _from_dataset(data)
        if signal == "state" and not (np.isfinite(dot).all() and np.isfinite(norm).all()):
            raise DepthscopeError(
                "signal='state': the states before layer 1 are not known, for these trajectories were made of updates alone: "
                "give depthscope.from_states the states, or the updates with initial="
            )
    else:
        parts, wrap = _from_updates(data, precision)
        dot = norm = None
    depth = int(parts.centred.shape[-1])
    chosen = chosen_layers(depth, layers)
    # a last layer that is left out is one of them still
    total = int(data.attrs.get("depth", depth)) if isinstance(data, xr.Dataset) else depth
    return Measurable(signal_parts(parts, signal, chosen, dot, norm), chosen, total, wrap)


def chosen_layers(depth: int, layers: tuple[int, int] | None) -> Layers:
    """The numbers of the layers from ``(first, last)``, both included; of all ``depth`` if none are named."""
    first, last = layers or (1, depth)
    if not 1 <= first < last <= depth:
        raise DepthscopeError(f"{layers_text(first, last)} do not lie within the {depth} layers measured")
    return np.arange(first, last + 1)


def signal_parts(
    parts: DepthGram, signal: Signal, layers: Layers, dot: Array | None = None, norm: Array | None = None
) -> DepthGram:
    """Gram matrices of ``signal`` over ``layers``, from those of all updates, with ``<h_0, u_l>`` and ``|h_0|``."""
    if signal == "update" and len(layers) == parts.centred.shape[-1]:
        return parts
    full = parts.full()
    whole = signal_gram(full, "state", dot, norm) if signal == "state" else full
    window = whole[..., layers[0] - 1 : layers[-1], layers[0] - 1 : layers[-1]]
    return split_at_mean(window if signal == "state" else signal_gram(window, signal))


def check_traced(data: Any, who: str, conditions: bool = False) -> None:
    """Refuse for ``who`` what is no Dataset of trajectories, or, with ``conditions``, one whose rows are of no items.

    Raises
    ------
    DepthscopeError
        Arrays, whose way in is :func:`depthscope.from_states`; Datasets of something else.
    """
    if not isinstance(data, xr.Dataset):
        raise DepthscopeError(
            f"{who} needs trajectories, not a {type(data).__name__}: give what depthscope.trace returns, or make it of "
            "states or updates of your own with depthscope.from_states"
        )
    missing = [name for name in ("gram", "initial_dot", "state_norm") if name not in data]
    if missing:
        raise DepthscopeError(
            f"the Dataset has no {listed(missing)}: give what depthscope.trace or depthscope.from_states returns"
        )
    rows = row_dims(data)
    if conditions and (rows != ["stimulus"] or not {"item", "condition"} <= set(data.coords)):
        raise DepthscopeError(
            f"{who} compares conditions, and the rows of this Dataset ({listed(rows) or 'a single one'}) are of no item and "
            "condition: give depthscope.from_states a table with these columns, a row for each"
        )


def row_dims(data: xr.Dataset) -> list[str]:
    """What the trajectories are over: the stimuli of a table, the tokens of a text."""
    return [str(dim) for dim in data["gram"].dims if dim not in ("layer", "other_layer")]


def _from_dataset(data: xr.Dataset) -> tuple[DepthGram, Array, Array, Wrap]:
    check_traced(data, "a measure")
    rows = data["gram"].isel(layer=0, other_layer=0, drop=True)
    lead = row_dims(data)

    def wrap(values: Array, dims: tuple[str, ...], coords: dict[str, Any]) -> xr.DataArray:
        labels = {k: v for k, v in rows.coords.items() if v.dims and set(v.dims) <= set(lead)}
        return by_item(xr.DataArray(values, dims=(*lead, *dims), coords={**labels, **coords}))

    gram = data["gram"].transpose(*lead, "layer", "other_layer").to_numpy().astype(np.float64)
    power = np.diagonal(gram, axis1=-2, axis2=-1)
    _refuse_unusable(np.isfinite(power), power.sum(-1), lambda index: _row(data, dict(zip(lead, index, strict=True))))
    return (
        split_at_mean(gram),
        data["initial_dot"].transpose(*lead, "layer").to_numpy().astype(np.float64),
        data["state_norm"].isel(state=0).transpose(*lead).to_numpy().astype(np.float64),
        wrap,
    )


def _row(data: xr.Dataset, where: dict[str, int]) -> str:
    """Words for one row of a traced Dataset."""

    def said(*names: str) -> list[str]:
        return [f"{name} {str(data[name].isel(where).item())!r}" for name in names]

    if {"item", "condition"} <= set(data.coords):
        return ", ".join(said("item", "condition"))
    places = [f"{'row' if dim == 'stimulus' else dim} {i}" for dim, i in where.items()]
    return ", ".join([*places, *(said("piece") if "piece" in data.coords else [])])


def _numbers(data: Any) -> Array:
    try:
        updates = as_array(data)
    except (ValueError, TypeError) as problem:  # rows of different lengths
        raise DepthscopeError(f"updates are no array (..., layer, feature): {reason(problem)}") from None
    if not is_torch(updates) and updates.dtype.kind not in "biufc" and updates.ndim:
        raise DepthscopeError(f"updates are {updates.dtype}: expected numbers in an array (..., layer, feature)")
    return updates


def _from_updates(data: Any, precision: Precision) -> tuple[DepthGram, Wrap]:
    if isinstance(data, xr.DataArray):
        if not {"layer", "feature"} <= set(data.dims):
            raise DepthscopeError(f"an array of updates needs dims layer and feature, not {listed(data.dims)}")
        data = data.transpose(..., "layer", "feature")
        lead = [str(dim) for dim in data.dims[:-2]]
        labels = {k: v for k, v in data.coords.items() if set(v.dims) <= set(lead)}
        updates: Array = data.to_numpy()
    else:
        lead, labels = [], {}
        updates = _numbers(data)

    if len(updates.shape) < 2 or 0 in updates.shape[-2:]:
        raise DepthscopeError(
            f"updates have shape {tuple(updates.shape)}: expected (..., layer, feature), one of each at least"
        )
    xp = namespace(updates)
    if xp.isdtype(updates.dtype, "complex floating"):
        raise DepthscopeError("updates are complex: expected real numbers")
    labelled = isinstance(data, xr.DataArray)

    def wrap(values: Array, dims: tuple[str, ...], coords: dict[str, Any]) -> Any:
        if is_torch(values):
            return values
        if labelled:
            return xr.DataArray(values, dims=(*lead, *dims), coords={**labels, **coords})
        if len(dims) == 1:
            return values
        plain = tuple(f"dim_{i}" for i in range(values.ndim - len(dims)))
        return xr.DataArray(values, dims=(*plain, *dims), coords=coords)

    with np.errstate(over="ignore", under="ignore", invalid="ignore"):  # squares that are no numbers are refused below
        parts = depth_gram(updates, precision)
    energy = xp.linalg.trace(parts.centred) + parts.mean_square
    # one value that is not finite spoils the whole row: only then is it worth looking for its layer
    finite = xp.isfinite(energy)[..., None]
    if not bool(xp.all(finite)):
        finite = xp.all(xp.isfinite(updates), axis=-1)

    def name(index: tuple[int, ...]) -> str:
        return f"row {', '.join(map(str, index))}" if index else "the input"

    _refuse_unsquared(updates, energy, name, precision)
    _refuse_unusable(finite, energy, name)
    return parts, wrap


def _refuse_unsquared(
    updates: Array, energy: Array, name: Callable[[tuple[int, ...]], str], precision: Precision
) -> None:
    xp = namespace(updates)
    if not bool(xp.any(unsquared(energy, precision))):
        return
    largest = xp.max(xp.abs(float64(updates)), axis=(-2, -1))
    wrong = unsquared(energy, precision) & (largest > 0) & xp.isfinite(largest)
    if bool(xp.any(wrong)):
        row = tuple(_first(wrong))
        raise DepthscopeError(unsquared_sentence(name(row), float(energy[row]), precision))


def _refuse_unusable(finite: Array, energy: Array, name: Callable[[tuple[int, ...]], str]) -> None:
    """``finite`` (..., layer) and ``energy`` (...); ``name`` gives words for the leading indices."""
    if not bool(finite.all()):
        *row, layer = _first(~finite)
        raise DepthscopeError(
            f"NaN or infinity in the updates of {name(tuple(row))} at layer {layer + 1}: leave it out or mend it"
        )
    if bool((energy == 0).any()):
        row = _first(energy == 0)
        raise DepthscopeError(
            f"the trajectory of {name(tuple(row))} is constant: it has no energy to spread over scales"
        )


def _first(where: Array) -> list[int]:
    """Indices of the first true cell."""
    return [int(i) for i in np.argwhere(np.asarray(where.cpu() if is_torch(where) else where))[0]]
