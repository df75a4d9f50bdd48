"""What is gathered on one contrast is what the public functions say, each asked on its own."""

import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import depthscope as ds
from depthscope.capture.trace import trace
from depthscope.instrument.surrogates import SURROGATES, surrogate
from depthscope.model.untrained import untrained
from depthscope.run.clock import Clock
from depthscope.statistics.balance import describe_covariates, imbalance
from depthscope.statistics.calibration import false_positive_rate
from depthscope.statistics.mixed import mixed_model
from depthscope.statistics.nulls import against
from depthscope.statistics.power import power_curve
from depthscope.studies.contrast.confounds import KNOTS
from depthscope.studies.contrast.gathering import EFFORTS, Effort, Sources, gather
from depthscope.studies.contrast.tables import texts_table
from tests.studies.same import same_contrast, same_null

OPTIONS = {"permutations": 100, "resamples": 30, "seed": 3}
SMALL = Effort(swaps=20, surrogates=2, untrained=2, joint=20, studies=2, mixed=1)
NAMES = ("surprisal", "token_index", "arousal", "n_subtokens")


class Asked:
    """Sources that count what costs forward passes."""

    def __init__(self, model, table, traj, h):
        self.seeds, self.tokens = [], 0
        compared = table[table["condition"].isin(["metaphor", "literal"])]

        def target_tokens():
            self.tokens += 1
            return {"last": traj}

        def random(seed):
            self.seeds.append(seed)
            return trace(untrained(model, seed), compared, progress=False)

        self.sources = Sources(table, traj, h, target_tokens, random)


def gathered(asked, effort, main="metaphor-literal", clock=None, names=NAMES, crossed=(), **options):
    h = asked.sources.h
    options = OPTIONS | options
    return gather(
        ds.contrast(h, main, **options),
        asked.sources,
        effort,
        confounds=names,
        crossed=crossed,
        measure={},
        options=options,
        clock=clock or Clock(),
        progress=False,
    )


@pytest.fixture
def asked(model, stimuli, traj, h):
    return Asked(model, stimuli, traj, h)


@pytest.fixture(scope="module")
def full(model, stimuli, traj, h):
    asked, clock = Asked(model, stimuli, traj, h), Clock()
    return gathered(asked, SMALL, clock=clock), asked, clock


def test_the_controls_are_contrasts_of_every_other_condition(full, h):
    e, _, _ = full
    assert [control.condition for control in e.controls] == ["complex", "anomalous"]
    for control in e.controls:
        assert same_contrast(control.alone, ds.contrast(h, control.condition, "literal", **OPTIONS))
        assert same_contrast(control.excess, ds.contrast(h, "metaphor", control.condition, **OPTIONS))


def test_what_exceeds_a_control_is_the_difference_of_differences(full, h):
    excess = full[0].controls[0].excess
    both = ds.contrast(h, "(metaphor-literal)-(complex-literal)", **OPTIONS)
    np.testing.assert_allclose(excess.table["t"], both.table["t"], atol=1e-9)


def test_the_contrast_is_adjusted_for_each_covariate_and_for_all(full, h):
    held = full[0].confounding[0]
    assert held.contrast is full[0].main
    assert held.unusable == {"n_subtokens": "the same in all conditions of every item"}
    usable = ["surprisal", "token_index", "arousal"]
    assert list(held.adjusted) == [*usable, "all"]
    for label, contrast in held.adjusted.items():
        names = usable if label == "all" else [label]
        assert same_contrast(contrast, ds.contrast(h, "metaphor-literal", adjust=names, splines=KNOTS, **OPTIONS))


def test_what_exceeds_a_control_is_adjusted_for_all_covariates_together(full, h):
    for control, held in zip(full[0].controls, full[0].confounding[1:], strict=True):
        assert held.contrast is control.excess
        assert list(held.adjusted) == ["all"]
        names = held.adjusted["all"].settings["adjust"]
        assert same_contrast(
            held.adjusted["all"], ds.contrast(h, control.excess.terms, adjust=names, splines=KNOTS, **OPTIONS)
        )


def test_balance_and_description_are_of_the_covariates_asked_for(full, h):
    e = full[0]
    pd.testing.assert_frame_equal(e.covariates, describe_covariates(h, NAMES))
    for held in e.confounding:
        assert list(held.balance["covariate"]) == list(NAMES)
        for name in NAMES:
            own = held.balance[held.balance["covariate"] == name].reset_index(drop=True)
            pd.testing.assert_frame_equal(own, imbalance(h, held.contrast.terms, [name]))


