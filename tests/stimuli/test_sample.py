"""Some of the items, by a rule that can be stated."""

from itertools import pairwise

import pandas as pd
import pytest

from depthscope.stimuli.sample import sample_items


def table(items=12, conditions="abc"):
    rows = [{"item": f"i{k:02d}", "condition": c, "text": f"{k} {c}"} for k in range(items) for c in conditions]
    return pd.DataFrame(rows)


def drawn(found):
    return set(found["item"])


@pytest.mark.parametrize("count", [1, 5, 12])
def test_as_many_items_as_asked_for_with_all_of_their_rows_in_their_order(count):
    whole = table()
    found = sample_items(whole, count)
    assert len(drawn(found)) == count
    expected = whole[whole["item"].isin(drawn(found))].reset_index(drop=True)
    pd.testing.assert_frame_equal(found, expected)


def test_the_same_seed_draws_the_same_items_and_another_seed_others():
    assert drawn(sample_items(table(), 5, seed=1)) == drawn(sample_items(table(), 5, seed=1))
    assert len({frozenset(drawn(sample_items(table(), 5, seed=seed))) for seed in range(20)}) > 10


def test_a_smaller_draw_is_part_of_a_larger_one():
    draws = [drawn(sample_items(table(), count, seed=3)) for count in range(1, 13)]
    assert all(smaller < larger for smaller, larger in pairwise(draws))


def test_the_draw_looks_at_names_only():
    whole = table()
    expected = drawn(sample_items(whole, 5, seed=2))
    assert drawn(sample_items(whole.sample(frac=1, random_state=1), 5, seed=2)) == expected
    assert drawn(sample_items(whole[whole["condition"] == "b"].assign(text="other"), 5, seed=2)) == expected
    assert drawn(sample_items(whole.set_index(whole.index + 100), 5, seed=2)) == expected


def test_every_item_has_the_same_chance():
    counts = pd.Series(
        [item for seed in range(600) for item in drawn(sample_items(table(6, "a"), 2, seed))]
    ).value_counts()
    # 200 expected, standard deviation 11.5
    assert counts.between(150, 250).all()
    assert len(counts) == 6


@pytest.mark.parametrize("count", [0, -1, 13])
def test_a_number_of_items_that_there_are_not_is_refused(count, refuses):
    with refuses(f"sample={count}", "12 items"):
        sample_items(table(), count)
