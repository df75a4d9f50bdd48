"""A training shared by two processes is that of one: the same curve, the same dictionaries, within float error."""

import math
import os
import signal
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from depthscope.errors import DepthscopeError
from depthscope.studies.sae.activations.names import ACTIVATIONS, activation_of
from depthscope.studies.sae.activations.topk import TopK
from depthscope.studies.sae.training.plan import Plan
from depthscope.studies.sae.training.recipe import Recipe
from depthscope.studies.sae.training.trainer import Trainer
from depthscope.training.processes import joined
from tests.studies.sae.test_trainer import OTHER
from tests.studies.sae.toys import SITE, Toy
from tests.together import together

# latents that are dead soon, so that AuxK has work to do; and a gradient that is clipped
RECIPE = Recipe(rate=3e-3, dead_after=100, average=0.9, clip=0.5)
PLANS = [
    *(Plan(SITE, 96, activation_of(name, 2), recipe=RECIPE) for name in ACTIVATIONS),
    Plan(SITE, 64, TopK(3), OTHER, skip=True, recipe=replace(RECIPE, normalization="layer")),
]


@dataclass
class Split(Toy):
    """Of each batch and of the sample the rows of one rank, in uneven shares: in step 2 the last one has none."""

    rank: int = 0
    ranks: int = 1
    damaged: int = -1
    stop: int = -1

    def mine(self, rows, number):
        share = torch.arange(rows) % (2 * self.ranks + 1) % self.ranks
        return (share if number != 2 else 0 * share) == self.rank

    def batches(self, start=0):
        for number, batch in enumerate(super().batches(start), start):
            if number == self.stop:
                os.kill(os.getpid(), signal.SIGKILL)
            mine = {site: states[self.mine(len(states), number)] for site, states in batch.items()}
            if number == self.damaged and self.rank == self.ranks - 1:
                mine[SITE][0] = math.nan
            yield mine

    def sample(self, count):
        return {site: states * self.mine(len(states), -1)[:, None] for site, states in super().sample(count).items()}


def trained(ranks, steps=8, plans=PLANS, damaged=-1, stop=-1, shards=1, **keeping):
    share = {"rank": ranks.rank, "ranks": ranks.count, "damaged": damaged, "stop": stop}
    feed = Split(sites=(SITE, OTHER), batch=96, steps=steps, **share)
    trainer = Trainer(plans, feed, ranks=ranks, shards=shards)
    made = trainer.train(shown=False, **keeping)
    return {
        "curve": [point.metrics for point in trainer.curve],
        "parameters": [{name: value.numpy().tobytes() for name, value in one.state_dict().items()} for one in made],
    }


def working(*arguments, **keeping):
    try:
        with joined("cpu") as ranks:
            return trained(ranks, *arguments, **keeping)
    except DepthscopeError as problem:
        return str(problem)


def breaking(path, at=-1):
    """Killed before step ``at``, on both ranks."""
    with joined("cpu") as ranks:
        return trained(ranks, 8, PLANS[:1], stop=at, path=path, every=4)


def values(held):
    return {name: np.frombuffer(value, np.float32) for name, value in held.items()}


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    found = together(working, folder=tmp_path_factory.mktemp("both"))
    assert [one.said for one in found] == ["", ""]
    return [one.found for one in found]


@pytest.fixture(scope="module")
def alone():
    return working()


def test_the_curve_is_that_of_one_process(both, alone):
    assert both[0]["curve"] == both[1]["curve"]
    for one, two in zip(alone["curve"], both[0]["curve"], strict=True):
        assert one.keys() == two.keys()
        for name, told in one.items():
            assert two[name] == pytest.approx(told, rel=2e-4, abs=1e-6), name
    # there is something in it: latents died, and the steps changed more than two processes do
    first, last = alone["curve"][0], alone["curve"][-1]
    assert all(told["dead share"] > 0 for name, told in last.items() if "topk" in name)
    assert all(abs(told["normalised MSE"] / first[name]["normalised MSE"] - 1) > 5e-3 for name, told in last.items())


def test_the_dictionaries_are_the_same_in_both_and_those_of_one_process(both, alone):
    assert both[0]["parameters"] == both[1]["parameters"]
    for plan, one, two in zip(PLANS, alone["parameters"], both[0]["parameters"], strict=True):
        held, expected = values(two), values(one)
        assert held.keys() == expected.keys()
        for name, value in held.items():
            np.testing.assert_allclose(value, expected[name], rtol=5e-3, atol=5e-4, err_msg=f"{plan.name} {name}")


def test_taken_up_by_as_many_processes_it_ends_with_the_same_bits(both, tmp_path):
    path = tmp_path / "checkpoint"
    together(breaking, path, 6, folder=tmp_path)
    assert path.is_file()
    one, other = together(breaking, path, folder=tmp_path)
    assert one.found == other.found
    whole, name = both[0], PLANS[0].name
    assert one.found["parameters"] == whole["parameters"][:1]
    assert [point[name] for point in one.found["curve"]] == [point[name] for point in whole["curve"]]


def test_bad_states_of_one_process_end_both_and_are_named_once(tmp_path):
    found = together(working, 8, PLANS[:1], 5, folder=tmp_path)
    said = sorted(one.found for one in found)
    assert said[1].startswith("step 6: NaN or infinity in the states of layer-3; ")
    assert said[0].startswith("another process of this training failed, and has said why")
