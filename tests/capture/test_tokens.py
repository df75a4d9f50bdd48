"""Which tokens stand for a target: by characters, whatever the tokenizer makes of them."""

import copy
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers.processors import TemplateProcessing

from depthscope.capture.tokens import Subtoken, Tokenized, special_prefix, tokenize
from depthscope.stimuli.read import read_stimuli

LONG = "antidisestablishmentarianism"


def one(tokenizer: Any, text: str, target: str = "", subtoken: Subtoken = "last", **columns: Any) -> Tokenized:
    row = {"item": "i", "condition": "c", "text": text, **({"target": target} if target else {}), **columns}
    return tokenize(tokenizer, read_stimuli([row], paired=False), subtoken)[0]


def pieces(tokenizer: Any, row: Tokenized) -> list[str]:
    return tokenizer.convert_ids_to_tokens([row.ids[k] for k in row.positions])


@pytest.fixture(scope="module")
def with_bos(tokenizer: Any) -> Any:
    """The same tokenizer, putting a special token before each text as Llama's and Gemma's do."""
    other = copy.deepcopy(tokenizer)
    token = other.bos_token
    other.backend_tokenizer.post_processor = TemplateProcessing(
        single=f"{token} $A", pair=f"{token} $A $B", special_tokens=[(token, other.bos_token_id)]
    )
    return other


def test_a_target_in_the_middle_is_found_with_its_leading_space(tokenizer: Any) -> None:
    row = one(tokenizer, "The old wall fell down.", "wall")
    assert pieces(tokenizer, row) == ["Ġwall"]
    assert (row.positions, row.n_subtokens, row.exceeds, row.at_start) == ([2], 1, False, False)


def test_the_space_before_a_target_is_not_text_beyond_it(tokenizer: Any) -> None:
    assert not one(tokenizer, "Now   the\twall fell.", "wall").exceeds


def test_a_word_of_several_tokens_is_stood_for_by_its_last_first_or_all(tokenizer: Any) -> None:
    text = f"We love {LONG} here."
    last, first, mean = (one(tokenizer, text, LONG, how) for how in ("last", "first", "mean"))
    assert pieces(tokenizer, mean) == ["Ġant", "idis", "establish", "ment", "arianism"]
    assert mean.positions == [2, 3, 4, 5, 6]
    assert (first.positions, last.positions) == ([2], [6])
    assert {row.n_subtokens for row in (last, first, mean)} == {5}
    assert [row.covering for row in (last, first, mean)] == [mean.positions] * 3
    assert not any(row.exceeds for row in (last, first, mean))


def test_an_unknown_way_to_choose_is_refused(tokenizer: Any, refuses: Any) -> None:
    with refuses("subtoken='middle'", "last, first, mean"):
        one(tokenizer, "The wall.", "wall", "middle")  # type: ignore[arg-type]


@pytest.mark.parametrize("target", ["café", "😀", "naïve", "👩‍🚀", "墙"])
def test_accents_emoji_and_scripts_of_several_bytes_are_found_whole(tokenizer: Any, target: str) -> None:
    row = one(tokenizer, f"So the {target} was there.", target, "mean")
    assert tokenizer.decode([row.ids[k] for k in row.positions]).strip() == target
    assert not row.exceeds


def test_bytes_of_one_character_all_count(tokenizer: Any) -> None:
    row = one(tokenizer, "So the 😀 was there.", "😀", "mean")
    assert row.n_subtokens == len(row.positions) > 1


def test_a_special_token_before_the_text_shifts_the_position(tokenizer: Any, with_bos: Any) -> None:
    text = "The old wall fell down."
    plain, shifted = one(tokenizer, text, "wall"), one(with_bos, text, "wall")
    assert shifted.ids == [with_bos.bos_token_id, *plain.ids]
    assert shifted.positions == [plain.positions[0] + 1]


def test_the_special_prefix_is_on_record(tokenizer: Any, with_bos: Any) -> None:
    assert special_prefix(tokenizer) == ""
    assert special_prefix(with_bos) == with_bos.bos_token


def test_a_special_token_after_the_text_is_no_prefix(tokenizer: Any) -> None:
    other = copy.deepcopy(tokenizer)
    other.backend_tokenizer.post_processor = TemplateProcessing(
        single=f"$A {other.eos_token}", special_tokens=[(other.eos_token, other.eos_token_id)]
    )
    assert special_prefix(other) == ""
    assert one(other, "A wall", "wall").ids[-1] == other.eos_token_id


