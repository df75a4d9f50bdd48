"""Which heads of attention the difference in CSE comes from."""

import xarray as xr

from depthscope.instrument.heads import cse_without_heads, head_contributions
from depthscope.statistics.contrast import against_zero
from depthscope.statistics.effects import mean_effect
from depthscope.statistics.result import Contrast
from depthscope.studies.contrast.settings import Settings
from depthscope.studies.mechanism.items import by_item, tested_items
from depthscope.studies.mechanism.results import HeadShares


def head_shares(
    traj: xr.Dataset, main: Contrast, window: tuple[int, int], settings: Settings, about: str
) -> HeadShares:
    """Share the difference in CSE over the ``window`` out among the heads that ``traj`` holds."""
    a, b = main.terms.conditions
    given = tested_items(head_contributions(traj, a, b, **settings.cse), main).sel(layer=slice(*window)).mean("layer")
    left = cse_without_heads(traj, **settings.cse).sel(layer=slice(*window)).mean("layer")
    without = tested_items(left.sel(condition=a, drop=True) - left.sel(condition=b, drop=True), main)
    relative = tested_items(head_contributions(traj, a, b, **{**settings.cse, "relative": True})["heads"], main)
    whole = given["heads"].sum(["attention_block", "attention_head"])
    options = {name: main.settings[name] for name in ("permutations", "seed", "resamples", "bound")}
    return HeadShares(
        against_zero(given["heads"].rename(attention_block="layer"), "contribution", **settings.contrast),
        _mean_of_groups(without),
        _mean_of_groups(relative.sel(layer=slice(*window)).mean("layer")),
        {
            name: mean_effect(by_item(values), **options)
            for name, values in {"heads": whole, "rest": given["rest"], "mlp": given["mlp"]}.items()
        },
        about,
    )


def _mean_of_groups(values: xr.DataArray) -> xr.DataArray:
    """By head: entries of one item are averaged first."""
    return values.groupby("group").mean().mean("group").rename(attention_block="layer")
