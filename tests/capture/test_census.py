"""The census says beforehand what trace would flag, and refuses what trace would refuse."""

from typing import Any

import pandas as pd

import depthscope as ds
from depthscope.capture.census import census
from depthscope.stimuli.read import read_stimuli


def lines(tokenizer: Any, rows: list[dict[str, Any]] | pd.DataFrame, limit: int | None = None) -> list[str]:
    return census(tokenizer, read_stimuli(rows, paired=False), "last", limit)


def row(item: str, condition: str, text: str, start: int, end: int, **more: Any) -> dict[str, Any]:
    return {"item": item, "condition": condition, "text": text, "start": start, "end": end, **more}


def test_an_ordinary_table_takes_two_lines(tokenizer: Any, pairs: pd.DataFrame) -> None:
    lengths = [len(tokenizer(text)["input_ids"]) for text in pairs["text"]]
    assert lines(tokenizer, pairs) == [
        f"tokens per text: {min(lengths)} to {max(lengths)}, {sum(lengths)} in all; added before each text: nothing",
        "targets of more than one token: 0 of 8 (the last stands for the target)",
    ]


def test_split_targets_are_counted(tokenizer: Any) -> None:
    rows = [row("a", "x", "We know antidisestablishmentarianism", 8, 36), row("b", "x", "We know walls", 8, 13)]
    assert "targets of more than one token: 1 of 2 (the last stands for the target)" in lines(tokenizer, rows)


def test_targets_at_the_start_are_named(tokenizer: Any) -> None:
    rows = [row("first", "x", "The wall", 0, 3), row("second", "x", "The wall", 4, 8)]
    assert "targets at position 0, an attention sink: 1 (items first)" in lines(tokenizer, rows)


def test_targets_that_share_a_token_are_named(tokenizer: Any) -> None:
    rows = [row("whole", "x", "The house fell", 4, 9), row("part", "x", "The house fell", 4, 8)]
    assert "targets sharing a token with their neighbours: 1 (items part)" in lines(tokenizer, rows)


def test_conditions_that_a_causal_model_cannot_tell_apart_are_named(tokenizer: Any) -> None:
    rows = [
        row("same", "x", "The old wall fell", 8, 12),
        row("same", "y", "The old wall stood", 8, 12),
        row("other", "x", "The new wall fell", 8, 12),
        row("other", "y", "The old wall fell", 8, 12),  # as in another item, which does not matter
    ]
    told = [line for line in lines(tokenizer, rows) if "cannot tell apart" in line]
    assert [line.split(": ")[1] for line in told] == ["1 (same)"]


def test_the_pairs_of_an_item_are_compared_each_for_itself(tokenizer: Any) -> None:
    rows = [
        row("i", "x", "The old wall fell", 8, 12, pair="1"),
        row("i", "y", "The new wall fell", 8, 12, pair="1"),
        row("i", "x", "The new wall stood", 8, 12, pair="2"),
        row("i", "y", "The old wall stood", 8, 12, pair="2"),
    ]
    assert not any("cannot tell apart" in line for line in lines(tokenizer, rows))


def test_the_census_counts_what_trace_flags(tiny: ds.Model) -> None:
    table = read_stimuli("builtin")
    told = census(tiny.tokenizer, table, "last", tiny.max_length)
    traj = ds.trace(tiny, table, progress=False)
    assert any(f"targets of more than one token: {int((traj['n_subtokens'] > 1).sum())} of" in line for line in told)
    for words, flag in (("at position 0", "at_start"), ("sharing a token", "token_exceeds")):
        assert any(words in line for line in told) == bool(traj[flag].any())


def test_what_trace_would_refuse_is_refused(tokenizer: Any, pairs: pd.DataFrame, refuses: Any) -> None:
    with refuses("tokens exceed the model's context of 3"):
        lines(tokenizer, pairs, 3)


def test_characters_that_a_program_wrote_out_are_told_by_item(tokenizer):
    table = pd.DataFrame(
        {"item": ["x", "x"], "condition": ["a", "b"], "text": ["Fish &amp; a shark.", "A shark."], "target": "shark"}
    )
    lines = census(tokenizer, ds.read_stimuli(table), "last", None)
    assert (
        "texts with characters written out, which the model reads as they stand: 1 ('&amp;' for '&' in item x)" in lines
    )
