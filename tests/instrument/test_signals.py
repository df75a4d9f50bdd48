import numpy as np
import pytest

import depthscope as ds
from depthscope.instrument.signals import signal_gram


@pytest.fixture
def updates():
    return np.random.default_rng(0).normal(size=(3, 12, 5)) * np.linspace(1, 9, 12)[:, None]


def gram(x):
    return x @ np.swapaxes(x, -1, -2)


def test_direction_is_the_gram_matrix_of_unit_updates(updates):
    unit = updates / np.linalg.norm(updates, axis=-1, keepdims=True)
    assert signal_gram(gram(updates), "direction") == pytest.approx(gram(unit), rel=1e-12)


def test_norm_is_the_demeaned_log_norm(updates):
    log = np.log(np.linalg.norm(updates, axis=-1, keepdims=True))
    log -= log.mean(-2, keepdims=True)
    assert signal_gram(gram(updates), "norm") == pytest.approx(gram(log), rel=1e-9, abs=1e-12)


def test_state_needs_the_products_with_the_first_state(updates):
    initial = np.random.default_rng(1).normal(size=(3, 5)) * 100
    states = initial[:, None] + np.cumsum(updates, axis=-2)
    dot = np.einsum("nd,nld->nl", initial, updates)
    ours = signal_gram(gram(updates), "state", dot, np.linalg.norm(initial, axis=-1))
    assert ours == pytest.approx(gram(states), rel=1e-12)


def test_plain_updates_accumulate_from_zero(updates):
    assert ds.cse(updates, signal="state", mask_coi=False) == pytest.approx(
        ds.cse(np.cumsum(updates, axis=-2), mask_coi=False), rel=1e-6
    )


def test_a_zero_update_has_no_direction_and_no_logarithm(updates, refuses):
    updates[1, 4] = 0
    assert np.isfinite(ds.cse(updates, signal="direction", mask_coi=False)).all()
    with refuses("norm", "zero"):
        ds.cse(updates, signal="norm")


def test_an_unknown_signal_is_refused(updates, refuses):
    with refuses("velocity", "update, direction, norm, state"):
        ds.cse(updates, signal="velocity")
