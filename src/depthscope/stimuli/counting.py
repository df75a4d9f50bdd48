"""Offsets that other programs count in another way: asked about, where one of these ways makes words of all that they hold."""

from collections.abc import Callable, Sequence

import regex

from depthscope.stimuli.words import begins_word, ends_word

Held = tuple[str, int, int]  # a text, start, end
_LETTERS = regex.compile(r"[\p{L}\p{N}](?:.*[\p{L}\p{N}\p{M}])?", regex.DOTALL)


def _units(encoding: str, size: int) -> Callable[[str, int, int], tuple[int, int]]:
    def places(text: str, start: int, end: int) -> tuple[int, int]:
        data = text.encode(encoding)
        first, last = (len(data[: size * place].decode(encoding)) for place in (start, end))
        return first, last

    return places


_WAYS: dict[str, Callable[[str, int, int], tuple[int, int]]] = {
    "from 1, the end inclusive": lambda text, start, end: (start - 1, end),
    "from 1, the end exclusive": lambda text, start, end: (start - 1, end - 1),
    "from 0, the end inclusive": lambda text, start, end: (start, end + 1),
    "in bytes of UTF-8": _units("utf-8", 1),
    "in units of UTF-16": _units("utf-16-le", 2),
}


def counted_otherwise(rows: Sequence[Held]) -> tuple[str, str] | None:
    """The way of counting by which all rows hold whole words, if as they are some do not, and what the first of these holds.

    Parts of words may be meant, and one row shows nothing: None for fewer than two, or if no way makes words of all.
    """
    cut = next((row for row in rows if not _whole(*row)), None)
    if cut is None or len(rows) < 2:
        return None
    for way, places in _WAYS.items():
        try:
            if all(_whole(text, *places(text, start, end)) for text, start, end in rows):
                return way, cut[0][cut[1] : cut[2]]
        except UnicodeDecodeError:  # inside a character
            continue
    return None


def _whole(text: str, start: int, end: int) -> bool:
    held = text[max(start, 0) : end]
    inside = 0 <= start < end <= len(text) and _LETTERS.fullmatch(held) is not None
    return inside and begins_word(text, start) and ends_word(text, end)
