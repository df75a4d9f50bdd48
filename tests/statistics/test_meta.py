"""Random effects against published numbers and a plain loop; items drawn together."""

import numpy as np
import pytest
from scipy import optimize, special, stats

from depthscope.statistics.bootstrap import dz_interval
from depthscope.statistics.meta import hedges, joint_interval, mean_of_models, pool, shared_errors
from depthscope.statistics.permutation import cluster_test

NAN = float("nan")
# Kacker (2004), Metrologia 41:132, first row of table 1; also in the tests of statsmodels
KACKER = (
    np.array([61.00, 61.40, 62.21, 62.30, 62.34, 62.60, 62.70, 62.84, 65.90]),
    np.array([0.2025, 1.2100, 0.0900, 0.2025, 0.3844, 0.5625, 0.0676, 0.0225, 1.8225]),
)
# thirteen trials of the BCG vaccine, log relative risks as R's metafor prints them: dat.bcg, rma(yi, vi, method="PM")
BCG = (
    np.array(
        [
            -0.8893,
            -1.5854,
            -1.3481,
            -1.4416,
            -0.2175,
            -0.7861,
            -1.6209,
            0.0120,
            -0.4694,
            -1.3713,
            -0.3394,
            0.4459,
            -0.0173,
        ]
    ),
    np.array([0.3256, 0.1946, 0.4154, 0.0200, 0.0512, 0.0069, 0.2230, 0.0040, 0.0564, 0.0730, 0.0124, 0.5325, 0.0714]),
)


def naive(effects, variances):
    """The same by a search for tau2 and plain sums."""
    k = len(effects)

    def q_at(tau2):
        w = [1 / (v + tau2) for v in variances]
        mean = sum(a * y for a, y in zip(w, effects, strict=True)) / sum(w)
        return sum(a * (y - mean) ** 2 for a, y in zip(w, effects, strict=True)), mean, sum(w)

    tau2 = optimize.brentq(lambda x: q_at(x)[0] - (k - 1), 0, 1e4, xtol=1e-12) if q_at(0)[0] > k - 1 else 0.0
    q, mean, weight = q_at(tau2)
    error = np.sqrt(max(q / (k - 1), 1) / weight)
    return tau2, mean, error, q_at(0)[0]


@pytest.mark.parametrize("seed", range(12))
def test_it_is_what_a_plain_loop_gives(seed):
    rng = np.random.default_rng(seed)
    k = int(rng.integers(2, 15))
    variances = rng.uniform(0.001, 0.1, k)
    effects = rng.normal(0.3, np.sqrt(variances + rng.choice([0, 0.2])))
    tau2, mean, error, q = naive(effects, variances)
    found = pool(effects, variances)
    np.testing.assert_allclose([found.tau2, found.estimate, found.q], [tau2, mean, q], rtol=1e-4, atol=1e-7)
    half = stats.t.ppf(0.975, k - 1) * error
    np.testing.assert_allclose([found.low, found.high], [mean - half, mean + half], rtol=1e-4, atol=1e-7)
    assert found.p == pytest.approx(2 * stats.t.sf(abs(mean) / error, k - 1), rel=1e-3)
    assert found.i2 == pytest.approx(max(0, 1 - (k - 1) / q), abs=1e-9)
    assert found.q_p == pytest.approx(stats.chi2.sf(q, k - 1))
    if k > 2:
        reach = stats.t.ppf(0.975, k - 2) * np.sqrt(tau2 + error**2)
        np.testing.assert_allclose(found.prediction_high - found.estimate, reach, rtol=1e-4)


def test_published_examples_come_out():
    assert pool(*KACKER).tau == pytest.approx(0.8399, abs=6e-5)
    found = pool(*BCG)
    assert found.tau2 == pytest.approx(0.3181, abs=2e-3)
    assert found.estimate == pytest.approx(-0.7150, abs=1e-3)
    assert found.q == pytest.approx(152.2330, rel=5e-3)
    assert found.i2 == pytest.approx(0.9212, abs=1e-3)


def test_equal_effects_leave_no_heterogeneity_and_an_interval_of_sampling_error():
    found = pool(np.full(5, 0.4), np.full(5, 0.01))
    assert (found.tau2, found.i2, found.q_p) == (0, 0, 1)
    # the plain Hartung-Knapp interval would have no width at all
    assert found.high - found.estimate == pytest.approx(stats.t.ppf(0.975, 4) * np.sqrt(0.01 / 5))


def test_few_models_give_what_they_can():
    none = pool(np.array([NAN, NAN]), np.ones(2))
    assert none.k == 0
    assert np.isnan([value for name, value in vars(none).items() if name != "k"]).all()
    one = pool(np.array([NAN, 0.5]), np.array([0.1, 0.01]))
    assert (one.k, one.estimate) == (1, 0.5)
    assert one.high == pytest.approx(0.5 + 1.96 * 0.1, abs=1e-3)
    assert np.isnan([one.tau2, one.i2, one.q, one.prediction_low]).all()
    two = pool(np.array([0.1, 0.9]), np.array([0.01, 0.01]))
    assert two.tau2 == pytest.approx(0.32 - 0.01, rel=1e-3)
    assert np.isnan([two.prediction_low, two.prediction_high]).all()
    assert np.isfinite(pool(np.array([0.1, 0.5, 0.9]), np.full(3, 0.01)).prediction_low)


