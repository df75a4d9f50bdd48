"""Conditional scale entropy."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from depthscope.arrays import Array, DepthGram, Float, Precision, like, namespace
from depthscope.errors import DepthscopeError, check_flag, listed
from depthscope.instrument.filters import EnergyNorm, FilterBank, Padding, ZeroMean
from depthscope.instrument.inputs import measurable
from depthscope.instrument.signals import Signal
from depthscope.instrument.transform import Transform
from depthscope.instrument.wavelets import Sampling, Wavelet


def cse(
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
    normalize: bool = True,
    mask_coi: bool = True,
    min_scales: int = 4,
    relative: bool = False,
) -> Any:
    """Conditional scale entropy: at each layer, how broadly the computation engages fast and slow structure.

    With the energies ``E(s,l)`` of :func:`depthscope.scalogram`,

        p(s | l) = E(s,l) / sum_s' E(s',l),        CSE(l) = - sum_s p(s | l) ln p(s | l),

    summed over the scales that are valid at layer ``l``.

    Parameters
    ----------
    data : Dataset from ``trace``, DataArray, NumPy array or torch tensor
        Plain arrays are updates, ``(..., layer, feature)``, and are taken as they are. Of states, the last of which may stand
        behind the final norm, :func:`depthscope.from_states` makes what ``trace`` gives, and looks at them first.
    wavelet, scales, periods, padding, energy_norm, zero_mean, sampling
        The transform: see :func:`depthscope.filter_bank`.
    signal : {"update", "direction", "norm", "state"}
        What is transformed. The default, the update vector pooled over features, is rotation-invariant.
    layers : (first, last), optional
        Use these layers only, counted from 1, both included.
    precision : {"double", "single"}
        Of the products of plain updates: see :func:`depthscope.arrays.depth_gram`. The result is float64.
    normalize : bool
        Divide by the log of the number of scales used at the layer: values in [0, 1]; else in nats, [0, ln S].
    mask_coi : bool
        Use only scales outside the cone of influence at each layer.
    min_scales : int
        Layers with fewer valid scales are missing (NaN), not zero.
    relative : bool
        Take the shares of ``R(s,l) = E(s,l) / E0(s,l)`` instead, the energy relative to what random directions with the same
        norms have on average (:meth:`depthscope.FilterBank.random_energy`): what is left is how directions go together over
        depth. No weight on scales or layers, L1 or L2, changes it. See :func:`depthscope.slope`.

    Returns
    -------
    DataArray (item, condition, layer) or (stimulus, layer) for a traced Dataset; for plain updates the same
    kind of array, ``(..., layer)``, float64, on the same device.

    Raises
    ------
    DepthscopeError
        NaN or infinity in the updates; a trajectory without energy; scales that do not fit the depth.

    Notes
    -----
    Exact: ``CSE(c u) = CSE(u)`` for every c != 0; unchanged when ``E(s,l)`` is multiplied by any ``a(l) > 0``;
    ``CSE(u Q) = CSE(u)`` for orthogonal Q. Not exact: scaling single updates changes it, unless ``signal="direction"``.

    References
    ----------
    The idea: Chakrabarti et al. (2026), arXiv 2605.21391. The definition, with its defaults, is ours
    (docs/definition.md). Wavelets: Torrence & Compo (1998). Precedent: Sello (2000), A&A 363:311.

    Examples
    --------
    >>> import numpy as np, depthscope as ds
    >>> noise = np.random.default_rng(0).normal(size=(30, 256))
    >>> bool(0.9 < np.nanmean(ds.cse(noise)) < 1)
    True
    """
    check_flag("normalize", normalize, "values from 0 to 1")
    check_flag("mask_coi", mask_coi, "scales outside the cone of influence alone")
    check_flag("relative", relative, "the energy relative to that of random directions with the same norms")
    source = measurable(data, signal, layers, precision)
    transform = Transform(wavelet, scales, periods, padding, energy_norm, zero_mean, sampling)
    bank = transform.bank(len(source.layers))
    used = used_scales(bank, mask_coi, min_scales)
    values = entropy(energy_of(bank, source.gram, relative), used, normalize, min_scales)
    coords = {**source.layer_coords(), "valid_scales": ("layer", used.sum(0))}
    result = source.wrap(values, ("layer",), coords)
    if hasattr(result, "attrs"):
        result.name = "cse"
        result.attrs = {
            "long_name": f"conditional scale entropy{' relative to norms' if relative else ''}",
            "units": "1" if normalize else "nats",
            **transform.attributes(data, bank, signal),
            # truth values are no attributes of a NetCDF file
            "normalize": int(normalize),
            "mask_coi": int(mask_coi),
            "min_scales": int(min_scales),
            "relative": int(relative),
        }
    return result


def energy_of(bank: FilterBank, gram: DepthGram, relative: bool) -> Array:
    """The energies (..., S, L) whose shares enter the entropy: ``E``, or ``E / E0``, 0 where ``E0`` is."""
    energy = bank.energy(gram)
    return over(energy, bank.random_energy(gram)) if relative else energy


def over(energy: Array, expected: Array) -> Array:
    """``energy / expected``, and 0 where nothing is expected, for there is no energy then."""
    xp = namespace(energy)
    there = expected > 0
    return xp.where(there, energy / xp.where(there, expected, xp.ones_like(expected)), xp.zeros_like(energy))


# every option of cse() with its default: those of the scalogram that it is made from, and its own
_OF_SCALOGRAM: dict[str, Any] = {**vars(Transform()), "signal": "update", "layers": None, "precision": "double"}
_OF_ENTROPY: dict[str, Any] = {"normalize": True, "mask_coi": True, "min_scales": 4, "relative": False}


def cse_options(given: Mapping[str, Any] | None = None, of: str = "cse") -> dict[str, Any]:
    """All keywords of :func:`cse`: those ``given``, and the defaults of this version for the others.

    ``of`` names the function that was given them.

    Raises
    ------
    DepthscopeError
        A name that is none of them.
    """
    known = {**_OF_SCALOGRAM, **_OF_ENTROPY}
    unknown = sorted(set(given or {}) - set(known))
    if unknown:
        raise DepthscopeError(f"no option of {of} is called {listed(unknown)}; there are {listed(known, 20)}")
    return {**known, **(given or {})}


def scalogram_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Those keywords of :func:`cse` that are keywords of :func:`depthscope.scalogram` too."""
    return {name: value for name, value in options.items() if name in _OF_SCALOGRAM}


