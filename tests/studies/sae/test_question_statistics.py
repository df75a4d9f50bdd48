"""What the question decides by: largest t of many cells, ranks among draws, matched latents, pairs of texts."""

from itertools import product
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import depthscope as ds
from depthscope.studies.sae.question.matching import NEAREST, matched
from depthscope.studies.sae.question.maxima import maxima
from depthscope.studies.sae.question.pairs import Pairs, crossed, pairs_of
from depthscope.studies.sae.question.rank import rank_p
from depthscope.words import ALPHA


def naive_t(values: np.ndarray) -> np.ndarray:
    return values.mean(0) / (values.std(0, ddof=1) / np.sqrt(len(values)))


def test_largest_t_against_every_flip_by_hand() -> None:
    values = np.random.default_rng(0).normal(0.4, 1, (7, 5))
    found = maxima(values)
    assert found.exact
    every = np.array([naive_t(values * np.array(signs)[:, None]) for signs in product((1, -1), repeat=7)])
    np.testing.assert_allclose(found.t, naive_t(values))
    largest = np.abs(every).max(1)
    own = np.array([(largest >= abs(t) - 1e-9).mean() for t in found.t])
    np.testing.assert_allclose(found.p, own)
    # of every flip, how many cells would be called, had it been observed
    called = [sum((largest >= abs(t) - 1e-9).mean() <= ALPHA for t in flip) for flip in every]
    assert sorted(found.count_null) == sorted(called)
    assert found.count_p == np.mean([count >= found.count for count in called])


def test_what_is_drawn_agrees_with_what_is_enumerated() -> None:
    values = np.random.default_rng(1).normal(0.3, 1, (10, 4))
    exact, drawn = maxima(values, permutations=2000), maxima(values, permutations=900)
    assert exact.exact
    assert not drawn.exact
    np.testing.assert_allclose(drawn.p, exact.p, atol=0.06)


@pytest.mark.parametrize("zeros", [0.0, 0.8])
def test_nothing_is_called_more_often_than_stated(zeros: float) -> None:
    """Of cells that depend on one another, and of latents that hardly ever fire."""
    rng = np.random.default_rng(2)
    shared = 0
    for _ in range(120):
        values = rng.normal(size=(12, 20)) + rng.normal(size=(12, 1))
        shared += maxima(np.where(rng.random((12, 20)) < zeros, 0, values), permutations=199).count > 0
    # at .05: three standard errors
    assert shared / 120 <= ALPHA + 3 * np.sqrt(ALPHA * (1 - ALPHA) / 120)


def test_planted_cells_are_found_and_empty_ones_are_not() -> None:
    values = np.random.default_rng(3).normal(size=(30, 50))
    values[:, 7] += 2
    values[:, 8] = 0
    found = maxima(values, permutations=500)
    assert np.flatnonzero(found.p <= ALPHA).tolist() == [7]
    assert found.count == 1
    assert found.count_p <= ALPHA
    assert (found.t[8], found.p[8]) == (0, 1)


def test_ranks_keep_their_rate_over_several_dictionaries() -> None:
    rng = np.random.default_rng(4)
    called = 0
    for _ in range(300):
        pooled = rng.standard_t(3, (3, 20)) * np.array([[1], [10], [0.1]])
        called += bool((rank_p(pooled[:, 0], pooled[:, 1:]) <= ALPHA).any())
    assert abs(called / 300 - ALPHA) <= 3 * np.sqrt(ALPHA * (1 - ALPHA) / 300)


def test_ranks_of_what_is_far_out_and_of_what_is_equal() -> None:
    drawn = np.stack([np.linspace(-1, 1, 39), np.zeros(39)])
    np.testing.assert_allclose(rank_p(np.array([9.0, 0.0]), drawn), [1 / 40, 1])
    assert rank_p(np.array([-9.0, 0.0]), drawn)[0] == 1 / 40
    assert rank_p(np.array([-9.0, 0.0]), drawn, greater=True)[0] == 1
    assert rank_p(np.array([np.nan]), drawn[:1])[0] == 1


