"""One contrast in several models: depths differ, every answer is planted."""

from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from depthscope.statistics.balance import imbalance
from depthscope.studies.contrast.results import Confounding, Evidence
from depthscope.studies.models.page import MODELS
from depthscope.studies.models.results import (
    Studied,
    Unmeasured,
    compare_models,
    fixed_range,
    fixed_windows,
    models_table,
)
from depthscope.studies.models.words import failures, intro, verdicts
from tests.studies.contrast.planted import DEPTH, ELSEWHERE, HIGHER, LOWER, NOTHING, compare, evidence, measure, rows_of

FIXED = "relative depth 0.25 to 0.40, chosen by first"
OWN = "its own strongest cluster, at the peak"
BROKEN = Unmeasured("bro|ken", "/models/bro|ken", "its weights are no weights")


def at_depth(h, depth):
    """The first layers of a measure, as those of a model of that depth (beyond 20 they begin anew)."""
    cut = h.isel(layer=np.arange(depth) % DEPTH)
    layers = np.arange(1, depth + 1)
    return cut.assign_coords(layer=layers, relative_depth=("layer", layers / depth))


def a_model(label, planted, depth=DEPTH, items=24, seed=5, **more: Any):
    e = evidence(at_depth(measure({"a": planted, "b": NOTHING}, items=items, seed=seed), depth))
    return Studied(label, f"/models/{label}", "", "LlamaForCausalLM", 64, "none", e, **more)


def said(*models):
    return verdicts(models, compare_models(models))


@pytest.mark.parametrize("depth", [2, 3, 4, 7, 10, 19, 20, 24, 30, 60])
def test_the_layers_compared_are_those_in_the_relative_range(depth):
    origin, other = a_model("first", HIGHER), a_model("other", NOTHING, depth)
    assert fixed_range([origin, other]) == (5 / 20, 8 / 20)
    first, last = fixed_windows([origin, other])["other"]
    inside = [k for k in range(1, depth + 1) if Fraction(5, 20) <= Fraction(k, depth) <= Fraction(8, 20)]
    assert list(range(first, last + 1)) == inside


def test_the_first_model_is_compared_at_its_own_cluster():
    assert fixed_windows([a_model("first", LOWER)]) == {"first": (5, 8)}


def test_rows_hold_the_mean_over_the_layers_of_each_model():
    # layers 3 and 4 of 10 are .3 and .4; the first has 5 to 8 of 20
    models = [a_model("first", HIGHER), a_model("other", {3: 4.0, 4: 4.0}, 10, items=30)]
    rows = compare_models(models)
    assert [(row.group, row.label, row.n) for row in rows] == [
        (FIXED, "first", 24),
        (FIXED, "other", 30),
        (OWN, "first", 24),
        (OWN, "other", 30),
    ]
    for row, m, window in zip(rows, models, ((5, 8), (3, 4)), strict=False):
        effect = vars(m.main.over(*window))
        np.testing.assert_equal({name: getattr(row, name) for name in effect}, effect)
    assert [row.said for row in rows[:2]] == ["layers 5-8, p = .005", "layers 3-4, p = .005"]


def test_an_effect_that_recurs_early_in_every_model_is_said_to():
    claim, higher, lower, replicated, signs, strongest = said(
        a_model("first", HIGHER), a_model("other", {3: 4.0, 4: 4.0}, 10)
    )
    assert claim == (
        "a - b: higher in a cluster of layers in 2 of 2 models, early to mid (a cluster centred below relative depth 0.6) "
        'in 2 of 2; lower in a cluster in 0 of 2. "Higher, early to mid" recurs in every model measured.'
    )
    assert higher == "Higher in 2 of 2 (relative depth): first 0.25-0.40; other 0.30-0.40."
    assert lower == "Lower in 0 of 2."
    assert replicated == "What `first` shows replicates in other."
    assert signs == (
        "At that relative depth the mean difference is above 0 in 1 of 1 other models (at p <= .05 in 1), below 0 in 0 (at "
        "p <= .05 in 0)."
    )
    assert strongest == "The strongest cluster (relative depth) is positive in first 0.25-0.40, other 0.30-0.40."


