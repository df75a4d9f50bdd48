"""What a tokenizer makes of that which is no word of its own."""

from collections.abc import Iterable, Sequence
from typing import Any

from depthscope.capture.pieces import BYTES, decoded

# of scripts that no tokenizer with a gap has learnt; two of them, for what it knows it tells apart
_STRANGERS = ("\U00012000", "\U00012040")


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
        self._texts: dict[int, str] = {}
        self.unknown = self._unknown()
        self.special = frozenset(getattr(tokenizer, "all_special_ids", ())) - self.unknown

    def text(self, token: int) -> str:
        """A token by itself, as :func:`~depthscope.capture.pieces.decoded` shows it."""
        if token not in self._texts:
            self._texts[token] = decoded(self._tokenizer, [token])[token]
        return self._texts[token]

    def blank(self, token: int) -> bool:
        """Whether a token is nothing but blank space: the lone mark of a space that SentencePiece puts before a text."""
        return self.text(token).isspace()

    def said(self, ids: Iterable[int]) -> str:
        """What tokens say together, without blank space around it."""
        return "".join(map(self.text, ids)).strip()

    def spelled_out(self, ids: Sequence[int]) -> int:
        """How many special tokens a text brings beside those that the tokenizer puts around it."""
        before, after = self.around
        return sum(token in self.special for token in ids[len(before) : len(ids) - len(after)])

    def _unknown(self) -> frozenset[int]:
        """Seen in what it makes of two signs: the same tokens, if it knows neither. And what its model names for that, unless
        it knows every byte and never has a use for it."""
        model = getattr(getattr(self._tokenizer, "backend_tokenizer", None), "model", None)
        inner, outer = getattr(model, "unk_token", None), getattr(self._tokenizer, "unk_token", None)
        try:
            first, second = (list(self._tokenizer(sign, add_special_tokens=False)["input_ids"]) for sign in _STRANGERS)
        except Exception:  # one that stops at what it does not know has no token for it
            return frozenset()
        if first != second:
            return self._named(inner) if model is not None and not _knows_bytes(model) else frozenset()
        # bytes of the sign are known, where the others are dropped
        spelled = "".join(f"<0x{byte:02X}>" for byte in _STRANGERS[0].encode())
        return self._named(inner, outer) | {t for t in first if not self.blank(t) and self.text(t) not in spelled}

    def _named(self, *names: str | None) -> frozenset[int]:
        return frozenset({self._tokenizer.convert_tokens_to_ids(name) for name in names if name is not None} - {None})


def _knows_bytes(model: Any) -> bool:
    """Whether there is a token for each byte, in one of the two ways of naming them."""
    signs = ((sign, f"<0x{byte:02X}>") for sign, byte in BYTES.items())
    return all(any(model.token_to_id(name) is not None for name in pair) for pair in signs)
