"""What is planted is found; a copy adds nothing; labels by coin give chance; items never straddle folds."""

import numpy as np
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from depthscope.statistics.classify import PENALTIES, _copy, _Judged, _split, _unseen, classify
from depthscope.statistics.terms import Terms
from tests.statistics.simulated import measure

TERMS = Terms(("a",), ("b",))
SETS = {"x": ["x"], "simple": ["simple"], "both": ["simple", "x"]}
GAIN = [("both", "simple")]
QUICK = {"repeats": 1, "resamples": 300, "copies": 19}


def noise(seed, items=70, layers=5):
    return np.random.default_rng(seed).normal(size=(items, 2, layers))


def shifted(seed, size, **shape):
    values = noise(seed, **shape)
    values[:, 0] += size
    return values


def scored(x, simple, **options):
    return classify({"x": measure(x), "simple": measure(simple)}, TERMS, SETS, GAIN, **QUICK | options)


@pytest.fixture(scope="module")
def planted():
    return scored(shifted(1, 0.5), shifted(2, 0.3), against_copies=GAIN)


def test_a_signal_of_its_own_is_found_to_add(planted):
    (gain,) = planted.gains
    assert gain.auc.low > 0.02
    assert gain.p <= 0.05
    assert gain.bits.value > 0
    assert gain.p_copy == 1 / 20
    assert planted.scores["both"].auc.value > planted.scores["simple"].auc.value > 0.55
    assert (planted.items, planted.texts, planted.scores["both"].features) == (70, 140, 10)


@pytest.mark.parametrize("seed", [0, 1])
def test_a_noisy_copy_of_a_simpler_measure_adds_nothing(seed):
    simple = shifted(seed, 0.6)
    (gain,) = scored(simple + 0.5 * noise(seed + 10), simple, against_copies=GAIN).gains
    assert gain.p > 0.05 or gain.p_copy > 0.05
    assert gain.auc.low < 0.005


@pytest.mark.parametrize("seed", [20, 23])
def test_what_a_copy_gains_because_much_noise_shrinks_the_original_is_no_gain(seed):
    """One penalty for two informative features and eighty others: told twice, they are shrunk less."""
    signal = shifted(seed, 0.8, layers=2)
    simple = np.concatenate([signal, noise(seed + 100, layers=80)], axis=-1)
    (gain,) = scored(signal + 0.1 * noise(seed + 200, layers=2), simple, against_copies=GAIN).gains
    assert gain.auc.value > 0.01  # the artefact is there, and so large that resampled items alone may call it a gain
    assert gain.copy.value == pytest.approx(gain.auc.value, abs=0.01)
    assert gain.p_copy > 0.05


@pytest.mark.parametrize("seed", [3, 4])
def test_labels_swapped_by_coin_give_chance(seed):
    """Items differ hugely and both texts of an item are alike: whoever saw the one would know the other."""
    values = shifted(seed, 1.0) + 20 * np.random.default_rng(seed).normal(size=(70, 1, 5))
    coins = np.random.default_rng(seed + 1).random(70) < 0.5
    values[coins] = values[coins][:, ::-1]
    c = classify({"x": measure(values)}, TERMS, {"x": ["x"]}, repeats=3, resamples=50)
    assert c.scores["x"].auc.value == pytest.approx(0.5, abs=0.12)
    assert c.scores["x"].bits.value == pytest.approx(1, abs=0.08)


@pytest.mark.parametrize("items", [20, 53])
def test_folds_cover_every_item_once_and_inner_folds_all_the_others(items):
    split = _split(items, np.random.default_rng(0))
    assert sorted(np.concatenate([fold for fold, _ in split])) == list(range(items))
    for fold, within in split:
        assert sorted(np.concatenate(within)) == list(range(items - len(fold)))


def test_no_classifier_has_seen_the_items_it_judges():
    """Features that are nothing but the name of the item, with the label in them: only a leak could use them."""
    items = 30
    owner = np.tile(np.arange(items), 2)
    truth = np.repeat([True, False], items)
    x = np.zeros((2 * items, items))
    x[np.arange(2 * items), owner] = np.where(truth, 1.0, -1.0)
    logits = _unseen(x, truth, owner, _split(items, np.random.default_rng(1)))
    # a feature that is zero for all that trains has no weight
    np.testing.assert_allclose(logits, logits[0], atol=0.2)


