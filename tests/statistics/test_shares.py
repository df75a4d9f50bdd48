"""How much of an effect something else has: the ratio, its interval, and words that are right or say that they cannot tell."""

import numpy as np
import pytest

from depthscope.statistics.shares import Share, share_of

RIGHT = {0.0: "too little", 0.3: "a part", 0.5: "a part", 0.8: "a part", 1.0: "enough"}


def drawn(share, n, seed, spread=0.5, effect=0.6):
    """An effect of many items, and another that has ``share`` of it and is correlated with it over items."""
    z = np.random.default_rng(seed).normal(size=(2, n))
    return share * effect + spread * (0.7 * z[0] + np.sqrt(1 - 0.49) * z[1]), effect + z[0]


def test_the_value_is_the_ratio_of_the_means_and_lies_within():
    part, whole = drawn(0.5, 60, 0)
    found = share_of(part, whole)
    assert found.value == pytest.approx(part.mean() / whole.mean())
    assert found.low < found.value < found.high


def test_all_of_the_same_is_1_without_an_interval_and_half_of_it_one_half():
    _, whole = drawn(0.5, 30, 1)
    for share in (1.0, 0.5, -0.25):
        found = share_of(share * whole, whole)
        assert (found.value, found.low, found.high) == pytest.approx((share, share, share))


def test_units_do_not_matter():
    part, whole = drawn(0.5, 30, 2)
    plain, scaled = share_of(part, whole), share_of(1e-9 * part, 1e-9 * whole)
    assert (scaled.low, scaled.high) == pytest.approx((plain.low, plain.high))


@pytest.mark.parametrize("n", [20, 200])
@pytest.mark.parametrize("share", list(RIGHT))
def test_the_interval_holds_the_share_and_a_word_is_right_or_leaves_it_open(share, n):
    found = [share_of(*drawn(share, n, seed), resamples=400, seed=seed) for seed in range(100)]
    assert np.mean([one.low <= share <= one.high for one in found]) >= 0.88  # of 95 %, in 100 draws
    told = [one.word for one in found if one.word != "undecided"]
    assert sum(word != RIGHT[share] for word in told) <= 12
    if n == 200 and share < 0.8:  # where it can be known
        assert told.count(RIGHT[share]) >= 80


def test_draws_that_scatter_widen_the_interval_and_are_averaged():
    _, whole = drawn(0.5, 100, 3)
    draws = np.stack([s * whole for s in (0.1, 0.3, 0.5, 0.7, 0.9)])
    found = share_of(draws, whole)
    assert found.value == pytest.approx(0.5)
    assert found.high - found.low > 0.3
    assert share_of(draws[[2]], whole).high == pytest.approx(0.5)


def test_an_effect_that_may_be_nothing_tells_nothing():
    rng = np.random.default_rng(4)
    found = share_of(rng.normal(size=20), 0.02 + rng.normal(size=20))
    assert found.word == "undecided"


@pytest.mark.parametrize(
    ("low", "high", "word"),
    [
        (-0.1, 0.15, "too little"),
        (-3, -1, "too little"),
        (0.05, 0.15, "too little"),
        (-0.1, 0.4, "undecided"),
        (0.1, 0.9, "a part"),
        (0.4, 1.2, "undecided"),
        (0.85, 0.95, "enough"),
        (0.9, 2.0, "enough"),
        (-np.inf, np.inf, "undecided"),
        (np.nan, np.nan, "undecided"),
    ],
)
def test_words_follow_the_interval(low, high, word):
    assert Share(0.5, low, high).word == word


def test_in_words_it_is_percent():
    assert str(Share(0.55, 0.2, 0.95)) == "55 % [20, 95]"
    assert str(Share(-0.001, -0.2, 0.1)) == "0 % [-20, 10]"


def test_an_interval_without_ends_and_a_share_of_nothing_are_said_in_words():
    rng = np.random.default_rng(4)
    open_ended = share_of(rng.normal(size=20), 0.02 + rng.normal(size=20))
    assert (open_ended.low, open_ended.high) == (-np.inf, np.inf)
    assert str(open_ended).endswith(" % [open, open]")
    for nothing in (share_of(np.ones(20), np.zeros(20)), share_of(np.ones(1), np.ones(1))):
        assert (str(nothing), nothing.word) == ("an unknown share", "undecided")
    assert str(Share(-0.001, -0.25, 0.304)) == "0 % [-25, 30]"
