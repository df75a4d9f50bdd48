"""What ``--contrast a-b`` means in a table."""

from collections.abc import Sequence

import pandas as pd

from depthscope.errors import DepthscopeError, listed


def parse_contrast(text: str, conditions: Sequence[str]) -> tuple[str, str]:
    """Split ``a-b`` where both sides are conditions; names may contain hyphens themselves."""
    hyphens = [i for i, character in enumerate(text) if character == "-"]
    splits = [(text[:i].strip(), text[i + 1 :].strip()) for i in hyphens]
    found = [(a, b) for a, b in splits if a in conditions and b in conditions and a != b]
    if len(found) > 1:
        readings = listed(f"{a!r} minus {b!r}" for a, b in found)
        raise DepthscopeError(f"contrast {text!r} can be read in several ways ({readings}); rename a condition")
    if found:
        return found[0]
    raise DepthscopeError(
        f"contrast {text!r}: write it as a-b with two conditions of this table, which has {listed(conditions, 12)}"
    )


def check_pairs(table: pd.DataFrame, a: str, b: str) -> None:
    """Refuse a contrast that has fewer than two items with both conditions, before any time is spent."""
    keys = ["item", "pair"] if "pair" in table else ["item"]
    both = table[table["condition"].isin([a, b])].groupby(keys)["condition"].nunique() == 2
    items = {key[0] if isinstance(key, tuple) else key for key in both.index[both]}
    if len(items) < 2:
        raise DepthscopeError(f"{a} - {b}: {len(items)} item(s) with both conditions; a paired test needs at least 2")
