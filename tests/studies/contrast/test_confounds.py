"""A planted confound is found plain, and gone when adjusted for and when matched; what cannot be used is said to be so."""

import numpy as np
import pytest
import xarray as xr

import depthscope as ds
from depthscope.statistics.balance import TOLERANCE, imbalance, matched_items
from depthscope.studies.contrast.confounds import CONFOUNDS, KNOTS, MIN_MATCHED, RELIABILITIES, confounding
from tests.studies.same import same_contrast

OPTIONS = {"permutations": 200, "resamples": 30}
LAYERS = 12
BETWEEN = ("item", "condition")


def measured(effect=None, items=80, **covariates):
    """(item, condition, layer): noise, and at layers 4-6 what is given per item and condition."""
    generator = np.random.default_rng(8)
    values = generator.normal(size=(items, 2, LAYERS))
    if effect is not None:
        values[:, :, 3:6] += np.asarray(effect)[:, :, None]
    labels = {"item": [f"i{k}" for k in range(items)], "condition": ["a", "b"], "layer": np.arange(1, LAYERS + 1)}
    coords = {name: (BETWEEN, np.asarray(column)) for name, column in covariates.items()}
    return xr.DataArray(values, labels | coords, (*BETWEEN, "layer"), name="cse")


def drawn(items=80, shift=0.0, seed=1):
    """A covariate, higher by ``shift`` on average in condition a."""
    column = np.random.default_rng(seed).normal(size=(items, 2))
    column[:, 0] += shift
    return column


def held(h, *names, each=True, reliability=None):
    return confounding(h, ds.contrast(h, "a", "b", **OPTIONS), names, OPTIONS, each=each, reliability=reliability)


@pytest.fixture(scope="module")
def planted():
    """The measure follows surprisal and nothing else; surprisal is higher in condition a, rarity is not."""
    surprisal = drawn(shift=1.0)
    return held(measured(2.0 * surprisal, surprisal=surprisal, rarity=drawn(seed=2)), "surprisal", "rarity")


def found(contrast):
    """Clusters at the layers where something was planted."""
    return [(k.first, k.last) for k in contrast.significant() if 4 <= k.peak_layer <= 6]


def test_a_planted_confound_makes_an_effect(planted):
    assert found(planted.contrast) == [(4, 6)]
    smd = planted.balance.set_index("covariate")["smd"]
    assert smd["surprisal"] > 0.5
    assert abs(smd["rarity"]) < 0.3


def test_adjusted_for_it_the_effect_is_gone(planted):
    assert list(planted.adjusted) == ["surprisal", "rarity", "all"]
    assert found(planted.adjusted["surprisal"]) == []
    assert found(planted.adjusted["all"]) == []
    assert found(planted.adjusted["rarity"]) == [(4, 6)]


def test_among_matched_items_the_effect_is_gone(planted):
    matched = planted.matched["all"]
    assert MIN_MATCHED <= matched.n < planted.contrast.n
    assert found(matched) == []
    assert abs(matched.over(4, 6).dz) < 0.3 < planted.contrast.over(4, 6).dz


def test_an_effect_beside_an_imbalance_stays(planted):
    both = np.tile([3.0, 0.0], (80, 1))
    alone = held(measured(both, surprisal=drawn(shift=1.0), rarity=drawn(seed=2)), "surprisal", "rarity")
    assert all(found(c) == [(4, 6)] for c in (*alone.adjusted.values(), *alone.matched.values()))


def test_parts_agree_with_the_public_functions():
    h = measured(surprisal=drawn(shift=1.0), log_frequency=drawn(seed=3, shift=0.6))
    parts = held(h, "surprisal", "log_frequency")
    for label, names in (("log_frequency", ["log_frequency"]), ("all", ["surprisal", "log_frequency"])):
        assert same_contrast(parts.adjusted[label], ds.contrast(h, "a", "b", adjust=names, splines=KNOTS, **OPTIONS))
    for label, names in (("all", ["surprisal", "log_frequency"]), ("word", ["log_frequency"])):
        items = matched_items(h, parts.contrast.terms, names)
        assert same_contrast(parts.matched[label], ds.contrast(h.sel(item=items), "a", "b", **OPTIONS))
        assert imbalance(h, parts.contrast.terms, names, items)["smd"].abs().max() <= TOLERANCE


def test_where_nothing_has_to_go_there_is_nothing_to_match_and_nothing_survives_it():
    parts = held(measured(log_frequency=drawn(seed=3, shift=0.0)), "log_frequency")
    assert parts.matched == {}
    assert parts.unmatched["all"].startswith(
        "nothing to match: no mean difference in log_frequency exceeds 0.1 standard"
    )


