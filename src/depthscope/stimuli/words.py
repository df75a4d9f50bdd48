"""Where words begin and end, in any script: Unicode's rules for text segmentation, and what they leave to the language."""

from collections.abc import Collection
from functools import lru_cache

import regex

from depthscope.stimuli.elision import APOSTROPHES, dividing

# signs that fill a gap and are no word, though Unicode lets the first extend one: French puts it before an exclamation mark
_SPACES = "\u202f"
_STOPS = ".:\u2024\ufe52\uff0e\ufe13\ufe55\uff1a"

# what Unicode calls the middle of a word although writers divide there: an apostrophe at the edge of a word, a missing space.
# The sign comes first, the look behind it second, so that little of a text is looked at
_DIVIDERS = regex.compile(
    rf"""[{APOSTROPHES}](?: (?!\p{{L}}) | (?<!\p{{L}}[\p{{M}}\p{{WB=Format}}]*.) )
    | [{_STOPS}](?: (?<!\p{{Nd}}.) | (?!\p{{Nd}}) )
    | [{_SPACES}]""",
    regex.VERBOSE,
)
# accents and primes that are typed for an apostrophe
_TYPED = str.maketrans(dict.fromkeys("\u00b4\u0060\u201b\u2032", "'"))
_CLUSTERS = regex.compile(r"\X")
_EDGE = regex.compile(r"\b", regex.WORD)
_WORDS = regex.compile(r"[\w\p{M}]+")
_HIDDEN = regex.compile(r"\p{WB=Format}*")

# words of these scripts follow each other without a space: of Southeast Asia (line-breaking class SA), of China and Japan
UNSPACED = r"\p{LB=SA}\p{Han}\p{Hiragana}\p{Katakana}\p{Bopomofo}"
_UNSPACED_BEFORE = regex.compile(rf"(?<=[{UNSPACED}][\p{{M}}\p{{WB=Format}}]*)")
_UNSPACED_AFTER = regex.compile(rf"[{UNSPACED}]")
_WORD_BEFORE = regex.compile(r"(?<=[\p{L}\p{N}_][\p{M}\p{WB=Format}\u200c\u200d]*)")
_WORD_AFTER = regex.compile(r"[\p{L}\p{N}_]")


@lru_cache(maxsize=8)
def character_edges(text: str) -> Collection[int]:
    """Where characters as a reader sees them begin and end: extended grapheme clusters [1]_.

    References
    ----------
    .. [1] Unicode Standard Annex 29: Unicode Text Segmentation.
    """
    if text.isascii() and "\r\n" not in text:
        return range(len(text) + 1)
    return {*(found.start() for found in _CLUSTERS.finditer(text)), len(text)}


@lru_cache(maxsize=8)
def _divided(text: str) -> str:
    text = text.translate(_TYPED)
    divided = list(_DIVIDERS.sub("!", text))  # as many characters as before
    for place in dividing(text):
        divided[place] = "!"
    return "".join(divided)


def _word_edge(text: str, place: int) -> bool:
    return bool(_EDGE.match(_divided(text), place))


def begins_word(text: str, place: int) -> bool:
    """Whether a word can begin at this character; in scripts without spaces, at any."""
    inside = _WORD_BEFORE.match(text, place) and not _unspaced(text, place)
    return place in character_edges(text) and _word_edge(text, place) and not inside


def ends_word(text: str, place: int) -> bool:
    """Whether a word can end before this character."""
    if place not in character_edges(text):
        return False
    after = _HIDDEN.match(text, place).end()  # a mark of direction behind a word belongs to it, says Unicode
    inside = _WORD_AFTER.match(text, after) and not _unspaced(text, after)
    return _word_edge(text, after) and not inside


def _unspaced(text: str, place: int) -> bool:
    return bool(_UNSPACED_BEFORE.match(text, place) or _UNSPACED_AFTER.match(text, place))


def standing(text: str, word: str) -> list[tuple[int, int]]:
    """Every place where ``word`` stands as a whole word, overlapping ones too: upper and lower case as given.

    If that finds nothing, case is left aside (by full case folding: ``ß`` is ``SS``, but not ``ss``).
    """
    return _whole(text, everywhere(text, word)) or _whole(text, everywhere(text, word, fold=True))


def everywhere(text: str, word: str, fold: bool = False) -> list[tuple[int, int]]:
    """Every place where these characters stand, also inside a word; with ``fold``, in upper or lower case."""
    flags = regex.FULLCASE | regex.IGNORECASE if fold else 0
    found = regex.finditer(regex.escape(word), text, flags, overlapped=True)
    return [one.span() for one in found if not fold or _case_apart(one.group(), word)]


def _case_apart(one: str, other: str) -> bool:
    """Whether a letter that is two in capitals stands for two in capitals only: MASSE is Maße, Masse is not."""
    for words in zip(*map(_WORDS.findall, (one, other)), strict=False):
        plain, full = sorted(words, key=lambda word: len(_several(word)))
        if _several(plain) != _several(full) and not plain.isupper():
            return False
    return True


def _several(word: str) -> list[str]:
    """Letters of which full case folding makes several; not the Turkish İ, nor ligatures of print."""
    return [
        sign.lower() for sign in word if len(sign.casefold()) > 1 and sign != "İ" and not "\ufb00" <= sign <= "\ufb06"
    ]


def _whole(text: str, spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    return [(start, end) for start, end in spans if begins_word(text, start) and ends_word(text, end)]
