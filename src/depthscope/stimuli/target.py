"""Where the target stands in a text: from a word to character offsets, and back."""

import re
import unicodedata

from depthscope.errors import DepthscopeError

_JOINERS = {"\u200d", "\ufe0e", "\ufe0f"}  # zero-width joiner, variation selectors


def locate(text: str, target: str, occurrence: int | None, row: str) -> tuple[int, int]:
    """Character offsets (end exclusive) of ``target`` as a whole word in ``text``.

    Upper and lower case must match, unless that finds nothing. A word that stands there more than once needs its
    ``occurrence``, counted from 1.
    """
    pattern = rf"(?<!\w){re.escape(target)}(?!\w)"
    found = [m.span() for m in re.finditer(pattern, text)]
    found = found or [m.span() for m in re.finditer(pattern, text, re.IGNORECASE)]
    if not found:
        inside = " (it stands only inside a longer word)" if target.lower() in text.lower() else ""
        raise DepthscopeError(
            f"{row}: the target {target!r} is not in the text{inside}: correct it, or give start and end"
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


def check_offsets(text: str, start: int, end: int, target: str, row: str) -> None:
    """Refuse offsets that are outside the text, cut a character, or do not hold the target that is named."""
    if not 0 <= start < end <= len(text):
        raise DepthscopeError(f"{row}: offsets {start} to {end} are outside the text, which has {len(text)} characters")
    for edge in (start, end):
        if _inside_character(text, edge):
            raise DepthscopeError(
                f"{row}: offset {edge} falls inside a character (a base letter and its marks, or a joined emoji)"
            )
    if target and text[start:end] != target:
        raise DepthscopeError(f"{row}: offsets {start} to {end} hold {text[start:end]!r}, not the target {target!r}")
    if not text[start:end].strip():
        raise DepthscopeError(f"{row}: offsets {start} to {end} hold only blank space")


def _inside_character(text: str, edge: int) -> bool:
    if not 0 < edge < len(text):
        return False
    after, before = text[edge], text[edge - 1]
    extends = (
        unicodedata.category(after) in ("Mn", "Mc", "Me") or after in _JOINERS or "\U0001f3fb" <= after <= "\U0001f3ff"
    )
    return extends or before == "\u200d"
