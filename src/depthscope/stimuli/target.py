"""Where the target stands in a text: from a word to character offsets, and back."""

from itertools import pairwise

from depthscope.errors import DepthscopeError
from depthscope.stimuli.plain import first_difference, plain, pointed_apart, unlike
from depthscope.stimuli.words import character_edges, everywhere, standing

_CHARACTER = "inside a character (a base letter and its marks, or a joined emoji)"
NORMALIZE = "write both alike, or let that be mended (--normalize, normalize=True)"


def locate(text: str, target: str, occurrence: int | None, row: str) -> tuple[int, int]:
    """Character offsets (end exclusive) of ``target`` as a whole word in ``text``.

    What a word is, :mod:`depthscope.stimuli.words` says, for every script. Upper and lower case must match, unless that
    finds nothing. A word that stands there more than once needs its ``occurrence``, counted from 1.
    """
    found = standing(text, target)
    if not found:
        raise DepthscopeError(f"{row}: {_missing(text, target)}")
    if any(end > start for (_, end), (start, _) in pairwise(found)):
        raise DepthscopeError(
            f"{row}: the target {target!r} stands in the text {len(found)} times, in places that overlap: give start and end"
        )
    if occurrence is not None:
        if not 1 <= occurrence <= len(found):
            raise DepthscopeError(
                f"{row}: occurrence {occurrence} of {target!r} is asked for, but it stands there {len(found)} times"
            )
        return found[occurrence - 1]
    if len(found) > 1:
        raise DepthscopeError(
            f"{row}: the target {target!r} stands in the text {len(found)} times: "
            "name one in a column occurrence (1 = first), or give start and end"
        )
    return found[0]


def _missing(text: str, target: str) -> str:
    absent = f"the target {target!r} is not in the text"
    inside = everywhere(text, target, fold=True)
    seen = None if inside else unlike(text, target)
    if seen is not None:
        difference, mended = seen
        return f"{absent}, which {difference}: {NORMALIZE if mended else 'write both alike, or give start and end'}"
    if inside:
        edges = character_edges(text)
        whole = any(start in edges and end in edges for start, end in inside)
        absent += f" (it stands only {'inside a longer word' if whole else _CHARACTER})"
    return f"{absent}: correct it, or give start and end"


def check_offsets(text: str, start: int, end: int, target: str, row: str) -> None:
    """Refuse offsets that are outside the text, cut a character, or do not hold the target that is named."""
    if not 0 <= start < end <= len(text):
        raise DepthscopeError(f"{row}: offsets {start} to {end} are outside the text, which has {len(text)} characters")
    for edge in (start, end):
        if edge not in character_edges(text):
            raise DepthscopeError(f"{row}: offset {edge} falls {_CHARACTER}")
    held = text[start:end]
    if target and held != target:
        same = plain(held).text == plain(target).text or pointed_apart(held, target)
        why = f"; the text {first_difference(held, target)}: {NORMALIZE}" if same else ""
        raise DepthscopeError(f"{row}: offsets {start} to {end} hold {held!r}, not the target {target!r}{why}")
    if not held.strip():
        raise DepthscopeError(f"{row}: offsets {start} to {end} hold only blank space")
