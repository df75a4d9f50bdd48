import itertools

import numpy as np
import pingouin
import pytest
import statsmodels.api as sm
from scipy import integrate, stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.weightstats import ttost_paired

from depthscope.statistics.design import design
from depthscope.statistics.effects import equivalence_p, holm, mean_effect, noncentral_interval
from depthscope.words import effect_text


@pytest.mark.parametrize("degrees", [5, 29, 185])
@pytest.mark.parametrize("confidence", [0.9, 0.95])
def test_the_ends_of_the_noncentral_interval_make_the_observed_t_just_unlikely(degrees, confidence):
    t = np.array([-9.0, -2.5, 0.0, 0.3, 4.0, 25.0])
    leverage = np.sqrt(degrees + 1)
    low, high = noncentral_interval(t, degrees, leverage, confidence)
    outer = (1 - confidence) / 2
    assert stats.nct.sf(t, degrees, low * leverage) == pytest.approx(np.full(6, outer), abs=1e-5)
    assert stats.nct.cdf(t, degrees, high * leverage) == pytest.approx(np.full(6, outer), abs=1e-5)
    back = noncentral_interval(-t, degrees, leverage, confidence)
    assert back[1] == pytest.approx(-low, abs=1e-5)


@pytest.mark.parametrize("truth", [0.0, 0.5])
def test_the_noncentral_interval_covers_the_truth_at_equal_covariates(truth):
    """Nominal 95 %, 3,000 studies of 25 items: the effect in units of the standard deviation of the residuals."""
    rng = np.random.default_rng(4)
    x = rng.normal((0.5, -0.5), 1, size=(25, 2))
    model = design(25, x)
    y = truth + (x @ (1.0, 2.0))[:, None] + rng.normal(size=(25, 3000))
    t = model.t_values(model.basis.T @ y, (y**2).sum(0))
    low, high = noncentral_interval(t, model.degrees, model.leverage)
    covered = ((low <= truth) & (truth <= high)).sum()
    assert covered == pytest.approx(0.95 * 3000, abs=3.3 * np.sqrt(3000 * 0.95 * 0.05))


def test_there_is_no_noncentral_interval_without_a_spread():
    low, high = noncentral_interval(np.array([1e6, -1e6, 2.0]), 20, 4.0)
    assert np.isnan(low).tolist() == np.isnan(high).tolist() == [True, True, False]


def tail_by_integration(t, degrees, noncentrality):
    """P(T <= t) of the noncentral t: over the spread that the standard deviation has by chance."""

    def density(spread):
        chi = stats.chi.pdf(spread * np.sqrt(degrees), degrees) * np.sqrt(degrees)
        return stats.norm.cdf(t * spread - noncentrality) * chi

    return integrate.quad(density, 0, 1 + 12 / np.sqrt(degrees), epsabs=1e-13, limit=300)[0]


@pytest.mark.parametrize("bound", [0.1, 0.2, 0.5])
@pytest.mark.parametrize("items", [8, 40, 186])
def test_equivalence_is_the_probability_of_so_small_a_t_at_the_bound(items, bound):
    t = np.array([-3.0, -0.4, 0.0, 0.4, 1.7])
    p = equivalence_p(t, items - 1, np.sqrt(items), bound)
    shift = bound * np.sqrt(items)
    assert p == pytest.approx([tail_by_integration(abs(one), items - 1, shift) for one in t], abs=1e-9)
    # the larger of the two one-sided p (SciPy has NaN for a p of next to nothing)
    below, above = stats.nct.cdf(t, items - 1, shift), stats.nct.sf(t, items - 1, -shift)
    assert p == pytest.approx(np.fmax(below, above), abs=1e-9)


def test_equivalence_holds_exactly_where_the_90_per_cent_interval_lies_within_the_bounds():
    t = np.linspace(-4, 4, 801)
    for items, bound in ((20, 0.5), (120, 0.2), (186, 0.25)):
        low, high = noncentral_interval(t, items - 1, np.sqrt(items), 0.9)
        within = (low > -bound) & (high < bound)
        assert 0 < within.sum() < len(t)
        assert (within == (equivalence_p(t, items - 1, np.sqrt(items), bound) <= 0.05)).all()


