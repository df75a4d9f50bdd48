"""What is left of an effect: against regressions that are made anew one by one, and where it is known what is left."""

import numpy as np
import pytest

from depthscope.statistics.attenuation import left_adjusted, left_among
from depthscope.statistics.design import design
from depthscope.statistics.shares import item_weights
from depthscope.statistics.splines import natural_splines

RIGHT = {0.0: "too little", 0.5: "a part", 1.0: "enough"}


def drawn(n=60, columns=3, seed=0):
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(n, columns)) + 0.5
    return 0.5 + 0.3 * x[:, 0] + generator.normal(size=n), x


def one_by_one(d, x, resamples, seed=0):
    """Adjusted effect and its share of the mean, by least squares on the items of each resample."""
    for weights in np.concatenate(list(item_weights(len(d), resamples, seed))):
        items = np.repeat(np.arange(len(d)), np.rint(weights * len(d)).astype(int))
        model = np.column_stack([np.ones(len(items)), x[items]])
        effect = np.linalg.lstsq(model, d[items], rcond=None)[0][0]
        yield effect, effect / d[items].mean()


@pytest.mark.parametrize("columns", [1, 3])
def test_every_resample_has_a_regression_of_its_own(columns):
    d, x = drawn(columns=columns)
    left = left_adjusted(d, x, resamples=200)
    effects, shares = np.array(list(one_by_one(d, x, 200))).T
    (effect,), _ = design(len(d), x).fit(d[:, None])
    assert left.difference == pytest.approx(effect)
    assert left.share.value == pytest.approx(effect / d.mean())
    wider = np.sqrt(60 / 59)
    low, high = np.quantile(effects, [0.025, 0.975])
    assert (left.low, left.high) == pytest.approx((effect + wider * (low - effect), effect + wider * (high - effect)))
    low, high = (np.quantile(shares, q, method=m) for q, m in ((0.025, "lower"), (0.975, "higher")))
    value = left.share.value
    assert (left.share.low, left.share.high) == pytest.approx(
        (value + wider * (low - value), value + wider * (high - value))
    )


def test_columns_that_depend_on_one_another_or_say_nothing_count_once():
    d, x = drawn()
    again = np.column_stack([x, 1e9 * x[:, 0] - x[:, 1], np.zeros(len(d))])
    one, other = left_adjusted(d, x), left_adjusted(d, again)
    assert vars(other.share) == pytest.approx(vars(one.share), rel=1e-5)


def test_units_and_direction_do_not_matter():
    d, x = drawn()
    plain, scaled = left_adjusted(d, x), left_adjusted(-1e-12 * d, 1e12 * x)
    assert vars(scaled.share) == pytest.approx(vars(plain.share))
    assert (scaled.difference, scaled.low) == pytest.approx((-1e-12 * plain.difference, -1e-12 * plain.high))


def test_without_covariates_all_of_it_is_left():
    d, x = drawn()
    left = left_adjusted(d, x[:, :0]).share
    assert (left.value, left.low, left.high) == pytest.approx((1, 1, 1))


def test_columns_that_say_the_same_take_no_items():
    d, x = drawn(3, 1)
    twice = left_adjusted(d, np.column_stack([x, 2 * x]))
    assert twice.difference == pytest.approx(left_adjusted(d, x).difference)


def test_fewer_items_than_columns_leave_no_answer():
    d, x = drawn(n=4)
    assert np.isnan(left_adjusted(d, x).share.value)
    assert left_adjusted(d, x).share.word == "undecided"


def curved(share, n, seed):
    """An effect of 1 of which ``share`` is left at equal covariates; the rest follows a U of a covariate, another is idle."""
    generator = np.random.default_rng(seed)
    levels = generator.normal(size=(n, 2, 2))
    levels[:, 0, 0] += 1.0  # the mean of the squares is then 1 higher
    carried = (1 - share) * (levels[:, 0, 0] ** 2 - levels[:, 1, 0] ** 2)
    columns = np.concatenate([natural_splines(levels[..., k], 5) for k in range(2)], -1)
    return share + carried + 0.7 * generator.normal(size=n), columns[:, 0] - columns[:, 1]


@pytest.mark.parametrize("share", list(RIGHT))
def test_along_curves_the_interval_holds_what_is_left_and_words_are_right_or_leave_it_open(share):
    found = [left_adjusted(*curved(share, 200, seed), resamples=300, seed=seed).share for seed in range(60)]
    assert np.mean([one.low <= share <= one.high for one in found]) >= 0.85
    told = [one.word for one in found if one.word != "undecided"]
    assert sum(word != RIGHT[share] for word in told) <= 6


def test_among_all_items_everything_is_left_and_among_some_what_they_have():
    d, _ = drawn()
    assert str(left_among(d, np.ones(60, dtype=bool))) == "100 % [100, 100]"
    kept = np.arange(60) < 30
    half = left_among(np.where(kept, 0.0, 2.0) + 0.01 * d, kept)
    assert half.word == "too little"
    assert half.value == pytest.approx(0.01 * d[:30].mean() / (1 + 0.01 * d.mean()))
    assert np.isnan(left_among(d, np.zeros(60, dtype=bool)).value)