def test_labels_are_swapped_on_the_differences_of_the_contrast(full):
    e = full[0]
    values = e.main.differences.transpose("item", "layer").values
    assert e.swapped == false_positive_rate(values, draws=20, seed=3)


def test_nulls_are_the_contrast_on_surrogates(full, traj, h):
    e = full[0]
    assert [null.name for null in e.nulls] == [*SURROGATES, "untrained"]
    named = traj.isel(stimulus=traj["condition"].isin(["metaphor", "literal"]).values)
    for null, (kind, words) in zip(e.nulls, SURROGATES.items(), strict=False):
        draws = [ds.cse(surrogate(named, kind, seed)) for seed in range(2)]
        assert same_null(null, against(draws, h, e.main, kind, words))


def test_networks_with_random_weights_are_a_null_and_contrasts_of_their_own(full, model, stimuli, h):
    e, asked, _ = full
    assert asked.seeds == [0, 1]
    draws = [ds.cse(asked.sources.untrained(seed)) for seed in (0, 1)]
    assert len(e.untrained) == 2
    for contrast, drawn in zip(e.untrained, draws, strict=True):
        assert same_contrast(contrast, ds.contrast(drawn, "metaphor", "literal", **OPTIONS))
    assert not np.array_equal(draws[0].values, draws[1].values)
    assert same_null(e.nulls[-1], against(draws, h, e.main, "untrained", e.nulls[-1].words))


def test_the_default_specification_is_the_contrast(full):
    e = full[0]
    row, k = e.curve.table.iloc[0], e.main.strongest()
    assert (row["wavelet"], row["signal"], row["edges"]) == ("paul(4)", "update", "masked")
    assert "target token" not in e.curve.table  # one choice is none
    assert (row["first"], row["last"], row["layer"]) == (k.first, k.last, k.peak_layer)
    assert (row["dz"], row["mass"]) == pytest.approx((k.dz, k.mass), rel=1e-12)
    assert e.curve.settings["permutations"] == 20
    assert e.curve.settings["seed"] == 3


def test_power_is_that_of_the_differences(full):
    e = full[0]
    values, layers = e.main.differences.transpose("item", "layer").values, list(e.main.differences["layer"].values)
    xr.testing.assert_identical(e.power, power_curve(values, layers=layers, draws=2, seed=3))


ONLY_MIXED = Effort(swaps=0, surrogates=0, untrained=0, joint=0, studies=0, mixed=1)


def test_mixed_models_are_fitted_at_the_window_with_items_alone_and_with_what_is_crossed(full, asked, traj, h):
    assert [(list(m.levels), m.n) for m in full[0].mixed] == [(["item"], 48)]  # no column "frame", and none was named
    assert full[0].no_mixed == []
    e = gathered(asked, ONLY_MIXED, names=(), crossed=("kind",))
    texts = texts_table(traj, h, e.main)
    both = [mixed_model(texts, "metaphor", "literal", layers=e.window, crossed=crossed) for crossed in ((), ("kind",))]
    assert e.mixed == both
    assert e.mixed[0].difference == pytest.approx(e.main.over(*e.window).difference, rel=1e-9)


def framed(asked, frames):
    """The same texts with a column ``frame``."""
    traj = asked.sources.traj
    named = [frames[k % len(frames)] for k in range(traj.sizes["stimulus"])]
    asked.sources = replace(asked.sources, traj=traj.assign_coords(frame=("stimulus", np.array(named, dtype=object))))
    return asked


def test_a_column_of_frames_is_crossed_without_being_asked_for(asked):
    e = gathered(framed(asked, ["x", "y", "z", "x", "z"]), ONLY_MIXED, names=())
    assert [model.crossed for model in e.mixed] == [[], ["frame", "frame:condition"]]


def test_frames_that_cannot_be_crossed_are_a_sentence_and_stop_nothing(asked):
    e = gathered(framed(asked, ["one"]), replace(ONLY_MIXED, swaps=10), names=())
    assert [list(model.levels) for model in e.mixed] == [["item"]]
    assert len(e.no_mixed) == 1
    assert "'frame' has 1 levels" in e.no_mixed[0]
    assert e.swapped is not None


