"""What a tokenizer makes of a table, in lines for a person, before any forward pass."""

from typing import Any

import numpy as np
import pandas as pd

from depthscope.capture.tokens import Subtoken, Tokenized, special_prefix, tokenize
from depthscope.errors import listed
from depthscope.stimuli.garbled import garbled, written_out


def census(tokenizer: Any, table: pd.DataFrame, subtoken: Subtoken, max_length: int | None) -> list[str]:
    """Lengths, split targets, and everything that trace would flag; raises what trace would raise."""
    rows = tokenize(tokenizer, table, subtoken, max_length)
    lengths = [len(row.ids) for row in rows]
    split = sum(row.n_subtokens > 1 for row in rows)
    lines = [
        f"tokens per text: {min(lengths)} to {max(lengths)}, {sum(lengths)} in all; "
        f"added before each text: {special_prefix(tokenizer) or 'nothing'}",
        f"targets of more than one token: {split} of {len(rows)} (the {subtoken} stands for the target)",
    ]
    for text, flagged in (
        ("at position 0, an attention sink", [row.at_start for row in rows]),
        ("sharing a token with their neighbours", [row.straddled for row in rows]),
    ):
        if any(flagged):
            lines.append(f"targets {text}: {sum(flagged)} (items {listed(dict.fromkeys(table['item'][flagged]))})")
    lines += remarks(table, rows)
    contexts = table.assign(context=[row.context() for row in rows])
    keys = ["item", "pair"] if "pair" in table else ["item"]
    same = contexts[contexts.duplicated([*keys, "context"], keep=False)]
    if len(same):
        items = dict.fromkeys(same["item"])
        lines.append(
            f"items with the same text up to the target in two conditions, which a causal model cannot tell apart: "
            f"{len(items)} ({listed(items)})"
        )
    return lines


def remarks(table: pd.DataFrame, rows: list[Tokenized]) -> list[str]:
    """What a reader should know of texts that hold more or less than words, a line each."""
    found = []
    for text, flags in (
        ("texts that spell out what the tokenizer puts around a text anyway; it stands there once", "own_prefix"),
        ("texts that spell out special tokens, which the model takes as such", "specials"),
        ("texts with words beside the target that the tokenizer does not know", "strangers"),
    ):
        flagged = np.array([bool(getattr(row, flags)) for row in rows])
        if flagged.any():
            found.append(f"{text}: {flagged.sum()} (items {listed(dict.fromkeys(table['item'][flagged]))})")
    return [*found, *_garbled(table), *_written_out(table), *_altered(table, rows), *_one_and_the_same(table, rows)]


def _garbled(table: pd.DataFrame) -> list[str]:
    """Letters beside the target that got lost, or are others, since the text was written."""
    harmed = {
        item: f"{harm[0].removeprefix('the text holds ')} in item {item}"
        for item, text in zip(table["item"], table["text"], strict=True)
        if (harm := garbled(text))
    }
    if not harmed:
        return []
    return [f"texts of which an encoding has changed letters: {len(harmed)} items ({listed(harmed.values(), 3)})"]


def _written_out(table: pd.DataFrame) -> list[str]:
    """Characters that a program wrote out on the way: the model reads what is written."""
    held: dict[str, str] = {}
    for item, text in zip(table["item"], table["text"], strict=True):
        for written, meant in written_out(text):
            held.setdefault(item, f"{written!r} for {meant!r} in item {item}")
    if not held:
        return []
    return [
        f"texts with characters written out, which the model reads as they stand: {len(held)} ({listed(held.values())})"
    ]


def _altered(table: pd.DataFrame, rows: list[Tokenized]) -> list[str]:
    """Characters that get lost beside a target, and targets that are read as something else."""
    dropped, read, bare = {}, {}, {}
    for item, row in zip(table["item"], rows, strict=True):
        if row.dropped:
            dropped[f"{listed(row.dropped)} in item {item}"] = row
        if row.read_as:
            read[f"{row.word!r} as {row.read_as!r} in item {item}"] = row
        if row.unaccented:
            bare[f"{row.word!r} as {row.unaccented!r}"] = row
    found = []
    if bare:
        found.append(f"targets that the tokenizer reads without their accents: {listed(bare)}")
    if dropped:
        found.append(f"texts of which the tokenizer drops characters beside the target: {listed(dropped)}")
    if read:
        found.append(f"targets that the tokenizer reads as something else: {listed(read)}")
    return found


def _one_and_the_same(table: pd.DataFrame, rows: list[Tokenized]) -> list[str]:
    """Targets, and texts, that differ, and of which the tokens are the same."""
    words: dict[str, set[str]] = {}
    texts: dict[tuple[int, ...], set[str]] = {}
    for text, row in zip(table["text"], rows, strict=True):
        words.setdefault(row.said, set()).add(row.covered)
        if not row.own_prefix:
            texts.setdefault(tuple(row.ids), set()).add(text)
    cased = [said for said, several in words.items() if len({word.casefold() for word in several}) < len(several)]
    same = [i for i, row in enumerate(rows) if len(texts.get(tuple(row.ids), ())) > 1]
    found = []
    if cased:
        found.append(f"targets of which upper and lower case are the same tokens: {len(cased)} ({listed(cased)})")
    if same:
        items = dict.fromkeys(table["item"].iloc[same])
        found.append(f"texts that differ, and of which the tokens are the same: {len(same)} (items {listed(items)})")
    return found
