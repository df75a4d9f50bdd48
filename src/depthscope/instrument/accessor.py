"""What xarray objects of ours look like: ``traj.depthscope.plot()``, ``h.depthscope.plot()``, ``share.depthscope.plot()``.

xarray keeps one name, ``depthscope``, for this. It is there once this module is imported, which happens as soon as
depthscope has been asked for anything after xarray was imported; :func:`plot` is the same without it.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from depthscope.arrays import Float
from depthscope.drawing.card import card, picture
from depthscope.drawing.conditions import draw_conditions
from depthscope.drawing.scalogram import draw_scalogram
from depthscope.drawing.style import note, styled
from depthscope.errors import DepthscopeError, listed, require
from depthscope.instrument.transform import TRANSFORM
from depthscope.summaries import describe_rows
from depthscope.words import names_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# settings that objects of ours carry, in the order in which they are told
SETTINGS = (
    *("model", "model_class", "dtype", "quantization", "subtoken", "stack"),
    *("signal", *TRANSFORM),
    *("normalize", "mask_coi", "min_scales", "relative"),
)
# a curve whose largest value is so many times its smallest is drawn on a logarithmic axis
DECADES = 20.0
ALL = "all"


def plot(data: xr.DataArray | xr.Dataset, ax: "Axes | None" = None, **selection: Any) -> "Axes":
    """Draw what :func:`depthscope.trace`, :func:`depthscope.cse` or :func:`depthscope.scalogram` gave.

    Parameters
    ----------
    data : Dataset or DataArray
        Trajectories: the norm of the update by layer. A measure by layer, such as CSE: its mean by layer with its 95 %
        interval, one line per condition. A scalogram: its mean over whatever is not scale or layer, with the cone of influence.
        A Dataset of one variable, as a file holds it, is that variable.
    ax : Axes, optional
        Where to draw; default: a figure of its own.
    **selection
        Labels by dimension or by coordinate of the stimuli, one or several: ``item="shark"``, ``condition=["a", "b"]``.

    Returns
    -------
    Axes of matplotlib

    Raises
    ------
    DepthscopeError
        Anything else; a label that is not there; without matplotlib.

    Examples
    --------
    >>> depthscope.plot(h, item="shark")                     # doctest: +SKIP
    >>> h.depthscope.plot(ax, condition=["metaphor", "literal"])                     # doctest: +SKIP
    """
    array = _array(data)
    chosen = _select(array, selection)
    if not chosen.size:
        raise DepthscopeError(f"{_name(array)}: there is no value to draw; give an array that is not empty")
    words = "".join(f", {names_text(np.atleast_1d(value))}" for value in selection.values())
    if {"scale", "layer"} <= set(chosen.dims):
        return _plane(chosen, words, ax)
    if "layer" in chosen.dims:
        return _curves(chosen, words, ax)
    raise DepthscopeError(
        f"{_name(array)} over {listed(chosen.dims) or 'nothing'} has no layers along which it could be drawn"
    )


class Accessor:
    """``data.depthscope``: a picture of it, alone or in a notebook."""

    def __init__(self, data: xr.DataArray | xr.Dataset) -> None:
        self._data = data

    def plot(self, ax: "Axes | None" = None, **selection: Any) -> "Axes":
        """Draw it: see :func:`depthscope.plot`."""
        return plot(self._data, ax, **selection)

    def _repr_html_(self) -> str:
        try:
            drawn = picture(lambda: plot(self._data))
        except DepthscopeError:
            drawn = ""
        return card(_title(self._data), [_shape(self._data), settings_text(self._data.attrs)], picture=drawn)

    def __repr__(self) -> str:
        return "\n".join(filter(None, [_title(self._data), _shape(self._data), settings_text(self._data.attrs)]))


for _register in (xr.register_dataset_accessor, xr.register_dataarray_accessor):
    _register("depthscope")(Accessor)  # type: ignore[no-untyped-call]


def settings_text(attrs: Mapping[Any, Any]) -> str:
    """What is known of how it came about."""
    return ", ".join(f"{name.replace('_', ' ')} {attrs[name]}" for name in SETTINGS if attrs.get(name, "") != "")


def _title(data: xr.DataArray | xr.Dataset) -> str:
    if isinstance(data, xr.Dataset) and "gram" in data:
        return "Trajectories"
    try:
        name = _name(_array(data))
    except DepthscopeError:
        return f"Dataset of {names_text(data.data_vars)}" if isinstance(data, xr.Dataset) else "Data"
    return f"{name[0].upper()}{name[1:]}"


def _shape(data: xr.DataArray | xr.Dataset) -> str:
    """Its size in words; dimensions that only make a matrix do not count."""
    sizes = [(str(name), count) for name, count in data.sizes.items() if name not in ("other_layer", "state")]
    return " x ".join(
        f"{count} {name}{'' if count == 1 or name == 'stimulus' else 's'}" for name, count in sizes
    ).replace("stimulus", "stimuli")


def _name(array: xr.DataArray) -> str:
    return str(array.attrs.get("long_name") or array.name or "values")


def _array(data: xr.DataArray | xr.Dataset) -> xr.DataArray:
    """What there is to draw."""
    if isinstance(data, xr.DataArray):
        return data
    if "update_norm" in data:
        about = {"long_name": "norm of the update", **{k: v for k, v in data.attrs.items() if k in SETTINGS}}
        return data["update_norm"].assign_attrs(about)
    if len(data.data_vars) == 1:
        return next(iter(data.data_vars.values()))
    raise DepthscopeError(
        f"a Dataset of {listed(data.data_vars) or 'nothing'}: name the variable to draw, as in data['cse']"
    )


def _select(array: xr.DataArray, selection: Mapping[str, Any]) -> xr.DataArray:
    for name, value in selection.items():
        if name not in array.coords or array[name].ndim != 1:
            there = listed(c for c in array.coords if array[c].ndim == 1)
            raise DepthscopeError(f"{name}={value!r}: nothing of this name to choose by; there is {there or 'nothing'}")
        labels = array[name].values
        wanted = np.atleast_1d(np.asarray(value, dtype=object))
        if not wanted.size:
            raise DepthscopeError(f"{name}=[] chooses nothing: give one label or more, or leave {name} out for all")
        missing = [one for one in wanted if one not in labels.tolist()]
        if missing:
            raise DepthscopeError(f"{name}={missing[0]!r} is not there: choose among {listed(dict.fromkeys(labels))}")
        array = array.isel({array[name].dims[0]: np.isin(labels, wanted.tolist())})
    return array


def _curves(array: xr.DataArray, words: str, ax: "Axes | None") -> "Axes":
    rows = {name: values for name, values in _by_condition(array).items() if np.isfinite(values).any()}
    if not rows:
        raise DepthscopeError(f"{_name(array)}: there is no value to draw")
    coords = {name: array[name] for name in ("layer", "relative_depth") if name in array.coords}
    layers = describe_rows(rows, {"condition": list(rows), **coords})
    unit = "CSE" if array.name == "cse" else _name(array)
    title = f"{unit[0].upper()}{unit[1:]} by layer{words}"
    return _draw_curves(layers, title, settings_text(array.attrs), ax, unit)


@styled
def _draw_curves(layers: xr.Dataset, title: str, text: str, ax: "Axes | None", unit: str) -> "Axes":
    ax = draw_conditions(layers, [], title, text, ax, unit)
    means = layers["mean"].values[np.isfinite(layers["mean"].values)]
    if means.min() > 0 and means.max() > DECADES * means.min():
        ax.set_yscale("log")
        # plain numbers: the usual ones of such an axis are formulas
        ticker = require("matplotlib.ticker", "figures")
        ax.yaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
        ax.yaxis.set_major_formatter(ticker.StrMethodFormatter("{x:g}"))
        ax.yaxis.set_minor_locator(ticker.NullLocator())
    return ax


def _by_condition(array: xr.DataArray) -> dict[str, Float]:
    """Rows (n, layer) of each condition; of all together where there are none."""

    def rows(some: xr.DataArray) -> Float:
        values = some.transpose(..., "layer").values.astype(np.float64)
        return values.reshape(-1, values.shape[-1])

    if "condition" not in array.coords or array["condition"].ndim != 1:
        return {str(array["condition"].item()) if "condition" in array.coords else ALL: rows(array)}
    labels = [str(label) for label in array["condition"].values]
    (dim,) = array["condition"].dims
    return {one: rows(array.isel({dim: [label == one for label in labels]})) for one in dict.fromkeys(labels)}


def _plane(array: xr.DataArray, words: str, ax: "Axes | None") -> "Axes":
    if not {"period", "coi"} <= set(array.coords):
        raise DepthscopeError(
            f"{_name(array)} has no coordinates period and coi: give what depthscope.scalogram returns"
        )
    others = [str(dim) for dim in array.dims if dim not in ("scale", "layer")]
    count = int(np.isfinite(array.values).any((array.get_axis_num("scale"), array.get_axis_num("layer"))).sum())
    mean = array.mean(others) if others else array
    title = f"{_name(array)}{words}" + (f", mean of {count}" if others else "")
    return _draw_plane(mean, title, settings_text(array.attrs), ax, _name(array))


@styled
def _draw_plane(mean: xr.DataArray, title: str, text: str, ax: "Axes | None", label: str) -> "Axes":
    ax = draw_scalogram(mean, f"{title[0].upper()}{title[1:]}", ax, label)
    note(ax, text)
    return ax
