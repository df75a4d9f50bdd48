"""What CSE sees and simpler measures do not: planted effects end in the right sentence."""

import dataclasses

import numpy as np
import pytest
import xarray as xr

import depthscope as ds
from depthscope.statistics.association import correlations
from depthscope.statistics.terms import Terms
from depthscope.studies.mechanism.baselines import ALL, SIMPLE, state
from depthscope.studies.mechanism.measures import compare_measures
from tests.studies.same import same_contrast

CLASSIFIER = {"repeats": 1, "copies": 1, "resamples": 30}
OPTIONS = {"permutations": 200, "resamples": 30}
WINDOW = (4, 7)
TERMS = "metaphor-literal"


@pytest.fixture(scope="module")
def main(h):
    return ds.contrast(h, TERMS, **OPTIONS)


@pytest.fixture(scope="module")
def found(traj, h, main):
    return compare_measures(traj, h, main, WINDOW, OPTIONS, seed=3, classifier=CLASSIFIER)


def test_every_measure_of_the_trace_gets_the_same_contrast(traj, found):
    simple = ds.baselines(traj)
    assert list(found.measures) == list(simple)
    for name, c in found.measures.items():
        assert same_contrast(c, ds.contrast(simple[name], TERMS, **OPTIONS))


def test_what_is_held_equal_are_means_over_the_window(traj, h, found):
    names = list(found.measures)
    simple = ds.baselines(traj)
    means = {f"m {n}": (("item", "condition"), simple[n].sel(layer=slice(*WINDOW)).mean("layer").values) for n in names}
    by_hand = ds.contrast(h.assign_coords(means), TERMS, adjust=list(means), **OPTIONS)
    np.testing.assert_allclose(found.beyond["all"].table["dz"], by_hand.table["dz"])
    assert set(found.beyond) == {*names, "all"}
    cse = (("item", "condition"), h.sel(layer=slice(*WINDOW)).mean("layer").values)
    by_hand = ds.contrast(simple["cosine"].assign_coords(cse=cse), TERMS, adjust=["cse"], **OPTIONS)
    np.testing.assert_allclose(found.given_cse["cosine"].table["dz"], by_hand.table["dz"])


def test_correlations_and_classifiers_are_those_of_the_measures(traj, h, found):
    every = {"cse": h, **{str(name): m for name, m in ds.baselines(traj).items()}}
    assert found.correlations.equals(correlations(every, Terms(("metaphor",), ("literal",)), WINDOW, seed=3))
    assert list(found.classified) == ["layers", "window"]
    scores = found.classified["window"].scores
    assert next(iter(scores)) == "CSE"
    assert (scores[SIMPLE].features, scores[ALL].features) == (len(every) - 1, len(every))
    gain, back = found.classified["layers"].gains
    assert np.isfinite(gain.p_copy)
    assert np.isnan(back.p_copy)


def test_a_measure_that_the_trace_does_not_hold_is_said_to_be_missing(traj, h, main, found):
    older = traj.drop_vars(["participation", "lens_entropy"], errors="ignore")
    less = (
        compare_measures(older, h, main, WINDOW, OPTIONS, classifier=CLASSIFIER) if set(older) != set(traj) else found
    )
    assert list(less.measures) == ["update_norm", "cosine", "curvature"]
    assert list(less.missing) == ["participation ratio of the update", "logit-lens entropy"]


@pytest.fixture(scope="module")
def three(traj):
    """Updates drawn for all items: all norms alike, no cosine; what CSE is shall be planted."""
    keep = traj.isel(stimulus=traj["condition"].isin(["metaphor", "literal"]).values)
    u = np.random.default_rng(0).normal(size=(keep.sizes["stimulus"], keep.sizes["layer"], 40))
    gram = u @ np.swapaxes(u, 1, 2)
    return keep.drop_vars(["participation", "lens_entropy"], errors="ignore").assign(
        gram=(("stimulus", "layer", "other_layer"), gram)
    )


def planted(three, effect):
    """CSE that is a straight line of the norms, or has an effect of its own."""
    norm = ds.baselines(three)["update_norm"]
    h = ds.cse(three)
    own = xr.zeros_like(h) + np.random.default_rng(1).normal(size=h.shape) * 0.05
    own.loc[{"condition": "metaphor", "layer": slice(*WINDOW)}] += effect
    h = (norm + own).transpose(*h.dims).assign_coords(h.coords).rename("cse")
    main = ds.contrast(h, TERMS, **OPTIONS)
    return compare_measures(three, h, main, WINDOW, OPTIONS, classifier=CLASSIFIER)


def test_an_effect_beside_the_simpler_measures_is_still_there_at_equal_ones(three):
    found = planted(three, 0.3)
    assert state(found.beyond["all"], WINDOW, 1) == "there"
    assert state(found.measures["update_norm"], WINDOW, 0) != "there"


def test_an_effect_of_a_simpler_measure_is_gone_from_cse_at_equal_ones(three):
    louder = three.copy()
    factor = np.where(three["condition"].values == "metaphor", 1.5, 1.0)[:, None, None]
    jitter = np.random.default_rng(2).uniform(0.5, 1.6, size=len(factor))[:, None, None]
    louder["gram"] = three["gram"] * (factor * jitter) ** 2
    found = planted(louder, 0.0)
    assert state(found.main, WINDOW, 1) == "there"
    assert state(found.beyond["update_norm"], WINDOW, 1) != "there"
    assert abs(found.beyond["update_norm"].over(*WINDOW).dz) < found.main.over(*WINDOW).dz


def test_a_difference_of_differences_has_no_classifier_and_says_so(traj, h):
    text = "(metaphor-literal)-(complex-anomalous)"
    found = compare_measures(traj, h, ds.contrast(h, text, **OPTIONS), WINDOW, OPTIONS)
    assert found.classified == {}
    assert "two conditions" in found.unclassified
    assert "all" in found.beyond


def test_too_few_items_have_no_classifier_and_the_rest_all_the_same(traj, h):
    few = h.isel(item=slice(0, 19))
    names = set(few["item"].values)
    rows = traj.isel(stimulus=[str(item) in names for item in traj["item"].values])
    found = compare_measures(rows, few, ds.contrast(few, TERMS, **OPTIONS), WINDOW, OPTIONS)
    assert "too few" in found.unclassified
    assert len(found.correlations) > 0


def test_a_window_of_the_first_layer_leaves_out_what_is_not_measured_there(traj, h, main):
    found = compare_measures(traj, h, main, (1, 1), OPTIONS, classifier=CLASSIFIER)
    assert {"cosine", "curvature"} <= set(found.unadjusted)
    assert dataclasses.is_dataclass(found)
