"""Where a difference of breadth comes from: which scales, which layers, attention or MLP."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from depthscope.arrays import DepthGram, Float, split_at_mean
from depthscope.errors import DepthscopeError, listed
from depthscope.instrument.cse import cse_options, energy_of, over, used_scales
from depthscope.instrument.filters import FilterBank
from depthscope.instrument.inputs import Measurable, check_traced, measurable
from depthscope.instrument.scalogram import scale_coords
from depthscope.instrument.transform import Transform

# shares nearer than this, relative to their mean, are expanded about it: the closed form would cancel
NEAR = 1e-3
# signals of which attention and MLP make a sum
ADDITIVE = ("update", "direction")


def energy_by_part(traj: xr.Dataset, **options: Any) -> xr.DataArray:
    """The scalogram split into attention, MLP, and what the two have in common.

        ``u = a + m``:  ``E(s,l) = E_a(s,l) + E_m(s,l) + 2 Re sum_d W_a conj(W_m)``,

    exactly, because the wavelet transform is linear.

    Parameters
    ----------
    traj : Dataset
        From ``trace(..., parts=True)``.
    **options
        Those of :func:`depthscope.cse`; ``signal`` may be ``"update"`` or ``"direction"`` (then each update and its parts are
        divided by the length of the update).

    Returns
    -------
    DataArray (item, condition, part, scale, layer), in squared units of the stream
        ``part``: ``attention`` and ``mlp``, 0 or more; ``cross``, of either sign. The sum over parts is
        ``scalogram(traj)``, up to the rounding of the stream itself (:attr:`depthscope.model.parts.Parts.remainder`).

    Raises
    ------
    DepthscopeError
        A Dataset without parts, or another signal.
    """
    check_traced(traj, "energy_by_part")
    plan = plan_of(traj, options)
    if plan.relative:
        raise DepthscopeError("relative=True: energies are not relative to anything; leave it out")
    return _energy_by_part(traj, plan)


def _energy_by_part(traj: xr.Dataset, plan: "Plan") -> xr.DataArray:
    energy = np.stack([plan.bank.form(part) for part in _part_grams(traj, plan)], axis=1)
    if plan.relative:  # the same for all parts of a cell, so that they go on adding up
        energy = over(energy, plan.expected()[:, None])
    coords = {**scale_coords(plan.bank, plan.source), "part": traj["part"].values}
    result: xr.DataArray = plan.source.wrap(energy, ("part", "scale", "layer"), coords)
    return result.rename("energy")


def shares(traj: Any, **options: Any) -> xr.DataArray:
    """The distribution over scales whose entropy is CSE: ``p(s | l)``, summing to 1 over the scales used at each layer.

    Parameters
    ----------
    traj : Dataset from ``trace``, or updates (..., layer, feature)
    **options
        Those of :func:`depthscope.cse`.

    Returns
    -------
    DataArray (item, condition, scale, layer), in [0, 1]
        NaN in cells that do not enter CSE. A contrast of it asks which scales, at which layers, differ.
    """
    plan = plan_of(traj, options)
    enough = plan.used.sum(0) >= plan.min_scales
    values = _normalised(plan.energy(), plan.used & enough)
    result: xr.DataArray = plan.source.wrap(values, ("scale", "layer"), scale_coords(plan.bank, plan.source))
    return result.rename("share")


def contributions(traj: xr.Dataset, a: str, b: str, **options: Any) -> xr.DataArray:
    """What each scale, and each part if there are parts, contributes to the difference in CSE between two conditions.

    CSE is a function of the shares ``p_s``; going from those of b to those of a on the straight line ``p(t)``, every bit of
    energy that moves into scale s changes it by ``-ln p_s(t) - CSE(t)``: energy that goes where there is little broadens,
    energy that goes where there is much already narrows, and a part that grows at all scales alike does neither. So

        ``c(q, s, l) = (q_a - q_b) * integral_0^1 (-ln p_s(t) - CSE(t)) dt``,

    with ``q`` the part's share of all energy at the layer. Both integrals have a closed form.

    Parameters
    ----------
    traj : Dataset
        From ``trace``; with ``parts=True`` the contributions are split by part.
    a, b : str
        Conditions.
    **options
        Those of :func:`depthscope.cse`.

    Returns
    -------
    DataArray (item, [part,] scale, layer), in the units of CSE
        The sum over scales (and parts) is ``CSE_a - CSE_b``, exactly. NaN in cells that do not enter CSE, and for items that
        lack a condition.

    References
    ----------
    Aumann & Shapley (1974); as integrated gradients: Sundararajan, Taly & Yan (2017), ICML.
    """
    check_traced(traj, "contributions", conditions=True)
    plan = plan_of(traj, options)
    if "part_gram" in traj:
        parts = _energy_by_part(traj, plan)
        whole = parts.sum("part", skipna=False)
    else:
        parts = plan.source.wrap(plan.energy(), ("scale", "layer"), scale_coords(plan.bank, plan.source))
        whole = parts
    total, weight = weights(whole, plan, a, b)
    share = (parts / total).where(plan.used)
    found = (share.sel(condition=a, drop=True) - share.sel(condition=b, drop=True)) * weight
    order = [dim for dim in ("item", "part", "scale", "layer") if dim in found.dims]
    kept: xr.DataArray = found.transpose(*order).rename("contribution")
    return kept


def weights(whole: xr.DataArray, plan: "Plan", a: str, b: str) -> tuple[xr.DataArray, xr.DataArray]:
    """All energy of each layer, ``whole`` (..., condition, scale, layer) summed, and what a share of it that moves to a scale
    adds to CSE on the line from b to a (item, scale, layer); NaN where CSE is not measured.
    """
    for name in (a, b):
        if name not in whole["condition"].values:
            raise DepthscopeError(f"unknown condition {name!r}: this table has {listed(whole['condition'].values, 12)}")
    total = whole.where(plan.used).sum("scale", skipna=True, min_count=1)
    weight = _gain(*((whole / total).sel(condition=name, drop=True).where(plan.used) for name in (a, b)))
    if plan.normalize:
        weight = weight / xr.DataArray(np.log(np.maximum(plan.used.sum(0), 2)), dims="layer")
    enough = xr.DataArray(plan.used.sum(0) >= plan.min_scales, dims="layer")
    return total, weight.where(enough)


@dataclass(frozen=True)
class Plan:
    source: Measurable
    bank: FilterBank
    used: NDArray[np.bool_]
    min_scales: int
    normalize: bool
    signal: str
    layers: tuple[int, int]
    relative: bool

    def energy(self) -> Float:
        """What the shares are shares of (..., scale, layer): energies or, if ``relative``, those over what norms alone give."""
        return np.asarray(energy_of(self.bank, self.source.gram, self.relative))

    def expected(self) -> Float:
        """What random directions with the same norms give, (..., scale, layer)."""
        return np.asarray(self.bank.random_energy(self.source.gram))


def plan_of(traj: Any, options: dict[str, Any]) -> Plan:
    """What is to be measured, and how; ``options`` are those of :func:`depthscope.cse`."""
    chosen = cse_options(options)
    source = measurable(traj, chosen["signal"], chosen["layers"], chosen["precision"])
    bank = Transform.of(chosen).bank(len(source.layers))
    used = used_scales(bank, chosen["mask_coi"], chosen["min_scales"])
    span = int(source.layers[0]), int(source.layers[-1])
    least, normalize, signal, relative = (chosen[name] for name in ("min_scales", "normalize", "signal", "relative"))
    return Plan(source, bank, used, least, normalize, signal, span, relative)


def _part_grams(traj: xr.Dataset, plan: Plan) -> list[DepthGram]:
    if "part_gram" not in traj:
        raise DepthscopeError("the Dataset has no part_gram: trace with parts=True")
    if plan.signal not in ADDITIVE:
        raise DepthscopeError(f"signal={plan.signal!r} is no sum of attention and MLP: choose update or direction")
    first, last = plan.layers
    window = {"layer": slice(first - 1, last), "other_layer": slice(first - 1, last)}
    parts = traj["part_gram"].transpose("part", "stimulus", "layer", "other_layer").isel(window).values
    if plan.signal == "direction":
        length = lengths(traj, plan)
        parts = parts / (length[:, None, :] * length[:, :, None])
    return [split_at_mean(part) for part in parts]


def lengths(traj: xr.Dataset, plan: Plan) -> Float:
    """Of the updates, (stimulus, layer), by which a direction is divided; 1 where there is no update."""
    first, last = plan.layers
    norm = traj["update_norm"].transpose("stimulus", "layer").isel(layer=slice(first - 1, last)).values
    return np.where(norm > 0, norm, 1.0)


def _normalised(energy: Float, used: NDArray[np.bool_]) -> Float:
    kept = np.where(used, energy, 0.0)
    total = kept.sum(-2, keepdims=True)
    return np.where(used & (total > 0), kept / np.where(total > 0, total, 1.0), np.nan)


def _gain(after: xr.DataArray, before: xr.DataArray) -> xr.DataArray:
    """``integral_0^1 (-ln p_s(t) - CSE(t)) dt`` on the line from ``before`` to ``after``, in nats."""
    # rounding may leave a vanishing share a hair below zero
    high, low = after.clip(min=0), before.clip(min=0)
    middle, step = (high + low) / 2, high - low
    near = abs(step) < NEAR * middle
    apart = step.where(~near & (step != 0), 1.0)
    safe = middle.where(middle > 0, 1.0)
    ratio = step / safe
    logs = xr.DataArray(np.log(safe) - ratio**2 / 24).where(near, (_x_ln_x(high) - _x_ln_x(low)) / apart - 1)
    turned = (_x_ln_x(middle) + safe * ratio**2 / 24).where(near, (_primitive(high) - _primitive(low)) / apart)
    there = middle > 0
    gain: xr.DataArray = turned.where(there).sum("scale", skipna=True) - logs.where(there, 0.0)
    return gain


def _x_ln_x(x: xr.DataArray) -> xr.DataArray:
    return x * np.log(x.where(x > 0, 1.0))


def _primitive(x: xr.DataArray) -> xr.DataArray:
    """Of ``x ln x``."""
    return x**2 * (np.log(x.where(x > 0, 1.0)) / 2 - 0.25)
