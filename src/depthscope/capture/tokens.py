"""Which tokens stand for the target."""

import hashlib
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import pandas as pd

from depthscope.errors import DepthscopeError, check_choice
from depthscope.stimuli.table import row_name

Subtoken = Literal["last", "first", "mean"]


@dataclass(frozen=True)
class Tokenized:
    """One text as the model reads it.

    Attributes
    ----------
    ids : list of int
        With whatever the tokenizer adds (BOS and the like).
    positions : list of int
        The tokens that stand for the target.
    n_subtokens : int
        How many tokens overlap the target.
    exceeds : bool
        Some chosen token also covers characters outside the target, other than blank space.
    covering : list of int
        The tokens that overlap the target, all of them whichever stand for it; without them there is no surprisal.
    """

    ids: list[int]
    positions: list[int]
    n_subtokens: int
    exceeds: bool
    covering: list[int] = field(default_factory=list)

    @property
    def at_start(self) -> bool:
        """The target is at position 0, where models park attention: its states mean something else."""
        return self.positions[0] == 0

    def context(self, causal: bool = True) -> str:
        """A digest of all that a model sees at the target: equal digests, equal states. An encoder sees the whole text."""
        seen = self.ids[: self.positions[-1] + 1] if causal else self.ids
        return hashlib.sha256(repr((seen, self.positions)).encode()).hexdigest()[:16]


def tokenize(
    tokenizer: Any, table: pd.DataFrame, subtoken: Subtoken = "last", max_length: int | None = None
) -> list[Tokenized]:
    """Tokenize every text and find its target through the tokenizer's character offsets.

    Special tokens (BOS ...) are added as the tokenizer itself does for plain text.
    """
    check_choice("subtoken", subtoken, get_args(Subtoken))
    encoded = tokenizer(list(table["text"]), return_offsets_mapping=True, return_attention_mask=False)
    rows = []
    columns = (table[name] for name in ("item", "condition", "text", "start", "end"))
    for i, (item, condition, text, start, end) in enumerate(zip(*columns, strict=True)):
        name = row_name("stimuli", item, condition)
        ids = list(encoded["input_ids"][i])
        if max_length is not None and len(ids) > max_length:
            raise DepthscopeError(
                f"{name}: {len(ids)} tokens exceed the model's context of {max_length}; shorten the text"
            )
        rows.append(_find(ids, encoded["offset_mapping"][i], text, int(start), int(end), subtoken, name))
    return rows


def _find(
    ids: list[int], offsets: list[tuple[int, int]], text: str, start: int, end: int, subtoken: Subtoken, name: str
) -> Tokenized:
    covering = [k for k, (a, b) in enumerate(offsets) if a < end and b > start]
    if not covering:
        raise DepthscopeError(f"{name}: no token covers the target {text[start:end]!r}; the tokenizer drops it")
    chosen = {"last": covering[-1:], "first": covering[:1], "mean": covering}[subtoken]
    outside = text[offsets[chosen[0]][0] : start] + text[end : offsets[chosen[-1]][1]]
    return Tokenized(ids, chosen, len(covering), bool(outside.strip()), covering)


def special_prefix(tokenizer: Any) -> str:
    """What the tokenizer puts before a text, for the record: e.g. ``"<bos>"``, or an empty string."""
    return "".join(tokenizer.convert_ids_to_tokens(special_ids(tokenizer)))


def special_ids(tokenizer: Any) -> list[int]:
    """The ids of what the tokenizer puts before a text."""
    return surrounding_ids(tokenizer)[0]


def surrounding_ids(tokenizer: Any) -> tuple[list[int], list[int]]:
    """The ids of what the tokenizer puts before a text, and after it (BERT: ``[CLS]`` and ``[SEP]``)."""
    ids = list(tokenizer("a")["input_ids"])
    plain = list(tokenizer("a", add_special_tokens=False)["input_ids"])
    for lead in range(len(ids) - len(plain) + 1):
        if ids[lead : lead + len(plain)] == plain:
            return ids[:lead], ids[lead + len(plain) :]
    return [], []