def test_equivalence_is_certain_far_within_a_bound_of_many_standard_errors():
    for items, bound in ((320, 2.0), (10_000, 0.5)):
        t = np.linspace(0, 0.4 * bound * np.sqrt(items), 200)
        assert equivalence_p(t, items - 1, np.sqrt(items), bound) == pytest.approx(np.zeros(200), abs=1e-9)


def many(mean=0.075, items=6000):
    rng = np.random.default_rng(3)
    a, b = rng.normal(mean, 1, size=items), rng.normal(0, 1, size=items)
    return a, b, (a - b).std(ddof=1)


def test_with_many_items_equivalence_is_that_of_a_bound_in_raw_units():
    a, b, sd = many()
    ours = equivalence_p(stats.ttest_rel(a, b).statistic, len(a) - 1, np.sqrt(len(a)), 0.07)
    theirs = ttost_paired(a, b, -0.07 * sd, 0.07 * sd)[0]
    assert 0.01 < theirs < 0.2
    assert ours == pytest.approx(theirs, abs=0.002)


def test_with_many_items_equivalence_is_that_of_pingouin():
    a, b, sd = many()
    ours = equivalence_p(stats.ttest_rel(a, b).statistic, len(a) - 1, np.sqrt(len(a)), 0.07)
    theirs = float(pingouin.tost(a, b, bound=0.07 * sd, paired=True)["pval"].iloc[0])
    assert ours == pytest.approx(theirs, abs=0.002)


@pytest.mark.parametrize("effect", [0.5, -0.5])
def test_an_effect_at_the_bound_is_called_equivalent_in_five_per_cent(effect):
    y = np.random.default_rng(5).normal(effect, 1, size=(40, 6000))
    t = stats.ttest_1samp(y, 0).statistic
    called = (equivalence_p(t, 39, np.sqrt(40), 0.5) <= 0.05).sum()
    assert called == pytest.approx(0.05 * 6000, abs=3.3 * np.sqrt(6000 * 0.05 * 0.95))


def test_an_effect_within_the_bound_is_called_equivalent_more_often_with_more_items():
    rng = np.random.default_rng(6)
    called = []
    for items in (60, 120, 240):
        t = stats.ttest_1samp(rng.normal(size=(items, 500)), 0).statistic
        called.append((equivalence_p(t, items - 1, np.sqrt(items), 0.2) <= 0.05).mean())
    assert called[0] < called[1] < called[2]
    assert called[2] > 0.8


def flipped(x):
    """|t| of the mean under every flip of signs."""
    signs = np.array(list(itertools.product([1, -1], repeat=len(x))))
    return np.abs(stats.ttest_1samp(x * signs, 0, axis=1).statistic)


@pytest.mark.parametrize("mean", [0.1, 0.6, -1.2])
def test_the_mean_effect_of_few_items_is_tested_by_all_flips(mean):
    x = stats.norm.ppf((np.arange(8) + 0.4) / 8) + mean
    effect = mean_effect(x, permutations=256)
    all_t = flipped(x)
    assert effect.p == pytest.approx((all_t >= all_t[0] * (1 - 1e-12)).mean())
    assert 0 < effect.p < 1
    assert effect.n == 8
    assert effect.dz == pytest.approx(x.mean() / x.std(ddof=1))
    assert effect.low < effect.dz < effect.high
    assert effect.p_equivalence == pytest.approx(stats.nct.cdf(all_t[0], 7, 0.2 * np.sqrt(8)))


