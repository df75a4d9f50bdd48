"""Maps of tokens over time, window by window; all windows of a sound on one axis; and how they are stored."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from depthscope.errors import DepthscopeError
from depthscope.words import size_text

# bytes of one array of all tokens and all frames; beyond it there are the windows
LARGEST = 4_000_000_000
# names of rivals are variables of the file
RIVAL = "rival: "


@dataclass(frozen=True, eq=False)
class WindowMap:
    """What the tokens of one window rest on.

    Attributes
    ----------
    times : array (frame,)
        Seconds in the file at which frames are centred.
    map : array (token, frame), float32
        Rows sum to 1.
    layers : array (layer, token, frame), float16, optional
        The map of each decoder layer by itself, the first layer first.
    rivals : mapping of name to array (token, frame), float32
        Maps by other methods.
    """

    times: NDArray[np.float64]
    map: NDArray[np.float32]
    layers: NDArray[np.float16] | None = None
    rivals: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shape = self.map.shape
        if shape[1] != len(self.times):
            raise ValueError(f"{shape[1]} frames have {len(self.times)} times")
        if self.layers is not None and self.layers.shape[1:] != shape:
            raise ValueError(f"maps by layer are {self.layers.shape[1:]}, the map is {shape}")
        for name, rival in self.rivals.items():
            if rival.shape != shape:
                raise ValueError(f"the map of {name} is {rival.shape}, that of the method {shape}")


def on_one_axis(
    windows: Sequence[WindowMap], values: Callable[[WindowMap], NDArray[Any]], inner: Sequence[str] = ()
) -> xr.DataArray:
    """``values`` (token, ..., frame) of all windows on the frames of all windows, in the order of time.

    Each frame belongs to one window (coordinate ``window``), and is 0 for the tokens of the others: where windows
    overlap, as those of a recogniser's own rule do, each keeps its frames, so that no value is moved or mixed.

    Raises
    ------
    DepthscopeError
        It would take more than 4 GB.
    """
    rows = [values(one) for one in windows]
    middle = rows[0].shape[1:-1] if rows else (0,) * len(inner)
    count, frames = sum(len(one) for one in rows), sum(len(one.times) for one in windows)
    kind = rows[0].dtype if rows else np.dtype(np.float32)
    needed = count * int(np.prod(middle, dtype=np.int64)) * frames * kind.itemsize
    if needed > LARGEST:
        raise DepthscopeError(
            f"one map of {count:,} tokens over {frames:,} frames takes {size_text(needed)}: go through .windows, "
            "which has the map of each"
        )
    times = np.concatenate([one.times for one in windows]) if windows else np.zeros(0)
    numbers = np.repeat(np.arange(len(windows)), [len(one.times) for one in windows])
    order = np.argsort(times, kind="stable")
    whole = np.zeros((count, *middle, frames), kind)
    token = frame = 0
    for one in rows:
        whole[token : token + len(one), ..., frame : frame + one.shape[-1]] = one
        token, frame = token + len(one), frame + one.shape[-1]
    return xr.DataArray(
        whole[..., order],
        dims=("token", *inner, "frame"),
        coords={"seconds": ("frame", times[order]), "window": ("frame", numbers[order])},
    )


def stored(windows: Sequence[WindowMap]) -> tuple[xr.Dataset, xr.DataArray | None]:
    """The maps for a file, and those by layer for another, NetCDF 3.

    A row is over the frames of its own window alone: ``map`` (token, frame), ``seconds`` (window, frame) and ``of_window``
    (token,); behind the last frame of a window that has fewer than others is NaN.
    """
    most = max((len(one.times) for one in windows), default=0)

    def padded(values: NDArray[Any]) -> NDArray[Any]:
        behind = [(0, 0)] * (values.ndim - 1) + [(0, most - values.shape[-1])]
        return np.pad(values, behind, constant_values=np.nan)

    def rows(values: Callable[[WindowMap], NDArray[Any]]) -> NDArray[np.float32]:
        return np.concatenate([padded(values(one).astype(np.float32)) for one in windows], axis=-2)

    times = (("window", "frame"), np.stack([padded(one.times) for one in windows]))
    if not any(len(one.map) for one in windows):  # the format would take nothing for a dimension without end
        return xr.Dataset({"seconds": times}), None
    owner = np.repeat(np.arange(len(windows)), [len(one.map) for one in windows]).astype(np.int32)
    maps = xr.Dataset(
        {
            "map": (("token", "frame"), rows(lambda one: one.map)),
            **{RIVAL + name: (("token", "frame"), rows(_rival(name))) for name in _rivals(windows)},
            "seconds": times,
            "of_window": ("token", owner),
        }
    )
    if any(one.layers is None for one in windows):
        return maps, None
    layers = rows(lambda one: np.zeros((0, *one.map.shape)) if one.layers is None else one.layers)
    numbers = np.arange(1, len(layers) + 1, dtype=np.int32)
    return maps, xr.DataArray(layers, dims=("layer", "token", "frame"), coords={"layer": numbers}, name="layers")


def restored(maps: xr.Dataset, layers: xr.DataArray | None) -> tuple[WindowMap, ...]:
    """What :func:`stored` made of windows."""
    if "map" not in maps:
        found = [times[np.isfinite(times)].astype(np.float64) for times in maps["seconds"].values]
        return tuple(WindowMap(times, np.zeros((0, len(times)), np.float32)) for times in found)
    owner = maps["of_window"].values
    made = []
    for number, times in enumerate(maps["seconds"].values):
        kept = np.isfinite(times)
        mine = owner == number

        def of(values: NDArray[Any], kind: type, mine: Any = mine, kept: Any = kept) -> NDArray[Any]:
            return np.ascontiguousarray(values[..., mine, :][..., kept], dtype=kind)

        rivals = {str(name): maps[name].values for name in maps.data_vars if str(name).startswith(RIVAL)}
        made.append(
            WindowMap(
                np.ascontiguousarray(times[kept], np.float64),
                of(maps["map"].values, np.float32),
                None if layers is None else of(layers.values, np.float16),
                {name.removeprefix(RIVAL): of(values, np.float32) for name, values in rivals.items()},
            )
        )
    return tuple(made)


def _rival(name: str) -> Callable[[WindowMap], NDArray[np.float32]]:
    return lambda one: one.rivals[name]


def _rivals(windows: Sequence[WindowMap]) -> list[str]:
    """Names of the methods that every window has a map of."""
    first = windows[0].rivals if windows else {}
    return [name for name in first if all(name in one.rivals for one in windows)]
