"""What every capture says of the model and of its layers."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from depthscope.model.model import Model


def model_attrs(model: Model) -> dict[str, Any]:
    """Which model it was, and how it was held."""
    return {
        "model": model.name,
        "model_class": type(model.network).__name__,
        "fingerprint": model.fingerprint,
        "blocks": model.path,
        "causal": int(model.causal),  # a truth value is no attribute of a NetCDF file
        "width": model.width,
        "dtype": str(model.dtype),
        "quantization": model.quantization or "none",
    }


def layer_coords(depth: int) -> dict[str, Any]:
    """Layers 1 .. L, states 0 .. L."""
    layers = np.arange(1, depth + 1)
    return {
        "layer": layers,
        "other_layer": layers,
        "state": np.arange(depth + 1),
        "relative_depth": ("layer", layers / depth),
    }


def update_norm(gram: NDArray[np.float64]) -> NDArray[np.float64]:
    """``|u_l|`` (N, L), the root of the diagonal of the Gram matrices (N, L, L)."""
    norm: NDArray[np.float64] = np.sqrt(np.maximum(np.diagonal(gram, axis1=1, axis2=2), 0))
    return norm
