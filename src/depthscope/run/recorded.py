"""The contrasts that the record of a run names, computed again from what it measured, and compared with what it wrote."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from depthscope.errors import DepthscopeError, listed
from depthscope.statistics.contrast import OPTIONS, contrast
from depthscope.statistics.result import Contrast
from depthscope.statistics.terms import parse_terms

WAY_OUT = "put the original back, or run the study again in another folder"
# what runs of versions did that had no such setting
EARLIER = {"splines": 0, "inference": "flips"}
# columns that follow from the data, the flips and the draws; other processors round the last digits otherwise
TOLD, CLOSE = ("t", "p", "dz_low", "dz_high", "cluster_p"), 1e-6


def recorded_contrasts(
    h: xr.DataArray, settings: Mapping[str, Any], record: Path, written: pd.DataFrame | None, most: int | None = None
) -> list[Contrast]:
    """The first ``most`` contrasts of a run (default: all), with the settings and the seed that it recorded.

    ``h`` is what it measured, ``record`` the place of its record, for sentences, and ``written`` its table of contrasts, if it
    has one.

    Raises
    ------
    DepthscopeError
        The settings are not those that a run records, or give other numbers than it wrote.
    """
    names = settings.get("contrasts") or []
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise DepthscopeError(f"{record}: its settings name the contrasts as {names!r}, no list of texts; {WAY_OUT}")
    if not names:
        return []
    options = recorded_options(settings, record)
    conditions = [str(c) for c in h["condition"].values]
    try:
        found = [contrast(h, parse_terms(name, conditions), **options) for name in names[:most]]
    except DepthscopeError as problem:
        raise DepthscopeError(f"{record}: its contrasts cannot be computed ({problem}); {WAY_OUT}") from None
    for one in found:
        if written is not None and not _as_written(one, written):
            raise DepthscopeError(
                f"{record}: its settings give other numbers for {one.name} than contrasts.csv holds; {WAY_OUT}"
            )
    return found


def recorded_options(settings: Mapping[str, Any], record: Path) -> dict[str, Any]:
    """The keywords of :func:`depthscope.contrast` that a run recorded: all of them, for defaults are no settings of a run."""
    options = settings.get("contrast")
    options = {**EARLIER, **options} if isinstance(options, dict) else options
    if isinstance(options, dict) and set(options) == set(OPTIONS):
        return options
    odd = sorted(set(OPTIONS) ^ set(options)) if isinstance(options, dict) else ["all of them"]
    raise DepthscopeError(
        f"{record}: its settings of the contrast are not those that a run records ({listed(odd)}); {WAY_OUT}"
    )


def _as_written(found: Contrast, written: pd.DataFrame) -> bool:
    """Whether the table holds these numbers; a table of another form, or without this contrast, says nothing."""
    columns = [name for name in ("contrast", *TOLD) if name in written]
    ours = found.to_dataframe()
    theirs = written[written["contrast"] == found.name] if "contrast" in columns else written[:0]
    if "measure" in theirs:
        theirs = theirs[theirs["measure"] == found.measure]
    if len(theirs) != len(ours):
        return len(theirs) == 0
    return all(
        np.allclose(
            pd.to_numeric(ours[name], errors="coerce"),
            pd.to_numeric(theirs[name], errors="coerce"),
            rtol=CLOSE,
            atol=CLOSE,
            equal_nan=True,
        )
        for name in columns[1:]
    )