def test_items_without_a_covariate_do_not_make_a_matching_that_removes_nothing():
    column = drawn(seed=3, shift=0.0)
    column[:5, 0] = np.nan
    parts = held(measured(log_frequency=column), "log_frequency")
    assert parts.matched == {}
    assert parts.unmatched["all"].startswith("nothing to match: ")
    assert parts.unmatched["all"].endswith("all 75 items for which they are known stay")


def test_only_all_together_are_adjusted_for_unless_each_is_asked_for():
    h = measured(surprisal=drawn(), rarity=drawn(seed=2))
    assert list(held(h, "surprisal", "rarity", each=False).adjusted) == ["all"]


def test_a_second_matching_on_the_same_items_is_not_repeated():
    h = measured(log_frequency=drawn(seed=3, shift=0.6))
    assert list(held(h, "log_frequency").matched) == ["all"]


def test_a_covariate_that_never_differs_is_not_used():
    same = np.repeat(drawn()[:, :1], 2, axis=1)
    parts = held(measured(target_length=same, rarity=drawn()), "target_length", "rarity")
    assert parts.unusable == {"target_length": "the same in all conditions of every item"}
    assert list(parts.adjusted) == ["all"]
    assert parts.adjusted["all"].settings["adjust"] == ["rarity"]


def test_a_covariate_that_is_mostly_unknown_is_not_used_and_takes_no_items_away():
    gaps = drawn()
    gaps[:50, 0] = np.nan
    h = measured(arousal=gaps, rarity=drawn(seed=2))
    parts = held(h, "arousal", "rarity")
    assert parts.unusable == {"arousal": "unknown for most items"}
    assert parts.adjusted["all"].n == 80
    assert dict(zip(parts.balance["covariate"], parts.balance["n"], strict=True)) == {"arousal": 30, "rarity": 80}


@pytest.mark.parametrize("known", [0, 1])
def test_a_covariate_that_is_known_nowhere_does_not_stop_the_others(known):
    """Surprisal is, where the logits of a model cannot be read."""
    nowhere = np.full((80, 2), np.nan)
    nowhere[:known] = 1.0
    parts = held(measured(surprisal=nowhere, rarity=drawn()), "surprisal", "rarity")
    assert parts.unusable == {"surprisal": "unknown for most items" if known else "not known for any item"}
    assert list(parts.adjusted) == ["all"]
    row = parts.balance.set_index("covariate").loc["surprisal"]
    assert row["n"] == 0
    assert np.isnan(row["smd"])


def test_items_without_the_covariate_are_left_out_of_its_adjustment_only():
    gaps = drawn()
    gaps[:10, 1] = np.nan
    parts = held(measured(arousal=gaps, rarity=drawn(seed=2)), "arousal", "rarity")
    assert {label: c.n for label, c in parts.adjusted.items()} == {"arousal": 70, "rarity": 80, "all": 70}
    assert parts.adjusted["arousal"].uncovered == [f"i{k}" for k in range(10)]


def test_what_is_known_is_asked_of_items_that_have_both_conditions():
    """A condition that few items have must not make every covariate look unknown."""
    h = measured(rarity=drawn())
    h[30:, 1] = np.nan
    h["rarity"][30:, 1] = np.nan
    parts = held(h, "rarity")
    assert parts.unusable == {}
    assert parts.adjusted["all"].n == 30


def test_a_covariate_that_differs_by_the_same_amount_everywhere_cannot_be_told_from_the_effect():
    column = np.repeat(drawn()[:, :1], 2, axis=1) + np.array([2.0, 0.0])
    parts = held(measured(token_index=column, rarity=drawn(seed=2)), "token_index", "rarity")
    assert set(parts.unusable) == {"token_index", "all"}
    assert all("by the same amounts in every item" in reason for reason in parts.unusable.values())
    assert list(parts.adjusted) == ["rarity"]
    assert list(parts.matched) == []
    assert parts.unmatched["all"].startswith("0 items can be matched on token_index, rarity; at least 20 are needed")


def test_too_few_matched_items_are_told_and_not_tested():
    h = measured(items=30, rarity=drawn(items=30, shift=1.0))
    parts = held(h, "rarity")
    assert parts.matched == {}
    left = len(matched_items(h, parts.contrast.terms, ["rarity"]))
    assert 0 < left < MIN_MATCHED
    assert parts.unmatched == {"all": f"{left} items can be matched on rarity; at least 20 are needed"}


