"""Latents shared out among processes: the curve and the dictionary of one process, within float error."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from depthscope.errors import DepthscopeError
from depthscope.studies.sae.activations.names import activation_of
from depthscope.studies.sae.activations.topk import TopK
from depthscope.studies.sae.training.plan import Plan
from depthscope.studies.sae.training.sharded import check, winners
from depthscope.studies.sae.training.trainer import Trainer
from depthscope.training.processes import joined
from depthscope.training.ranks import ALONE
from tests.studies.sae.test_processes import RECIPE, trained, values
from tests.studies.sae.test_trainer import OTHER
from tests.studies.sae.toys import SITE, Toy
from tests.together import together

PLANS = [
    # most of its latents are dead soon, of one of the two processes all but a few
    Plan(SITE, 96, TopK(2), recipe=RECIPE),
    # more of them at a token than a process has
    Plan(SITE, 12, TopK(7), recipe=RECIPE),
    Plan(SITE, 64, TopK(3), OTHER, skip=True, recipe=replace(RECIPE, normalization="layer")),
]


def sharing(shards, stop=-1, **keeping):
    with joined("cpu") as ranks:
        return trained(ranks, plans=PLANS, shards=shards, stop=stop, **keeping)


def keeping(path, stop=-1):
    return sharing(2, stop, path=path, every=4)


@pytest.fixture(scope="module")
def alone():
    return trained(ALONE, plans=PLANS)


def same(found, expected):
    for one, two in zip(expected["curve"], found["curve"], strict=True):
        for name, told in one.items():
            assert two[name] == pytest.approx(told, rel=2e-4, abs=1e-6), name
    for plan, one, two in zip(PLANS, expected["parameters"], found["parameters"], strict=True):
        held, whole = values(two), values(one)
        assert held.keys() == whole.keys()
        for name, value in held.items():
            np.testing.assert_allclose(value, whole[name], rtol=5e-3, atol=5e-4, err_msg=f"{plan.name} {name}")


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    found = together(sharing, 2, folder=tmp_path_factory.mktemp("both"))
    assert [one.said for one in found] == ["", ""]
    assert found[0].found == found[1].found
    return found[0].found


def test_two_processes_with_half_of_the_latents_each_learn_what_one_does(both, alone):
    same(both, alone)
    # AuxK had work to do, and there is more in the curve than two processes change
    first, last = alone["curve"][0], alone["curve"][-1]
    assert last[PLANS[0].name]["dead share"] > 0.05
    assert all(abs(told["normalised MSE"] / first[name]["normalised MSE"] - 1) > 5e-3 for name, told in last.items())


def test_four_of_which_two_share_the_latents_and_two_each_batch(tmp_path, alone):
    found = together(sharing, 2, count=4, folder=tmp_path)
    assert all(one.found == found[0].found for one in found)
    same(found[0].found, alone)


def test_killed_and_taken_up_again_it_ends_with_the_same_bits(both, tmp_path):
    path = tmp_path / "kept" / "checkpoint.safetensors"
    together(keeping, path, 6, folder=tmp_path)
    # one of the whole, and what the second process has beside
    names = ["checkpoint-1-of-2-4.safetensors", "checkpoint.safetensors"]
    assert sorted(one.name for one in path.parent.iterdir()) == names
    # the second had written its next one, and the first had not: that one does not count
    path.with_name("checkpoint-1-of-2-8.safetensors").write_bytes(b"of no use")
    one, other = together(keeping, path, folder=tmp_path)
    assert one.found == other.found == both
    assert sorted(one.name for one in path.parent.iterdir()) == [names[0].replace("-4.", "-8."), names[1]]


def choosing(k):
    """Of small whole numbers, so that many are equal; the first process has fewer than k of them."""
    with joined("cpu") as ranks:
        drawn = torch.randint(0, 4, (50, 11), generator=torch.Generator().manual_seed(3)).float()
        mine = drawn[:, :8] if ranks.rank else drawn[:, 8:]
        found = mine.topk(min(k, mine.shape[1])).values
        return drawn.topk(k).values.tolist(), found.tolist(), winners(found, k, ranks).tolist()


def test_exactly_the_largest_stay_also_where_values_are_equal(tmp_path):
    one, other = (ended.found for ended in together(choosing, 5, folder=tmp_path))
    for row in range(50):
        kept = [
            value
            for _, values, stay in (one, other)
            for value, stays in zip(values[row], stay[row], strict=True)
            if stays
        ]
        assert sorted(kept, reverse=True) == one[0][row]


@pytest.mark.parametrize(
    ("plan", "shards", "words"),
    [
        (
            Plan(SITE, 64, activation_of("batch_topk", 3)),
            2,
            "shards=2: latents are shared out for topk alone, and layer-3-n64-batch_topk-k3 is of another",
        ),
        (Plan(SITE, 65, TopK(3)), 2, "shards=2: 65 latents cannot be shared out evenly; give a multiple of 2"),
    ],
)
def test_what_cannot_be_shared_out_is_refused(plan, shards, words):
    with pytest.raises(DepthscopeError, match=words):
        check(plan, shards)
    check(plan, 1)


def test_one_process_shares_with_nobody():
    with pytest.raises(DepthscopeError, match="shards=2: there is one process; start 2 or a multiple with torchrun"):
        Trainer(PLANS[:1], Toy(), shards=2)


def splitting():
    with joined("cpu") as ranks:
        try:
            ranks.split(2)
        except DepthscopeError as problem:
            return str(problem)


def test_processes_that_make_no_such_groups_are_refused(tmp_path):
    for one in together(splitting, count=3, folder=tmp_path):
        assert one.found.startswith("shards=2: 3 processes make no groups of 2; start a multiple of 2 processes")