def used_scales(bank: FilterBank, mask_coi: bool, min_scales: int) -> NDArray[np.bool_]:
    """The cells (S, L) that enter the entropy: those outside the cone of influence, or all.

    Raises
    ------
    DepthscopeError
        No layer has ``min_scales`` of them.
    """
    used = bank.valid if mask_coi else np.ones_like(bank.valid)
    if not (used.sum(0) >= min_scales).any():
        raise DepthscopeError(
            f"no layer of {bank.depth} has {min_scales} scales outside the cone of influence: choose shorter periods, "
            "a wavelet with a shorter cone (paul, haar), mask_coi=False, or a smaller min_scales"
        )
    return used


def entropy(energy: Array, used: NDArray[np.bool_], normalize: bool, min_scales: int) -> Array:
    """Shannon entropy of ``energy`` (..., S, L) over the ``used`` (S, L) scales of each layer: (..., L).

    NaN where fewer than ``min_scales`` are used or where they hold no energy.
    """
    xp = namespace(energy)
    kept = energy * like(used.astype(np.float64), energy)
    total = xp.sum(kept, axis=-2)
    nan = xp.full_like(total, np.nan)
    # ln sum(E) - sum(E ln E) / sum(E) would cancel; shares first keep every digit
    # (a layer without energy is divided by 1, not by NaN, which would reach every gradient)
    share = kept / xp.where(total > 0, total, xp.ones_like(total))[..., None, :]
    positive = share > 0
    logs = xp.log(xp.where(positive, share, xp.ones_like(share)))
    values = -xp.sum(share * logs, axis=-2)
    count = used.sum(0)
    if normalize:
        values = values / like(np.log(np.maximum(count, 2).astype(np.float64)), energy)
    enough = like(np.broadcast_to(count >= max(min_scales, 1), tuple(values.shape)).copy(), energy)
    # -0.0 for a single occupied scale reads as a mistake
    return xp.where(enough & (total > 0), values + 0.0, nan)
