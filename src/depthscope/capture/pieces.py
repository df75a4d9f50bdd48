"""A whole text as a model reads it: its tokens, where each is, and what a person sees of it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from depthscope.capture.around import bare, surrounding_ids
from depthscope.errors import DepthscopeError

# how tokenizers that fall back on bytes call them
NAMED = re.compile("<0x[0-9A-F]{2}>")
Offsets = list[tuple[int, int]]


@dataclass(frozen=True)
class Pieces:
    """A text in T tokens.

    Attributes
    ----------
    ids : list of int
        With whatever the tokenizer adds (BOS and the like).
    offsets : list of (start, end)
        Characters of the text that the token covers, the end exclusive; none for what the tokenizer added.
    special : list of bool
        Added by the tokenizer: it is nowhere in the text.
    shown : list of str
        The token's own text; a special token's name; of a character that takes several tokens each its part, as ``é⟨1/2⟩``.
    """

    ids: list[int]
    offsets: Offsets
    special: list[bool]
    shown: list[str]


def read_pieces(tokenizer: Any, text: str, max_length: int | None, name: str) -> Pieces:
    """Tokenize a text as the tokenizer does for plain text.

    Raises
    ------
    DepthscopeError
        Nothing to read, characters that no UTF-8 can hold, or more tokens than the model ``name`` reads.
    """
    if not isinstance(text, str):
        raise DepthscopeError(f"the text is {type(text).__name__}: give a string")
    if not text.strip():
        raise DepthscopeError("the text is empty: give at least one word")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise DepthscopeError("the text holds half a character (a lone surrogate): read it again as UTF-8")
    start, _ = bare(tokenizer, text, tokenizer(text, verbose=False)["input_ids"], surrounding_ids(tokenizer))
    encoded = tokenizer(
        text[start:],
        return_offsets_mapping=True,
        return_special_tokens_mask=True,
        return_attention_mask=False,
        verbose=False,  # what is too long is refused below, in words of our own
    )
    ids = list(encoded["input_ids"])
    special = [bool(added) for added in encoded["special_tokens_mask"]]
    if all(special):
        raise DepthscopeError(f"the tokenizer of {name} makes no token of the text: give other words")
    if max_length is not None and len(ids) > max_length:
        raise DepthscopeError(
            f"the text is {len(ids)} tokens long, and {name} reads at most {max_length}: shorten it, or give it in parts"
        )
    # what the tokenizer added is nowhere
    offsets = [(int(a) + start, int(b) + start) if a < b else (int(a), int(b)) for a, b in encoded["offset_mapping"]]
    names = tokenizer.convert_ids_to_tokens(ids)
    return Pieces(ids, offsets, special, _shown(text, offsets, special, names))


def _shown(text: str, offsets: Offsets, special: list[bool], names: list[str]) -> list[str]:
    shown = [
        name if added else text[start:end] for (start, end), added, name in zip(offsets, special, names, strict=True)
    ]
    for group in _shared(offsets, special):
        for part, i in enumerate(group, 1):
            shown[i] += f"⟨{part}/{len(group)}⟩"
    return shown


def _shared(offsets: Offsets, special: list[bool]) -> Iterable[list[int]]:
    """Runs of tokens each of which begins in a character that the one before it had begun."""
    group: list[int] = []
    for i, (start, end) in enumerate(offsets):
        if group and not special[i] and start < min(end, offsets[group[-1]][1]):
            group.append(i)
            continue
        if len(group) > 1:
            yield group
        group = [] if special[i] else [i]
    if len(group) > 1:
        yield group


def decoded(tokenizer: Any, ids: Iterable[int]) -> dict[int, str]:
    """Each token of the vocabulary by itself, as the tokenizer decodes it, the space before a word included.

    Bytes that are no character by themselves are named: ``<0xF0><0x9F>``.
    """
    numbers = list(ids)
    each = [[i] for i in numbers]
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is not None:
        # what batch_decode does one by one: of a whole vocabulary that takes seconds
        texts = backend.decode_batch(each, skip_special_tokens=False)
    else:
        texts = tokenizer.batch_decode(each, clean_up_tokenization_spaces=False)
    # tokenizers of one kind strip the space of the first token they decode, and a lens reads single tokens
    names = tokenizer.convert_ids_to_tokens(numbers)
    return {i: _readable(text, str(name)) for i, text, name in zip(numbers, texts, names, strict=True)}


def _readable(text: str, name: str) -> str:
    if "\ufffd" in text:
        return _named_bytes(name)
    return name.replace("▁", " ") if name.startswith("▁") else text


def _named_bytes(name: str) -> str:
    """A token of a byte-level alphabet, in which a sign stands for each byte; of any other alphabet its own name."""
    if NAMED.fullmatch(name) or any(sign not in BYTES for sign in name):
        return name
    return "".join(f"<0x{BYTES[sign]:02X}>" for sign in name)


def _byte_alphabet() -> dict[str, int]:
    """Bytes that are a visible sign of Latin-1 stand for themselves, the others for signs from 256 on."""
    visible = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    hidden = [byte for byte in range(256) if byte not in visible]
    return {chr(byte): byte for byte in visible} | {chr(256 + k): byte for k, byte in enumerate(hidden)}


# the byte that a sign of the byte-level alphabet stands for
BYTES = _byte_alphabet()
