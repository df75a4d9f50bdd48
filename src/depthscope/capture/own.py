"""The entrance for activations that somebody else captured: states or updates in, what ``trace`` returns out."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, get_args

import numpy as np
import pandas as pd
import xarray as xr

from depthscope.arrays import Float, trajectory, unsquared, unsquared_sentence
from depthscope.capture.doubts import Kind, Last, looks, of_kind, of_shape
from depthscope.capture.initial import initial_states
from depthscope.capture.labels import check_covariates, column_coords, layer_coords, update_norm
from depthscope.capture.stack import Stack, stacked
from depthscope.errors import DepthscopeError, check_choice, listed
from depthscope.progress import bar
from depthscope.stimuli.frames import as_frame
from depthscope.stimuli.table import row_name, validate_labels

# rows that are looked at before all are read
LOOKED_AT = 64
LEAST = 4  # layers, fewer than which are too few to speak of depth


def from_states(
    states: Any,
    table: Any = None,
    *,
    kind: Kind | None = None,
    last: Last | None = None,
    axes: Sequence[str] | None = None,
    tokens: int | Sequence[int] | None = None,
    initial: Any = None,
    model: str = "own states",
    progress: bool = True,
) -> xr.Dataset:
    """Make of activations that you captured yourself what :func:`depthscope.trace` returns.

    Parameters
    ----------
    states : array, list or dict of arrays, cache
        The residual stream at every depth, ``h_0`` (what enters the first block), ``h_1``, .. ``h_L`` (what leaves the last):
        an array of NumPy, torch, xarray, Zarr, HDF5 or another library; a list or tuple with an array for each state, such
        as ``output_hidden_states=True`` gives, or that output itself; a dict whose keys are the numbers of the states, or
        names with these numbers; a cache of TransformerLens, of which ``blocks.0.hook_resid_pre`` and every
        ``hook_resid_post`` are taken. What lies in a store is read a part at a time.
    table : DataFrame or rows, optional
        A row for each row of the states, in their order: ``item`` and ``condition``, which a contrast needs, ``pair``, any
        covariates, and if you like ``text`` and ``target``.
    kind : {"states", "updates"}, optional
        ``"updates"``: they are ``u_1 .. u_L``, each what one block added. By default they are states, if they look like it.
    last : {"raw", "normed"}, optional
        Whether the last state is before or behind the final norm. ``output_hidden_states[-1]`` of most models stands
        behind it: the last update is then no update, and is left out. By default it is seen from the numbers, and asked for
        where these leave it open.
    axes : sequence of str, optional
        What each axis is: ``"state"`` (or ``"layer"``), ``"feature"``, and any names for the rest. Default: ``("stimulus",
        "state", "feature")``, the dimensions of an xarray array; of a list, ``("stimulus", "feature")`` or ``("stimulus",
        "token", "feature")`` for each of its arrays.
    tokens : int or one per row, optional
        Which token stands for the row, counted from 0, if there is an axis ``"token"``; without it, all are rows.
    initial : array, optional
        With updates: ``h_0``, with the axes of the updates but for depth, in their order unless they have names, as in
        xarray. ``signal="state"`` needs it.
    model : str
        What to call them.
    progress : bool
        Show a bar if it takes longer than a second.

    Returns
    -------
    Dataset, one row per stimulus
        ``gram``, ``update_norm``, ``state_norm``, ``initial_dot``, ``participation``, float64, as :func:`depthscope.trace`
        describes them; with updates alone, ``state_norm`` and ``initial_dot`` are NaN. Coordinates: the columns of the table,
        or whatever an xarray array brought along. Without a table, rows are over the axes given. Attributes: ``model``,
        ``width``, ``dtype``; ``kind``, ``last``; ``depth``, the number of blocks, one more than there are layers if the last
        update is left out; ``doubts``, what spoke against what was said.

    Raises
    ------
    DepthscopeError
        What does not look like what it is taken for (states in no order of depth, updates that look like states, a last state
        behind a norm, more layers than features), unless ``kind``, ``last`` and ``axes`` say what it is; NaN or infinity, or
        numbers whose squares are; a table of another length; missing layers, states numbered from 1; ``initial`` with other
        axes or labels than the updates.

    Warns
    -----
    UserWarning
        It does not look like what was said; the attribute ``doubts`` keeps the words.

    Notes
    -----
    What it looks like is judged by the first rows, by rules and with rates of error that docs/own-model.md gives. They catch
    common slips, and cannot prove that states are right: that takes the model itself, as in :func:`depthscope.load`.

    Examples
    --------
    >>> import numpy as np, depthscope as ds
    >>> states = np.random.default_rng(0).normal(size=(6, 13, 64)).cumsum(1)
    >>> rows = [{"item": i, "condition": c} for i in "xyz" for c in "ab"]
    >>> traj = ds.from_states(states, rows, last="raw")
    >>> ds.cse(traj).dims
    ('item', 'condition', 'layer')
    """
    for name, value, allowed in (("kind", kind, get_args(Kind)), ("last", last, get_args(Last))):
        if value is not None:
            check_choice(name, value, allowed)
    found: Kind = kind or "states"
    stack = stacked(states, axes, tokens, found)
    start = initial_states(initial, kind, stack, tokens)
    total = stack.depth - (found == "states")
    _check_depth(total)
    sample = stack.some(LOOKED_AT)
    if not np.isfinite(sample).all():
        _refuse_unfinished(stack, found, table)
    # what is judged has no unit, and squares of what is judged must be numbers
    largest = np.abs(sample).max() or 1.0
    sample, first = sample / largest, None if start is None else start / largest
    doubts = _doubts(stack, sample, kind)
    end, doubt = _last(stack, sample, found, last, first)
    doubts += [doubt] if doubt else []
    depth = total - (end == "normed")
    _check_depth(depth)
    rows = _rows(stack, table)
    if isinstance(initial, xr.DataArray) and rows is not None:
        _check_brought(initial.coords, stack.lead, rows, "initial= brings its")
    for one in doubts:
        warnings.warn(f"from_states: {one}; taken as you say", UserWarning, stacklevel=2)
    arrays = _reduced(stack, found, end == "normed", start, rows, progress)
    attrs: dict[str, Any] = {
        "model": model,
        "width": stack.width,
        "dtype": stack.kind,
        "kind": found,
        "last": f"{end}{'' if last or stack.raw else ', as it looks'}{'; its update is left out' if end == 'normed' else ''}",
        "depth": total,
    }
    if doubts:
        attrs["doubts"] = "; ".join(doubts)
    return _dataset(arrays, stack, rows, layer_coords(depth, total), attrs)


def _check_depth(layers: int) -> None:
    if layers < LEAST:
        raise DepthscopeError(f"{layers} layers are too few to speak of depth: at least {LEAST}")


def _doubts(stack: Stack, sample: Float, kind: Kind | None) -> list[str]:
    """What speaks against what was said; refused where it was not said."""
    shape = of_shape(stack.depth, stack.width)
    if shape and not stack.told:
        raise DepthscopeError(
            f"{shape}: is that axis depth? Say which is which, e.g. axes=('stimulus', 'state', 'feature')"
        )
    look = of_kind(sample, kind or "states")
    if look and not (kind and stack.told):
        raise DepthscopeError(
            f"{look}; say what they are and along which axis: kind='states' or 'updates', and axes=, e.g. "
            "axes=('stimulus', 'state', 'feature')"
        )
    return [one for one in (shape, look) if one]


def _last(stack: Stack, sample: Float, kind: Kind, last: Last | None, start: Float | None) -> tuple[Last, str]:
    """Whether the last state is raw, and what speaks against it."""
    if last == "normed" or (last is None and stack.raw):
        return last or "raw", ""
    if kind == "updates":
        before = start[: len(sample)] if start is not None and len(sample) else np.zeros_like(sample[:, 0])
        sample = np.concatenate([before[:, None], sample], axis=1).cumsum(1)
        sample = sample if start is not None else sample[:, 1:]
    seen, told = looks(sample)
    if kind == "updates" and start is None and seen == "raw":
        seen = None  # the state before layer 1 is not known, so that only a large change can be seen
    if last == "raw":
        return last, f"the last state looks as if it stood behind the final norm ({told})" if seen == "normed" else ""
    if seen == "raw":
        return seen, ""
    looking = "looks as if it stood" if seen == "normed" else "may stand"
    raise DepthscopeError(
        f"the last state {looking} behind the final norm, as output_hidden_states[-1] does ({told}): say last='normed', which "
        "leaves its update out, or last='raw' if it is what leaves the last block"
    )


def _rows(stack: Stack, table: Any) -> pd.DataFrame | None:
    """The table of the rows: as given, or of an axis for items and one for conditions."""
    if table is None:
        if sorted(stack.lead) != ["condition", "item"]:
            return None
        names = [[str(v) for v in stack.labels[d].values] if d in stack.labels else range(n) for d, n in _sizes(stack)]
        crossed = pd.MultiIndex.from_product(names, names=list(stack.lead)).to_frame(index=False)
        return validate_labels(crossed, "states")
    rows = validate_labels(as_frame(table, "table"), "table")
    check_covariates(rows)
    if len(stack.lead) > 1:
        raise DepthscopeError(
            f"the states have rows over {listed(stack.lead)}, a table has one row after the other: choose one token of each "
            "(tokens=), or give one axis of rows"
        )
    count = stack.shape[0] if stack.shape else 1
    if len(rows) != count:
        raise DepthscopeError(
            f"the table has {len(rows)} rows, the states have {count}: each needs its own, in the same order"
        )
    return rows


def _sizes(stack: Stack) -> list[tuple[str, int]]:
    return list(zip(stack.lead, stack.shape, strict=True))


def _reduced(
    stack: Stack, kind: Kind, drop: bool, start: Float | None, table: pd.DataFrame | None, progress: bool
) -> dict[str, Float]:
    done: list[dict[str, Float]] = []
    at = 0
    with bar(int(np.prod(stack.shape, dtype=int)), "reading", unit="row", shown=progress) as advance:
        for rows in stack.chunks():
            _check_finite(rows, at, stack, kind, table)
            kept = rows[:, :-1] if drop else rows
            # a participation of no update at all is not a number; squares that are none are refused below
            with np.errstate(invalid="ignore", divide="ignore", over="ignore", under="ignore"):
                if kind == "updates":
                    before = start[at : at + len(rows)] if start is not None else np.zeros_like(rows[:, 0])
                    part = trajectory(np.concatenate([before[:, None], kept], axis=1).cumsum(1), kept)
                else:
                    part = trajectory(kept)
            _check_squares(part, kept, at, stack, kind, table)
            if kind == "updates" and start is None:
                part["initial_dot"], part["state_norm"] = (
                    np.full_like(part[name], np.nan) for name in ("initial_dot", "state_norm")
                )
            done.append(part)
            at += len(rows)
            advance(len(rows))
    return {name: np.concatenate([part[name] for part in done]) for name in done[0]}


def _refuse_unfinished(stack: Stack, kind: Kind, table: Any) -> None:
    """Say where the first value is that is not a finite number."""
    rows, at = _rows(stack, table), 0
    for part in stack.chunks():
        _check_finite(part, at, stack, kind, rows)
        at += len(part)


def _check_finite(rows: Float, at: int, stack: Stack, kind: Kind, table: pd.DataFrame | None) -> None:
    finite = np.isfinite(rows)
    if finite.all():
        return
    row, number, feature = (int(i) for i in np.argwhere(~finite)[0])
    infinite = stack.kind.endswith("float16") and not np.isnan(rows[row, number]).any()
    raise DepthscopeError(
        f"{_who(at + row, stack, table)}: NaN or infinity in {_number(number, kind)}, feature {feature}; "
        + ("float16 did not hold it: capture it in float32" if infinite else "leave the row out or mend it")
    )


def _check_squares(
    part: dict[str, Float], rows: Float, at: int, stack: Stack, kind: Kind, table: pd.DataFrame | None
) -> None:
    """``part``: what was made of ``rows``, the states or updates from row ``at`` on."""
    updates = np.diff(rows, axis=1) if kind == "states" else rows
    energy = part["gram"].trace(axis1=-2, axis2=-1)
    held = np.isfinite(part["gram"]).all((1, 2)) & np.isfinite(part["initial_dot"]).all(1)
    energy[~held | ~np.isfinite(part["state_norm"]).all(1)] = np.inf
    wrong = np.flatnonzero(unsquared(energy) & (updates != 0).any((1, 2)))
    if len(wrong):
        raise DepthscopeError(unsquared_sentence(_who(at + wrong[0], stack, table), energy[wrong[0]]))


def _who(row: int, stack: Stack, table: pd.DataFrame | None) -> str:
    """Words for a row."""
    if table is not None:
        return row_name("states", str(table["item"].iloc[row]), str(table["condition"].iloc[row]))
    places = np.unravel_index(row, stack.shape) if stack.shape else ()
    return ", ".join(f"{name} {int(i)}" for name, i in zip(stack.lead, places, strict=True)) or "the states"


def _number(place: int, kind: Kind) -> str:
    return f"state {place}" if kind == "states" else f"update {place + 1}"


def _check_brought(coords: Mapping[Any, Any], lead: tuple[str, ...], table: pd.DataFrame, who: str) -> None:
    """Labels that an array brings along must be those of the table, row for row."""
    for name, column in coords.items():
        if column.dims == lead and name in table and list(map(str, column.values)) != list(map(str, table[name])):
            raise DepthscopeError(
                f"{who} own {name!r}, which is not that of the table: bring both into one order, or leave one of them out"
            )


def _dataset(
    arrays: dict[str, Float],
    stack: Stack,
    table: pd.DataFrame | None,
    layers: dict[str, Any],
    attrs: dict[str, Any],
) -> xr.Dataset:
    arrays = {**arrays, "update_norm": update_norm(arrays["gram"])}
    lead, shape = stack.lead, stack.shape
    coords: dict[str, Any] = {
        n: c for n, c in stack.labels.items() if n not in layers and n not in arrays and set(c.dims) <= set(lead)
    }
    if table is not None:
        _check_brought(coords, lead, table, "the states bring their")
        brought = {n: ("stimulus", c.values) for n, c in coords.items() if c.dims == lead and n not in table}
        coords = {**(brought if len(lead) == 1 else {}), **column_coords(table)}
        lead, shape = ("stimulus",), (len(table),)
    elif not lead:
        lead, shape = ("stimulus",), (1,)
    over = {
        "gram": ("layer", "other_layer"),
        "update_norm": ("layer",),
        "state_norm": ("state",),
        "initial_dot": ("layer",),
        "participation": ("layer",),
    }
    data = {
        name: ((*lead, *dims), arrays[name].reshape(*shape, *arrays[name].shape[1:])) for name, dims in over.items()
    }
    return xr.Dataset(data, {**coords, **layers}, attrs)
