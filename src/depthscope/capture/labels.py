"""What every capture says of the model, of its layers and of its rows."""

import unicodedata
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from depthscope.errors import UNSEEN, DepthscopeError, listed

if TYPE_CHECKING:
    from depthscope.model.model import Model

DIMS = {
    "gram": ("stimulus", "layer", "other_layer"),
    "initial_dot": ("stimulus", "layer"),
    "state_norm": ("stimulus", "state"),
    "participation": ("stimulus", "layer"),
    "states": ("stimulus", "state", "feature"),
    "part_gram": ("stimulus", "part", "layer", "other_layer"),
    "head_dot": ("stimulus", "layer", "attention_head", "other_layer"),
    "head_square": ("stimulus", "layer", "attention_head"),
    "lens_entropy": ("stimulus", "layer"),
    "surprisal": ("stimulus",),
}

# names of the Dataset's own variables and coordinates, which a covariate of the table must not take
PER_STIMULUS = (
    *("token_index", "n_tokens", "n_subtokens", "at_start", "token_exceeds", "state_exceeds", "context", "surprisal"),
)
DERIVED = (
    *("stimulus", "group", "update_norm", "relative_depth", "scale", "period", "coi", "valid", "valid_scales"),
    "attention_block",
)
# bytes in a name that is a folder of a store
LONGEST_NAME = 150
RESERVED = {*DIMS, *(dim for dims in DIMS.values() for dim in dims), *PER_STIMULUS, *DERIVED}


def model_attrs(model: "Model") -> dict[str, Any]:
    """Which model it was, how it was held, and what is set in this process that may change bits, if anything is."""
    from depthscope.model.plain import settings

    attrs = {
        "model": model.name,
        "model_class": type(model.network).__name__,
        "fingerprint": model.fingerprint,
        "blocks": model.path,
        "causal": int(model.causal),  # a truth value is no attribute of a NetCDF file
        "width": model.width,
        "dtype": str(model.dtype),
        "quantization": model.quantization or "none",
    }
    set_so = settings()
    return {**attrs, "settings": set_so} if set_so else attrs


def layer_coords(depth: int, of: int | None = None) -> dict[str, Any]:
    """Layers 1 .. L, states 0 .. L; ``of`` so many, if not all of them are there."""
    layers = np.arange(1, depth + 1)
    return {
        "layer": layers,
        "other_layer": layers,
        "state": np.arange(depth + 1),
        "relative_depth": ("layer", layers / (of or depth)),
    }


def update_norm(gram: NDArray[np.float64]) -> NDArray[np.float64]:
    """``|u_l|`` (N, L), the root of the diagonal of the Gram matrices (N, L, L)."""
    norm: NDArray[np.float64] = np.sqrt(np.maximum(np.diagonal(gram, axis1=1, axis2=2), 0))
    return norm


def check_covariates(table: pd.DataFrame) -> None:
    """Refuse names of columns that a trace has a use for itself, or that no store of arrays can hold."""
    taken = RESERVED & set(table.columns)
    if taken:
        raise DepthscopeError(f"stimuli: a covariate cannot be called {listed(sorted(taken))}; rename the column")
    for name in map(str, table.columns):
        strange = any(unicodedata.category(char) in UNSEEN for char in name)
        if not name or "/" in name or name.startswith(".") or strange or len(name.encode()) > LONGEST_NAME:
            raise DepthscopeError(
                f"stimuli: a covariate cannot be called {name[:40]!r}, which no store of arrays can hold: rename the column, "
                "without a slash, a leading dot or control characters, and not too long"
            )


def column_coords(table: pd.DataFrame) -> dict[str, Any]:
    """The columns of a table of stimuli as coordinates."""
    return {str(name): ("stimulus", _column(table[name])) for name in table}


def _column(column: pd.Series) -> np.ndarray[Any, Any]:
    """Numbers and truth values as they are, all else as text."""
    if column.dtype.kind in "biuf":
        # what is missing in pandas' nullable types is no number to NumPy
        return column.to_numpy(np.float64, na_value=np.nan) if column.hasnans else column.to_numpy()
    return np.array(["" if pd.isna(value) else str(value) for value in column], dtype=object)
