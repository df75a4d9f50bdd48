"""Drift of states against a loop written from the definition."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from depthscope.instrument.drift import state_drift

STATES = arrays(np.float64, (3, 4, 5), elements=st.floats(-1e3, 1e3).map(lambda x: round(x, 3)))


def naive(ours: np.ndarray, theirs: np.ndarray) -> tuple[float, float]:
    norm = sum(float(b) ** 2 for b in theirs) ** 0.5
    length = sum(float(a) ** 2 for a in ours) ** 0.5
    gap = sum((float(a) - float(b)) ** 2 for a, b in zip(ours, theirs, strict=True)) ** 0.5
    error = gap / norm if norm else np.nan
    cosine = (
        sum(float(a) * float(b) for a, b in zip(ours, theirs, strict=True)) / (norm * length)
        if norm * length
        else np.nan
    )
    return error, cosine


@given(STATES, STATES)
def test_it_is_the_loop(ours: np.ndarray, theirs: np.ndarray) -> None:
    error, cosine = state_drift(ours, theirs)
    for index in np.ndindex(3, 4):
        expected = naive(ours[index], theirs[index])
        np.testing.assert_allclose(error[index], expected[0], rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(cosine[index], expected[1], rtol=1e-9, atol=1e-9)


@given(STATES, st.floats(0.01, 100))
def test_a_scaled_state_keeps_its_direction(states: np.ndarray, factor: float) -> None:
    error, cosine = state_drift(factor * states, states)
    present = np.linalg.norm(states, axis=-1) > 0
    np.testing.assert_allclose(error[present], abs(factor - 1), atol=1e-9)
    np.testing.assert_allclose(cosine[present], 1, atol=1e-9)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_narrow_states_are_compared_in_float64(dtype: type) -> None:
    states = np.full((1, 1, 3), 3e4, dtype)  # whose square is no float16
    error, cosine = state_drift(states, states)
    assert error == 0
    np.testing.assert_allclose(cosine, 1)
