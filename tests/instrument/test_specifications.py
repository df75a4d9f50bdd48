"""The settings of the definition that a careful reader could have chosen."""

import inspect

import numpy as np
import pytest

import depthscope as ds
from depthscope.instrument.specifications import AXES, specifications


@pytest.fixture(scope="module")
def updates():
    """Three texts of 30 layers, smooth in depth."""
    noise = np.random.default_rng(0).normal(size=(3, 31, 9))
    return noise[:, 1:] + 0.7 * noise[:, :-1]


@pytest.fixture(scope="module")
def values(updates):
    """CSE of every specification at depth 30."""
    return np.array([ds.cse(updates, **plan.options) for plan in specifications(30)])


def test_every_combination_of_choices_occurs_once_but_for_padding_that_a_masked_haar_never_sees():
    plans = specifications(30)
    assert len(plans) == 240
    assert len({tuple(plan.choices.items()) for plan in plans}) == 240
    assert len({repr(sorted(plan.options.items())) for plan in plans}) == 240
    masked = [plan.choices for plan in plans if plan.choices["wavelet"] == "haar" and plan.choices["edges"] == "masked"]
    assert len(masked) == 16
    assert {choices["padding"] for choices in masked} == {"zero"}
    others = [plan.choices for plan in plans if plan.choices not in masked]
    for axis, choices in AXES.items():
        for word in (w for w in choices if axis not in ("wavelet", "edges", "padding")):
            assert sum(one[axis] == word for one in others) == len(others) // len(choices)


@pytest.mark.parametrize("layers", [None, (6, 28)])
def test_the_first_one_is_the_default(updates, layers):
    first = specifications(30, layers)[0]
    assert all(word == next(iter(AXES[axis])) for axis, word in first.choices.items())
    chosen = {"layers": layers} if layers else {}
    default = ds.cse(updates, **chosen)
    assert ds.cse(updates, **first.options).tobytes() == default.tobytes()
    defaults = {name: p.default for name, p in inspect.signature(ds.cse).parameters.items()}
    assert {name: defaults[name] for name in first.options if name != "layers"} == {
        name: value for name, value in first.options.items() if name != "layers"
    }


def test_cse_takes_them_all_at_depth_30(values):
    assert values.shape == (240, 3, 30)
    assert np.isfinite(values).any(-1).all()
    assert np.nanmin(values) >= 0
    assert np.nanmax(values) <= 1


def test_every_choice_changes_the_measure(values):
    measures = {np.nan_to_num(one, nan=-1).round(6).tobytes() for one in values}
    assert len(measures) == 240


def test_the_padding_that_is_left_out_would_change_nothing(updates):
    haar = {"wavelet": "haar", "mask_coi": True}
    zero, symmetric = (ds.cse(updates, padding=padding, **haar) for padding in ("zero", "symmetric"))
    np.testing.assert_allclose(zero, symmetric, rtol=1e-9)


def test_every_option_says_what_its_words_say():
    for plan in specifications(30):
        words, options = plan.choices, plan.options
        assert options["wavelet"] == words["wavelet"]
        assert options["padding"] == words["padding"]
        assert options["signal"] == words["signal"]
        assert options["energy_norm"] == words["norm"]
        assert options["mask_coi"] is (words["edges"] == "masked")
        assert options["periods"] == (None if words["periods"] == "2 to L/2" else (2, 10))
        assert "layers" not in options


def test_a_window_of_layers_is_kept_and_sets_the_longest_period(updates):
    plans = specifications(30, (6, 28))
    assert len(plans) == 240
    assert {plan.options["layers"] for plan in plans} == {(6, 28)}
    shorter = [plan.options["periods"] for plan in plans if plan.choices["periods"] == "2 to L/3"]
    assert len(shorter) == 120
    assert all(periods == pytest.approx((2, 23 / 3)) for periods in shorter)
    for plan in plans[::37]:
        assert ds.cse(updates, **plan.options).shape == (3, 23)


def test_the_default_range_of_periods_reaches_half_the_depth():
    options = next(plan.options for plan in specifications(24))
    assert options["periods"] is None
    assert ds.filter_bank(24).period.max() == pytest.approx(12)
    assert next(p.options["periods"] for p in specifications(24) if p.choices["periods"] == "2 to L/3") == (2, 8)


def test_in_a_shallow_model_the_shorter_range_still_holds_scales():
    assert {plan.options["periods"] for plan in specifications(6)} == {None, (2, 3)}