def test_late_reversed_and_absent_effects_are_counted_apart():
    models = [
        a_model("first", HIGHER),
        a_model("late", ELSEWHERE),
        a_model("down", LOWER),
        a_model("none", NOTHING, items=80),
        a_model("both", HIGHER | dict.fromkeys(range(14, 17), -4.0)),
    ]
    claim, higher, lower, replicated, signs, strongest = said(*models)
    assert "higher in a cluster of layers in 3 of 5 models" in claim
    assert "relative depth 0.6) in 2 of 5; lower in a cluster in 2 of 5." in claim
    assert claim.endswith('"Higher, early to mid" does not recur in every model: not in late, down, none.')
    assert higher == "Higher in 3 of 5 (relative depth): first 0.25-0.40; late 0.70-0.80; both 0.25-0.40."
    assert lower == "Lower in 2 of 5 (relative depth): down 0.25-0.40; both 0.70-0.80."
    assert replicated == (
        "What `first` shows replicates in both; is absent from none (|dz| below 0.2); is not found in late; is reversed in "
        "down."
    )
    # two of the means are 0 but for rounding
    assert "of 4 other models" in signs
    assert signs.count("(at p <= .05 in 1)") == 2
    assert strongest.endswith("negative in down 0.25-0.40; missing in none.")


@pytest.mark.parametrize(("layers", "early"), [((10, 13), True), ((11, 13), False), ((14, 16), False)])
def test_early_to_mid_is_a_centre_below_the_bound(layers, early):
    m = a_model("first", dict.fromkeys(range(layers[0], layers[1] + 1), 4.0))
    assert [(k.first, k.last) for k in m.positive] == [layers]
    assert bool(m.early) is early


def test_a_model_without_a_layer_in_the_range_is_not_judged():
    # of 2 layers, none lies between .25 and .40
    models = [a_model("first", HIGHER), a_model("flat", NOTHING, 2)]
    rows = compare_models(models)
    assert np.isnan(rows[1].dz)
    assert not rows[1].found
    assert rows[1].said == "no layer is measured there"
    assert "cannot be asked of flat (no layer is measured there)" in "\n".join(said(*models))
    assert "the mean difference is above" not in "\n".join(said(*models))
    assert "nan" not in MODELS.of(models_table(models)).markdown()
    stored = models_table(models).set_index("label").loc["flat"]
    assert stored["fixed_first"] is None
    assert (stored["fixed_items_higher"], stored["fixed_items_lower"]) == (0, 0)


def test_a_model_that_says_little_is_told_of():
    def blind(depth):
        h = at_depth(measure({"a": NOTHING, "b": NOTHING}), depth)
        return evidence(h.where(h["layer"].isin([3, 4])))

    models = [a_model("first", HIGHER), Studied("small", "small", "", "X", 8, "none", blind(6))]
    assert models[1].measured == [3, 4]
    assert "At few of its layers CSE is defined in small (2 of 6 layers): it says little either way." in said(*models)
    four = a_model("four", HIGHER, items=4)
    assert any("no cluster could be found, however large, in four" in line for line in said(models[0], four))


def test_a_first_model_that_shows_nothing_cannot_be_replicated():
    lines = said(a_model("first", {6: 0.5}), a_model("other", HIGHER))
    assert "`first` itself shows nothing that could replicate; the table says what the others show." in lines


def adjusted_model(label, planted, gaps, slope=0.0, seed=5):
    """With one covariate, of which ``gaps`` is the difference in every item; at layers 5-8 it adds ``slope`` times that."""
    values = np.column_stack([gaps, np.zeros(24)])
    h = measure({"a": planted, "b": NOTHING}, rarity=(("item", "condition"), values), seed=seed)
    h.values[:, 0, 4:8] += slope * gaps[:, None]
    held = {name: compare(h, "a", "b", adjust=["rarity"]) for name in ("rarity", "all")}
    main = compare(h, "a", "b")
    confounding = Confounding(main, imbalance(h, main.terms, ["rarity"]), {}, held, {}, {})
    return Studied(label, label, "", "A", 64, "none", Evidence(main, confounding=[confounding]))


def test_what_covariates_hide_is_told_beside_what_is_seen():
    unrelated = np.tile([1.0, -1.0, -1.0, 1.0], 6)
    first, other = adjusted_model("first", HIGHER, unrelated), adjusted_model("other", HIGHER, unrelated, seed=6)
    assert "With covariates held equal: what `first` shows replicates in other." in said(first, other)
    # one that was not adjusted has no place in that sentence
    assert "With covariates held equal: what `first` shows replicates in other." in said(
        first, a_model("plain", HIGHER), other
    )
    assert not any(line.startswith("With covariates") for line in said(first, a_model("plain", HIGHER)))
    assert not any(line.startswith("With covariates") for line in said(a_model("plain", HIGHER), other))
    made = adjusted_model("made", NOTHING, np.tile([2.0, 2.0, 2.0, 2.0, 2.0, 0.0], 4), slope=2.0)
    lines = said(first, made)
    assert "What `first` shows replicates in made." in lines
    assert "With covariates held equal: what `first` shows is not found in made." in lines


