"""How many items does an effect need?"""

import numpy as np
import xarray as xr

from depthscope.statistics.power import GOAL


def power_words(power: xr.Dataset) -> str:
    observed = power["rate"].sel(share=1.0)
    enough = [int(n) for n in power["n"].values[observed.values >= GOAL]]
    rates = ", ".join(
        f"{100 * float(r):.0f} % with {int(n)}" for n, r in zip(power["n"].values, observed.values, strict=True)
    )
    smallest = ", ".join(
        f"{dz:.2f} with {int(n)}"
        for n, dz in zip(power["n"].values, power["smallest_dz"].values, strict=True)
        if np.isfinite(dz)
    )
    answer = (
        f"{enough[0]} items are enough for {100 * GOAL:.0f} % power"
        if enough
        else "more items are needed than were tried"
    )
    return (
        f"**How many items?** For an effect like this one (dz {float(power['dz'].sel(share=1.0)):+.2f} at its peak), {answer}: "
        f"it is detected in {rates} items. Smallest peak |dz| found at {100 * GOAL:.0f} % power: {smallest or 'none'}."
    )
