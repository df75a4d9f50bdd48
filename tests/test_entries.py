"""Names of entries: never the same for two pairs, and as they were wherever nothing can be mistaken."""

from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from depthscope.entries import entry_names

PART = st.text(st.sampled_from("a/\\1 "), max_size=5)


@given(st.lists(st.tuples(PART.filter(bool), PART), min_size=1, max_size=12, unique=True))
def test_different_pairs_have_different_names(rows):
    assert len(set(entry_names(*zip(*rows, strict=True)))) == len(rows)


def test_every_short_item_and_pair_has_a_name_of_its_own():
    parts = ["".join(p) for n in range(4) for p in product("/\\a", repeat=n)]
    rows = [(item, pair) for item in parts if item for pair in parts]
    assert len(set(entry_names(*zip(*rows, strict=True)))) == len(rows) == 39 * 40


@given(st.lists(st.tuples(st.text(st.characters(exclude_characters="/\\"), min_size=1), st.text()), min_size=1))
def test_items_without_a_slash_are_called_as_ever(rows):
    items, pairs = zip(*rows, strict=True)
    assert entry_names(items, pairs) == [f"{item}/{pair}" if pair else item for item, pair in rows]


@given(st.lists(st.text()))
def test_without_pairs_items_keep_their_names(items):
    assert entry_names(items) == items
