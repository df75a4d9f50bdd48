"""The specification curve of a contrast, from trajectories alone."""

from collections.abc import Iterator, Mapping

import xarray as xr

from depthscope.errors import DepthscopeError
from depthscope.instrument.cse import cse
from depthscope.instrument.inputs import check_traced
from depthscope.instrument.labels import by_item
from depthscope.instrument.specifications import specifications
from depthscope.progress import each
from depthscope.statistics.curve import Curve, joint_curve
from depthscope.statistics.pairing import pair
from depthscope.statistics.result import Contrast


def specification_curve(
    variants: xr.Dataset | Mapping[str, xr.Dataset],
    real: Contrast,
    *,
    layers: tuple[int, int] | None = None,
    permutations: int = 1000,
    progress: bool = False,
) -> Curve:
    """Every specification of a contrast, on every choice of target token.

    ``variants`` is what ``trace`` returned, or several of them by the token that stands for the target, the default first.
    Items that are left out under any choice are left out under all, so that labels can be swapped jointly. Specifications that
    a depth does not allow (no layer with enough scales) or that the trajectories do not (an update of length zero has no
    logarithm) are left out.

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

    def computed() -> Iterator[tuple[dict[str, str], xr.DataArray]]:
        every = [(token, plan) for token in needed for plan in plans]
        for token, plan in each(every, "specifications", shown=progress):
            try:
                h = cse(needed[token], **plan.options)
            except DepthscopeError:
                continue
            choices = {**plan.choices, "target token": token} if len(needed) > 1 else plan.choices
            yield choices, differences(h).sel(item=shared)

    settings = {name: real.settings[name] for name in ("forming_p", "resamples", "seed")}
    expected = -1 if real.settings["alternative"] == "less" else 1
    main = real.strongest()
    window = None if main is None else (main.first, main.last)
    return joint_curve(computed(), expected=expected, window=window, permutations=permutations, **settings)
