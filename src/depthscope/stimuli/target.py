"""Where the target is in a text: from a word to character offsets, and back."""

from itertools import pairwise

from depthscope.stimuli.plain import first_difference, plain, pointed_apart, unlike
from depthscope.stimuli.problems import RowError
from depthscope.stimuli.words import character_edges, everywhere, standing

_CHARACTER = "inside a character (a base letter and its marks, or a joined emoji)"
NORMALIZE = "write both alike, or let that be mended (--normalize, normalize=True)"


def locate(text: str, target: str, occurrence: int | None, row: str) -> tuple[int, int]:
    """Character offsets (end exclusive) of ``target`` as a whole word in ``text``.

    What a word is, :mod:`depthscope.stimuli.words` says, for every script. Upper and lower case must match, unless that
    finds nothing. A word that occurs more than once needs its ``occurrence``, counted from 1.
    """
    found = standing(text, target)
    if not found:
        raise RowError(row, "target", *_missing(text, target), joint=": ")
    if any(end > start for (_, end), (start, _) in pairwise(found)):
        overlap = f"the target {target!r} stands in the text {len(found)} times, in places that overlap"
        raise RowError(row, "target", overlap, "give start and end", ": ")
    if occurrence is not None:
        if not 1 <= occurrence <= len(found):
            there = f"occurrence {occurrence} of {target!r} is asked for, but it stands there {len(found)} times"
            raise RowError(row, "occurrence", there, f"count from 1 to {len(found)}", None)
        return found[occurrence - 1]
    if len(found) > 1:
        several = f"the target {target!r} stands in the text {len(found)} times"
        way_out = "name one in a column occurrence (1 = first), or give start and end"
        raise RowError(row, "target", several, way_out, ": ")
    return found[0]


def _missing(text: str, target: str) -> tuple[str, str]:
    """Why the target is not found, and the way out."""
    absent = f"the target {target!r} is not in the text"
    inside, seen = everywhere(text, target, fold=True), unlike(text, target)
    # inside a word it may occur by chance; what one form mends, such as the last vowel of an Arabic word, is no chance
    if seen is not None and (seen[1] or not inside):
        difference, mended = seen
        return f"{absent}, which {difference}", NORMALIZE if mended else "write both alike, or give start and end"
    if inside:
        edges = character_edges(text)
        whole = any(start in edges and end in edges for start, end in inside)
        absent += f" (it stands only {'inside a longer word' if whole else _CHARACTER})"
    return absent, "correct it, or give start and end"


def check_offsets(text: str, start: int, end: int, target: str, row: str) -> None:
    """Refuse offsets that are outside the text, cut a character, or do not hold the target that is named."""
    if not 0 <= start < end <= len(text):
        outside = f"offsets {start} to {end} are outside the text, which has {len(text)} characters"
        raise RowError(row, "start", outside, "count characters from 0, the end exclusive", None)
    for edge in (start, end):
        if edge not in character_edges(text):
            raise RowError(
                row, "start" if edge == start else "end", f"offset {edge} falls {_CHARACTER}", "move it", None
            )
    held = text[start:end]
    if target and held != target:
        other = f"offsets {start} to {end} hold {held!r}, not the target {target!r}"
        if plain(held).text == plain(target).text or pointed_apart(held, target):
            raise RowError(row, "target", f"{other}; the text {first_difference(held, target)}", NORMALIZE, ": ")
        raise RowError(row, "start", other, "correct the offsets, or leave them out", None)
    if not held.strip():
        raise RowError(row, "start", f"offsets {start} to {end} hold only blank space", "correct the offsets", None)
