"""The specification curve of a contrast, from trajectories alone."""

from collections.abc import Mapping
from dataclasses import replace

import xarray as xr

from depthscope.errors import DepthscopeError
from depthscope.instrument.cse import cse
from depthscope.instrument.inputs import check_traced
from depthscope.instrument.labels import by_item
from depthscope.instrument.relative import from_one_energy
from depthscope.instrument.specifications import AXES, Specification, specifications
from depthscope.progress import each
from depthscope.statistics.curve import Curve, GrowingCurve
from depthscope.statistics.pairing import pair
from depthscope.statistics.result import Contrast


def specification_curve(
    variants: xr.Dataset | Mapping[str, xr.Dataset],
    real: Contrast,
    *,
    layers: tuple[int, int] | None = None,
    permutations: int = 1000,
    progress: bool = False,
    beside: bool = False,
) -> Curve:
    """Every specification of a contrast, on every choice of target token.

    ``variants`` is what ``trace`` returned, or several of them by the token that stands for the target, the default first.
    Items that are left out under any choice are left out under all, so that labels can be swapped jointly. Specifications that
    a depth does not allow (no layer with enough scales) or that the trajectories do not (an update of length zero has no
    logarithm) are left out.

    With ``beside`` the same is asked of CSE relative to norms and of the slope that directions give (docs/relative.md), over
    the settings in which the weights of the scales cancel: L1 and L2 are one there, and the log norm, which has no directions,
    is left out. ``curve.beside["relative"]`` and ``["directions"]`` are curves of their own. No sign is expected of the slope:
    its share with the "expected" one is that above 0.

    Raises
    ------
    DepthscopeError
        Plain arrays, or trajectories whose rows name no item and condition; a result that is no contrast.
    """
    if not isinstance(real, Contrast):
        raise DepthscopeError(
            f"a specification curve is of a contrast, not of a {type(real).__name__}: give its result"
        )
    if not isinstance(variants, Mapping) or isinstance(variants, xr.Dataset):
        variants = {str(getattr(variants, "attrs", {}).get("subtoken", "last")): variants}
    for traj in variants.values():
        check_traced(traj, "specification_curve", conditions=True)
    named = [str(c) in real.terms.conditions for c in next(iter(variants.values()))["condition"].values]
    needed = {token: traj.isel(stimulus=named) for token, traj in variants.items()}
    plans = specifications(next(iter(needed.values())).sizes["layer"], layers)

    def differences(h: xr.DataArray) -> xr.DataArray:
        return pair(h, real.terms, real.settings["include_same_context"]).differences

    # of anything that every text has: the default transform may be one that the depth does not allow
    usable = [
        set(differences(by_item(traj["gram"].isel(other_layer=0, drop=True))).coords["item"].values)
        for traj in needed.values()
    ]
    shared = [item for item in real.differences["item"].values if all(item in items for items in usable)]

    settings = {name: real.settings[name] for name in ("forming_p", "resamples", "seed")}
    expected = -1 if real.settings["alternative"] == "less" else 1
    main = real.strongest()
    settings |= {"permutations": permutations, "window": None if main is None else (main.first, main.last)}
    curves = {"cse": GrowingCurve(expected, **settings)}
    if beside:
        curves |= {"relative": GrowingCurve(expected, **settings), "directions": GrowingCurve(**settings)}
    every = [(token, plan) for token in needed for plan in plans]
    for token, plan in each(every, "specifications", shown=progress):
        try:
            measured = _measured(needed[token], plan, beside)
        except DepthscopeError:
            continue
        choices = {**plan.choices, "target token": token} if len(needed) > 1 else plan.choices
        for name, h in measured.items():
            found = differences(h)
            if name == "cse":
                curves[name].add(choices, found.sel(item=shared))
            elif set(shared) <= set(found["item"].values):  # logarithms may lack what has no energy
                curves[name].add(
                    {axis: word for axis, word in choices.items() if axis != "norm"}, found.sel(item=shared)
                )
    rest = {name: one.curve() for name, one in curves.items() if name != "cse" and one.items}
    return replace(curves["cse"].curve(), beside=rest)


def _measured(traj: xr.Dataset, plan: Specification, beside: bool) -> dict[str, xr.DataArray]:
    """CSE of a setting; and what is beside it, of one of the settings that differ in the weights of the scales alone."""
    first = next(iter(AXES["norm"]))
    if not beside or plan.choices["norm"] != first or plan.choices["signal"] == "norm":
        return {"cse": cse(traj, **plan.options)}
    return {str(name): values for name, values in from_one_energy(traj, **plan.options).data_vars.items()}
