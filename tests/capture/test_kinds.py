"""The form of vocabulary entries: of a real tokenizer, of every script, of each way to mark words."""

from typing import Any

import numpy as np
import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from depthscope.capture.kinds import KINDS, kinds
from depthscope.capture.pieces import decoded


def named(*texts: str) -> list[str]:
    return [KINDS[number] for number in kinds(texts)]


@pytest.fixture(scope="module")
def vocabulary(tokenizer: Any) -> list[str]:
    return list(decoded(tokenizer, range(len(tokenizer))).values())


def test_the_words_of_a_text_are_told_from_what_goes_on(tokenizer: Any, vocabulary: list[str]) -> None:
    ids = tokenizer("The lawyer's ferocity,\n\n  1984 times: 🦈 + naïveté")["input_ids"]
    found = kinds(vocabulary)
    assert [(vocabulary[i], KINDS[found[i]]) for i in ids] == [
        ("The", "piece"),
        (" lawyer", "word"),
        ("'s", "piece"),
        (" fer", "word"),
        ("ocity", "piece"),
        (",", "punctuation"),
        ("\n\n  ", "blank"),
        ("1", "number"),
        ("9", "number"),
        ("8", "number"),
        ("4", "number"),
        (" times", "word"),
        (":", "punctuation"),
        ("<0x20><0xF0><0x9F>", "other"),  # a space and half a shark
        ("<0xA6>", "other"),
        ("<0x88>", "other"),
        (" +", "other"),
        (" na", "word"),
        ("ï", "piece"),
        ("vet", "piece"),
        ("é", "piece"),
    ]


def test_the_whole_vocabulary_is_what_a_regular_expression_says(vocabulary: list[str]) -> None:
    """Rival: the same definition by the Unicode tables of another library."""
    letter = r"(?![\ufe00-\ufe0f])[\p{L}\p{Mn}\p{Mc}]"
    before = rf"(?:(?!{letter}|\p{{N}}).)*"
    rules = {
        "other": r"<[/|]?\w[^\s<>]*>(<0x..>)*",
        "blank": r"[\s\x1c-\x1f]+",
        "number": rf"{before}\p{{N}}.*",
        "word": rf"(?=\s){before}{letter}.*",
        "piece": rf"{before}{letter}.*",
        "punctuation": r".*\p{P}.*",
    }
    compiled = {kind: regex.compile(rule, regex.DOTALL) for kind, rule in rules.items()}
    expected = [next((k for k, rule in compiled.items() if rule.fullmatch(text)), "other") for text in vocabulary]
    assert named(*vocabulary) == expected
    counts = {kind: expected.count(kind) for kind in KINDS}
    assert counts["word"] > 25_000
    assert all(counts.values())


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (" סוס", "word"),
        ("漢字", "piece"),
        (" हि", "word"),
        ("\u093f\u0928", "piece"),  # begins with a vowel sign
        ("\nint", "word"),
        (" 'tis", "word"),
        ("x86", "piece"),
        ("1st", "number"),
        (" ٣٤", "number"),
        ("½", "number"),
        ("Ⅳ", "number"),
        (" (“", "punctuation"),
        ("、", "punctuation"),
        ("->", "punctuation"),
        ("\u00a0\t\n", "blank"),
        ("", "other"),
        ("$", "other"),
        (" +=", "other"),
        ("\x00", "other"),
        (" 🦈", "other"),
        ("\u2764\ufe0f", "other"),  # a heart, and the sign that it be red
        ("<0xE2><0x80>", "other"),
        ("<|im_start|>", "other"),
        ("</s>", "other"),
        ("[CLS]", "other"),
        ("[unused12]", "other"),
        ("<div", "piece"),
        ("[i]", "piece"),
        ("<3", "number"),
        ("<>", "other"),
        ("[]", "punctuation"),
    ],
)
def test_every_script_and_sign(text: str, kind: str) -> None:
    assert named(text) == [kind]


def test_a_vocabulary_that_marks_what_goes_on_is_read_the_other_way_round() -> None:
    texts = ["[PAD]", "run", "##ning", "'", "##s", "42", "##1", "##", "é", "##+"]
    expected = ["other", "word", "piece", "punctuation", "piece", "number", "number", "punctuation", "word", "other"]
    assert named(*texts) == expected
    # one entry that begins with a space, and it is spaces that begin words
    read = [*(kind.replace("word", "piece") for kind in expected[:-1]), "punctuation", "word"]
    assert named(*texts, " run") == read


@given(st.lists(st.text(max_size=8)))
def test_every_entry_of_any_vocabulary_has_one_kind(texts: list[str]) -> None:
    found = kinds(texts)
    assert found.dtype == np.int8
    assert found.shape == (len(texts),)
    assert ((found >= 0) & (found < len(KINDS))).all()
    assert (kinds(texts[::-1]) == found[::-1]).all()
