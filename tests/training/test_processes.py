"""Processes that torchrun started: one place each, sums that all agree on, and one end for all."""

import os
import re
import signal
import time
from datetime import timedelta

import pytest
import torch

from depthscope.errors import DepthscopeError, ToldElsewhereError
from depthscope.training.checkpoint import State
from depthscope.training.loop import Keeping, train
from depthscope.training.processes import Place, joined, place
from depthscope.training.ranks import ALONE
from tests.together import together

STARTED = {"RANK": "1", "LOCAL_RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1"}


def test_a_place_is_read_from_the_environment_and_nobody_else_is_one_process():
    assert place(STARTED) == Place(1, 2, 0)
    assert place({name: value for name, value in STARTED.items() if name != "LOCAL_RANK"}) == Place(1, 2, 1)
    assert place({}) is None
    # torchrun --nproc-per-node 1
    assert place({**STARTED, "RANK": "0", "WORLD_SIZE": "1"}) is None
    with joined() as ranks:
        assert ranks is ALONE


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"RANK": None}, "WORLD_SIZE=2, but RANK not set: start all processes with torchrun"),
        ({"MASTER_ADDR": None, "MASTER_PORT": None}, "but MASTER_ADDR, MASTER_PORT not set"),
        ({"RANK": "2"}, "RANK=2, LOCAL_RANK=0 of WORLD_SIZE=2: no place among processes"),
        ({"WORLD_SIZE": "two"}, "of WORLD_SIZE=two: no place"),
    ],
)
def test_a_place_that_makes_no_sense_is_refused(change, words):
    environment = {name: value for name, value in {**STARTED, **change}.items() if value is not None}
    with pytest.raises(DepthscopeError, match=words):
        place(environment)


def agreeing():
    """What each method gives, on this rank."""
    with joined("cpu") as ranks:
        mine = torch.arange(3) + 10 * ranks.rank
        narrow = torch.full((2,), 1 / 3, dtype=torch.bfloat16)
        # a view that does not lie together
        turned = torch.ones(3, 2).T
        return {
            "place": (ranks.rank, ranks.count, ranks.device),
            "sum": ranks.sum_(mine).tolist(),
            "in place": mine.tolist(),
            "narrow": ranks.sum_(narrow).tolist(),
            "turned": ranks.sum_(turned).tolist(),
            "number": float(ranks.sum_(torch.tensor(0.5, dtype=torch.float64))),
            "gathered": ranks.gathered(torch.full((2 * ranks.rank, 2), 0.5 + ranks.rank)).tolist(),
            "words": ranks.shared({"said by": ranks.rank, "é": [1, None]}),
        }


def test_all_agree(tmp_path):
    one, other = together(agreeing, folder=tmp_path)
    assert (one.said, other.said) == ("", "")
    assert one.found.pop("place") == (0, 2, "cpu")
    assert other.found.pop("place") == (1, 2, "cpu")
    assert one.found == other.found
    assert one.found == {
        "sum": [10, 12, 14],
        "in place": [10, 12, 14],
        # in float32, and rounded once
        "narrow": [torch.tensor(2 / 3).bfloat16().item()] * 2,
        "turned": [[2.0] * 3] * 2,
        "number": 1.0,
        "gathered": [[1.5, 1.5], [1.5, 1.5]],
        "words": {"said by": 0, "é": [1, None]},
    }


def failing(how):
    """Rank 1 ends in the middle of things."""
    with joined("cpu") as ranks:
        ranks.sum_(torch.ones(2))
        if ranks.rank == 1 and how == "sentence":
            raise DepthscopeError("the corpus is at its end: give more")
        if ranks.rank == 1 and how == "bug":
            raise KeyError("that should not have happened")
        if ranks.rank == 1 and how == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if how == "all":
            raise DepthscopeError("k=65: more than there are")
        while True:
            ranks.sum_(torch.ones(2))


def told(how):
    try:
        failing(how)
    except ToldElsewhereError as problem:
        return f"silent: {problem}"
    except DepthscopeError as problem:
        return str(problem)


def test_the_error_of_one_ends_all_and_is_told_once(tmp_path):
    one, other = together(told, "sentence", folder=tmp_path)
    assert other.found == "the corpus is at its end: give more"
    assert one.found.startswith("silent: another process of this training failed, and has said why")
    one, other = together(told, "all", folder=tmp_path)
    assert sorted([one.found, other.found]) == ["k=65: more than there are", "silent: k=65: more than there are"]


def test_a_bug_of_one_ends_the_others_in_silence(tmp_path):
    one, other = together(told, "bug", folder=tmp_path)
    assert one.found.startswith("silent: ")
    assert (other.status, other.found) == (1, None)
    assert "KeyError: 'that should not have happened'" in other.said


def test_who_is_killed_is_missed_at_once(tmp_path):
    begin = time.monotonic()
    one, other = together(told, "killed", folder=tmp_path)
    assert other.status == -signal.SIGKILL
    assert re.match(r"process 0 of 2 lost another one, which was ended from outside .* last checkpoint \(", one.found)
    assert time.monotonic() - begin < 30


def waiting():
    """Rank 1 does not come."""
    if os.environ["RANK"] == "1":
        return None
    try:
        with joined("cpu", timedelta(seconds=1)):
            pass
    except DepthscopeError as problem:
        return str(problem)


def test_nobody_waits_for_ever(tmp_path):
    one, _ = together(waiting, folder=tmp_path)
    assert re.match(r"process 0 of 2 does not find the others at 127.0.0.1:\d+: start all of them, with the", one.found)


class Shared:
    """A number that all add to."""

    def __init__(self, ranks):
        self.ranks, self.at = ranks, torch.zeros(1)

    def begin(self):
        self.at += 1

    def step(self, batch, number, steps):
        self.at += self.ranks.sum_(torch.tensor([float(batch)]))
        return {"sum": {"at": float(self.at)}}

    def state(self):
        return State({"at": self.at})

    def restore(self, state):
        self.at = state.tensors["at"].clone()


def trained(path, stop):
    with joined("cpu") as ranks:
        # a file of its own, where no other process would look for it
        seen = path if ranks.rank == 0 or path.parent.name == "shared" else path.with_name("elsewhere")
        try:
            curve = train(
                Shared(ranks),
                lambda start: iter(range(start + ranks.rank, stop + ranks.rank)),
                6,
                keeping=Keeping(seen, every=2),
                ranks=ranks,
            )
        except DepthscopeError as problem:
            return str(problem)
        return [point.metrics["sum"]["at"] for point in curve]


def test_the_first_one_keeps_what_all_take_up(tmp_path):
    path = tmp_path / "shared" / "x"
    together(trained, path, 5, folder=tmp_path)
    assert [one.name for one in path.parent.iterdir()] == ["x"]
    one, other = together(trained, path, 6, folder=tmp_path)
    # 1, and in step t one adds t and the other t + 1
    assert one.found == other.found == [2.0, 5.0, 10.0, 17.0, 26.0, 37.0]


def test_a_checkpoint_that_only_some_see_is_refused(tmp_path):
    path = tmp_path / "apart" / "x"
    together(trained, path, 6, folder=tmp_path)
    for one in together(trained, path, 6, folder=tmp_path):
        assert re.search(
            r"(x|elsewhere): only some of the processes see this checkpoint; choose a folder on a", one.found
        )
