"""Which words of two texts are the same: as they are spoken, whatever their case and punctuation."""

from collections.abc import Sequence
from difflib import SequenceMatcher

import regex


def spoken_form(word: str) -> str:
    """In lower case, without what is not spoken."""
    return str(regex.sub(r"[^\p{L}\p{M}\p{N}']", "", word.casefold())).strip("'")


def same_words(first: Sequence[str], second: Sequence[str]) -> list[tuple[int, int]]:
    """Pairs of places at which two texts have the same word, in order."""
    sides = [[spoken_form(word) for word in words] for words in (first, second)]
    blocks = SequenceMatcher(None, *sides, autojunk=False).get_matching_blocks()
    return [(one.a + k, one.b + k) for one in blocks for k in range(one.size) if sides[0][one.a + k]]
