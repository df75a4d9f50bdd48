"""How many items does an effect need?"""

import numpy as np
import xarray as xr

from depthscope.statistics.power import GOAL, enough_items, shrunken_dz


def power_words(power: xr.Dataset) -> str:
    """How many items the effect needs, less what its choice adds and as it is; and what each number of items can find."""
    smallest = ", ".join(
        f"{dz:.2f} with {int(n)}"
        for n, dz in zip(power["n"].values, power["smallest_dz"].values, strict=True)
        if np.isfinite(dz)
    )
    return (
        f"**How many items?** {_shrunken(power)}{_observed(power)}"
        f"Smallest peak |dz| found at {100 * GOAL:.0f} % power: {smallest or 'none'}."
    )


def _observed(power: xr.Dataset) -> str:
    """Of the effect as it was observed; empty where that is the size that other halves show."""
    share = power.attrs["shrunken"]
    if np.isfinite(share) and round(100 * share) == 100:
        return ""
    dz = float(power["dz"].sel(share=1.0))
    taken = "Taken as it was observed" if np.isfinite(share) else "For an effect like this one"
    return f"{taken} (dz {dz:+.2f} at its peak), {_answer(power['rate'].sel(share=1.0))}. "


def _shrunken(power: xr.Dataset) -> str:
    """Of the effect less what its choice adds; empty with few items."""
    share = power.attrs["shrunken"]
    if not np.isfinite(share):
        return ""
    return (
        "The largest of many effects is on average smaller than it looks, because the same items say where it is: over "
        f"layers that one half of the items chose, the other half shows {100 * share:.0f} % of it. For an effect of that size "
        f"(dz {shrunken_dz(power):+.2f} at its peak), {_answer(power['shrunken_rate'])}. "
    )


def _answer(rate: xr.DataArray) -> str:
    """From how many items on a rate is enough, and all rates."""
    enough = enough_items(rate)
    answer = (
        f"{enough[0]} items are enough for {100 * GOAL:.0f} % power"
        if enough
        else "more items are needed than were tried"
    )
    told = []
    for n, share in zip(rate["n"].values, rate.values, strict=True):
        told.append(f"{100 * float(share):.0f} % with {int(n)}")
        if share == 1.0:  # so it is with all that follow
            break
    more = " and more" if len(told) < rate.sizes["n"] else ""
    return f"{answer}: it is detected in {', '.join(told)}{more} items"
