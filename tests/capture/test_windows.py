"""Windows over a document: each token measured once, with the context it was promised."""

import copy
import itertools
import pickle
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers.processors import TemplateProcessing

from depthscope.capture.pieces import read_pieces
from depthscope.capture.sections import Section, sections
from depthscope.capture.tokens import special_ids, surrounding_ids
from depthscope.capture.windows import Window, check_window, windows


def section(first: int, count: int) -> Section:
    """Tokens with numbers of their own, two characters each."""
    ids = np.arange(first, first + count) + 1000
    return Section(ids, 2 * (ids - 1000), 2 * (ids - 1000) + 2)


def of(count: int, *sizes: int) -> list[Section]:
    """A document of ``count`` tokens in sections of these sizes, and the rest."""
    cuts = np.minimum(np.cumsum([0, *sizes, count]), count)
    return [section(int(a), int(b - a)) for a, b in itertools.pairwise(cuts)]


def cut(count: int, length: int, context: int, **how: Any) -> list[Window]:
    return list(windows("d", of(count), length, context, **how))


@given(data=st.data(), causal=st.booleans())
def test_each_token_is_measured_once_with_context_around_it(data: st.DataObject, causal: bool) -> None:
    count = data.draw(st.integers(0, 200))
    sizes = data.draw(st.lists(st.integers(0, 40), max_size=8))
    prefix = data.draw(st.lists(st.integers(1, 9), max_size=2))
    suffix = data.draw(st.lists(st.integers(1, 9), max_size=2))
    context = data.draw(st.integers(0, 20))
    length = data.draw(st.integers(len(prefix + suffix) + (1 if causal else 2) * context + 1, 90))
    found = list(windows("d", of(count, *sizes), length, context, prefix, suffix, causal))
    measured = []
    for window in found:
        begin, end = window.measured
        assert len(window.ids) <= length
        assert window.ids[: len(prefix)].tolist() == prefix
        assert window.ids[len(window.ids) - len(suffix) :].tolist() == suffix
        body = window.ids[len(prefix) : len(window.ids) - len(suffix)]
        place = window.first - (begin - len(prefix))  # of the window in the document
        assert body.tolist() == list(range(place + 1000, place + 1000 + len(body)))
        assert window.start.tolist() == [2 * k for k in range(window.first, window.first + end - begin)]
        assert (window.end - window.start == 2).all()
        for k in range(begin, end):
            token = window.ids[k] - 1000
            assert k - len(prefix) >= min(context, token)
            assert causal or len(prefix) + len(body) - 1 - k >= min(context, count - 1 - token)
        assert end > begin
        measured += (window.ids[begin:end] - 1000).tolist()
    assert measured == list(range(count))
    # none but the last is shorter than it may be
    assert all(len(window.ids) == length for window in found[:-1])


def test_windows_of_a_causal_model_by_hand() -> None:
    found = cut(10, 5, 2, prefix=[1])
    assert [w.ids.tolist() for w in found] == [
        [1, 1000, 1001, 1002, 1003],
        [1, 1002, 1003, 1004, 1005],
        [1, 1004, 1005, 1006, 1007],
        [1, 1006, 1007, 1008, 1009],
    ]
    assert [w.first for w in found] == [0, 4, 6, 8]
    assert [w.measured for w in found] == [(1, 5), (3, 5), (3, 5), (3, 5)]
    assert found[1].start.tolist() == [8, 10]


def test_windows_of_an_encoder_by_hand() -> None:
    found = cut(8, 7, 2, prefix=[1], suffix=[2], causal=False)
    assert [w.ids.tolist() for w in found] == [
        [1, 1000, 1001, 1002, 1003, 1004, 2],
        [1, 1001, 1002, 1003, 1004, 1005, 2],
        [1, 1002, 1003, 1004, 1005, 1006, 2],
        [1, 1003, 1004, 1005, 1006, 1007, 2],
    ]
    assert [w.measured for w in found] == [(1, 4), (3, 4), (3, 4), (3, 6)]


