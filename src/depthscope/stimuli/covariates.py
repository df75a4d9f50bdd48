"""What a target brings along whatever the model: its frequency and its length."""

from typing import Any

import pandas as pd

from depthscope.stimuli.frames import as_frame
from depthscope.stimuli.frequency import with_frequency


def with_covariates(table: pd.DataFrame | Any, language: str | None = None) -> pd.DataFrame:
    """Add ``log_frequency`` (see :func:`with_frequency`) and ``target_length``, in characters, where they are not there yet.

    ``language``: of the texts, as a code such as ``"de"``; by default it is found in them, and asked for if it is not certain.
    """
    return with_length(with_frequency(as_frame(table), language))


def with_length(table: pd.DataFrame) -> pd.DataFrame:
    """Add ``target_length``, in characters, if it is not there yet."""
    return table if "target_length" in table else table.assign(target_length=table["end"] - table["start"])
