"""The items that a contrast is made of, and one number for each."""

from typing import Any, TypeVar

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from depthscope.statistics.pairing import group_names
from depthscope.statistics.result import Contrast

Labelled = TypeVar("Labelled", xr.DataArray, xr.Dataset)


def tested_items(values: Labelled, main: Contrast) -> Labelled:
    """The items that the contrast is made of."""
    return values.isel(item=np.isin(group_names(values), main.differences["item"].values.astype(str)))


def by_item(values: xr.DataArray) -> NDArray[Any]:
    """One number per item: entries of one item are averaged."""
    return values.groupby("group").mean().values if values["group"].to_index().has_duplicates else values.values