def test_where_sections_end_makes_no_difference() -> None:
    whole = cut(40, 9, 2, causal=False)
    for size in range(1, 12):
        parts = list(windows("d", of(40, *[size] * 40), 9, 2, causal=False))
        assert [(w.first, w.ids.tolist(), w.measured) for w in parts] == [
            (w.first, w.ids.tolist(), w.measured) for w in whole
        ]


@pytest.mark.parametrize("causal", [True, False])
def test_a_document_that_just_fits_is_one_window(causal: bool) -> None:
    (window,) = cut(6, 8, 1, prefix=[1], suffix=[2], causal=causal)
    assert window.measured == (1, 7)
    assert len(cut(7, 8, 1, prefix=[1], suffix=[2], causal=causal)) == 2


def test_a_document_without_tokens_has_no_window() -> None:
    assert cut(0, 8, 1, prefix=[1]) == []
    assert list(windows("d", [], 8, 1)) == []


def test_sections_are_read_as_windows_are_asked_for() -> None:
    read = 0

    def endless() -> Iterator[Section]:
        nonlocal read
        while True:
            yield section(100 * read, 100)
            read += 1

    stream = windows("d", endless(), 50, 10)
    for _ in range(20):
        last = next(stream)
    assert read < 12
    assert last.first == 50 + 18 * 40


def test_a_window_goes_to_a_worker_without_its_section() -> None:
    window = cut(5000, 16, 4)[3]
    sent = pickle.dumps(window)
    assert len(sent) < 3000
    again = pickle.loads(sent)
    assert again.ids.tolist() == window.ids.tolist()
    assert again.measured == window.measured


def test_a_short_text_is_read_as_it_is_elsewhere(tokenizer: Any) -> None:
    text = "A naïve 🦈 swam,\n\n  and nobody saw it."
    other = copy.deepcopy(tokenizer)
    token = other.bos_token
    other.backend_tokenizer.post_processor = TemplateProcessing(
        single=f"{token} $A {token}", special_tokens=[(token, other.bos_token_id)]
    )
    for reader, lead in ((tokenizer, 0), (other, 1)):
        prefix, suffix = surrounding_ids(reader)
        (window,) = windows("d", sections(reader, [text]), 512, 64, prefix, suffix)
        pieces = read_pieces(reader, text, None, "the model")
        assert window.ids.tolist() == pieces.ids
        assert window.measured == (lead, len(pieces.ids) - lead)
        spans = list(zip(window.start.tolist(), window.end.tolist(), strict=True))
        assert spans == pieces.offsets[lead : len(pieces.ids) - lead]


def test_what_stands_around_a_text_is_told_apart(tokenizer: Any) -> None:
    other = copy.deepcopy(tokenizer)
    other.backend_tokenizer.post_processor = TemplateProcessing(
        single="<|im_start|> $A <|im_end|>",
        special_tokens=[(name, other.convert_tokens_to_ids(name)) for name in ("<|im_start|>", "<|im_end|>")],
    )
    assert surrounding_ids(tokenizer) == ([], [])
    first, last = (other.convert_tokens_to_ids(name) for name in ("<|im_start|>", "<|im_end|>"))
    assert surrounding_ids(other) == ([first], [last])
    assert special_ids(other) == [first]


def test_windows_without_room_are_refused(refuses: Any) -> None:
    with refuses("context=-1", "0 or more"):
        cut(5, 8, -1)
    with refuses("a window of 6 tokens", "4 of context", "2 special", "at least 7"):
        cut(5, 6, 4, prefix=[1], suffix=[2])
    with refuses("a window of 6 tokens", "on either side", "at least 9"):
        check_window(6, 4, 0, causal=False)
    check_window(5, 4, 0)
    check_window(9, 4, 0, causal=False)
