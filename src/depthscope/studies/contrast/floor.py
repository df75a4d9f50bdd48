"""The noise floor of a narrow precision: how far CSE of the same text differs with what runs beside it."""

from typing import Any

import numpy as np
import pandas as pd

from depthscope.arrays import Float
from depthscope.capture.trace import trace
from depthscope.instrument.cse import cse
from depthscope.model.model import Model

TEXTS = 8


def noise_floor(model: Model, table: pd.DataFrame, settings: dict[str, Any]) -> dict[str, str]:
    """A line for the record of a model that carries its stream in half precision; nothing for others.

    The first texts of the table are measured alone and in batches. What differs is rounding, since no text sees another.
    """
    if model.dtype.itemsize > 2:
        return {}
    some = table.head(TEXTS)
    alone, together = (
        _rows(cse(trace(model, some, token_budget=budget, progress=False), **settings).values) for budget in (1, None)
    )
    apart, spread = float(np.sqrt(np.mean((alone - together) ** 2))), float(together.std(0).mean())
    return {
        "noise": f"CSE of {len(some)} texts alone and in batches differs by {apart:.1g} rms (sd over these texts {spread:.1g})"
    }


def _rows(values: Float) -> Float:
    """One row per text, of the layers at which CSE is defined."""
    flat = values.reshape(-1, values.shape[-1])
    flat = flat[np.isfinite(flat).any(1)]
    return flat[:, np.isfinite(flat).all(0)]
