"""How much of a reading a state carries: from probabilities of probes to one number per item and exchange."""

import numpy as np
import xarray as xr


def carried(patched: xr.Dataset) -> xr.Dataset:
    """How far an exchange of states turns the model from one reading to the other.

    The preference of a run is ``log2 P(probe that fits its text) - log2 P(probe that fits its twin)``; the effect of an
    exchange is how much of it is lost, averaged over the two runs (a's text with b's state, and the reverse).

    Parameters
    ----------
    patched : Dataset
        From :func:`depthscope.patch`.

    Returns
    -------
    Dataset, in bits
        ``effect`` (item, patch): above 0 where the exchange turns the model towards the twin's reading. ``effect_run`` (item,
        run, patch): the same for each run. ``preference`` (item, run), undisturbed. ``most`` (item): the effect of an exchange
        of everything, text and all; in these units 1 - effect / most is what other tokens carry.
    """
    runs = [str(run) for run in patched["run"].values]
    own = xr.DataArray([1.0, -1.0], {"run": runs}, dims="run")

    def preference(values: xr.DataArray) -> xr.DataArray:
        first, second = (values.sel(probe=name, drop=True) for name in runs)
        return (first - second) * own

    intact = preference(patched["intact"])
    lost = intact - preference(patched["patched"])
    return xr.Dataset(
        {
            "effect": lost.mean("run"),
            "effect_run": lost,
            "preference": intact,
            "most": intact.sum("run"),
        }
    )


def by_layer(effects: xr.DataArray, depth: int) -> xr.DataArray:
    """The effects (item, patch) of single states 1 .. L, as (item, layer)."""
    single = np.flatnonzero((effects["first"].values == effects["last"].values) & (effects["first"].values > 0))
    first = {int(effects["first"].values[i]): i for i in reversed(single)}  # a window of one layer may repeat it
    chosen = effects.isel(patch=[first[layer] for layer in range(1, depth + 1)])
    layers = np.arange(1, depth + 1)
    named = chosen.rename(patch="layer").drop_vars(["first", "last"])
    return named.assign_coords(layer=layers, relative_depth=("layer", layers / depth))