def test_a_target_at_the_very_start_is_flagged_unless_a_special_token_precedes_it(
    tokenizer: Any, with_bos: Any
) -> None:
    text = "House prices fall."
    assert one(tokenizer, text, "House").at_start
    assert not one(with_bos, text, "House").at_start


def test_only_the_token_that_is_used_counts_as_the_start(tokenizer: Any) -> None:
    text = f"{LONG} fell."
    assert one(tokenizer, text, LONG, "first").at_start
    assert one(tokenizer, text, LONG, "mean").at_start
    assert not one(tokenizer, text, LONG, "last").at_start


def test_a_token_that_reaches_beyond_the_target_is_flagged(tokenizer: Any) -> None:
    after = one(tokenizer, "The house fell.", start=4, end=8)  # "hous" of " house"
    before = one(tokenizer, "The house fell.", start=5, end=9)  # "ouse"
    assert after.exceeds
    assert before.exceeds
    assert after.positions == before.positions == [1]


def test_only_the_tokens_that_are_used_can_reach_beyond(tokenizer: Any) -> None:
    text, start = f"We love {LONG} here.", 8
    end = start + len(LONG) - 2  # the last token has two letters more
    assert one(tokenizer, text, subtoken="last", start=start, end=end).exceeds
    assert one(tokenizer, text, subtoken="mean", start=start, end=end).exceeds
    assert not one(tokenizer, text, subtoken="first", start=start, end=end).exceeds


def test_a_text_beyond_the_context_is_refused_by_name(tokenizer: Any, refuses: Any) -> None:
    table = read_stimuli(
        [
            {"item": "fits", "condition": "c", "text": "The wall.", "target": "wall"},
            {"item": "long", "condition": "d", "text": "The wall " + "is very old " * 9, "target": "wall"},
        ],
        paired=False,
    )
    lengths = [len(row.ids) for row in tokenize(tokenizer, table)]
    assert len(tokenize(tokenizer, table, max_length=max(lengths))) == 2
    with refuses("item 'long', condition 'd'", f"{max(lengths)} tokens exceed the model's context of"):
        tokenize(tokenizer, table, max_length=max(lengths) - 1)


def test_a_target_that_the_tokenizer_drops_is_refused(tokenizer: Any, refuses: Any) -> None:
    from tokenizers.normalizers import Replace

    other = copy.deepcopy(tokenizer)
    other.backend_tokenizer.normalizer = Replace("wall", "")
    with refuses("item 'i'", "no token covers the target 'wall'"):
        one(other, "The wall fell.", "wall")


def test_texts_after_the_target_do_not_change_the_context(tokenizer: Any) -> None:
    short = one(tokenizer, "The old wall fell", "wall")
    longer = one(tokenizer, "The old wall was built of stone.", "wall")
    assert short.context() == longer.context()


def test_texts_before_the_target_change_the_context(tokenizer: Any) -> None:
    contexts = {
        one(tokenizer, text, "wall").context() for text in ("The old wall", "The new wall", "The very old wall")
    }
    assert len(contexts) == 3


def test_the_way_a_target_is_read_belongs_to_the_context(tokenizer: Any) -> None:
    text = f"We love {LONG} here."
    assert len({one(tokenizer, text, LONG, how).context() for how in ("last", "first", "mean")}) == 3


def test_a_special_token_belongs_to_the_context(tokenizer: Any, with_bos: Any) -> None:
    assert one(tokenizer, "The wall", "wall").context() != one(with_bos, "The wall", "wall").context()


WORDS = st.lists(st.text(st.sampled_from("abcdeéñß東😀0'-"), min_size=1, max_size=9), min_size=1, max_size=8)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=WORDS, data=st.data())
def test_the_tokens_chosen_always_cover_the_target(tokenizer: Any, words: list[str], data: st.DataObject) -> None:
    text = " ".join(words)
    number = data.draw(st.integers(0, len(words) - 1))
    start = len(" ".join(words[:number])) + bool(number)
    table = pd.DataFrame(
        {"item": ["i"], "condition": ["c"], "text": [text], "start": [start], "end": [start + len(words[number])]}
    )
    (row,) = tokenize(tokenizer, table, "mean")
    assert words[number] in tokenizer.decode([row.ids[k] for k in row.positions])
    # nothing that precedes or follows the tokens chosen would still cover it
    assert words[number] not in tokenizer.decode([row.ids[k] for k in row.positions[1:]])
    assert words[number] not in tokenizer.decode([row.ids[k] for k in row.positions[:-1]])
    assert row.positions == list(range(row.positions[0], row.positions[-1] + 1))
