"""The contrast of a run again, of quantities that hang on no weight of the scales."""

from collections.abc import Mapping
from typing import Any

import xarray as xr

from depthscope.instrument.cse import cse
from depthscope.instrument.relative import slope
from depthscope.report.beside import Beside
from depthscope.report.evidence import Evidence
from depthscope.statistics.contrast import contrast
from depthscope.statistics.result import Contrast

# options of cse() that slopes have none of
NOT_OF_SLOPES = ("normalize", "relative")


def contrast_beside(traj: xr.Dataset, main: Contrast, measure: Mapping[str, Any], options: Mapping[str, Any]) -> Beside:
    """Relative CSE and the three slopes beside ``main``; ``measure``: keywords of cse, ``options`` of contrast."""
    shared = {name: value for name, value in measure.items() if name not in NOT_OF_SLOPES}
    slopes = slope(traj, **{**shared, "min_scales": max(2, shared.get("min_scales", 4))})
    measured = {"relative": cse(traj, **{**measure, "relative": True}), **slopes.data_vars}
    rows = {"cse": main, **{str(name): contrast(h, main.terms, **options) for name, h in measured.items()}}
    return Beside(rows, Evidence(main).window)
