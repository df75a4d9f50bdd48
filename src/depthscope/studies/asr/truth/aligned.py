"""Word times that somebody has already: a table, or a TextGrid of Praat."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import regex

from depthscope.errors import DepthscopeError, listed
from depthscope.stimuli.delimited import read_cells
from depthscope.stimuli.files import DELIMITED, read_text

if TYPE_CHECKING:
    import pandas as pd

# what tables of word times call their columns; the first that is there is taken
NAMES = {
    "word": ("word", "text", "label", "token"),
    "start": ("start", "start_s", "start_seconds", "begin", "onset", "xmin"),
    "end": ("end", "end_s", "end_seconds", "stop", "offset", "xmax"),
    "file": ("file", "clip", "sound", "audio", "path"),
}
# tiers of a TextGrid that hold words
TIERS = ("words", "word")
# what stands in intervals without speech
_SILENT = {"", "<eps>", "sil", "sp", "spn", "<sil>", "<p:>"}
_TOKEN = regex.compile(r'"(?:[^"]|"")*"|[^\s"]+')


def read_words(path: str | Path) -> "pd.DataFrame":
    """Read word times in seconds.

    Parameters
    ----------
    path : path
        ``.csv`` or ``.tsv`` with a row per word and the columns ``word``, ``start``, ``end`` (also ``start_s``, ``end_s``), and
        ``file`` where there are several sounds; or a ``.TextGrid``, long or short, of which the tier named ``words`` is taken,
        else the first tier of intervals. Intervals without a word are left out.

    Returns
    -------
    DataFrame
        ``word``, ``start``, ``end``, and ``file`` if the table has it; in the order of the file.

    Raises
    ------
    DepthscopeError
        A column is missing; a time that is no number, or an end that is not behind its start, with its line.
    """
    path = Path(path)
    text = read_text(path)
    if not text.strip():
        raise DepthscopeError(f"{path}: the file is empty")
    if path.suffix.lower() == ".textgrid" or _is_textgrid(text):
        rows, columns = _from_textgrid(text, path), ["word", "start", "end"]
    elif path.suffix.lower() in DELIMITED:
        rows, columns = _from_table(text, path)
    else:
        raise DepthscopeError(f"{path}: unknown kind of file {path.suffix!r}: give .csv, .tsv or .TextGrid")
    if not rows:
        raise DepthscopeError(f"{path}: there is no word with times in it")
    import pandas as pd

    return pd.DataFrame(rows, columns=columns)


def _is_textgrid(text: str) -> bool:
    return "ooTextFile" in text[:80] and '"TextGrid"' in text[:200]


def _from_table(text: str, path: Path) -> tuple[list[tuple[str | float, ...]], list[str]]:
    known = {name for names in NAMES.values() for name in names}
    header, lines, _ = read_cells(text, str(path), DELIMITED[path.suffix.lower()], known)
    lower = [name.lower() for name in header]
    places = {ours: next((lower.index(name) for name in names if name in lower), None) for ours, names in NAMES.items()}
    missing = [name for name in ("word", "start", "end") if places[name] is None]
    if missing:
        raise DepthscopeError(
            f"{path}: no column {' and no column '.join(missing)}: it has {listed(header, 8)}; word times need word, start, end"
        )
    columns = [name for name in ("word", "start", "end", "file") if places[name] is not None]
    rows: list[tuple[str | float, ...]] = []
    for line in lines:
        cells = {name: line.cells[places[name] or 0].strip() for name in columns}
        if not cells["word"]:
            continue
        start, end = (_seconds(cells[name], name, path, line.line) for name in ("start", "end"))
        _check(cells["word"], start, end, f"{path}, line {line.line}")
        rows.append((cells["word"], start, end, *(cells[name] for name in columns[3:])))
    return rows, columns


def _seconds(cell: str, name: str, path: Path, line: int) -> float:
    try:
        return float(cell)
    except ValueError:
        raise DepthscopeError(f"{path}, line {line}: {name} is {cell!r}: give seconds, such as 1.25") from None


def _from_textgrid(text: str, path: Path) -> list[tuple[str | float, ...]]:
    """Both forms of the text hold the same values in the same order; the long one writes names around them.

    So only what counts is kept: strings in quotation marks, and numbers that are no part of a name.
    """
    values = iter(_values(text))
    try:
        for expected in ("ooTextFile", "TextGrid"):
            if next(values) != expected:
                raise DepthscopeError(
                    f"{path}: no TextGrid, its first lines lack {expected!r}: save it from Praat as text"
                )
        next(values), next(values)  # where it begins and ends
        if next(values) != "<exists>":
            raise DepthscopeError(f"{path}: a TextGrid without tiers: add one with the words")
        tiers = [_tier(values) for _ in range(int(next(values)))]
    except (StopIteration, ValueError, RuntimeError) as problem:
        if isinstance(problem, DepthscopeError):
            raise
        raise DepthscopeError(
            f"{path}: a TextGrid that breaks off or is damaged: save it again from Praat as text"
        ) from None
    intervals = [(name, rows) for name, kind, rows in tiers if kind == "IntervalTier"]
    if not intervals:
        raise DepthscopeError(f"{path}: no tier of intervals, only points: words need a start and an end")
    chosen = next((rows for wanted in TIERS for name, rows in intervals if name.lower() == wanted), intervals[0][1])
    kept = [(word.strip(), start, end) for start, end, word in chosen if word.strip().lower() not in _SILENT]
    for word, start, end in kept:
        _check(word, start, end, str(path))
    return list(kept)


def _tier(values: Iterator[str]) -> tuple[str, str, list[tuple[float, float, str]]]:
    kind, name = next(values), next(values)
    next(values), next(values)
    rows = []
    for _ in range(int(next(values))):
        start = float(next(values))
        rows.append((start, float(next(values)) if kind == "IntervalTier" else start, next(values)))
    return name, kind, rows


def _values(text: str) -> list[str]:
    found = []
    for token in _TOKEN.findall(text):
        if token[0] == '"':
            found.append(token[1:-1].replace('""', '"'))
        elif token == "<exists>" or regex.fullmatch(r"[-+]?\d+(\.\d*)?([eE][-+]?\d+)?", token):
            found.append(token)
    return found


def _check(word: str, start: float, end: float, place: str) -> None:
    if not 0 <= start < end < float("inf"):
        raise DepthscopeError(
            f"{place}: {word!r} from {start:g} to {end:g} s: the end must lie behind the start, both from 0 on"
        )