def test_all_pairs_of_an_item_stand_in_one_fold():
    """The same text under two pair labels, 40 items: what is learnt of one must not be asked of its double."""
    rng = np.random.default_rng(0)
    values = np.repeat(rng.normal(size=(40, 2, 60)), 2, axis=0)
    h = measure(values).assign_coords(group=("item", [f"g{k // 2}" for k in range(80)]))
    together = classify({"x": h}, TERMS, {"x": ["x"]}, repeats=2, resamples=50)
    assert (together.items, together.texts) == (40, 160)
    assert together.scores["x"].auc.value < 0.62
    apart = classify({"x": h.drop_vars("group")}, TERMS, {"x": ["x"]}, repeats=2, resamples=50)
    assert apart.scores["x"].auc.value > 0.75


def test_figures_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    items = 25
    owner, truth = np.tile(np.arange(items), 2), np.repeat([True, False], items)
    logits = rng.normal(size=(3, 2 * items)).round(1)  # with ties
    drawn = rng.integers(items, size=items)
    weights = np.bincount(drawn, minlength=items)[None].astype(float)
    figures = _Judged(logits, owner, truth, items).figures(weights)
    rows = np.concatenate([drawn, drawn + items])
    probability = 1 / (1 + np.exp(-logits))
    auc = np.mean([roc_auc_score(truth[rows], one[rows]) for one in logits])
    bits = np.mean([log_loss(truth[rows], one[rows]) for one in probability]) / np.log(2)
    right = np.mean([np.where(one == 0, 0.5, (one > 0) == truth)[rows].mean() for one in logits])
    assert figures["auc"][0] == pytest.approx(auc)
    assert figures["bits"][0] == pytest.approx(bits)
    assert figures["accuracy"][0] == pytest.approx(right)


def test_a_copy_keeps_what_is_known_and_swaps_only_within_items():
    known = noise(1, items=50, layers=3)
    both = np.concatenate([np.moveaxis(known, 1, 0).reshape(100, 3), np.zeros((100, 1))], axis=1)
    rest = np.random.default_rng(2).normal(size=100)
    both[:, 3] = 2 * both[:, 0] + rest
    owner = np.tile(np.arange(50), 2)
    new = np.array([False, False, False, True])
    copy = _copy(both, new, both[:, :3], owner, 50, np.random.default_rng(0))
    np.testing.assert_array_equal(copy[:, :3], both[:, :3])
    moved = np.abs(copy[:, 3] - both[:, 3]) > 1e-9
    assert 20 < moved.sum() < 80
    np.testing.assert_array_equal(moved[:50], moved[50:])
    # what an item's two texts hold together stays
    np.testing.assert_allclose((copy[:50] + copy[50:])[:, 3], (both[:50] + both[50:])[:, 3])
    assert np.corrcoef(copy[:, 3], both[:, 0])[0, 1] > 0.8


def test_the_same_seed_gives_the_same_and_another_one_another(planted):
    again = scored(shifted(1, 0.5), shifted(2, 0.3), against_copies=GAIN)
    assert again.scores == planted.scores
    assert again.gains == planted.gains
    assert scored(shifted(1, 0.5), shifted(2, 0.3), seed=1).scores != planted.scores


def test_only_layers_at_which_every_text_is_measured_are_used_and_a_window_is_one_number():
    x, simple = shifted(1, 0.5), shifted(2, 0.5)
    x[3, 0, 4] = np.nan
    x[:, :, 0] = np.nan
    layers = scored(x, simple)
    assert [s.features for s in layers.scores.values()] == [3, 5, 8]
    assert np.isnan(layers.gains[0].p_copy)
    window = scored(x, simple, feed="window", window=(1, 3))
    assert [s.features for s in window.scores.values()] == [1, 1, 2]


def test_the_bootstrap_of_a_certain_thing_is_certain():
    c = scored(shifted(1, 50.0), shifted(2, 0.0))
    auc = c.scores["x"].auc
    assert (auc.value, auc.low, auc.high) == (1, 1, 1)
    assert 0 < c.scores["x"].bits.value < 0.1
    assert c.settings["penalties"] == list(PENALTIES)


def test_what_cannot_be_classified_is_refused(refuses):
    h = measure(noise(1, items=19))
    with refuses("19 items are too few", "20"):
        classify({"x": h}, TERMS, {"x": ["x"]})
    h = measure(noise(1))
    with refuses("two conditions"):
        classify({"x": h}, Terms(("a", "b"), ("b", "a")), {"x": ["x"]})
    with refuses("unknown measures y"):
        classify({"x": h}, TERMS, {"x": ["y"]})
    with refuses("window=(first, last)"):
        classify({"x": h}, TERMS, {"x": ["x"]}, feed="window")
    with refuses("no layer", "x"):
        classify({"x": h}, TERMS, {"x": ["x"]}, feed="window", window=(8, 9))
    with refuses("feed"):
        classify({"x": h}, TERMS, {"x": ["x"]}, feed="all")
    with refuses("other items"):
        classify({"x": h, "y": h[:60]}, TERMS, {"x": ["x", "y"]})
