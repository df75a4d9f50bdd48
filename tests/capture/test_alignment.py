"""Tokens of two texts: the same with the same, in order, and nothing left out."""

from hypothesis import given
from hypothesis import strategies as st

from depthscope.capture.alignment import align_tokens

IDS = st.lists(st.integers(0, 4), max_size=25)


def test_what_is_replaced_stands_alone_on_both_sides() -> None:
    assert align_tokens([1, 2, 3], [1, 7, 8, 3]) == [(0, 0), (1, None), (None, 1), (None, 2), (2, 3)]


def test_what_is_added_or_left_out_is_a_gap() -> None:
    assert align_tokens([1, 2], [1, 5, 2]) == [(0, 0), (None, 1), (1, 2)]
    assert align_tokens([1, 5, 2], [1, 2]) == [(0, 0), (1, None), (2, 1)]
    assert align_tokens([], [4]) == [(None, 0)]


def test_a_token_that_is_everywhere_is_matched_in_long_texts_too() -> None:
    """What SequenceMatcher takes for junk by default: more than 1 % of 200 and more."""
    ids = [k if k % 2 else -1 for k in range(400)]
    assert align_tokens(ids, ids) == [(k, k) for k in range(400)]


@given(IDS, IDS)
def test_every_token_stands_once_in_order_and_only_equal_ones_meet(a: list[int], b: list[int]) -> None:
    pairs = align_tokens(a, b)
    assert [i for i, _ in pairs if i is not None] == list(range(len(a)))
    assert [j for _, j in pairs if j is not None] == list(range(len(b)))
    assert all(a[i] == b[j] for i, j in pairs if i is not None and j is not None)
    assert (None, None) not in pairs


@given(IDS)
def test_a_text_is_aligned_with_itself(a: list[int]) -> None:
    assert align_tokens(a, a) == [(k, k) for k in range(len(a))]
