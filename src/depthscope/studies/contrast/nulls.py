"""The contrast put to trajectories in which there is nothing to find."""

from collections.abc import Iterable, Iterator
from typing import Any

import xarray as xr

from depthscope.instrument.cse import cse
from depthscope.instrument.surrogates import SURROGATES, surrogate
from depthscope.progress import each
from depthscope.statistics.nulls import Null, against
from depthscope.statistics.result import Contrast

UNTRAINED = "the same architecture with random weights"


def surrogate_nulls(
    traj: xr.Dataset, h: xr.DataArray, real: Contrast, options: dict[str, Any], draws: int, progress: bool
) -> list[Null]:
    """One null per kind of surrogate, each of ``draws`` draws."""
    named = [str(c) in real.terms.conditions for c in traj["condition"].values]
    needed = traj[["gram", "initial_dot", "state_norm"]].isel(stimulus=named)

    def drawn(kind: Any) -> Iterator[xr.DataArray]:
        for seed in each(range(draws), f"null: {kind}", shown=progress):
            yield cse(surrogate(needed, kind, seed), **options)

    return [against(drawn(kind), h, real, kind, words) for kind, words in SURROGATES.items()]


def untrained_null(measures: Iterable[xr.DataArray], h: xr.DataArray, real: Contrast) -> Null:
    """The null of networks that have learnt nothing."""
    return against(measures, h, real, "untrained", UNTRAINED)
