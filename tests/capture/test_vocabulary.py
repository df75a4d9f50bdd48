"""Targets that a tokenizer does not know or drops, blanks that are no part of them, texts that bring their own specials."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

import depthscope as ds
from depthscope.capture.around import surrounding_ids
from depthscope.capture.census import census
from depthscope.capture.sections import sections
from depthscope.capture.tokens import Tokenized, tokenize
from depthscope.stimuli.read import read_stimuli
from tests.capture.tokenizers import fast, forgetful, sentencepiece_bpe, unigram, wordlevel, wordpiece
from tests.conftest import tiny_llama

KNOW_NOT = {"unigram": unigram, "bpe": sentencepiece_bpe, "wordpiece": wordpiece, "wordlevel": wordlevel}


def table(*rows: tuple[str, str]) -> pd.DataFrame:
    return read_stimuli(
        [{"item": str(i), "condition": "c", "text": text, "target": word} for i, (text, word) in enumerate(rows)],
        paired=False,
    )


def one(tokenizer: Any, text: str, word: str, how: Any = "mean") -> Tokenized:
    return tokenize(tokenizer, table((text, word)), how)[0]


def pieces(tokenizer: Any, row: Tokenized) -> list[str]:
    return tokenizer.convert_ids_to_tokens([row.ids[k] for k in row.positions])


@pytest.mark.parametrize("kind", KNOW_NOT)
def test_targets_that_the_tokenizer_does_not_know_are_all_named(kind: str, refuses: Any) -> None:
    tokenizer = fast(KNOW_NOT[kind]())
    assert len(tokenize(tokenizer, table(("The shark swam", "shark")))) == 1
    rows = table(("The 鯨 swam", "鯨"), ("The shark swam", "shark"), ("The Ζέβρα swam", "Ζέβρα"))
    with refuses("does not know 2 target(s)", "'鯨' (item '0'", "'Ζέβρα' (item '2'", "choose other targets"):
        tokenize(tokenizer, rows)
    with refuses("does not know 2 target(s)"):
        census(tokenizer, rows, "last", None)


def test_a_target_known_in_part_is_refused(refuses: Any) -> None:
    with refuses("in whole or in part", "'shark鯨'"):
        one(fast(unigram()), "The shark鯨 swam", "shark鯨", "first")


def test_words_beside_the_target_that_it_does_not_know_are_said() -> None:
    lines = census(fast(wordlevel()), table(("The 鯨 and a shark", "shark")), "last", None)
    assert "texts with words beside the target that the tokenizer does not know: 1 (items 0)" in lines


def test_a_tokenizer_of_bytes_knows_everything(tokenizer: Any) -> None:
    assert one(tokenizer, "So 鯨 𒀀 swam", "鯨").strangers == 0


@pytest.mark.parametrize(
    ("make", "text", "word", "sign"),
    [
        (forgetful, "The Zebra swam", "Zebra", "U+0"),
        (forgetful, "The 鯨 swam", "鯨", "no token covers"),
        (wordpiece, "कल कुल", "कुल", "U+0941"),  # a vowel sign that strip_accents takes for an accent
    ],
)
def test_targets_that_lose_characters_are_refused(make: Any, text: str, word: str, sign: str, refuses: Any) -> None:
    with refuses("the tokenizer drops", sign):
        one(fast(make()), text, word)


def test_accents_that_a_tokenizer_leaves_out_as_writers_do_are_no_loss() -> None:
    assert one(fast(wordpiece()), "The shárk swam", "shárk").strangers == 0
    assert one(fast(wordpiece()), "The sha\u0301rk swam", "sha\u0301rk").strangers == 0


@pytest.mark.parametrize("make", [unigram, sentencepiece_bpe])
def test_a_lone_mark_of_a_space_is_no_part_of_the_target(make: Any) -> None:
    tokenizer = fast(make())
    names = tokenizer.convert_ids_to_tokens(tokenizer("wam swam wam").input_ids)
    assert names[0] == "▁"  # else this tests nothing
    for text, word in (("wam swam", "wam"), ("The wam swam", "wam")):
        mean, first = (one(tokenizer, text, word, how) for how in ("mean", "first"))
        assert "".join(pieces(tokenizer, mean)) == "wam"
        assert mean.n_subtokens == len(mean.covering) == len(mean.positions)
        assert pieces(tokenizer, first)[0][0] == "w"
    assert not one(tokenizer, "wam swam", "wam", "first").at_start


def test_a_space_inside_a_target_belongs_to_it(tokenizer: Any) -> None:
    row = one(tokenizer, "He gave  up now", "gave  up")
    assert "".join(tokenizer.convert_ids_to_tokens([row.ids[k] for k in row.positions])) == "ĠgaveĠĠup"


@pytest.mark.parametrize("own", ["<s>", "<s><s>"])
@pytest.mark.parametrize("make", [unigram, sentencepiece_bpe])
def test_a_text_that_brings_what_the_tokenizer_adds_has_it_once(make: Any, own: str) -> None:
    tokenizer = fast(make(), "<s>")
    plain, marked = (one(tokenizer, f"{begin}The lawyer is a shark.", "shark") for begin in ("", own))
    assert (marked.ids, marked.positions, marked.covering) == (plain.ids, plain.positions, plain.covering)
    assert (plain.own_prefix, marked.own_prefix) == (False, True)
    lines = census(tokenizer, table((f"{own}A shark.", "shark"), ("A shark.", "shark")), "last", None)
    assert (
        "texts that spell out what the tokenizer puts around a text anyway; it stands there once: 1 (items 0)" in lines
    )


def test_every_number_of_such_a_text_is_that_of_the_text_without_it() -> None:
    tokenizer = fast(unigram(), "<s>")
    model = ds.load(tiny_llama(100), tokenizer)
    rows = table(("<s>The lawyer is a shark.", "shark"), ("The lawyer is a shark.", "shark"))
    traj = ds.trace(model, rows, progress=False)
    assert float(traj["surprisal"][0]) == pytest.approx(float(traj["surprisal"][1]), rel=1e-6)
    np.testing.assert_allclose(traj["gram"][0], traj["gram"][1], rtol=1e-5, atol=1e-7)
    assert "it stands there once: 1 (items 0)" in traj.attrs["text_remarks"]
    every, same = (ds.trace_text(model, text, progress=False) for text in rows["text"])
    np.testing.assert_array_equal(every["token_id"], same["token_id"])
    np.testing.assert_array_equal(every["start"][1:], same["start"][1:] + 3)


def test_special_tokens_elsewhere_in_a_text_are_said() -> None:
    tokenizer = fast(unigram(), "<s>")
    lines = census(tokenizer, table(("A sea.<s>A shark.", "shark"), ("A shark.", "shark")), "last", None)
    assert "texts that spell out special tokens, which the model takes as such: 1 (items 0)" in lines


def test_a_document_of_a_scan_has_it_once_too() -> None:
    tokenizer = fast(unigram(), "<s>")
    names = tokenizer.convert_ids_to_tokens(surrounding_ids(tokenizer)[0])
    (plain,) = sections(tokenizer, ["The lawyer is a shark."], without=names)
    (marked,) = sections(tokenizer, ["<s", ">The lawyer", " is a shark."], without=names)
    np.testing.assert_array_equal(plain.ids, marked.ids)
    np.testing.assert_array_equal(plain.start + 3, marked.start)
