"""Tables of any library as DataFrames of pandas."""

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from depthscope.errors import DepthscopeError, reason, require


def as_frame(source: Any, what: str = "stimuli") -> pd.DataFrame:
    """A DataFrame of pandas from one of pandas, polars (lazy ones too), pyarrow, or whatever speaks their protocols; from
    columns by name; from rows, which a generator may give.

    Raises
    ------
    DepthscopeError
        None of these.
    """
    if isinstance(source, pd.DataFrame):
        return source
    try:
        found = _converted(source)
    except DepthscopeError:
        raise
    except Exception as problem:  # each library objects in its own way
        raise DepthscopeError(
            f"{what}: the {type(source).__name__} cannot be read as a table ({reason(problem)}): give a DataFrame, or rows "
            "as a list of dicts"
        ) from None
    if found is None:
        raise DepthscopeError(
            f"{what}: a {type(source).__name__} is no table: give a DataFrame, or rows as a list of dicts"
        )
    return found


def _converted(source: Any) -> pd.DataFrame | None:
    if type(source).__module__.partition(".")[0] == "polars" and hasattr(source, "lazy"):
        # by way of Python's own lists, for which polars needs no other library
        whole = source.collect() if hasattr(source, "collect") else source
        return pd.DataFrame(whole.to_dict(as_series=False))
    if hasattr(source, "to_pandas"):
        found: pd.DataFrame = source.to_pandas()
        return found
    if hasattr(source, "__arrow_c_stream__"):
        read: pd.DataFrame = require("pyarrow", "parquet").table(source).to_pandas()
        return read
    if hasattr(source, "__dataframe__"):
        return pd.api.interchange.from_dataframe(source)
    if isinstance(source, Mapping):
        return pd.DataFrame({str(name): list(column) for name, column in source.items()})
    if isinstance(source, Iterable) and not isinstance(source, str | bytes):
        rows = list(source)
        if all(isinstance(row, Mapping) for row in rows):
            return pd.DataFrame(rows)
    return None
