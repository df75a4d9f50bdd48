"""Which tokens make which word of what was written."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

# what a tokenizer gives for a character of which not all bytes are there yet
PARTIAL = "\ufffd"


@dataclass(frozen=True)
class Word:
    """``text`` without blank space, and the tokens that it is made of: places in the list of explained tokens."""

    text: str
    tokens: tuple[int, ...]


def spelt(tokenizer: Any, ids: Sequence[int], unspaced: bool = False) -> tuple[tuple[str, ...], tuple[Word, ...]]:
    """What each token adds to the text, and the words.

    A token that ends within a character adds nothing, the one that completes it adds the character. Words are what blank
    space divides, punctuation with them; in scripts without it (``unspaced``) they are whole characters of a token.
    """
    pieces, told = [], ""
    for k in range(1, len(ids) + 1):
        text = tokenizer.decode(list(ids[:k]), clean_up_tokenization_spaces=False)
        whole = text.rstrip(PARTIAL) if k < len(ids) else text
        pieces.append(whole[len(told) :])
        told = whole if len(whole) >= len(told) else told
    # the first token of a tokenizer that swallows its space
    groups: list[list[int]] = []
    waiting: list[int] = []
    for k, piece in enumerate(pieces):
        if not piece.strip():
            waiting.append(k)
            continue
        begins = piece[0].isspace() or any(pieces[w] for w in waiting) or not groups or unspaced
        if begins:
            groups.append([*waiting, k])
        else:
            groups[-1] += [*waiting, k]
        waiting = []
    if waiting and groups:
        groups[-1] += waiting
    texts = ["".join(pieces[k] for k in group).strip() for group in groups]
    return tuple(pieces), tuple(Word(text, tuple(group)) for text, group in zip(texts, groups, strict=True))
