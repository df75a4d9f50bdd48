"""Energy over scales and layers."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from depthscope.arrays import Float, Precision, namespace
from depthscope.errors import check_flag
from depthscope.instrument.filters import EnergyNorm, FilterBank, Padding, ZeroMean
from depthscope.instrument.inputs import Measurable, measurable
from depthscope.instrument.signals import Signal
from depthscope.instrument.transform import Transform
from depthscope.instrument.wavelets import Sampling, Wavelet


def scalogram(
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
    share: bool = False,
) -> Any:
    """Wavelet energy of the residual stream over scale and layer, ``E(s,l) = sum_d |W_d(s,l)|^2``.

    Parameters
    ----------
    data : Dataset from ``trace``, DataArray, NumPy array or torch tensor
        Plain arrays are updates, ``(..., layer, feature)``.
    wavelet, scales, periods, padding, energy_norm, zero_mean, sampling
        The transform: see :func:`depthscope.filter_bank`.
    signal : {"update", "direction", "norm", "state"}
        The update vector; its direction (unit length); its log norm, demeaned; the state.
    layers : (first, last), optional
        Transform these layers only, counted from 1, both included.
    precision : {"double", "single"}
        Of the products of plain updates: see :func:`depthscope.arrays.depth_gram`. The result is float64.
    share : bool
        Divide by the sum over all scales at each layer. CSE takes the same shares over the valid scales only.

    Returns
    -------
    DataArray (..., scale, layer), in squared units of the signal (a share if ``share``), >= 0
        Coordinates ``scale`` and ``period`` (Fourier period), both in layers; ``layer``, ``relative_depth``; ``coi``,
        the longest period at each layer free of edge effects; ``valid``, the cells outside the cone of influence.
        A traced Dataset gives dimensions ``(item, condition, scale, layer)``; a torch tensor gives a tensor on its
        device, whose coordinates are in ``depthscope.filter_bank(depth, ...)``.

    Examples
    --------
    >>> import numpy as np, depthscope as ds
    >>> e = ds.scalogram(np.random.default_rng(0).normal(size=(30, 64)))
    >>> e.dims, e.sizes["scale"]
    (('scale', 'layer'), 16)
    """
    check_flag("share", share, "of the energy at each layer")
    source = measurable(data, signal, layers, precision)
    transform = Transform(wavelet, scales, periods, padding, energy_norm, zero_mean, sampling)
    bank = transform.bank(len(source.layers))
    energy = bank.energy(source.gram)
    if share:
        xp = namespace(energy)
        total = xp.sum(energy, axis=-2, keepdims=True)
        energy = energy / xp.where(total > 0, total, xp.full_like(total, np.nan))
    result = source.wrap(energy, ("scale", "layer"), scale_coords(bank, source))
    if hasattr(result, "attrs"):
        result.name = "share" if share else "energy"
        result.attrs = {
            "long_name": "share of wavelet energy" if share else "wavelet energy",
            **transform.attributes(data, bank, signal),
        }
    return result


def scale_coords(bank: FilterBank, source: Measurable) -> dict[str, Any]:
    """Coordinates of the (scale, layer) plane."""
    return {
        **source.layer_coords(),
        "scale": bank.scale,
        "period": ("scale", bank.period),
        "coi": ("layer", bank.coi),
        "valid": (("scale", "layer"), bank.valid),
    }
