import pytest
from hypothesis import given
from hypothesis import strategies as st

from depthscope.errors import DepthscopeError
from depthscope.training.schedule import Schedule


def test_the_rate_rises_stays_and_falls():
    schedule = Schedule(warmup=0.2, decay=0.5)
    assert [schedule.factor(step, 10) for step in range(10)] == [0.5, 1, 1, 1, 1, 1, 0.8, 0.6, 0.4, 0.2]
    assert Schedule().factor(3, 10) == 1


@given(st.floats(0, 1), st.floats(0, 1), st.integers(1, 50))
def test_it_is_never_0_nor_above_1(warmup, decay, steps):
    if warmup + decay <= 1:
        factors = [Schedule(warmup, decay).factor(step, steps) for step in range(steps)]
        assert all(0 < factor <= 1 for factor in factors)


@pytest.mark.parametrize(
    ("warmup", "decay", "words"), [(1.5, 0, "warmup=1.5"), (0, -1, "decay=-1"), (0.6, 0.6, "together")]
)
def test_shares_that_are_none_are_refused(warmup, decay, words):
    with pytest.raises(DepthscopeError, match=words):
        Schedule(warmup, decay)
