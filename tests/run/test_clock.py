"""How long each stage took."""

import pytest

from depthscope.run.clock import Clock


def test_stages_are_kept_in_their_order_with_their_seconds():
    clock = Clock()
    with clock("one"):
        assert clock.seconds == {}
    with clock("two"):
        sum(range(200_000))
    assert list(clock.seconds) == ["one", "two"]
    assert 0 < clock.seconds["two"] < 1
    assert clock.seconds["two"] == round(clock.seconds["two"], 3)


def test_a_stage_that_failed_is_not_on_the_clock():
    clock = Clock()
    with pytest.raises(KeyError), clock("broken"):
        raise KeyError
    assert clock.seconds == {}