def test_an_adjusted_mean_effect_is_tested_by_all_flips_of_the_residuals():
    rng = np.random.default_rng(8)
    x = rng.normal(size=(8, 1)) + 0.5
    y = 0.8 * x[:, 0] + rng.normal(0.7, 1, size=8)

    def t_of(values):
        matrix = np.column_stack([np.ones(8), x])
        inverse = np.linalg.inv(matrix.T @ matrix)
        weights = inverse @ matrix.T @ values
        sigma = np.sqrt(((values - matrix @ weights) ** 2).sum() / 6)
        return weights[0] / sigma / np.sqrt(inverse[0, 0]), weights[0] / sigma

    residual = y - x[:, 0] * (x[:, 0] @ y) / (x[:, 0] @ x[:, 0])
    t, dz = t_of(y)
    all_t = [abs(t_of(y - residual + residual * signs)[0]) for signs in itertools.product([1, -1], repeat=8)]
    effect = mean_effect(y, x, permutations=256)
    assert effect.p == pytest.approx(np.mean(np.array(all_t) >= abs(t) * (1 - 1e-9)))
    assert effect.dz == pytest.approx(dz)
    assert stats.nct.sf(t, 6, effect.low * t / dz) == pytest.approx(0.025, abs=1e-5)


def test_the_difference_of_a_mean_effect_has_students_interval():
    x = np.random.default_rng(8).normal(0.4, 2, size=25)
    effect = mean_effect(x, permutations=100, resamples=20)
    interval = stats.ttest_1samp(x, 0).confidence_interval(0.95)
    assert effect.difference == pytest.approx(x.mean())
    assert (effect.difference_low, effect.difference_high) == pytest.approx(tuple(interval))


def test_the_difference_at_equal_covariates_is_the_intercept_of_a_regression():
    rng = np.random.default_rng(9)
    x = rng.normal(0.5, 1, size=(25, 2))
    y = 0.4 + x @ [1.0, -2.0] + rng.normal(size=25)
    effect = mean_effect(y, x, permutations=100)
    fit = sm.OLS(y, sm.add_constant(x)).fit()
    assert effect.difference == pytest.approx(fit.params[0])
    assert (effect.difference_low, effect.difference_high) == pytest.approx(tuple(fit.conf_int()[0]))


def test_the_p_of_a_mean_effect_is_that_of_scipys_permutation_test():
    x = np.random.default_rng(9).normal(0.35, 1, size=25)
    ours = mean_effect(x, permutations=9999, seed=1).p
    theirs = stats.permutation_test(
        (x,),
        lambda values, axis: np.abs(stats.ttest_1samp(values, 0, axis=axis).statistic),
        permutation_type="samples",
        alternative="greater",
        vectorized=True,
        n_resamples=9999,
        rng=np.random.default_rng(2),
    ).pvalue
    assert 0.01 < theirs < 0.3
    assert ours == pytest.approx(theirs, abs=4 * np.sqrt(2 * theirs * (1 - theirs) / 9999))


def test_no_effect_at_all_has_p_one():
    effect = mean_effect(np.array([1.0, -1.0, 2.0, -2.0, 0.5, -0.5]))
    assert (effect.dz, effect.p) == (0, 1)


def test_an_effect_is_found_or_shown_to_be_small_or_neither():
    some = np.random.default_rng(3).normal(size=400)
    found, small, open_ = (mean_effect(values) for values in (some + 1, some - some.mean(), some[:5] - some[:5].mean()))
    assert [(e.found, e.equivalent) for e in (found, small, open_)] == [(True, False), (False, True), (False, False)]


def test_an_effect_in_words_says_where_there_is_no_interval():
    assert effect_text(0.4, 0.268, 0.52) == "+0.40 [+0.27, +0.52]"
    assert effect_text(-0.4, float("nan"), float("nan")) == "-0.40 [no interval]"


def test_holm_equals_statsmodels():
    generator = np.random.default_rng(4)
    for n in (0, 1, 2, 30):
        p = generator.uniform(size=n) ** 3
        expected = multipletests(p, method="holm")[1] if n else p
        assert holm(p) == pytest.approx(expected, rel=1e-12)