@settings(max_examples=20)
@given(st.integers(1, 8), st.integers(0, 10))
def test_matched_latents_are_of_the_pool_and_near(count: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rate, level = rng.random(60) * 0.9 + 0.05, rng.lognormal(size=60)
    chosen, pool = np.arange(count), np.arange(10, 60)
    sets = matched(rate, level, chosen, pool, 6, seed)
    assert sets.shape == (6, count)
    assert np.isin(sets, pool).all()
    assert all(len({*row}) == count for row in sets)
    # nearer than the pool is: at worst the one that remains when all others have chosen before
    places = np.log(np.stack([rate, level], 1))
    places /= places[np.concatenate([chosen, pool])].std(0)
    for i in range(count):
        far = np.linalg.norm(places[pool] - places[chosen[i]], axis=1)
        allowed = np.sort(far)[NEAREST + count - 2]
        assert (np.linalg.norm(places[sets[:, i]] - places[chosen[i]], axis=1) <= allowed + 1e-12).all()


def test_too_few_latents_to_match(refuses: Any) -> None:
    with refuses("3 latents", "only 2", "more latents"):
        matched(np.ones(5), np.ones(5), np.arange(3), np.array([3, 4]), 1, 0)


def traced(items: list[str], conditions: list[str], pairs: list[str] | None = None) -> xr.Dataset:
    rng = np.random.default_rng(0)
    rows = {"item": ("stimulus", items), "condition": ("stimulus", conditions)}
    rows |= {} if pairs is None else {"pair": ("stimulus", pairs)}
    gram = rng.normal(size=(len(items), 6, 8))
    data = {
        "gram": (("stimulus", "layer", "other_layer"), gram @ gram.swapaxes(1, 2)),
        "initial_dot": (("stimulus", "layer"), np.ones((len(items), 6))),
        "state_norm": (("stimulus", "state"), np.ones((len(items), 7))),
    }
    return xr.Dataset(data, {**rows, "layer": np.arange(1, 7)})


def test_items_with_several_pairs_are_averaged_and_incomplete_ones_left_out() -> None:
    table = traced(list("xxxxyyzww"), [*"abababa", "b", "a"], list("112211111"))
    main = ds.contrast(ds.cse(table), "a", "b", permutations=50)
    pairs = pairs_of(table, main)
    assert pairs.left.tolist() == [0, 2, 4, 8]
    assert pairs.right.tolist() == [1, 3, 5, 7]
    assert pairs.item.tolist() == [0, 0, 1, 2]
    values = np.arange(9.0)[:, None] ** 2
    assert pairs.differences(values)[:, 0].tolist() == [((0 - 1) + (4 - 9)) / 2, 16 - 25, 64 - 49]
    # the very items that the contrast was tested on
    rows = ds.cse(table.drop_vars(["item", "condition", "pair"])).values
    np.testing.assert_allclose(pairs.differences(rows), main.differences.values)


def test_halves_choose_for_one_another() -> None:
    pairs = Pairs(np.arange(8), np.arange(8, 16), np.repeat(np.arange(7), [2, 1, 1, 1, 1, 1, 1]))
    halves = pairs.halves(0)
    assert halves.sum() == 3
    turns = list(crossed(halves))
    assert all(not (choosing & measured).any() for choosing, measured in turns)
    choice = pairs.choice_of(halves, 17)
    assert choice[16] == -1
    for turn, (_, measured) in enumerate(turns):
        assert set(pairs.item[choice[:8] == turn]) == set(np.flatnonzero(measured))
    np.testing.assert_array_equal(choice[:8], choice[8:16])


def test_too_few_items(refuses: Any) -> None:
    with refuses("4 items", "6 at least"):
        Pairs(np.arange(4), np.arange(4), np.arange(4)).halves(0)


def test_a_difference_of_differences(refuses: Any) -> None:
    table = traced(list("wwxxyyzz") * 2, list("ab" * 4 + "cd" * 4))
    main = ds.contrast(ds.cse(table), "(a-b)-(c-d)", permutations=50)
    with refuses("between two conditions"):
        pairs_of(table, main)
