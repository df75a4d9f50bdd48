"""What of a text reaches a tokenizer's tokens: its normaliser, its splitting into pieces, and its vocabulary each may drop."""

import unicodedata
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import regex

from depthscope.capture.pieces import BYTES, NAMED, Offsets
from depthscope.errors import require

if TYPE_CHECKING:  # a look at a table needs no tokenizer
    from tokenizers import NormalizedString

# what a writer may leave out and the word is the same: blanks, with the sign that stands for them, what cannot be seen, the
# accents of Latin, Greek and Cyrillic, the points of Hebrew, Arabic and Syriac, the line that stretches Arabic words. The
# vowel signs of other scripts and the voicing marks of Japanese are no accents
_OPTIONAL = regex.compile(
    r"[\s\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\u2581\u0640]"
    r"|[\p{M}&&[\p{Inherited}\p{Hebrew}\p{Arabic}\p{Syriac}\p{Latin}\p{Greek}\p{Cyrillic}]--[\u3099\u309a]]",
    regex.V1,
)
_ACCENTS = regex.compile(r"(?<=[\p{Latin}\p{Greek}\p{Cyrillic}]\p{M}*)\p{M}")
_UNSEEN = regex.compile(r"[\s\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\u2581]+")
_CLUSTERS = regex.compile(r"\X")
_SIGNS = {byte: sign for sign, byte in BYTES.items()}
_WIDE = "\u9be8"  # a character of several bytes


class Lost(NamedTuple):
    """A character that no token says, and where in the text it was."""

    place: int
    character: str

    def __str__(self) -> str:
        return f"{self.character!r} ({' '.join(f'U+{ord(sign):04X}' for sign in self.character)})"


class Kept(NamedTuple):
    """What of a text reaches the tokens.

    Attributes
    ----------
    lost : tuple of Lost
        In the order of the text.
    pieces : tuple of (start, end)
        Pieces of the text of which the vocabulary drops something: from there on the tokenizer's offsets are wrong, as far as
        the piece goes.
    changed : tuple of (start, end, str)
        Stretches of the text that are read as other characters, beyond case, width and accents.
    """

    lost: tuple[Lost, ...] = ()
    pieces: tuple[tuple[int, int], ...] = ()
    changed: tuple[tuple[int, int, str], ...] = ()


class _Sign(NamedTuple):
    """A character of what the vocabulary is given: where in the text it comes from, in which piece, and whether a token
    says it."""

    character: str
    place: int
    piece: int
    said: bool


class Keeping:
    """Runs the stages of a fast tokenizer one by one, and compares what goes in with what comes out.

    Parameters
    ----------
    tokenizer : fast tokenizer of transformers
    unknown : set of int
        Tokens that stand for what the tokenizer does not know: they drop nothing, they say that they do not know.
    """

    def __init__(self, tokenizer: Any, unknown: frozenset[int]) -> None:
        backend = tokenizer.backend_tokenizer
        self._staged = require("tokenizers", "models").PreTokenizedString
        self._added = frozenset(backend.get_added_tokens_decoder())
        self._normalizer, self._splitter, self._model = backend.normalizer, backend.pre_tokenizer, backend.model
        self._unknown = unknown
        self._begins = getattr(self._model, "continuing_subword_prefix", None) or ""
        self._ends = getattr(self._model, "end_of_word_suffix", None) or ""
        self._missing: dict[str, list[int]] = {}
        # of a vocabulary of bytes, each sign stands for one
        shown = "".join(piece for piece, _ in self._pieces(_WIDE))
        self._bytes = shown.endswith("".join(_SIGNS[byte] for byte in _WIDE.encode()))

    def of(self, text: str, ids: Sequence[int], offsets: Offsets, bounds: tuple[int, int]) -> Kept:
        """What of a text, between its ``bounds``, reaches its tokens ``ids``, which are at ``offsets``."""
        whole = Kept()
        begin = bounds[0]
        # what was added to the vocabulary is taken out of a text before all else
        added = [span for token, span in zip(ids, offsets, strict=True) if token in self._added and span[0] < span[1]]
        for start, end in [*added, (bounds[1], bounds[1])]:
            if begin < start:
                whole = _joined(whole, self._of_plain(text[begin:start]), begin)
            begin = max(begin, end)
        return whole

    def unaccented(self, word: str) -> str:
        """What the tokenizer makes of a word if accents of Latin, Greek or Cyrillic get lost: another word, maybe (schon,
        schön); empty if none do."""
        if word.isascii():
            return ""
        read = self._text("".join(piece for piece, _ in self._pieces(word)))
        return read.strip(" \u2581") if _accents(word) - _accents(read) else ""

    def _of_plain(self, text: str) -> Kept:
        pieces = self._pieces(text)
        read = "".join(piece for piece, _ in pieces)
        whole = not any(self._gaps(piece) for piece, _ in pieces)
        if whole and _essence(self._text(read)) == _essence(text):
            return Kept()
        signs = list(self._signs(text))
        lost = [Lost(sign.place, _as_in(text, sign)) for sign in signs if not sign.said]
        dropped, changed = _compared(text, signs)
        broken = sorted({sign.piece for sign in signs if not sign.said})
        return Kept(tuple(sorted({*lost, *dropped})), tuple(pieces[k][1] for k in broken), tuple(changed))

    def _pieces(self, text: str, split: bool = False) -> list[tuple[str, tuple[int, int]]]:
        """What the vocabulary is given, piece by piece, or sign by sign, with the characters of the text it comes from."""
        staged = self._staged(text)
        if self._normalizer is not None:
            staged.normalize(self._normalizer.normalize)
        if self._splitter is not None:
            self._splitter.pre_tokenize(staged)
        if split:
            staged.split(_each_sign)
        return [(piece, span) for piece, span, _ in staged.get_splits("original", "char")]

    def _signs(self, text: str) -> Iterator[_Sign]:
        each = iter(self._pieces(text, split=True))
        for number, (piece, _) in enumerate(self._pieces(text)):
            missing = set(self._gaps(piece))
            parts = [next(each) for _ in piece]
            for group in self._characters(piece):
                said = missing.isdisjoint(group)
                yield _Sign(self._text("".join(piece[k] for k in group)), parts[group[0]][1][0], number, said)

    def _characters(self, piece: str) -> list[list[int]]:
        """Which signs of a piece are one character: of bytes, a first one and those that continue it."""
        groups: list[list[int]] = []
        for k, sign in enumerate(piece):
            if groups and self._bytes and BYTES.get(sign, 0) & 0xC0 == 0x80:
                groups[-1].append(k)
            else:
                groups.append([k])
        return groups

    def _text(self, signs: str) -> str:
        if not self._bytes or any(sign not in BYTES for sign in signs):
            return signs
        return bytes(BYTES[sign] for sign in signs).decode(errors="replace")

    def _gaps(self, piece: str) -> list[int]:
        """The signs of a piece, by their place in it, that its tokens do not say; blanks and what cannot be seen are none.

        A vocabulary without a token for what it does not know passes over it.
        """
        if piece not in self._missing:
            self._missing[piece] = self._passed_over(piece)
        return self._missing[piece]

    def _passed_over(self, piece: str) -> list[int]:
        tokens = self._model.tokenize(piece)
        if any(token.id in self._unknown for token in tokens):
            return []
        said = b"".join(self._spelled(token.value, first=k == 0) for k, token in enumerate(tokens))
        at, missing = 0, []
        for k, sign in enumerate(piece):
            if said.startswith(sign.encode(), at):
                at += len(sign.encode())
            elif not _UNSEEN.fullmatch(self._text(sign)):
                missing.append(k)
        return missing if at == len(said) else []  # else its tokens are spelled in a way of their own

    def _spelled(self, name: str, first: bool) -> bytes:
        if NAMED.fullmatch(name):
            return bytes([int(name[3:5], 16)])
        return (name if first else name.removeprefix(self._begins)).removesuffix(self._ends).encode()


