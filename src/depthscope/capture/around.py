"""What a tokenizer puts around a text, also where the text brings it already."""

from collections.abc import Sequence
from typing import Any

Ids = Sequence[int]


def surrounding_ids(tokenizer: Any) -> tuple[list[int], list[int]]:
    """The ids of what the tokenizer puts before a text, and after it (BERT: ``[CLS]`` and ``[SEP]``)."""
    ids = list(tokenizer("a")["input_ids"])
    plain = list(tokenizer("a", add_special_tokens=False)["input_ids"])
    for lead in range(len(ids) - len(plain) + 1):
        if ids[lead : lead + len(plain)] == plain:
            return ids[:lead], ids[lead + len(plain) :]
    return [], []


def bare(tokenizer: Any, text: str, ids: Ids, around: tuple[Ids, Ids]) -> tuple[int, int]:
    """Where a text begins and ends without what the tokenizer puts around it anyway, if it spells that out: each once.

    Parameters
    ----------
    ids : sequence of int
        The text in tokens, with what the tokenizer puts around it.
    around : (before, after)
        As :func:`surrounding_ids` gives them.

    Returns
    -------
    (start, end)
        Characters, the end exclusive: ``(0, len(text))`` for all other texts, and for one of nothing else.
    """
    before, after = around
    start, end = 0, len(text)
    if before and len(ids) > len(before) and ids[len(before)] in before:
        start = past(text, tokenizer.convert_ids_to_tokens(list(before)))
    if after and len(ids) > len(after) and ids[-len(after) - 1] in after:
        end -= past(text[::-1], [name[::-1] for name in tokenizer.convert_ids_to_tokens(list(after))])
    return (start, end) if start < end else (0, len(text))


def past(text: str, names: Sequence[str]) -> int:
    """How many characters at the beginning of a text are names of special tokens."""
    place = 0
    while found := next((name for name in names if name and text.startswith(name, place)), ""):
        place += len(found)
    return place