def test_one_model_alone_has_nothing_to_compare_with():
    assert "There is no other model to compare with." in said(a_model("first", HIGHER))


@pytest.fixture(scope="module")
def outcomes():
    """A broken model before all others, one with a covariate, one from the registry, shallower and without a cluster."""
    first = adjusted_model("first", HIGHER, np.tile([1.0, -1.0, -1.0, 1.0], 6))
    flat = evidence(at_depth(measure({"a": NOTHING, "b": NOTHING}, items=40), 10))
    return [
        BROKEN,
        replace(first, about="Q4, dequantised"),
        Studied("flat", "flat", "", "B", 32, "nf4", flat),
    ]


def test_the_table_has_a_row_for_every_model_and_whole_numbers_stay_whole(outcomes):
    table = models_table(outcomes)
    assert list(table["label"]) == ["bro|ken", "first", "flat"]
    broken, first, flat = table.to_dict("records")
    assert (broken["status"], broken["reason"]) == ("failed", BROKEN.reason)
    effect = outcomes[1].main.over(5, 8)
    (k,) = outcomes[1].main.clusters
    expected = {
        **{"status": "measured", "reason": "", "about": "Q4, dequantised", "class": "A", "layers": 20, "features": 64},
        **{"measured_first": 1, "measured_last": 20, "quantization": "none", "n": 24},
        **{"strongest_first": 5, "strongest_last": 8, "strongest_relative_first": 0.25, "strongest_relative_last": 0.4},
        **{"strongest_peak_layer": k.peak_layer, "strongest_dz": k.dz, "strongest_p": k.p},
        **{"fixed_chosen_here": True, "fixed_first": 5, "fixed_last": 8},
        **{"fixed_dz": effect.dz, "fixed_low": effect.low, "fixed_high": effect.high, "fixed_p": effect.p},
        **{"fixed_difference": pytest.approx(4.0), "fixed_items_higher": 24, "fixed_items_lower": 0},
        **{"positive_clusters": 1, "early_positive_clusters": 1, "negative_clusters": 0},
    }
    assert first.items() >= expected.items()
    assert first["fixed_adjusted_dz"] == outcomes[1].evidence.confounding[0].adjusted["all"].over(5, 8).dz
    assert (flat["fixed_chosen_here"], flat["fixed_first"], flat["fixed_last"]) == (False, 3, 4)
    assert (flat["strongest_first"], flat["quantization"], flat["positive_clusters"]) == (None, "nf4", 0)
    assert np.isnan(flat["fixed_adjusted_dz"])
    lines = table.to_csv(index=False).splitlines()
    assert lines[1].startswith("bro|ken,/models/bro|ken,failed,its weights are no weights,,,")
    assert ",20,1,20,64,none,24,5,8,0.25,0.4," in lines[2]


def test_the_table_of_the_page_has_a_row_for_every_model_and_breaks_at_no_name(outcomes):
    text = MODELS.of(models_table(outcomes)).markdown()
    head, _, *rows = rows_of(text)
    assert {len(row) for row in rows} == {len(head)}
    broken, first, flat = (dict(zip(head, row, strict=True)) for row in rows)
    assert [row["model"] for row in (broken, first, flat)] == ["bro|ken", "first", "flat"]
    assert (broken["n"], broken["not measured"]) == ("", BROKEN.reason)
    assert first["layers (measured)"] == "20 (1-20)"
    assert (first["layers at the fixed depth"], first["items above / below 0"]) == ("5-8", "24 / 0")
    assert (first["weights"], flat["weights"]) == ("Q4, dequantised", "")
    assert (flat["quantisation"], flat["dz at its peak"]) == ("nf4", "")
    assert "nan" not in text


def test_what_the_numbers_mean_and_what_failed_is_said(outcomes):
    said = intro(outcomes[1:])
    assert said.startswith("Positive means higher CSE for a than for b")
    assert "The range 0.25 to 0.40 was chosen by `first` alone" in said
    assert "chosen by the same data" in said
    assert failures(outcomes) == [f"bro|ken was not measured: {BROKEN.reason}"]