def _joined(before: Kept, after: Kept, place: int) -> Kept:
    return Kept(
        (*before.lost, *(Lost(place + at, character) for at, character in after.lost)),
        (*before.pieces, *((place + a, place + b) for a, b in after.pieces)),
        (*before.changed, *((place + a, place + b, read) for a, b, read in after.changed)),
    )


def _each_sign(number: int, piece: "NormalizedString") -> list["NormalizedString"]:
    signs = (piece[k : k + 1] for k in range(len(piece.normalized)))
    return [sign for sign in signs if sign is not None]


def _essence(text: str) -> str:
    """What is left of a text without case, width, accents and blanks: base letters and vowel signs, taken apart (NFKD)."""
    parts = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return str(_OPTIONAL.sub("", parts))


def _accents(text: str) -> Counter[str]:
    return Counter(_ACCENTS.findall(unicodedata.normalize("NFKD", text)))


def _compared(text: str, signs: Sequence[_Sign]) -> tuple[list[Lost], list[tuple[int, int, str]]]:
    """Characters of the text that nothing stands for, and stretches for which something else stands."""
    lost: list[Lost] = []
    changed: list[tuple[int, int, str]] = []
    for start, end, read in _stretches(text, signs):
        held, kept = Counter(_essence(text[start:end])), Counter(_essence(read))
        if not kept <= held:
            changed.append((start, end, read))
            continue
        missing = held - kept
        for place in range(start, end):
            parts = Counter(_essence(text[place]))
            if gone := parts & missing:
                missing -= parts
                lost.append(Lost(place, text[place] if gone == parts else "".join(gone)))
    return lost, changed


def _stretches(text: str, signs: Sequence[_Sign]) -> Iterator[tuple[int, int, str]]:
    """Start and end of what is not as it was, and what is read in its place.

    Characters next to each other are taken together: where two signs become one, which of them it stands for is nothing to
    be told.
    """
    edges = [*(found.start() for found in _CLUSTERS.finditer(text)), len(text)]
    reads = [""] * len(edges)
    for sign in signs:
        reads[bisect_right(edges, sign.place) - 1] += sign.character
    clusters = zip(pairwise(edges), reads[:-1], strict=True)
    for same, run in groupby(clusters, lambda one: _essence(text[slice(*one[0])]) == _essence(one[1])):
        if not same:
            spans, parts = zip(*run, strict=True)
            yield spans[0][0], spans[-1][1], "".join(parts)


def _as_in(text: str, sign: _Sign) -> str:
    """The sign as the text has it: the normaliser may have made its case another."""
    held = text[sign.place]
    return held if held.casefold() == sign.character.casefold() else sign.character
