"""The layout of a stimulus table, and what makes one valid.

One row per text. Columns ``item``, ``condition``, ``text``; the target as ``target`` (a word), as ``start`` and ``end``
(character offsets, end exclusive), or both; optionally ``occurrence`` (which one, if the word is repeated) and ``pair``
(when an item has several). Every further column is kept as a covariate.
"""

import pandas as pd

from depthscope.errors import DepthscopeError, listed
from depthscope.stimuli.target import check_offsets, locate

REQUIRED = ("item", "condition", "text")
ORDER = ("item", "condition", "pair", "text", "target", "start", "end")


def validate(table: pd.DataFrame, *, paired: bool = True, source: str = "stimuli") -> pd.DataFrame:
    """Return the table in its standard layout, or raise one sentence about the first thing that is wrong.

    Parameters
    ----------
    paired : bool
        Refuse an item that occurs in one condition only.
    source : str
        What to call the table in messages.

    Returns
    -------
    DataFrame
        ``item, condition[, pair], text, target, start, end``, then the covariates, in the order of the rows given.
    """
    table = table.copy()
    table.columns = [str(name).strip() for name in table.columns]
    _check_columns(table, source)
    if table.empty:
        raise DepthscopeError(f"{source}: the table has no rows")
    table = table.reset_index(drop=True)
    for name in ("item", "condition", "pair"):
        if name in table:
            table[name] = table[name].map(_label)
    for name in ("item", "condition"):
        blank = table.index[table[name] == ""]
        if len(blank):
            raise DepthscopeError(f"{source}: row {blank[0] + 1} has no {name}")
    names = [row_name(source, *key) for key in zip(table["item"], table["condition"], strict=True)]
    for text, row in zip(table["text"], names, strict=True):
        if not isinstance(text, str) or not text.strip():
            raise DepthscopeError(f"{row}: the text is empty")
        _check_characters(text, row)
    _resolve_targets(table, names)
    _check_design(table, source, paired)
    table = table.drop(columns=["occurrence"], errors="ignore")
    first = [name for name in ORDER if name in table]
    return table[first + [name for name in table.columns if name not in first]]


def row_name(source: str, item: str, condition: str) -> str:
    return f"{source}: item {item!r}, condition {condition!r}"


def _check_characters(text: str, row: str) -> None:
    """JSON can escape half a character ("\\ud83d"), which no file and no tokenizer takes."""
    try:
        text.encode()
    except UnicodeEncodeError as problem:
        where = f"character {problem.start}"
        raise DepthscopeError(f"{row}: {where} is half a character (a lone surrogate); mend the text") from None


def _label(value: object) -> str:
    """Labels are text: 7, 7.0 and "7" name the same item."""
    if value is None or (isinstance(value, float) and pd.isna(value)) or value is pd.NA:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def _check_columns(table: pd.DataFrame, source: str) -> None:
    doubled = table.columns[table.columns.duplicated()]
    if len(doubled):
        raise DepthscopeError(f"{source}: column {doubled[0]!r} occurs twice")
    missing = [name for name in REQUIRED if name not in table]
    if missing:
        raise DepthscopeError(
            f"{source}: no column {listed(missing)} (columns found: {listed(table.columns, 12)}); "
            "a table needs item, condition, text and the target as target, or as start and end"
        )
    if "target" not in table and not {"start", "end"} <= set(table.columns):
        raise DepthscopeError(f"{source}: no target: add a column target (a word), or start and end (offsets)")
    if ("start" in table) != ("end" in table):
        raise DepthscopeError(f"{source}: start and end go together: one of the two columns is missing")


def _resolve_targets(table: pd.DataFrame, names: list[str]) -> None:
    """Fill target, start and end for every row."""
    starts, ends, targets = [], [], []
    for i, (text, row) in enumerate(zip(table["text"], names, strict=True)):
        word = _label(table["target"].iloc[i]) if "target" in table else ""
        start, end = (_whole(table, name, i, row) for name in ("start", "end"))
        if (start is None) != (end is None):
            raise DepthscopeError(f"{row}: start and end go together: one of the two is empty")
        if start is None or end is None:
            if not word:
                raise DepthscopeError(f"{row}: no target: give a word, or start and end")
            start, end = locate(text, word, _whole(table, "occurrence", i, row), row)
            word = text[start:end]
        check_offsets(text, start, end, word, row)
        starts.append(start)
        ends.append(end)
        targets.append(text[start:end])
    table["target"], table["start"], table["end"] = targets, starts, ends


def _whole(table: pd.DataFrame, column: str, i: int, row: str) -> int | None:
    if column not in table:
        return None
    value = table[column].iloc[i]
    if _label(value) == "":
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = float("nan")
    if not number.is_integer():
        raise DepthscopeError(f"{row}: {column} is {value!r}, not a whole number")
    return int(number)


def _check_design(table: pd.DataFrame, source: str, paired: bool) -> None:
    keys = [name for name in ("item", "pair", "condition") if name in table]
    doubled = table[table.duplicated(keys)]
    if len(doubled):
        item, condition = doubled.iloc[0][["item", "condition"]]
        raise DepthscopeError(
            f"{row_name(source, item, condition)}: occurs twice; drop one, or tell the pairs of an item apart "
            "in a column pair"
        )
    if not paired:
        return
    count = table.groupby("item", sort=False)["condition"].nunique()
    lone = count.index[count == 1]
    if len(lone):
        condition = table.loc[table["item"] == lone[0], "condition"].iloc[0]
        raise DepthscopeError(
            f"{source}: item {lone[0]!r} has the condition {condition!r} only ({len(lone)} such items): a paired design "
            "needs two or more; complete or drop it, or read the table with paired=False"
        )
