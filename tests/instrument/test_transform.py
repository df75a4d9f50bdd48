"""The settings of the transform stand once: the public functions have the same names and defaults."""

import inspect

import numpy as np
import pytest

import depthscope as ds
from depthscope.console.options import CSE
from depthscope.instrument.cse import cse_options, scalogram_options
from depthscope.instrument.transform import TRANSFORM, Transform
from depthscope.statistics.contrast import OPTIONS

DEFAULTS = vars(Transform())


def keywords(function) -> dict[str, object]:
    parameters = inspect.signature(function).parameters.values()
    return {p.name: p.default for p in parameters if p.default is not p.empty}


@pytest.mark.parametrize("function", [ds.filter_bank, ds.cse, ds.scalogram, ds.slope, ds.energy_map])
def test_the_public_functions_have_its_names_and_defaults(function):
    assert {name: value for name, value in keywords(function).items() if name in TRANSFORM} == DEFAULTS


def test_every_option_of_cse_and_of_a_contrast_is_known_with_its_default():
    assert cse_options() == keywords(ds.cse)
    assert scalogram_options(cse_options()) == {k: v for k, v in keywords(ds.scalogram).items() if k != "share"}
    assert keywords(ds.contrast) == {**OPTIONS, "b": None}
    assert set(CSE) == set(keywords(ds.cse)) - {"precision"}


def test_what_is_given_replaces_a_default_and_a_slip_is_refused(refuses):
    assert cse_options({"scales": 5})["scales"] == 5
    with refuses("no option of cse is called wavelt", "wavelet"):
        cse_options({"wavelt": "haar"})


def test_its_bank_is_that_of_the_function_and_of_other_settings_another():
    assert Transform().bank(12) is ds.filter_bank(12)
    other = Transform.of({"wavelet": "morlet(6)", "scales": 5, "signal": "norm"})
    assert (other.wavelet, other.scales, other.padding) == ("morlet(6)", 5, "zero")
    np.testing.assert_array_equal(other.bank(12).filters, ds.filter_bank(12, "morlet(6)", 5).filters)
