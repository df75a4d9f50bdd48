"""The tables: effects in sixteen settings, in all settings, under weights between L2 and L1, and clusters."""

from itertools import product

import numpy as np
import xarray as xr

import depthscope as ds
from benchmarks.relative.measures import QUANTITIES, Effect, effects, quantities
from depthscope.errors import DepthscopeError
from depthscope.instrument.cse import entropy
from depthscope.instrument.specifications import Specification

Pairs = tuple[tuple[str, str], ...]
# contrast -> quantity -> an effect for each setting
Found = dict[tuple[str, str], dict[str, list[Effect]]]
WEIGHTS = (0.0, 0.25, 0.5, 0.75, 1.0)
SIGNIFICANT = 0.05
NONE = Effect(float("nan"), float("nan"), 0)


def over_settings(
    traj: xr.Dataset, pairs: Pairs, layers: slice, settings: list[Specification], quick: bool = False
) -> tuple[Found, float]:
    """Every quantity in every setting; and by how much relative CSE of any text at any layer differs between L2 and L1.

    ``quick``: under L1 there is CSE alone, for the differences of all other quantities are the same as under L2.
    """
    found: Found = {one: {name: [] for name in QUANTITIES} for one in pairs}
    apart, under_l2 = 0.0, {}
    for setting in settings:
        alone = quick and setting.choices["norm"] == "L1"
        names = ("CSE",) if alone else QUANTITIES
        try:
            values = quantities(traj, setting.options, names)
        except DepthscopeError:  # a model too shallow for the setting: no layer has enough scales
            for one, name in product(pairs, names):
                found[one][name].append(NONE)
            continue
        for one in pairs:
            for name, effect in effects(values, *one, layers).items():
                found[one][name].append(effect)
        if not alone:
            relative = values.sel(quantity="relative CSE").values
            same = tuple(word for axis, word in setting.choices.items() if axis != "norm")
            if same in under_l2:
                apart = max(apart, float(np.nanmax(np.abs(relative - under_l2[same]))))
            under_l2.setdefault(same, relative)
    return found, apart


def signs(several: list[Effect]) -> str:
    """``11 [-0.22, +0.52]``: settings above 0, and the range; bold where all have one sign and each of them p < .05.

    ``6 of 12`` where the model is too shallow for the others.
    """
    known = [one for one in several if np.isfinite(one.dz)]
    dz = [one.dz for one in known]
    of = "" if len(known) == len(several) else f" of {len(known)}"
    text = f"{sum(one > 0 for one in dz)}{of} [{min(dz):+.2f}, {max(dz):+.2f}]"
    one_sign = min(dz) > 0 or max(dz) < 0
    return f"**{text}**" if one_sign and all(one.p < SIGNIFICANT for one in known) else text


def cosine(traj: xr.Dataset, one: tuple[str, str], layers: slice) -> str:
    """dz of the mean cosine of updates, for which there is nothing to set; bold where p < .05."""
    told = effects(ds.direction_autocorrelation(traj).expand_dims(quantity=["cosine"]), *one, layers)["cosine"]
    return f"**{told.dz:+.2f}**" if told.p < SIGNIFICANT else f"{told.dz:+.2f}"


def in_percent(several: list[Effect]) -> str:
    """``+ 98 % (82 %), - 2 % (0 %)``: of each sign, and in brackets significantly."""
    parts = []
    for sign, name in ((1, "+"), (-1, "-")):
        these = [one for one in several if one.dz * sign > 0]
        sure = sum(one.p < SIGNIFICANT for one in these)
        parts.append(f"{name} {100 * len(these) / len(several):.0f} % ({100 * sure / len(several):.0f} %)")
    return ", ".join(parts)


def weighted(traj: xr.Dataset, one: tuple[str, str], layers: slice) -> list[tuple[float, float, Effect]]:
    """Energies times ``scale^-a``, a = 0 (L2) to 1 (L1): a, the slope of ln energy over ln period, and the effect on CSE."""
    energy = ds.scalogram(traj)
    plain = ds.slope(traj)
    rows = []
    for a in WEIGHTS:
        weights = energy["scale"] ** -a
        values = (energy * weights).transpose(*energy.dims).values
        h = plain["total"].copy(data=entropy(values, energy["valid"].values, True, 4))
        told = effects(h.expand_dims(quantity=["CSE"]), *one, layers)
        rows.append((a, float(plain["total"].sel(layer=layers).mean()) - a, told["CSE"]))
    return rows


def clusters(traj: xr.Dataset, one: tuple[str, str]) -> list[str]:
    """Of each quantity in the default setting, its significant clusters in words."""
    found = []
    for h in quantities(traj, {}):
        known = [c for c in ds.contrast(h.drop_vars("quantity"), *one).clusters if c.p <= SIGNIFICANT]
        found.append("; ".join(f"{c.first} to {c.last}: {c.dz:+.2f} at {c.peak_layer}" for c in known) or "none")
    return found
