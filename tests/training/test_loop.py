"""Any work: here a parameter that follows noise, with a generator of its own."""

import io
import re
import time

import pytest
import torch

from depthscope.errors import DepthscopeError
from depthscope.training import checkpoint
from depthscope.training.checkpoint import State
from depthscope.training.loop import Keeping, train


class Walk:
    def __init__(self):
        self.at, self.random, self.begun = torch.zeros(3), torch.Generator(), False

    def begin(self):
        self.begun = True
        self.random.manual_seed(5)
        self.at = torch.ones(3)

    def step(self, batch, number, steps):
        assert batch == number
        self.at = self.at * 0.9 + torch.randn(3, generator=self.random) + batch
        return {"walk": {"sum": float(self.at.sum())}}

    def state(self):
        return State({"at": self.at, "random": self.random.get_state()})

    def restore(self, state):
        checkpoint.restore({"at": self.at}, state)
        self.random.set_state(state.tensors["random"])


def batches(stop):
    return lambda start: iter(range(start, stop))


@pytest.mark.parametrize("every", [1, 2, 3, 5])
@pytest.mark.parametrize("stop", [1, 4, 6])
def test_it_goes_on_where_it_was_kept(tmp_path, every, stop):
    whole, walk = Walk(), Walk()
    curve = train(whole, batches(7), 7)
    assert [point.step for point in curve] == list(range(1, 8))
    keeping = Keeping(tmp_path / "x", every=every, settings={"size": (3,)})
    with pytest.raises(DepthscopeError, match=f"the batches end after {stop} of 7 steps"):
        train(walk, batches(stop), 7, keeping=keeping)
    again = Walk()
    assert train(again, batches(7), 7, keeping=keeping) == curve
    assert again.begun == (every > stop)
    assert torch.equal(again.at, whole.at)


def test_a_checkpoint_of_other_settings_is_refused(tmp_path):
    train(Walk(), batches(3), 3, keeping=Keeping(tmp_path / "x", settings={"rate": 0.1, "k": 4}))
    with pytest.raises(
        DepthscopeError, match=r"other settings is under way there \(k 4 there, 5 here\); give the same"
    ):
        train(Walk(), batches(3), 3, keeping=Keeping(tmp_path / "x", settings={"rate": 0.1, "k": 5}))


def test_the_curve_has_no_more_points_than_can_be_drawn():
    curve = train(Walk(), batches(1003), 1003)
    assert 150 < len(curve) <= 201
    assert curve[-1].step == 1003
    with pytest.raises(DepthscopeError, match="steps=0: give at least 1"):
        train(Walk(), batches(3), 0)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_what_a_step_tells_is_seen_with_the_steps_that_are_done(monkeypatch):
    def slowly(start):
        for number in range(start, 9):
            time.sleep(0.04)
            yield number

    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setattr("depthscope.progress.DELAY", 0.0)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    train(Walk(), slowly, 9, told=lambda metrics: f"sum {metrics['walk']['sum']:.1f}")
    sent = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", terminal.getvalue())
    assert re.search(r"training.*[1-9]/9 steps sum -?\d", sent), sent
