"""The contrast of a run again, of quantities that depend on no weight of the scales."""

from collections.abc import Callable, Mapping
from typing import Any

import xarray as xr

from depthscope.errors import DepthscopeError
from depthscope.instrument.autocorrelation import direction_autocorrelation
from depthscope.instrument.cse import cse
from depthscope.instrument.relative import slope
from depthscope.statistics.contrast import contrast
from depthscope.statistics.result import Contrast
from depthscope.studies.contrast.results import SLOPES, Quantities

# options of cse() that slopes have none of
NOT_OF_SLOPES = ("normalize", "relative")
# those that cosines have too
OF_COSINES = ("signal", "layers", "precision")
NO_DIRECTIONS = "the signal, the logarithm of the norm, has no direction"


def other_quantities(traj: xr.Dataset, measure: Mapping[str, Any]) -> tuple[xr.Dataset, dict[str, str]]:
    """Relative CSE, the three slopes and the mean cosine (item, condition, layer), by the names of
    :data:`depthscope.studies.contrast.results.QUANTITY_NAMES`; and why those are missing that the trajectories do not allow.

    ``measure``: keywords of :func:`depthscope.cse`.
    """
    if measure.get("signal") == "norm":
        return xr.Dataset(), dict.fromkeys(("relative", *SLOPES, "autocorrelation"), NO_DIRECTIONS)
    shared = {name: value for name, value in measure.items() if name not in NOT_OF_SLOPES}
    least = max(2, shared.get("min_scales", 4))
    cosines = {name: value for name, value in measure.items() if name in OF_COSINES}
    makers: dict[tuple[str, ...], Callable[[], xr.DataArray | xr.Dataset]] = {
        ("relative",): lambda: cse(traj, **{**measure, "relative": True}).rename("relative"),
        SLOPES: lambda: slope(traj, **{**shared, "min_scales": least}),
        ("autocorrelation",): lambda: direction_autocorrelation(traj, **cosines).rename("autocorrelation"),
    }
    found: list[xr.DataArray] = []
    missing: dict[str, str] = {}
    for names, make in makers.items():
        try:
            made = make()
            found += [made] if isinstance(made, xr.DataArray) else [made[name] for name in names]
        except DepthscopeError as problem:
            missing |= dict.fromkeys(names, str(problem))
    return xr.Dataset({str(one.name): one for one in found}), missing


def contrast_quantities(
    quantities: xr.Dataset, missing: Mapping[str, str], main: Contrast, options: Mapping[str, Any]
) -> Quantities:
    """The same contrast as ``main`` of all of them; ``options`` are keywords of :func:`depthscope.contrast`.

    A hypothesis of one direction is one about CSE: the slopes and the cosine, which may go the other way, are tested in both.
    """
    rows, without = {"cse": main}, dict(missing)
    for name, values in quantities.data_vars.items():
        if name == "autocorrelation":  # how many scales a layer has is of a transform, which cosines have not
            values = values.drop_vars("valid_scales", errors="ignore")
        chosen = dict(options) if name == "relative" else {**options, "alternative": "two-sided"}
        try:
            rows[str(name)] = contrast(values, main.terms, **chosen)
        except DepthscopeError as problem:
            without[str(name)] = str(problem)
    signals = {one.attrs["signal"] for one in quantities.data_vars.values() if "signal" in one.attrs}
    return Quantities(rows, main.window, without, signals.pop() if signals else "update")
