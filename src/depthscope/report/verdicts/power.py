"""How many items does an effect need?"""

import numpy as np
import xarray as xr

from depthscope.statistics.power import GOAL


def power_words(power: xr.Dataset) -> str:
    smallest = ", ".join(
        f"{dz:.2f} with {int(n)}"
        for n, dz in zip(power["n"].values, power["smallest_dz"].values, strict=True)
        if np.isfinite(dz)
    )
    dz = float(power["dz"].sel(share=1.0))
    taken = "Taken as it was observed" if np.isfinite(power.attrs["shrunken"]) else "For an effect like this one"
    return (
        f"**How many items?** {_shrunken(power)}{taken} (dz {dz:+.2f} at its peak), "
        f"{_answer(power['rate'].sel(share=1.0))}. Smallest peak |dz| found at {100 * GOAL:.0f} % power: {smallest or 'none'}."
    )


def _shrunken(power: xr.Dataset) -> str:
    """Of the effect less what its choice adds; empty with few items."""
    share = power.attrs["shrunken"]
    if not np.isfinite(share):
        return ""
    return (
        "The largest of many effects is on average smaller than it looks, because the same items say where it is: over "
        f"layers that one half of the items chose, the other half shows {100 * share:.0f} % of it. For an effect of that size "
        f"(dz {share * float(power['dz'].sel(share=1.0)):+.2f} at its peak), {_answer(power['shrunken_rate'])}. "
    )


def _answer(rate: xr.DataArray) -> str:
    """From how many items on a rate is enough, and all rates."""
    enough = [int(n) for n in rate["n"].values[rate.values >= GOAL]]
    answer = (
        f"{enough[0]} items are enough for {100 * GOAL:.0f} % power"
        if enough
        else "more items are needed than were tried"
    )
    rates = ", ".join(
        f"{100 * float(r):.0f} % with {int(n)}" for n, r in zip(rate["n"].values, rate.values, strict=True)
    )
    return f"{answer}: it is detected in {rates} items"
