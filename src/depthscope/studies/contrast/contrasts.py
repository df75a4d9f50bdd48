"""Which contrasts a table allows."""

from collections.abc import Sequence

import pandas as pd

from depthscope.errors import DepthscopeError
from depthscope.statistics.terms import Terms


def check_pairs(table: pd.DataFrame, terms: Terms) -> None:
    """Refuse a contrast that has fewer than two items with all its conditions, before any time is spent."""
    count = _complete(table, terms)
    if count < 2:
        raise DepthscopeError(f"{terms.name}: {count} item(s) with all its conditions; a paired test needs at least 2")


def control_terms(main: Terms, table: pd.DataFrame) -> dict[str, tuple[Terms, Terms]]:
    """For each other condition ``c`` of the table: does c differ from the baseline too, and does ``a`` exceed c?

    ``c - b`` and ``a - c``; the latter is also ``(a - b) - (c - b)``, for the baseline cancels item by item. Conditions that
    share fewer than two items with the contrast are passed over; a difference of differences has no controls.
    """
    if len(main.left) > 1:
        return {}
    a, b = main.conditions
    found = {}
    for c in _others(table["condition"], main):
        both = Terms((c,), (b,)), Terms((a,), (c,))
        if all(_complete(table, terms) >= 2 for terms in both):
            found[c] = both
    return found


def _others(conditions: "pd.Series[str]", main: Terms) -> Sequence[str]:
    return [str(c) for c in dict.fromkeys(conditions) if c not in main.conditions]


def _complete(table: pd.DataFrame, terms: Terms) -> int:
    keys = ["item", "pair"] if "pair" in table else ["item"]
    counts = table[table["condition"].isin(terms.conditions)].groupby(keys)["condition"].nunique()
    complete = counts.index[counts == len(terms.conditions)]
    return len({key[0] if isinstance(key, tuple) else key for key in complete})
