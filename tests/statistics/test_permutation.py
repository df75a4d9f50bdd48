import itertools

import mne
import numpy as np
import pytest
from scipy import stats

from depthscope.statistics import permutation
from depthscope.statistics.permutation import cluster_test
from tests.statistics.simulated import largest_cluster, smooth

mne.set_log_level("ERROR")


def study(n=24, layers=20, effect=0.6, seed=0):
    """Differences with an effect in layers 8-12, correlated along depth."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(n, layers + 2))
    differences = noise[:, :-2] + noise[:, 1:-1] + noise[:, 2:]
    differences[:, 8:13] += effect * np.sqrt(3)
    return differences


def mne_test(differences, **options):
    return mne.stats.permutation_cluster_1samp_test(
        differences, n_permutations=5000, seed=1, out_type="indices", n_jobs=1, **options
    )


@pytest.mark.parametrize("tail", [0, 1, -1])
@pytest.mark.parametrize("shape", [(20,), (4, 10)])
def test_equals_mne(shape, tail):
    """The same t to 1e-12, the same clusters, p within the error of both simulations."""
    differences = study(layers=int(np.prod(shape))).reshape(24, *shape)
    ours = cluster_test(differences, permutations=5000, tail=tail)
    threshold = -ours.threshold if tail == -1 else ours.threshold
    t, clusters, p, _ = mne_test(differences, threshold=threshold, tail=tail)
    assert ours.t == pytest.approx(t, rel=1e-12, abs=1e-12)
    cells = [tuple(sorted(np.ravel_multi_index(c, shape))) for c in clusters]
    theirs = dict(zip(cells, p, strict=True))
    mine = {tuple(np.flatnonzero(c.where)): ours.p_value(c.mass)[0] for c in ours.clusters}
    assert mine.keys() == theirs.keys()
    assert len(mine) > 0 or tail == -1
    for cells, value in mine.items():
        error = 4 * np.sqrt(2 * max(value, 1e-3) * (1 - value) / 5000) + 2 / 5000
        assert abs(value - theirs[cells]) < error


def test_few_items_are_enumerated_exactly():
    differences = study(n=9, effect=1.0)
    test = cluster_test(differences, permutations=512)
    assert test.exact
    assert len(test.null) == 512
    largest = []
    for signs in itertools.product([1, -1], repeat=9):
        t = stats.ttest_1samp(differences * np.array(signs)[:, None], 0).statistic
        masses, run = [0.0], 0.0
        for sign in (1, -1):
            for value in [*(sign * t), 0.0]:
                run = run + value if value > test.threshold else 0.0
                masses.append(run)
        largest.append(max(masses))
    assert sorted(test.null) == pytest.approx(sorted(largest), rel=1e-9)
    p = test.p_value(test.clusters[0].mass)
    assert p[0] == p[1] == p[2] >= 2 / 512


def test_one_flip_more_than_asked_for_is_drawn_at_random():
    assert not cluster_test(study(n=9), permutations=511).exact


def test_thousands_of_items_can_be_tested():
    differences = np.random.default_rng(0).normal(0.1, 1, size=(3000, 2))
    test = cluster_test(differences, permutations=50)
    assert not test.exact
    assert test.t == pytest.approx(stats.ttest_1samp(differences, 0).statistic, rel=1e-12)


def test_the_seed_decides_and_the_size_of_blocks_does_not(monkeypatch):
    differences = study()
    once = cluster_test(differences, permutations=300, seed=3).null
    assert (cluster_test(differences, permutations=300, seed=3).null == once).all()
    assert (cluster_test(differences, permutations=300, seed=4).null != once).any()
    monkeypatch.setattr(permutation, "BLOCK_CELLS", 20 * 7)
    assert cluster_test(differences, permutations=300, seed=3).null == pytest.approx(once, rel=1e-12)


def test_the_monte_carlo_interval_holds_the_exact_p():
    differences = study(n=12, effect=0.45)
    exact = cluster_test(differences, permutations=4096)
    mass = max((c.mass for c in exact.clusters), key=abs)
    truth = exact.p_value(mass)[0]
    inside = 0
    for seed in range(40):
        _, low, high = cluster_test(differences, permutations=500, seed=seed).p_value(mass)
        inside += low <= truth <= high
    assert 0 < truth < 0.5
    assert inside >= 33


def test_p_is_never_zero():
    test = cluster_test(study(effect=5), permutations=99)
    mass = max((c.mass for c in test.clusters), key=abs)
    assert test.p_value(mass)[0] == pytest.approx(1 / 100)


def test_t_is_that_of_scipy():
    differences = study()
    expected = stats.ttest_1samp(differences, 0).statistic
    assert cluster_test(differences, permutations=1).t == pytest.approx(expected, rel=1e-12)


def test_missing_layers_take_no_part_and_separate():
    differences = study(effect=2)
    differences[3, 10] = np.nan
    test = cluster_test(differences, permutations=200)
    assert all(not c.where[10] for c in test.clusters)
    assert test.t[10] == 0


def test_the_family_wise_error_rate_is_five_per_cent():
    """1,000 simulated studies without an effect, heavy-tailed and correlated along depth."""
    rng = np.random.default_rng(7)
    called = 0
    for study_number in range(1000):
        noise = rng.standard_t(4, size=(20, 26))
        differences = np.cumsum(noise, axis=1)[:, 10:] * 0.3 + noise[:, 10:]
        # labels swapped within pairs, whatever the pairs were
        differences *= rng.choice([-1, 1], size=(20, 1))
        test = cluster_test(differences, permutations=199, seed=study_number)
        called += any(test.p_value(c.mass)[0] <= 0.05 for c in test.clusters)
    low, high = stats.binom.interval(0.999, 1000, 0.05)
    assert low <= called <= high


def adjusted(n=24, layers=12, seed=0):
    """Differences and two correlated covariates whose means are not 0; the covariates act in all layers."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 2)) @ ((1, 0.6), (0, 0.8)) + (0.5, -1)
    return smooth(rng, n, layers) + (x @ (0.8, -0.4))[:, None], x