def test_a_difference_of_differences_has_no_mixed_model_and_one_that_comes_down_to_two_conditions_has(asked):
    e = gathered(asked, ONLY_MIXED, main="(metaphor-literal)-(complex-anomalous)", names=())
    assert e.mixed == []
    assert "a mixed model is of two conditions" in e.no_mixed[0]
    e = gathered(asked, ONLY_MIXED, main="(metaphor-literal)-(complex-literal)", names=())
    assert e.mixed[0].difference == pytest.approx(e.main.over(*e.window).difference, rel=1e-9)


def test_without_statsmodels_there_is_a_sentence_and_all_the_rest(asked, monkeypatch):
    monkeypatch.setitem(sys.modules, "statsmodels.regression.mixed_linear_model", None)
    monkeypatch.setitem(sys.modules, "statsmodels", None)
    e = gathered(asked, replace(ONLY_MIXED, swaps=10), names=(), crossed=("kind",))
    assert e.mixed == []
    assert e.no_mixed == ["this needs statsmodels, which is not installed: pip install 'depthscope[mechanism]'"]
    assert e.swapped is not None


def test_every_part_is_timed(full):
    assert list(full[2].seconds) == ["controls", "confounds", "nulls", "specifications", "power", "mixed"]


def test_what_was_not_asked_for_is_not_computed(asked):
    e = gathered(asked, Effort(swaps=0, surrogates=0, untrained=0, joint=0, studies=0))
    assert (asked.seeds, asked.tokens) == ([], 0)
    assert e.controls
    assert e.confounding
    assert (e.swapped, e.nulls, e.untrained, e.curve, e.power) == (None, [], [], None, None)
    assert (e.mixed, e.no_mixed) == ([], [])


def test_quick_needs_no_forward_pass(asked):
    quick = EFFORTS["quick"]
    e = gathered(asked, replace(quick, swaps=10, surrogates=1), names=())
    assert (asked.seeds, asked.tokens) == ([], 0)
    assert [null.anywhere.draws for null in e.nulls] == [1, 1, 1]
    assert e.swapped.draws == 10


def test_none_asks_for_nothing_and_full_for_more_of_everything():
    assert EFFORTS["none"] is None
    quick, full = (vars(EFFORTS[level]) for level in ("quick", "full"))
    assert all(full[name] > quick[name] for name in quick)


def test_a_condition_that_no_model_can_tell_from_the_baseline_is_no_control_and_stops_nothing(asked, h):
    """Its texts are those of the baseline up to the target: the sentence is one for the report, not for an exit."""
    contexts = h["context"].copy()
    contexts.loc[{"condition": "complex"}] = h["context"].sel(condition="literal").values
    alike = h.assign_coords(context=contexts)
    asked.sources = replace(asked.sources, h=alike)
    e = gathered(asked, replace(SMALL, swaps=0, surrogates=0, untrained=0, joint=0, studies=0), names=())
    assert [control.condition for control in e.controls] == ["anomalous"]
    assert list(e.no_controls) == ["complex"]
    assert e.no_controls["complex"].startswith("complex - literal: in all 24 pairs the texts are the same")


def test_a_difference_of_differences_has_no_controls_and_all_the_rest(asked):
    e = gathered(asked, replace(SMALL, untrained=0, joint=0), main="(metaphor-literal)-(complex-anomalous)")
    assert e.controls == []
    assert [held.contrast.name for held in e.confounding] == [e.main.name]
    assert "surprisal" in e.confounding[0].adjusted
    assert all(null.excess.name == e.main.name for null in e.nulls)


def test_where_no_layer_passes_the_threshold_there_is_no_power_to_ask_about(asked):
    e = gathered(asked, replace(SMALL, swaps=0, surrogates=0, untrained=0, joint=0), names=(), forming_p=1e-9)
    assert e.main.clusters == ()
    assert e.power is None


def test_a_one_sided_test_is_calibrated_as_one(asked):
    only = replace(SMALL, swaps=60, surrogates=0, untrained=0, joint=0, studies=0)
    e = gathered(asked, only, names=(), alternative="less")
    values = e.main.differences.transpose("item", "layer").values
    less, greater = (false_positive_rate(values, draws=60, tail=tail, seed=3) for tail in (-1, 1))
    assert e.swapped == less != greater