def test_no_item_with_every_covariate_leaves_the_single_ones():
    first, second = drawn(), drawn(seed=2)
    first[:40], second[40:] = np.nan, np.nan
    parts = held(measured(arousal=first, rarity=second), "arousal", "rarity")
    assert list(parts.adjusted) == ["arousal", "rarity"]
    assert "usable pair(s)" in parts.unusable["all"]
    assert "usable pair(s)" in parts.unmatched["all"]


def test_truth_values_are_covariates_too():
    flag = drawn() > 0
    parts = held(measured(animate=flag), "animate")
    assert parts.unusable == {}
    number = measured(animate=flag.astype(float))
    assert same_contrast(
        parts.adjusted["all"], ds.contrast(number, "a", "b", adjust=["animate"], splines=KNOTS, **OPTIONS)
    )


def test_without_covariates_nothing_is_held_equal():
    parts = held(measured())
    assert (parts.unusable, parts.adjusted, parts.matched, parts.unmatched) == ({}, {}, {}, {})
    assert len(parts.balance) == 0


def test_pairs_of_an_item_stay_together_when_items_are_matched():
    h = measured(rarity=drawn(shift=0.4))
    h = h.assign_coords(group=("item", [f"g{k // 2}" for k in range(80)]))
    parts = held(h, "rarity")
    assert parts.contrast.n == 40
    matched = parts.matched["all"]
    assert MIN_MATCHED <= matched.n < 40
    assert set(matched.differences["item"].values) == set(matched_items(h, parts.contrast.terms, ["rarity"]))


def test_the_default_covariates_are_measured_with_every_target(h):
    for name in CONFOUNDS:
        assert h[name].dims == BETWEEN
        assert h[name].dtype.kind == "f"
        assert h[name].notnull().all()
    parts = confounding(
        h, ds.contrast(h, "metaphor", "literal", **OPTIONS), [*CONFOUNDS, "arousal"], OPTIONS, each=True
    )
    assert set(parts.unusable) == {"log_frequency", "target_length", "n_subtokens"}
    assert list(parts.adjusted) == ["surprisal", "token_index", "n_tokens", "arousal", "all"]


def test_a_covariate_that_differs_by_the_same_amount_in_every_item_is_set_aside_and_the_rest_is_adjusted_for():
    shifted = np.column_stack([np.arange(80) + 2.0, np.arange(80)])
    parts = held(measured(token_index=shifted, rarity=drawn()), "token_index", "rarity")
    assert list(parts.unusable) == ["token_index"]
    assert "same amount in every item" in parts.unusable["token_index"]
    assert parts.adjusted["all"].settings["adjust"] == ["rarity"]


def test_what_is_left_with_error_in_the_covariates_is_asked_of_those_that_can_have_some(planted):
    assert planted.noisy == ["surprisal", "rarity"]
    assert list(planted.assumed) == list(RELIABILITIES)
    assert planted.corrected is None
    # without error it is what was adjusted for
    one, other = planted.assumed[1.0], planted.left["all"]
    assert (one.difference, vars(one.share)) == (pytest.approx(other.difference), pytest.approx(vars(other.share)))
    counted = held(measured(2.0 * drawn(shift=1.0), n_tokens=drawn(shift=1.0)), "n_tokens")
    assert (counted.noisy, counted.assumed) == ([], {})
    assert held(measured(drawn(shift=2.0), rarity=drawn()), "rarity", each=False).assumed == {}


def test_a_covariate_with_error_leaves_an_effect_that_its_reliability_takes_away():
    true = drawn(items=400, shift=1.0)
    wrong = true + drawn(items=400, seed=3) * np.sqrt(0.3 / 0.7)
    h = measured(2.0 * true, items=400, surprisal=wrong)
    corrected = held(h, "surprisal", reliability={"surprisal": 0.7, "unheard": 0.5})
    assert corrected.reliability == {"surprisal": 0.7}
    assert corrected.left["all"].share.low > 0.1
    assert corrected.corrected.share.low < 0 < corrected.corrected.share.high < 0.2
    assert corrected.corrected.share == corrected.assumed[0.7].share


def test_without_error_pairs_of_an_item_give_what_was_adjusted_for_too():
    h = measured(drawn(shift=2.0), items=80, rarity=drawn(shift=1.0))
    parts = held(h.assign_coords(group=("item", [f"g{k // 2}" for k in range(80)])), "rarity")
    assert parts.contrast.n == 40
    assert parts.assumed[1.0].share.value == pytest.approx(parts.left["all"].share.value)