def intercept_t(y, x):
    """t of the intercept of a regression on x, one layer at a time."""
    matrix = np.column_stack([np.ones(len(y)), x])
    inverse = np.linalg.inv(matrix.T @ matrix)
    t = []
    for layer in y.T:
        weights = inverse @ matrix.T @ layer
        variance = ((layer - matrix @ weights) ** 2).sum() / (len(y) - matrix.shape[1])
        t.append(weights[0] / np.sqrt(variance * inverse[0, 0]))
    return np.array(t)


def freedman_lane(y, x):
    """Every flip of the residuals of a model without intercept, and the whole model fitted anew: maps of t."""
    residual = y - x @ np.linalg.lstsq(x, y, rcond=None)[0]
    fitted = y - residual
    for signs in itertools.product([1, -1], repeat=len(y)):
        yield intercept_t(fitted + np.array(signs)[:, None] * residual, x)


def ordered(pairs):
    """Masses and peaks, in an order that the last digits do not disturb."""
    return np.array(sorted(pairs, key=lambda pair: (round(pair[0], 6), round(pair[1], 6))))


def test_covariates_are_held_equal_as_freedman_and_lane_do():
    y, x = adjusted(n=8)
    test = cluster_test(y, covariates=x, permutations=256, peaks=True)
    assert test.exact
    assert test.t == pytest.approx(intercept_t(y, x), rel=1e-10)
    assert test.threshold == pytest.approx(stats.t.isf(0.025, 8 - 3))
    expected = [largest_cluster(t, test.threshold) for t in freedman_lane(y, x)]
    assert ordered(zip(test.null, test.peaks, strict=True)) == pytest.approx(ordered(expected), rel=1e-9)


