"""What is told apart before it is told."""

import mmap

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import depthscope as ds
from depthscope.errors import DepthscopeError, check_count, check_flag, on_one_line, out_of_memory

TOO_MUCH = 2**55  # no processor has addresses for it


@pytest.mark.parametrize(
    "ask",
    [lambda: torch.empty(TOO_MUCH, dtype=torch.uint8), lambda: bytearray(TOO_MUCH), lambda: mmap.mmap(-1, TOO_MUCH)],
    ids=["torch", "Python", "the system"],
)
def test_lack_of_memory_is_known_by_every_name(ask):
    with pytest.raises((MemoryError, RuntimeError, OSError)) as problem:
        ask()
    assert out_of_memory(problem.value)


@pytest.mark.parametrize(
    "ask",
    [lambda: torch.ones(2) @ torch.ones(3), lambda: open("/no/such/file"), lambda: [].index(1)],  # noqa: PTH123, SIM115
    ids=["torch", "the system", "Python"],
)
def test_other_faults_are_no_lack_of_memory(ask):
    with pytest.raises((RuntimeError, OSError, ValueError)) as problem:
        ask()
    assert not out_of_memory(problem.value)


@given(st.text())
def test_a_sentence_stands_on_one_line(sentence):
    told = str(DepthscopeError(sentence))
    assert told.splitlines() in ([told], [])
    assert told.encode().decode() == told
    if sentence.isprintable():
        assert told == sentence


def test_what_breaks_a_line_is_written_as_in_python():
    assert on_one_line("a\nb\x1b\u2028\udcff c\xa0é東.txt") == "a\\nb\\x1b\\u2028\\udcff c\xa0é東.txt"


@pytest.mark.parametrize("value", [None, 1, 7, np.int64(3)])
def test_a_count_is_a_whole_number_from_one_on_or_a_default(value):
    check_count("threads", value)


@pytest.mark.parametrize(
    ("value", "least", "words"),
    [
        (0, 1, "threads=0: give at least 1"),
        (-1, 0, "threads=-1: give at least 0"),
        *((odd, 1, "give a whole number") for odd in (2.0, True, "2", float("nan"), [1])),
    ],
)
def test_what_is_no_count_is_refused(refuses, value, least, words):
    with refuses(words):
        check_count("threads", value, least)


def test_a_flag_is_yes_or_no_and_nothing_else():
    for value in (True, False, np.True_, 0, 1):
        check_flag("parts", value)
    for value in ("heads", "no", "", None, 2, 0.5, [], [True], np.array([True, False]), {}):
        with pytest.raises(DepthscopeError, match=r"^parts=.*: give True or False$"):
            check_flag("parts", value)


def test_flags_of_the_instruments_take_no_words():
    updates = np.random.default_rng(0).normal(size=(12, 8))
    for call in (
        lambda: ds.cse(updates, normalize="no"),
        lambda: ds.cse(updates, mask_coi="none"),
        lambda: ds.scalogram(updates, share="yes"),
        lambda: ds.contrast(None, "a", "b", include_same_context="no"),
    ):
        with pytest.raises(DepthscopeError, match="give True"):
            call()
