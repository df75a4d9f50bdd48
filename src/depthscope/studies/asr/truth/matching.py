"""Which words of two texts are the same, as they are spoken, whatever their case and punctuation."""

from collections.abc import Sequence
from difflib import SequenceMatcher

from depthscope.studies.asr.truth.spoken import plain_words


def same_words(first: Sequence[str], second: Sequence[str]) -> list[tuple[int, int]]:
    """Pairs of places at which two texts have the same word, in order: those that nobody can have misheard."""
    said, written = ([" ".join(plain_words(word)) for word in words] for words in (first, second))
    blocks = SequenceMatcher(None, said, written, autojunk=False).get_matching_blocks()
    return [(one.a + k, one.b + k) for one in blocks for k in range(one.size) if said[one.a + k]]
