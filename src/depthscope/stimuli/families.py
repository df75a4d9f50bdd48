"""What items share with each other: the same word, text or stem makes families, and items of one family are not independent."""

from typing import Any

import pandas as pd

from depthscope.errors import DepthscopeError, listed

# columns that say what items have in common, where a table has them
NAMED = ("family", "word", "lemma", "stem", "verb", "noun", "frame", "document", "text_id", "source")
SHARED = "target"


def families(table: pd.DataFrame) -> dict[str, dict[str, str]]:
    """What some items share, by its column: item -> the label of its family.

    Parameters
    ----------
    table : DataFrame
        Stimuli: ``item``, ``condition``, ``text``, ``target``, and columns of their own.

    Returns
    -------
    dict of dict
        Columns that give every item one label, in all of its texts, and several items the same: the target, as it is spelt
        without case, and those of :data:`NAMED`. Labels that every item has are no families.
    """
    found = {}
    for column in (SHARED, *(name for name in NAMED if name in table)):
        labels = _labels(table, column)
        if labels is not None and len(set(labels.values())) < len(labels) and len(set(labels.values())) > 1:
            found[column] = labels
    return found


def by_family(table: pd.DataFrame, column: str) -> pd.DataFrame:
    """The table with the families of ``column`` as items, and what were items as their pairs.

    So whatever averages the pairs of an item before it tests anything averages the items of a family: families are the units
    that may be taken to be independent.

    Raises
    ------
    DepthscopeError
        No such column, an item with several labels, or with none.
    """
    if column not in table:
        raise DepthscopeError(f"--cluster-by {column}: there is no such column; choose among {listed(table, 20)}")
    for item, labels in table.groupby("item", sort=False)[column]:
        different = list(dict.fromkeys(_label(value) for value in labels))
        if len(different) > 1 or not different[0]:
            what = f"belongs to {listed(different)}" if len(different) > 1 else "has no label"
            raise DepthscopeError(
                f"--cluster-by {column}: item {item!r} {what}; an item belongs to one family, in all of its texts"
            )
    pairs = table["pair"].astype(str) if "pair" in table else pd.Series("", table.index)
    names = [f"{item}.{pair}" if pair else str(item) for item, pair in zip(table["item"], pairs, strict=True)]
    return table.assign(item=[_label(value) for value in table[column]], pair=names)


def _labels(table: pd.DataFrame, column: str) -> dict[str, str] | None:
    """One label for each item, or None if some item has several, or none."""
    found: dict[str, str] = {}
    for item, value in zip(table["item"].astype(str), table[column], strict=True):
        label = _label(value)
        if not label or found.setdefault(item, label) != label:
            return None
    return found


def _label(value: Any) -> str:
    return "" if pd.isna(value) else str(value).strip().casefold()
