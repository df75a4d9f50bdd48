"""Which scales and parts the difference in CSE comes from."""

from typing import Any

import xarray as xr

from depthscope.errors import DepthscopeError
from depthscope.instrument.attribution import ADDITIVE, contributions, shares
from depthscope.instrument.cse import cse
from depthscope.instrument.relative import energy_map
from depthscope.model.heads import find_heads
from depthscope.model.model import Model
from depthscope.model.parts import find_parts
from depthscope.statistics.contrast import against_zero, contrast
from depthscope.statistics.result import Contrast
from depthscope.studies.contrast.settings import Settings
from depthscope.studies.mechanism.items import tested_items
from depthscope.studies.mechanism.results import Attribution


def splittable(model: Model, signal: str) -> tuple[bool, str]:
    """Whether attention and the MLPs can be separated, and which modules they are, or why not."""
    if signal not in ADDITIVE:
        return False, f"signal={signal!r} is no sum of what attention and the MLPs give"
    try:
        return True, find_parts(model).about
    except DepthscopeError as problem:
        return False, str(problem)


def splittable_by_head(model: Model, parts: bool, about: str) -> tuple[bool, str]:
    """The same of heads; ``parts`` and ``about`` are what :func:`splittable` gave."""
    if not parts:
        return False, about
    try:
        return True, find_heads(model, find_parts(model)).about
    except DepthscopeError as problem:
        return False, str(problem)


def attribute(traj: xr.Dataset, h: xr.DataArray, main: Contrast, settings: Settings, about: str) -> Attribution:
    """Share the difference in CSE out among scales, and among parts where ``traj`` holds them; ``about``: which modules."""
    a, b = main.terms.conditions
    options = settings.contrast
    given = tested_items(contributions(traj, a, b, **settings.cse), main)
    share = contrast(shares(traj, **settings.cse), main.terms, **options)
    map_ = _map(traj, main, settings)
    if "part" not in given.dims:
        return Attribution(share, against_zero(given, "contribution", **options), about=about, map=map_)
    parts = _by_part(given, options)
    relative = contributions(traj, a, b, **{**settings.cse, "relative": True})
    alone = {}
    for name in ("attention", "mlp"):
        one = traj.assign(gram=traj["part_gram"].sel(part=name, drop=True))
        try:
            alone[name] = contrast(cse(one, **settings.cse), main.terms, **options)
        except DepthscopeError:  # a network without that part
            continue
    scales = against_zero(given.sum("part", min_count=1), "contribution", **options)
    return Attribution(share, scales, parts, alone, about, map_, _by_part(tested_items(relative, main), options))


def _map(traj: xr.Dataset, main: Contrast, settings: Settings) -> Contrast | None:
    """The contrast of the log-ratios of the energies; None where every layer has a cell without energy."""
    options = {name: value for name, value in settings.cse.items() if name != "normalize"}
    try:
        return contrast(energy_map(traj, **options), main.terms, **settings.contrast)
    except DepthscopeError:
        return None


def _by_part(given: xr.DataArray, options: dict[str, Any]) -> dict[str, Contrast]:
    return {
        str(name): against_zero(given.sel(part=name, drop=True).sum("scale", min_count=1), str(name), **options)
        for name in given["part"].values
    }
