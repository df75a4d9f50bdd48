"""The contrast put to trajectories without organisation in depth."""

import numpy as np
import pytest

import depthscope as ds
from depthscope.instrument.surrogates import SURROGATES, surrogate
from depthscope.statistics.nulls import against
from depthscope.studies.contrast.nulls import UNTRAINED, surrogate_nulls, untrained_null
from tests.studies.same import same_null

OPTIONS = {"permutations": 100, "resamples": 20}


@pytest.fixture(scope="module")
def real(h):
    return ds.contrast(h, "metaphor", "literal", **OPTIONS)


def test_every_kind_of_surrogate_is_a_null_in_its_own_words(traj, h, real):
    nulls = surrogate_nulls(traj, h, real, {}, 2, progress=False)
    assert {null.name: null.words for null in nulls} == SURROGATES
    named = traj.isel(stimulus=traj["condition"].isin(["metaphor", "literal"]).values)
    for null in nulls:
        draws = [ds.cse(surrogate(named, null.name, seed)) for seed in (0, 1)]
        assert same_null(null, against(draws, h, real, null.name, null.words))


def test_surrogates_are_measured_as_the_real_trajectories_are(traj):
    """Of norms alone, all that keeps the norms is the real thing: what is measured must be what was asked for."""
    options = {"signal": "norm", "wavelet": "haar"}
    h = ds.cse(traj, **options)
    real = ds.contrast(h, "metaphor", "literal", **OPTIONS)
    nulls = {null.name: null for null in surrogate_nulls(traj, h, real, options, 1, progress=False)}
    for name in ("walk", "rotation"):
        assert float(np.abs(nulls[name].excess.differences).max()) < 1e-9
    assert float(np.abs(nulls["order"].excess.differences).max()) > 0.01


def test_a_difference_of_differences_is_put_to_all_its_conditions(traj, h):
    real = ds.contrast(h, "(metaphor-literal)-(complex-anomalous)", **OPTIONS)
    null = surrogate_nulls(traj, h, real, {}, 1, progress=False)[0]
    assert list(null.expected["condition"].values) == real.terms.conditions
    assert null.excess.name == real.name


def test_networks_without_training_are_a_null_too(h, real):
    null = untrained_null([h, h], h, real)
    assert (null.name, null.words) == ("untrained", UNTRAINED)
    assert null.anywhere.draws == 2
    # as if training had changed nothing: nothing is left beyond it
    assert float(np.abs(null.excess.differences).max()) < 1e-12
