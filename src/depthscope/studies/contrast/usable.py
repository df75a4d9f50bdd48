"""What a contrast will be tested on, known before anything is traced."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from depthscope.capture.tokens import Subtoken, tokenize
from depthscope.instrument.labels import by_item
from depthscope.statistics.pairing import Paired, pair, usable_text
from depthscope.statistics.terms import Terms

if TYPE_CHECKING:  # a look at a table needs no torch
    from depthscope.model.model import Model
    from depthscope.studies.contrast.settings import Settings


def contexts_of(tokenizer: Any, table: pd.DataFrame, subtoken: Subtoken, limit: int | None, causal: bool) -> list[str]:
    """By row, a digest of what the model sees at the target: see :meth:`Tokenized.context`."""
    return [row.context(causal) for row in tokenize(tokenizer, table, subtoken, limit)]


def check_usable(model: "Model", table: pd.DataFrame, terms: Sequence[Terms], settings: "Settings") -> None:
    """Refuse contrasts without enough pairs that the model can distinguish, before anything is traced."""
    contexts = contexts_of(model.tokenizer, table, settings.subtoken, model.max_length, model.causal)
    for one in terms:
        pairs_of(table, one, contexts, bool(settings.contrast.get("include_same_context")))


def pairs_of(
    table: pd.DataFrame, terms: Terms, contexts: Sequence[str] | None = None, include_same_context: bool = False
) -> Paired:
    """The pairs that a contrast will have, with those that are left out and why: a dry run on zeros.

    Raises
    ------
    DepthscopeError
        What :func:`depthscope.contrast` would raise after the tracing: fewer than two items that can be used.
    """
    return pair(_zeros(table, contexts), terms, include_same_context)


def pairs_told(table: pd.DataFrame, terms: Terms, contexts: Sequence[str] | None = None) -> str:
    """The same in words: ``"3 usable pair(s) of 4; left out: 1 without all conditions (shark)"``."""
    zeros = _zeros(table, contexts)
    paired = pair(zeros, terms)
    return usable_text(zeros.sizes["item"], paired.incomplete, paired.same_context)


def _zeros(table: pd.DataFrame, contexts: Sequence[str] | None) -> xr.DataArray:
    named = {
        name: ("stimulus", table[name].to_numpy(object)) for name in ("item", "condition", "pair") if name in table
    }
    if contexts is not None:
        named["context"] = ("stimulus", np.array(contexts, dtype=object))
    return by_item(xr.DataArray(np.zeros((len(table), 1)), dims=("stimulus", "layer"), coords=named))
