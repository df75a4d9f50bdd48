"""What of the energy along depth is due to how long updates are, and what to how their directions go together."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from depthscope.arrays import Array, Float, Precision, is_torch, like, namespace
from depthscope.errors import DepthscopeError, check_flag
from depthscope.instrument.attribution import plan_of
from depthscope.instrument.cse import energy_of, entropy, over, used_scales
from depthscope.instrument.filters import EnergyNorm, FilterBank, Padding, ZeroMean
from depthscope.instrument.inputs import Measurable, measurable
from depthscope.instrument.scalogram import scale_coords
from depthscope.instrument.signals import Signal
from depthscope.instrument.transform import Transform
from depthscope.instrument.wavelets import Sampling, Wavelet

# of a logarithm of an energy, a sum whose terms may cancel
ROUNDING = 1e-13

SLOPES = {
    "total": "slope of ln energy over ln period",
    "norms": "slope of ln energy over ln period that the norms of the updates give alone",
    "directions": "slope of ln energy, relative to what norms give, over ln period",
}


def slope(
    data: Any,
    *,
    wavelet: str | Wavelet = "paul(4)",
    scales: int | Sequence[float] | Float = 16,
    periods: tuple[float, float] | None = None,
    padding: Padding = "zero",
    signal: Signal = "update",
    energy_norm: EnergyNorm = "L2",
    zero_mean: ZeroMean = "none",
    sampling: Sampling | None = None,
    layers: tuple[int, int] | None = None,
    precision: Precision = "double",
    mask_coi: bool = True,
    min_scales: int = 4,
) -> Any:
    """Slope of the energy over the period at each layer, split into what norms and what directions do.

    With ``E0(s,l) = sum_k |f_k(s,l)|^2 |u_k|^2``, the energy that random directions with the same norms have on average, and
    ``R = E / E0``,

        ``ln E(s,l) = ln E0(s,l) + ln R(s,l)``,

    and the least-squares slope of each over ``ln period``, over the scales that are valid at layer ``l``, adds up likewise:
    ``total = norms + directions``. ``directions`` above 0: updates keep a direction over many layers; below 0: they turn, or
    take back. A difference of it between conditions depends on no weight on scales: L1 and L2 give the same.

    Parameters
    ----------
    data, wavelet, scales, periods, padding, signal, energy_norm, zero_mean, sampling, layers, precision
        As for :func:`depthscope.cse`.
    mask_coi : bool
        Use only scales outside the cone of influence at each layer.
    min_scales : int
        Layers with fewer valid scales are missing (NaN), not zero; at least 2.

    Returns
    -------
    Dataset of ``total``, ``norms``, ``directions``, over (item, condition, layer) or (..., layer), float64, pure numbers
        For a torch tensor a dict of tensors, on its device. NaN where a valid cell holds no energy.

    Raises
    ------
    DepthscopeError
        As :func:`depthscope.cse`.

    Notes
    -----
    Exact: ``total = norms + directions``; any weight ``a(s,l) > 0`` on the energies adds the same number to ``total`` and
    ``norms`` of every text, and nothing to ``directions``; no factor ``c u`` and no rotation ``u Q`` changes any of the three.
    Not exact: for random directions ``directions`` is 0 only in a wide model, for the mean of a logarithm lies below the
    logarithm of the mean. ``ln R`` is no sum over attention and MLP, or over heads, as energies are: only relative CSE is
    split among them (:func:`depthscope.contributions` with ``relative=True``).

    References
    ----------
    Ours: docs/relative.md. The mean over random directions is the ``walk`` of :func:`depthscope.surrogate` in closed form.

    Examples
    --------
    >>> import numpy as np, depthscope as ds
    >>> noise = np.random.default_rng(0).normal(size=(30, 4096))
    >>> bool(abs(ds.slope(noise)["directions"].mean()) < 0.01)
    True
    """
    source = measurable(data, signal, layers, precision)
    transform = Transform(wavelet, scales, periods, padding, energy_norm, zero_mean, sampling)
    bank = transform.bank(len(source.layers))
    if min_scales < 2:
        raise DepthscopeError(f"min_scales={min_scales}: a slope needs at least 2")
    used = _used(bank, mask_coi, min_scales)
    fit = _least_squares(np.log(bank.period), used)
    expected = bank.random_energy(source.gram)
    norms = _fitted(fit, expected, used)
    directions = _fitted(fit, over(bank.energy(source.gram), expected), used)
    found = {"total": norms + directions, "norms": norms, "directions": directions}
    if is_torch(norms):
        return found
    valid = used_scales(bank, mask_coi, min_scales).sum(0)
    coords = {**source.layer_coords(), "valid_scales": ("layer", valid), "slope": list(found)}
    # labelled once, all three together
    together = _labelled(source, np.stack(list(found.values()), axis=-2), ("slope", "layer"), coords)
    wrapped = together.to_dataset("slope")
    for name, about in SLOPES.items():
        wrapped[name].attrs = {"long_name": about, "units": "1"}
    settings = transform.attributes(data, bank, signal)
    return wrapped.assign_attrs({**settings, "mask_coi": int(mask_coi), "min_scales": int(min_scales)})


def energy_map(
    data: Any,
    *,
    wavelet: str | Wavelet = "paul(4)",
    scales: int | Sequence[float] | Float = 16,
    periods: tuple[float, float] | None = None,
    padding: Padding = "zero",
    signal: Signal = "update",
    energy_norm: EnergyNorm = "L2",
    zero_mean: ZeroMean = "none",
    sampling: Sampling | None = None,
    layers: tuple[int, int] | None = None,
    precision: Precision = "double",
    mask_coi: bool = True,
    min_scales: int = 4,
    relative: bool = False,
) -> Any:
    """Centred log-ratio of the energies at each layer, ``ln E(s,l) - mean_s ln E(s,l)``.

    Any weight ``a(s,l)`` on the energies adds ``ln a - mean_s ln a`` to the map of every text, and cancels in a difference
    between conditions: 2-D clusters of it (:func:`depthscope.contrast`) are the same under L1, L2 and any other weights.
    The shares (:func:`depthscope.shares`), whose entropy CSE is, are not.

    Parameters
    ----------
    data, wavelet, scales, periods, padding, signal, energy_norm, zero_mean, sampling, layers, precision, mask_coi, min_scales
        As for :func:`depthscope.cse`.
    relative : bool
        The same of ``E / E0``: what directions do, beyond norms; see :func:`depthscope.slope`.

    Returns
    -------
    DataArray (item, condition, scale, layer) or (..., scale, layer), natural logarithms
        The mean over the used scales of each layer is 0. NaN in cells that are not used, and at layers of which a used cell
        is without energy.

    References
    ----------
    Aitchison (1982), J R Stat Soc B 44:139: the centred log-ratio of a composition.
    """
    check_flag("relative", relative, "the energy relative to that of random directions with the same norms")
    source = measurable(data, signal, layers, precision)
    transform = Transform(wavelet, scales, periods, padding, energy_norm, zero_mean, sampling)
    bank = transform.bank(len(source.layers))
    used = _used(bank, mask_coi, min_scales)
    logs = _logs(energy_of(bank, source.gram, relative), used)
    xp = namespace(logs)
    mean = xp.sum(logs, axis=-2, keepdims=True) / like(np.maximum(used.sum(0), 1).astype(np.float64), logs)
    inside = like(np.broadcast_to(used, tuple(logs.shape)).copy(), logs)
    values = xp.where(inside, logs - mean, xp.full_like(logs, np.nan))
    if is_torch(values):
        return values
    result = _labelled(source, values, ("scale", "layer"), scale_coords(bank, source))
    result.name = "energy_map"
    result.attrs = {
        "long_name": f"centred log-ratio of wavelet energies{' relative to norms' if relative else ''}",
        "units": "1",
        **transform.attributes(data, bank, signal),
        "mask_coi": int(mask_coi),
        "min_scales": int(min_scales),
        "relative": int(relative),
    }
    return result


def from_one_energy(traj: xr.Dataset, **options: Any) -> xr.Dataset:
    """``cse``, ``relative`` (CSE relative to norms) and ``directions`` (their slope), of one transform, labelled once.

    The numbers of :func:`depthscope.cse` and :func:`slope` with the same ``options``, those of :func:`depthscope.cse`, for
    whoever asks for all three of many settings.
    """
    plan = plan_of(traj, options)
    energy = plan.bank.energy(plan.source.gram)
    relative = over(energy, plan.expected())
    enough = plan.used & (plan.used.sum(0) >= max(2, plan.min_scales))
    values = {
        **{
            name: entropy(one, plan.used, plan.normalize, plan.min_scales)
            for name, one in (("cse", energy), ("relative", relative))
        },
        "directions": _fitted(_least_squares(np.log(plan.bank.period), enough), relative, enough),
    }
    coords = {**plan.source.layer_coords(), "quantity": list(values)}
    labelled: xr.DataArray = plan.source.wrap(np.stack(list(values.values()), axis=-2), ("quantity", "layer"), coords)
    return labelled.to_dataset("quantity")


def _used(bank: FilterBank, mask_coi: bool, min_scales: int) -> NDArray[np.bool_]:
    """Cells (S, L) of layers that have enough of them."""
    check_flag("mask_coi", mask_coi, "scales outside the cone of influence alone")
    used = used_scales(bank, mask_coi, min_scales)
    enough: NDArray[np.bool_] = used.sum(0) >= min_scales
    return used & enough


def _least_squares(x: Float, used: NDArray[np.bool_]) -> Float:
    """By how much each cell (S, L) counts in the slope over ``x`` (S,) at its layer; NaN for layers without a slope."""
    count = used.sum(0)
    centred = np.where(used, x[:, None] - np.where(used, x[:, None], 0.0).sum(0) / np.maximum(count, 1), 0.0)
    squares = (centred**2).sum(0)
    return np.where(squares > 0, centred / np.where(squares > 0, squares, 1.0), np.nan)


def _fitted(fit: Float, energy: Array, used: NDArray[np.bool_]) -> Array:
    """The slopes (..., L); 0 of energies that are equal but for rounding, whose slopes would have a sign of their own."""
    logs = _logs(energy, used)
    xp, steep = namespace(logs), like(fit, logs)
    slopes = xp.sum(logs * steep, axis=-2)
    least = ROUNDING * xp.sum((1 + xp.abs(logs)) * xp.abs(steep), axis=-2)
    return xp.where(xp.abs(slopes) <= least, xp.zeros_like(slopes), slopes)


def _logs(energy: Array, used: NDArray[np.bool_]) -> Array:
    """``ln energy``, 0 in cells that are not used, and NaN at layers of which a used cell holds none."""
    xp = namespace(energy)
    inside = like(np.broadcast_to(used, tuple(energy.shape)).copy(), energy)
    there = energy > 0
    logs = xp.log(xp.where(there & inside, energy, xp.ones_like(energy)))
    return xp.where(inside & ~there, xp.full_like(logs, np.nan), logs)


def _labelled(source: Measurable, values: Array, dims: tuple[str, ...], coords: dict[str, Any]) -> xr.DataArray:
    wrapped = source.wrap(values, dims, coords)
    if isinstance(wrapped, xr.DataArray):
        return wrapped
    plain = tuple(f"dim_{i}" for i in range(values.ndim - len(dims)))
    return xr.DataArray(values, dims=(*plain, *dims), coords=coords)
