"""States from anywhere, seen alike: rows of (state, feature), read a few at a time."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import xarray as xr

from depthscope.arrays import Float, is_torch
from depthscope.capture.doubts import Kind
from depthscope.capture.numbering import check_labels, in_order
from depthscope.errors import DepthscopeError, listed, reason

DEPTH, FEATURE, TOKEN = "state", "feature", "token"
# bytes of states in float64 that are read at once
READ_BYTES = 2**26
ORDERS = {2: (DEPTH, FEATURE), 3: ("stimulus", DEPTH, FEATURE)}
ORDERS_OF_A_LAYER = {1: (FEATURE,), 2: ("stimulus", FEATURE), 3: ("stimulus", TOKEN, FEATURE)}

Axes = tuple[str, ...]


@dataclass(frozen=True)
class Stack:
    """Trajectories of rows over any axes, wherever they are.

    Attributes
    ----------
    sizes : dict of str to int
        The axes in their order, depth and tokens among them, and how long they are.
    lead : tuple of str
        What the rows are over.
    shape : tuple of int
        How many there are along each.
    depth, width : int
        States (or updates) of a row, features of each.
    labels : dict
        Coordinates over ``lead``, or of the features, that the states brought along.
    told : bool
        Which axis is which was said, by the user or by names.
    raw : bool
        By its name the last state is what left the last block.
    kind : str
        Of the numbers, for the record.
    """

    sizes: dict[str, int]
    lead: Axes
    shape: tuple[int, ...]
    depth: int
    width: int
    labels: dict[str, xr.DataArray]
    told: bool
    raw: bool
    kind: str
    _slab: Callable[[slice], Float]
    _step: int

    def chunks(self, most: int | None = None) -> Iterator[Float]:
        """Rows in their order, (n, depth, width) float64, the last of ``lead`` the fastest; no more than ``most`` at once."""
        first = self.shape[0] if self.shape else 1
        step = self._step if most is None else max(1, min(self._step, most))
        for start in range(0, first, step):
            yield self._slab(slice(start, min(start + step, first))).reshape(-1, self.depth, self.width)

    def some(self, count: int) -> Float:
        """About the first ``count`` rows, or all there are."""
        each = int(np.prod(self.shape[1:], dtype=int)) or 1
        rows = next(islice(self.chunks(-(-count // each)), 1))
        return rows[:: max(1, len(rows) // count)]


def stacked(states: Any, axes: Sequence[str] | None, tokens: Any = None, kind: Kind = "states") -> Stack:
    """The ``states`` of anything that holds them, with ``axes`` in the words of :func:`depthscope.from_states`."""
    raw = False
    states = _of_output(states)
    _check_dense(states)
    if hasattr(states, "keys") and not hasattr(states, "shape"):
        states, raw = in_order(states, kind)
        named = True
    else:
        named = isinstance(states, xr.DataArray)
    said = tuple(str(name) for name in axes) if axes is not None else None
    if isinstance(states, list | tuple):
        if not states:
            raise DepthscopeError("there are no states in the list: give one array per layer")
        if said and DEPTH in _plain(said) and _plain(said)[0] != DEPTH:  # an array for each row, not for each layer
            states = np.stack([numbers(one) for one in _alike(states)])
        else:
            return _of_layers(_alike(states), said, tokens, named, raw)
    array = states if hasattr(states, "shape") and hasattr(states, "dtype") else numbers(states)
    order = _order(array, said, ORDERS, (DEPTH, FEATURE))
    if isinstance(array, xr.DataArray):
        check_labels(array, str(array.dims[order.index(DEPTH)]), kind)
    return _built([array], order, tokens, named or said is not None, raw)


def _check_dense(states: Any) -> None:
    """Refuse tensors of torch that are no rectangle of numbers, of which even the shape may be no shape."""
    for one in states if isinstance(states, list | tuple) else (states,):
        if is_torch(one) and (one.is_nested or str(one.layout) != "torch.strided"):
            kind = "nested" if one.is_nested else str(one.layout).removeprefix("torch.")
            raise DepthscopeError(
                f"a {kind} tensor is no array of states: make it dense (to_dense(); of a nested one, one token of each text)"
            )


def _of_output(states: Any) -> Any:
    """The states of what a model of transformers returns, or of a Dataset; anything else as it is."""
    if isinstance(states, xr.Dataset):
        return variable(states)
    if hasattr(states, "hidden_states"):
        if states.hidden_states is None:
            raise DepthscopeError(
                "the output holds no hidden states: ask the model for them with output_hidden_states=True"
            )
        states = states.hidden_states
    elif hasattr(states, "decoder_hidden_states") or hasattr(states, "encoder_hidden_states"):
        raise DepthscopeError(
            "the output is of an encoder and a decoder: give its decoder_hidden_states or its encoder_hidden_states, which "
            "it has with output_hidden_states=True"
        )
    first = states[0] if isinstance(states, list | tuple) and states else None
    if isinstance(first, list | tuple) and first and len(getattr(first[0], "shape", ())) > 2:
        raise DepthscopeError(
            "these are the states of every step of generate(): give those of one step, or of one pass over the whole text"
        )
    return states


def _of_layers(layers: list[Any], said: Axes | None, tokens: Any, named: bool, raw: bool) -> Stack:
    inner = _plain(said)[1:] if said and DEPTH in _plain(said) else said
    order = _order(layers[0], inner, ORDERS_OF_A_LAYER, (FEATURE,))
    return _built(layers, (DEPTH, *order), tokens, named or said is not None, raw)


def _built(layers: list[Any], order: Axes, tokens: Any, told: bool, raw: bool) -> Stack:
    """``layers``: one array with all the axes of ``order``, or one for each place on the first of them."""
    several = len(layers) > 1 or len(layers[0].shape) < len(order)
    own = order[1:] if several else order
    size = dict(zip(own, layers[0].shape, strict=True))
    depth = len(layers) if several else size[DEPTH]
    if not size[FEATURE] or not depth or not all(size.values()):
        raise DepthscopeError(f"the states are empty: their shape is {tuple(layers[0].shape)}")
    lead = tuple(name for name in own if name not in (DEPTH, FEATURE))
    chosen = _tokens(tokens, lead, size)
    kept = tuple(name for name in lead if name != TOKEN) if chosen is not None else lead
    target = (*lead, FEATURE) if several else (*lead, DEPTH, FEATURE)

    def slab(rows: slice) -> Float:
        parts = [_read(layer, own, lead, rows, target) for layer in layers]
        whole = np.stack(parts, axis=-2) if several else parts[0]
        return whole if chosen is None else whole[np.arange(len(whole)), chosen[rows]]

    row = 8 * depth * int(np.prod([n for name, n in size.items() if name != DEPTH and name not in lead[:1]], dtype=int))
    step = max(1, READ_BYTES // row)
    # whole chunks of a store, that none is read and unpacked again and again
    piece = _chunk(layers[0], own.index(lead[0])) if lead else 1
    step = max(1, step // piece) * piece if piece * row <= 4 * READ_BYTES else step
    return Stack(
        {DEPTH: depth, **size} if several else size,
        kept,
        tuple(size[name] for name in kept),
        depth,
        size[FEATURE],
        _labels(layers[0], (*kept, FEATURE)),
        told,
        raw,
        str(layers[0].dtype),
        slab,
        step,
    )


def _order(array: Any, said: Axes | None, usual: Mapping[int, Axes], needed: Axes) -> Axes:
    """The names of the axes: as said, as the array has them, or the usual ones."""
    shape = tuple(array.shape)
    if isinstance(array, xr.DataArray):
        own = tuple(str(dim) for dim in array.dims)
        unnamed = all(re.fullmatch(r"dim_\d+", name) for name in own)
        if said is not None and not unnamed and _plain(said) != _plain(own):
            raise DepthscopeError(
                f"axes={said!r}, but the array says that its axes are {own!r}: leave axes= out, or transpose"
            )
        said = said if unnamed and said is not None else own
    if said is None:
        if len(shape) not in usual:
            raise DepthscopeError(
                f"an array of shape {shape}: say which axis is which, e.g. axes=('stimulus', 'state', 'feature')"
            )
        return usual[len(shape)]
    order = _plain(said)
    missing = [name for name in needed if order.count(name) != 1]
    if missing or len(set(order)) < len(order) or len(order) != len(shape):
        raise DepthscopeError(
            f"axes={tuple(said)!r} do not fit an array of shape {shape}: name each of its axes once, {' and '.join(needed)} "
            "among them"
        )
    clash = [name for name in order if name in ("other_layer", "part", "rank", "scale")]
    if clash:
        raise DepthscopeError(f"axes={tuple(said)!r}: {clash[0]} is a name of the results; choose another")
    return order


def _plain(said: Axes) -> Axes:
    """``layer`` is another word for the axis of depth."""
    return tuple(DEPTH if name == "layer" else name for name in said)


def _tokens(tokens: Any, lead: Axes, size: Mapping[str, int]) -> Any:
    if tokens is None:
        return None
    if TOKEN not in lead or len(lead) != 2 or lead[1] != TOKEN:
        raise DepthscopeError(
            f"tokens= chooses one of the tokens of each row, and the rows here are over {listed(lead) or 'nothing'}: it needs "
            "axes=('stimulus', 'token', ...)"
        )
    count = size[lead[0]]
    chosen = np.asarray(tokens)
    chosen = np.full(count, chosen) if chosen.ndim == 0 else chosen
    if chosen.shape != (count,) or chosen.dtype.kind not in "iu":
        raise DepthscopeError(f"tokens=: give a whole number for each of the {count} rows")
    wrong = np.flatnonzero((chosen < 0) | (chosen >= size[TOKEN]))
    if len(wrong):
        raise DepthscopeError(
            f"tokens=: row {wrong[0]} asks for token {chosen[wrong[0]]} of {size[TOKEN]}; they are counted from 0, not from "
            "the end, where padding stands"
        )
    return chosen


def _read(array: Any, own: Axes, lead: Axes, rows: slice, target: Axes) -> Float:
    index = tuple(rows if lead and name == lead[0] else slice(None) for name in own)
    try:
        values = numbers(array[index])
    except DepthscopeError:
        raise
    except Exception as problem:  # stores and their codecs raise whatever the damage leads to
        raise DepthscopeError(f"the states cannot be read ({reason(problem, 80)}): give arrays of numbers") from None
    return values.transpose([own.index(name) for name in target])


def numbers(values: Any) -> Float:
    """As float64, from whatever library."""
    if is_torch(values):
        if values.is_complex() or str(values.dtype) == "torch.bool":
            raise DepthscopeError(f"states of {values.dtype} are no real numbers: give floats")
        # NumPy knows no bfloat16
        found: Float = values.detach().cpu().double().numpy()
        return found
    if np.ma.is_masked(values):
        raise DepthscopeError("some of the states are masked, so that they are not there: leave their rows out")
    try:
        array = np.asarray(values)
        if array.dtype.kind not in "fiu":
            array = array.astype(np.float32) if array.dtype.name == "bfloat16" else array
        if array.dtype.kind not in "fiu":
            raise TypeError(f"{array.dtype} are no real numbers")
        return array.astype(np.float64)
    except (TypeError, ValueError) as problem:
        raise DepthscopeError(
            f"a {type(values).__name__} cannot be read as states ({reason(problem, 80)}): give an array, a list with an array "
            "per layer, or a dict of layers"
        ) from None


def _alike(layers: Sequence[Any]) -> list[Any]:
    """Arrays of one shape, and of the same axes and labels if they have names."""
    found = [one if hasattr(one, "shape") and hasattr(one, "dtype") else numbers(one) for one in layers]
    for number, one in enumerate(found):
        if isinstance(one, xr.DataArray) and isinstance(found[0], xr.DataArray):
            _check_alike(one, found[0], number)
        if tuple(one.shape) != tuple(found[0].shape):
            raise DepthscopeError(
                f"array {number} has shape {tuple(one.shape)}, the first {tuple(found[0].shape)}: every state needs the same "
                "rows and features"
            )
    if len(found[0].shape) == 0:
        raise DepthscopeError("a list of numbers is no trajectory: give one array per layer")
    return found


def _check_alike(one: xr.DataArray, first: xr.DataArray, number: int) -> None:
    if one.dims != first.dims:
        raise DepthscopeError(
            f"array {number} has the axes {one.dims}, the first {first.dims}: bring them into one order"
        )
    for name in set(one.indexes) & set(first.indexes):
        if not one.indexes[name].equals(first.indexes[name]):
            raise DepthscopeError(f"array {number} has other {name!r} than the first: bring them into one order")


def _chunk(array: Any, axis: int) -> int:
    """Rows in a chunk of a store, along an axis; 1 where there are none."""
    chunks = getattr(array, "chunks", None)
    try:
        found = chunks[axis] if chunks else 1
        return int(found if isinstance(found, int) else found[0])
    except (TypeError, IndexError):
        return 1


def _labels(array: Any, lead: Axes) -> dict[str, xr.DataArray]:
    if not isinstance(array, xr.DataArray):
        return {}
    return {str(name): c for name, c in array.coords.items() if c.dims and set(c.dims) <= set(lead)}


def variable(data: xr.Dataset) -> xr.DataArray:
    names = ["states"] if "states" in data else list(data.data_vars)
    if len(names) != 1:
        hint = "these are trajectories already, without their states" if "gram" in data else "give one variable"
        raise DepthscopeError(f"the Dataset has {len(names)} variables, and none is called states: {hint}")
    return data[names[0]]
