import itertools

import mne
import numpy as np
import pytest
from scipy import stats

from depthscope.statistics import permutation
from depthscope.statistics.permutation import cluster_test, t_values

mne.set_log_level("ERROR")


def study(n=24, layers=20, effect=0.6, seed=0):
    """Differences with an effect in layers 8 to 12, correlated along depth."""
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


def test_t_is_that_of_scipy_and_finite_where_differences_are_equal():
    differences = study()
    assert t_values(differences) == pytest.approx(stats.ttest_1samp(differences, 0).statistic, rel=1e-12)
    assert t_values(np.zeros((5, 2))).tolist() == [0, 0]
    assert np.isfinite(t_values(np.full((5, 2), 0.3))).all()
    assert t_values(np.full((5, 1), -0.3))[0] < -1000


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
