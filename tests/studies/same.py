"""Whether two results are one."""

import numpy as np
import xarray as xr

from depthscope.statistics.nulls import Null
from depthscope.statistics.result import Contrast


def same_contrast(one: Contrast, other: Contrast) -> bool:
    """Terms, clusters, settings and every number; raises where a table differs."""
    xr.testing.assert_identical(one.table, other.table)
    xr.testing.assert_identical(one.differences, other.differences)
    np.testing.assert_equal([vars(k) for k in one.clusters], [vars(k) for k in other.clusters])
    return (one.terms, one.settings) == (other.terms, other.settings)


def same_null(one: Null, other: Null) -> bool:
    xr.testing.assert_identical(one.expected, other.expected)
    same = same_contrast(one.excess, other.excess)
    return same and (one.name, one.words, one.anywhere, one.there) == (
        other.name,
        other.words,
        other.anywhere,
        other.there,
    )
