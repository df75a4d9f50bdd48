"""What a tokenizer makes of that which is no word of its own."""

import unicodedata
from collections.abc import Sequence
from typing import Any

import regex

from depthscope.capture.pieces import decoded

# of scripts that no tokenizer with a gap has learnt; two of them, for what it knows it tells apart
_STRANGERS = ("\U00012000", "\U00012040")
# marks without which a word is another: vowel signs, not the accents of Latin, Greek and Cyrillic and the points of Hebrew
# and Arabic, which some tokenizers leave out as writers do; the voicing marks of Japanese
_MARKS = regex.compile(
    r"[\p{M}--[\p{Inherited}\p{Hebrew}\p{Arabic}\p{Syriac}\p{Latin}\p{Greek}\p{Cyrillic}]]|[\u3099\u309a]", regex.V1
)


class Vocabulary:
    """What a tokenizer makes of what is no word of its own.

    Attributes
    ----------
    around : (before, after)
        What it puts around a text.
    special : set of int
        Special tokens, except those that stand for what is not known.
    unknown : set of int
        Tokens that stand for anything that the tokenizer does not know; empty if it falls back on bytes.
    """

    def __init__(self, tokenizer: Any, around: tuple[list[int], list[int]]) -> None:
        self._tokenizer = tokenizer
        self.around = around
        self._blank: dict[int, bool] = {}
        self.unknown = self._unknown()
        self.special = frozenset(getattr(tokenizer, "all_special_ids", ())) - self.unknown

    def blank(self, token: int) -> bool:
        """Whether a token is nothing but blank space: the lone mark of a space that SentencePiece puts before a text."""
        if token not in self._blank:
            self._blank[token] = decoded(self._tokenizer, [token])[token].isspace()
        return self._blank[token]

    def spelled_out(self, ids: Sequence[int]) -> int:
        """How many special tokens a text brings beside those that the tokenizer puts around it."""
        before, after = self.around
        return sum(token in self.special for token in ids[len(before) : len(ids) - len(after)])

    def lost(self, word: str) -> str:
        """The first vowel sign or voicing mark of a word that the tokenizer drops before it looks for tokens, or nothing."""
        normalizer: Any = getattr(getattr(self._tokenizer, "backend_tokenizer", None), "normalizer", None)
        marks = _MARKS.findall(unicodedata.normalize("NFD", word)) if normalizer is not None else []
        kept = unicodedata.normalize("NFD", normalizer.normalize_str(word)) if marks else ""
        return next((mark for mark in marks if mark not in kept), "")

    def _unknown(self) -> frozenset[int]:
        """Seen in what it makes of two signs: the same tokens, if it knows neither."""
        first, second = (list(self._tokenizer(sign, add_special_tokens=False)["input_ids"]) for sign in _STRANGERS)
        if first != second:
            return frozenset()
        model = getattr(getattr(self._tokenizer, "backend_tokenizer", None), "model", None)
        named = [getattr(self._tokenizer, "unk_token", None), getattr(model, "unk_token", None)]
        told = {self._tokenizer.convert_tokens_to_ids(name) for name in named if name is not None} - {None}
        return frozenset(told | {token for token in first if not self.blank(token)})