def test_every_flipped_t_of_an_adjusted_effect_is_that_of_a_loop():
    y, x = adjusted(n=7, layers=3)
    maps = np.array(list(freedman_lane(y, x)))
    for layer in range(3):
        # one layer alone: the peak is its t
        peaks = cluster_test(y[:, [layer]], covariates=x, permutations=128, peaks=True).peaks
        assert sorted(peaks) == pytest.approx(sorted(maps[:, layer]), rel=1e-9)


def test_random_flips_with_covariates_repeat_and_do_not_depend_on_blocks(monkeypatch):
    y, x = adjusted()
    once = cluster_test(y, covariates=x, permutations=300, seed=3, peaks=True)
    monkeypatch.setattr(permutation, "BLOCK_CELLS", 36 * 7)
    again = cluster_test(y, covariates=x, permutations=300, seed=3, peaks=True)
    assert again.null == pytest.approx(once.null, rel=1e-9)
    assert again.peaks == pytest.approx(once.peaks, rel=1e-9)


def test_no_covariate_is_the_plain_test():
    differences = study()
    plain = cluster_test(differences, permutations=200)
    none = cluster_test(differences, covariates=np.zeros((24, 0)), permutations=200)
    assert (none.null == plain.null).all()
    assert (none.t == plain.t).all()


def test_what_covariates_explain_is_no_effect_whatever_its_size():
    y, x = adjusted()
    plain = cluster_test(y, covariates=x, permutations=200)
    shifted = cluster_test(y + 100 * x @ np.ones((2, 12)), covariates=x, permutations=200)
    assert shifted.t == pytest.approx(plain.t, rel=1e-7, abs=1e-9)
    assert shifted.null == pytest.approx(plain.null, rel=1e-7, abs=1e-9)
    assert cluster_test(x @ np.ones((2, 12)), covariates=x, permutations=200).clusters == []


def test_the_peaks_are_those_of_the_largest_clusters():
    differences = study(n=8, effect=1.0)
    test = cluster_test(differences, permutations=256, peaks=True)
    maps = [
        stats.ttest_1samp(differences * np.array(signs)[:, None], 0).statistic
        for signs in itertools.product([1, -1], repeat=8)
    ]
    expected = [largest_cluster(t, test.threshold) for t in maps]
    assert any(mass == 0 for mass, _ in expected)
    assert ordered(zip(test.null, test.peaks, strict=True)) == pytest.approx(ordered(expected), rel=1e-9)
    assert cluster_test(differences, permutations=256).peaks.size == 0


def test_the_flips_are_the_same_for_every_map():
    differences = study()[:, :1]
    alone = cluster_test(differences, permutations=100, peaks=True)
    beside = cluster_test(np.repeat(differences, 3, axis=1), permutations=100, peaks=True)
    assert beside.peaks == pytest.approx(alone.peaks, rel=1e-12)
    assert beside.null == pytest.approx(3 * alone.null, rel=1e-12)


def test_the_family_wise_error_rate_is_five_per_cent_at_equal_covariates():
    """600 simulated studies in which covariates make all of the difference."""
    rng = np.random.default_rng(8)
    called = raw = 0
    for number in range(600):
        y, x = adjusted(n=20, layers=10, seed=number + 100)
        y = y + rng.standard_t(5, size=(20, 1)) * 0.5
        test = cluster_test(y, covariates=x, permutations=199, seed=number)
        called += any(test.p_value(c.mass)[0] <= 0.05 for c in test.clusters)
        if number < 50:
            test = cluster_test(y, permutations=199, seed=number)
            raw += any(test.p_value(c.mass)[0] <= 0.05 for c in test.clusters)
    low, high = stats.binom.interval(0.999, 600, 0.05)
    assert low <= called <= high
    assert raw > 25  # unadjusted, most of them cry wolf