def test_what_is_missing_does_not_count():
    effects, variances = KACKER
    holes = np.insert(effects, 3, NAN), np.insert(variances, 3, 1.0)
    assert pool(*holes) == pool(effects, variances)
    assert pool(np.append(effects, 5.0), np.append(variances, NAN)).k == len(effects)


def test_effects_and_variances_have_to_match(refuses):
    with refuses("one effect and one variance"):
        pool(np.ones(3), np.ones(2))


# the variance holds in large samples: in small ones it is a little too small
@pytest.mark.parametrize(("n", "near"), [(12, 0.08), (60, 0.03)])
def test_the_correction_takes_the_bias_away_and_the_variance_is_that_of_samples(n, near):
    rng, delta = np.random.default_rng(3), 0.6
    samples = rng.normal(delta, 1, size=(20_000, n))
    dz = samples.mean(1) / samples.std(1, ddof=1)
    g, variance = hedges(dz, n)
    assert dz.mean() - delta > 0.4 / n
    assert g.mean() == pytest.approx(delta, abs=0.005)
    assert variance.mean() == pytest.approx(g.var(), rel=near)
    m = n - 1
    exact = special.gamma(m / 2) / (np.sqrt(m / 2) * special.gamma((m - 1) / 2))
    assert g[0] / dz[0] == pytest.approx(exact)
    assert np.isnan(hedges(np.array([0.5]), 2)).all()


def test_one_model_has_the_interval_of_its_dz():
    values = np.random.default_rng(0).normal(0.4, 1, size=(60, 3))
    mean, low, high = joint_interval(values[None], resamples=500, seed=1)
    expected = np.array(dz_interval(values, resamples=500, seed=1)) * hedges(np.ones(1), 60)[0]
    # the items of a resample are those of SciPy's own draw
    np.testing.assert_allclose([low, high], expected, rtol=0.02, atol=0.02)
    np.testing.assert_allclose(mean, hedges(values.mean(0) / values.std(0, ddof=1), 60)[0])


def test_models_that_share_their_items_are_not_counted_twice():
    rng = np.random.default_rng(0)
    values = rng.normal(0.4, 1, size=(80, 1))
    same = np.stack([values] * 4)
    apart = rng.normal(0.4, 1, size=(4, 80, 1))
    width = {
        name: np.ptp(joint_interval(v, resamples=500)[1:], axis=0)[0] for name, v in (("same", same), ("apart", apart))
    }
    alone = np.ptp(joint_interval(values[None], resamples=500)[1:], axis=0)[0]
    assert width["same"] == pytest.approx(alone)
    assert width["apart"] < 0.7 * alone
    assert shared_errors(same[:, :, 0]) == pytest.approx(1)
    assert abs(shared_errors(apart[:, :, 0])) < 0.2
    assert np.isnan(shared_errors(same[:1, :, 0]))


def test_a_cell_that_a_model_lacks_is_the_mean_of_the_others():
    values = np.random.default_rng(0).normal(0.4, 1, size=(3, 30, 4))
    values[0, :, 1] = NAN
    values[:, :, 2] = NAN
    mean, low, _ = joint_interval(values, resamples=100)
    np.testing.assert_array_equal(np.isfinite(mean), [True, True, False, True])
    np.testing.assert_array_equal(np.isfinite(low), np.isfinite(mean))
    assert mean[1] == joint_interval(values[1:, :, 1:2], resamples=100)[0][0]
    assert np.isnan(joint_interval(values[:, :4])[1]).all()  # too few items


def test_the_mean_over_models_keeps_its_size_when_items_change_their_signs():
    rng = np.random.default_rng(0)
    values = rng.normal(0.3, 1, size=(3, 20, 5)) * np.array([1, 10, 0.1])[:, None, None]
    values[0, :, 0] = NAN
    signs = rng.choice([-1, 1], 20)
    np.testing.assert_allclose(mean_of_models(values * signs[:, None]), mean_of_models(values) * signs[:, None])
    # each model in its own units
    np.testing.assert_allclose(mean_of_models(values * np.array([5, 1, 7])[:, None, None]), mean_of_models(values))


def test_labels_that_mean_nothing_give_no_cluster_more_often_than_they_should():
    rng = np.random.default_rng(11)
    called = 0
    for _ in range(150):
        shared = rng.normal(size=(1, 24, 10))  # errors that all models share
        test = cluster_test(mean_of_models(shared + 0.5 * rng.normal(size=(4, 24, 10))), permutations=200)
        called += any(test.p_value(k.mass)[0] <= 0.05 for k in test.clusters)
    assert stats.binomtest(called, 150, 0.05).pvalue > 0.001
