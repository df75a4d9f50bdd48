"""The layout of a stimulus table, and what makes one valid.

One row per text. Columns ``item``, ``condition``, ``text``; the target as ``target`` (a word), as ``start`` and ``end``
(character offsets, end exclusive), or both; optionally ``occurrence`` (which one, if the word is repeated) and ``pair``
(when an item has several). Every further column is kept as a covariate.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from depthscope.errors import DepthscopeError, listed
from depthscope.stimuli.columns import ORDER, REQUIRED, meant
from depthscope.stimuli.counting import counted_otherwise
from depthscope.stimuli.garbled import garbled, without_letters
from depthscope.stimuli.plain import Plain, first_difference, look, plain, pointed_apart, unpointed
from depthscope.stimuli.problems import Problem, RowError, StimuliError
from depthscope.stimuli.target import check_offsets, locate

LABELS = ("item", "condition", "pair")
Form = Callable[[str], Plain]

GIVEN = (*ORDER, "occurrence")
# a list in the way of Python, JSON or NumPy: nothing but tokens in quotation marks
_TOKENS = re.compile(r"""\s*[\[(]\s*(?:(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")\s*,?\s*)+[\])]\s*""")


def validate(
    table: pd.DataFrame, *, paired: bool = True, source: str = "stimuli", normalize: bool = False
) -> pd.DataFrame:
    """Return the table in its standard layout, or raise one sentence about all that is wrong.

    Parameters
    ----------
    paired : bool
        Refuse an item that occurs in one condition only.
    source : str
        What to call the table in messages.
    normalize : bool
        Put texts and targets into one form, as :func:`depthscope.stimuli.plain.plain` does.

    Returns
    -------
    DataFrame
        ``item, condition[, pair], text, target, start, end``, then the covariates, in the order of the rows given.

    Raises
    ------
    StimuliError
        Every row that cannot be used, with the reason; the sentence names the first few.
    """
    table = table.copy()
    table.columns = [str(name).strip() for name in table.columns]
    _check_columns(table, source)
    if table.empty:
        raise DepthscopeError(f"{source}: the table has no rows")
    table = table.reset_index(drop=True)
    for name in LABELS:
        if name in table:
            # plain text, whatever kind of column it was
            table[name] = pd.Series([_label(value) for value in table[name]], table.index)
    problems: list[Problem] = []
    targets = []
    given = {name: list(table[name]) for name in GIVEN if name in table}
    form = _form(given) if normalize else None
    for i, (item, condition) in enumerate(zip(given["item"], given["condition"], strict=True)):
        row = {name: column[i] for name, column in given.items()}
        try:
            targets.append(_target(row, i, row_name(source, item, condition), source, form))
        except RowError as fault:
            problems.append(Problem.of(i + 1, item, condition, fault))
    problems += _design_problems(table, paired)
    if not problems:
        problems += _counting_problems(given, targets)
    if problems:
        raise StimuliError(source, sorted(problems, key=lambda one: (one.row is None, one.row)))
    table["text"], table["target"], table["start"], table["end"] = (
        list(column) for column in zip(*targets, strict=True)
    )
    table = table.drop(columns=["occurrence"], errors="ignore")
    first = [name for name in ORDER if name in table]
    return table[first + [name for name in table.columns if name not in first]]


def validate_labels(table: pd.DataFrame, source: str) -> pd.DataFrame:
    """The same for a table that says which item and condition each row is, and need not have texts.

    Raises
    ------
    DepthscopeError
        No item or no condition, a row that occurs twice; with texts and targets, whatever :func:`validate` finds.
    """
    names = {str(name).strip() for name in table.columns}
    if "text" in names and ("target" in names or {"start", "end"} <= names):
        return validate(table, paired=False, source=source)
    found = table.rename(columns=lambda name: str(name).strip()).reset_index(drop=True)
    _check_doubled(found, source)
    for name in ("item", "condition"):
        if name not in found:
            raise DepthscopeError(
                f"{source}: no column {name} (columns found: {listed(found.columns, 12)}); a table of own states needs item "
                "and condition, a row for each of them"
            )
    for name in LABELS:
        if name in found:
            found[name] = pd.Series([_label(value) for value in found[name]], found.index)
    problems = [
        Problem.of(int(place) + 1, found["item"][place], found["condition"][place], _unnamed(source, int(place), name))
        for name in ("item", "condition")
        for place in found.index[found[name] == ""]
    ]
    problems += _design_problems(found, False)
    if problems:
        raise StimuliError(source, problems)
    return found


def _unnamed(source: str, i: int, name: str) -> RowError:
    return RowError(source, name, f"row {i + 1} has no {name}", "give it one, or drop the row", None)


def row_name(source: str, item: str, condition: str) -> str:
    return f"{source}: item {item!r}, condition {condition!r}"


def _check_characters(text: str, row: str) -> None:
    """JSON can escape half a character ("\\ud83d"), which no file and no tokenizer takes."""
    try:
        text.encode()
    except UnicodeEncodeError as problem:
        where = f"character {problem.start}"
        raise RowError(row, "text", f"{where} is half a character (a lone surrogate)", "mend the text") from None


def _label(value: object) -> str:
    """Labels are text: 7, 7.0 and "7" name the same item."""
    if value is None or (isinstance(value, float | np.floating) and np.isnan(value)) or value is pd.NA:
        return ""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value).strip()


def _check_doubled(table: pd.DataFrame, source: str) -> None:
    doubled = table.columns[table.columns.duplicated()]
    if len(doubled):
        raise DepthscopeError(f"{source}: column {doubled[0]!r} occurs twice")


def _check_columns(table: pd.DataFrame, source: str) -> None:
    _check_doubled(table, source)
    missing = [name for name in REQUIRED if name not in table]
    targeted = "target" in table or {"start", "end"} <= set(table.columns)
    near = meant([*missing, *([] if targeted else ["target"])], table.columns)
    if missing:
        raise DepthscopeError(
            f"{source}: no column {listed(missing)} (columns found: {listed(table.columns, 12)}); "
            f"a table needs item, condition, text and the target as target, or as start and end{near}"
        )
    if not targeted:
        raise DepthscopeError(f"{source}: no target: add a column target (a word), or start and end (offsets){near}")
    if ("start" in table) != ("end" in table):
        raise DepthscopeError(f"{source}: start and end go together: one of the two columns is missing")


def _form(given: Mapping[str, list[Any]]) -> Form:
    """The form that texts are put into: without points in all rows, if in one of them the target is not found with them."""
    pairs = zip(given["text"], given.get("target", []), strict=False)
    return (
        unpointed if any(isinstance(text, str) and pointed_apart(text, _label(word)) for text, word in pairs) else plain
    )


def _target(given: Mapping[str, Any], i: int, row: str, source: str, form: Form | None) -> tuple[str, str, int, int]:
    """The text of a row, its target, and where that is; raises what is wrong with the row."""
    for name in ("item", "condition"):
        if not given[name]:
            raise _unnamed(source, i, name)
    text = given["text"]
    _check_text(text, row)
    word = _label(given.get("target"))
    start, end = (_whole(given.get(name), name, row) for name in ("start", "end"))
    if (start is None) != (end is None):
        empty = "start" if start is None else "end"
        raise RowError(row, empty, "start and end go together: one of the two is empty", f"give {empty} too", None)
    if form is not None:
        text, word, start, end = _formed(form, text, word, start, end, row)
    if start is None or end is None:
        if not word:
            raise RowError(row, "target", "no target", "give a word, or start and end", ": ")
        try:
            start, end = locate(text, word, _whole(given.get("occurrence"), "occurrence", row), row)
        except RowError:
            if harm := garbled(text):  # which is why it is not there
                raise RowError(row, "text", *harm) from None
            raise
        word = text[start:end]
    check_offsets(text, start, end, word, row)
    if harm := garbled(text[start:end]):  # beside the target it is reported: published sets have such places too
        raise RowError(row, "target", *harm)
    return text, text[start:end], start, end


def _counting_problems(given: Mapping[str, list[Any]], targets: list[tuple[str, str, int, int]]) -> list[Problem]:
    """Offsets alone, with no word beside them, that seem to be counted in another way than ours."""
    named = given.get("target", [""] * len(targets))
    alone = [(text, start, end) for (text, _, start, end), word in zip(targets, named, strict=True) if not _label(word)]
    if (found := counted_otherwise(alone)) is None:
        return []
    way, held = found
    reason = f"start and end cut words, as in {held!r}, but counted {way}, all of them hold whole words"
    way_out = "count characters from 0, the end exclusive, or, if parts are meant, name them in a column target too"
    return [Problem(None, "", "", "start", reason, way_out)]


def _formed(
    form: Form, text: str, word: str, start: int | None, end: int | None, row: str
) -> tuple[str, str, int | None, int | None]:
    """Text and target in one form; offsets, if there are any, move along."""
    made = form(text)
    if not made.text.strip():
        raise RowError(row, "text", "the text holds nothing that can be seen", "write a text, or drop the row", None)
    if start is not None and end is not None:
        check_offsets(text, start, end, "", row)
        start, end = made.at(start), made.at(end)
    return made.text, form(word).text.strip(), start, end


def _check_text(text: object, row: str) -> None:
    if isinstance(text, list | tuple | np.ndarray):
        raise RowError(row, "text", "the text is a list of tokens", "join them into running text, as a writer would")
    if not isinstance(text, str) or not text.strip():
        raise RowError(row, "text", "the text is empty", "write a text, or drop the row", None)
    if _TOKENS.fullmatch(text):
        tokens = f"the text is a list of tokens written out ({text.strip()[:30]}...)"
        raise RowError(row, "text", tokens, "give running text, as a writer would")
    _check_characters(text, row)
    if without_letters(text) and (harm := garbled(text)):
        raise RowError(row, "text", *harm)


def _whole(value: Any, column: str, row: str) -> int | None:
    if _label(value) == "":
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = float("nan")
    if not number.is_integer():
        raise RowError(row, column, f"{column} is {value!r}, not a whole number", "count in whole numbers", None)
    return int(number)


def _lookalikes(name: str, column: "pd.Series[Any]") -> list[Problem]:
    """Labels that are two, and that nobody can tell apart, each where the second first occurs."""
    first: dict[str, str] = {}
    found = []
    for place, label in column.drop_duplicates().items():
        other = first.setdefault(look(label), label)
        if other != label:
            blank = label.split() == other.split()
            difference = "has more blank space" if blank else first_difference(label, other, "the other")
            reason = f"two {name}s look alike and are not the same, {label!r}: one {difference}"
            found.append(Problem(int(str(place)) + 1, "", "", name, reason, "write both alike"))
    return found


def _cased(table: pd.DataFrame) -> list[Problem]:
    """Conditions that differ in case alone, and of which no item has both: one, in two spellings."""
    names = table["condition"].drop_duplicates()
    found = []
    for _, spellings in names.groupby(names.str.casefold(), sort=False):
        items = [set(table["item"][table["condition"] == name]) for name in spellings]
        if len(items) > 1 and sum(map(len, items)) == len(set.union(*items)):
            reason = f"conditions {listed(map(repr, spellings))} differ in case alone, and no item has two of them"
            found.append(Problem(int(spellings.index[1]) + 1, "", "", "condition", reason, "write them alike"))
    return found


def _design_problems(table: pd.DataFrame, paired: bool) -> list[Problem]:
    """Rows that occur twice, labels that look alike, and items that have nothing to be compared with."""
    table = table[(table["item"] != "") & (table["condition"] != "")]
    keys = [name for name in ("item", "pair", "condition") if name in table]
    twice = table[table.duplicated(keys)]
    way_out = "drop one, or tell the pairs of an item apart in a column pair"
    found = [
        Problem(place + 1, item, condition, "pair", "occurs twice", way_out)
        for place, item, condition in zip(twice.index.tolist(), twice["item"], twice["condition"], strict=True)
    ]
    found += [problem for name in LABELS if name in table for problem in _lookalikes(name, table[name])]
    found += _cased(table)
    count = table.groupby("item", sort=False)["condition"].nunique()
    lone = count.index[count == 1]
    if paired and len(lone):
        condition = table.loc[table["item"] == lone[0], "condition"].iloc[0]
        alone = f"item {lone[0]!r} has the condition {condition!r} only ({len(lone)} such items)"
        reason = f"{alone}: a paired design needs two or more"
        way_out = "complete or drop it, or read the table with paired=False"
        found.append(Problem(None, lone[0], "", "condition", reason, way_out))
    return found
