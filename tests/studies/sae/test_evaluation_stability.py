"""Directions that lie near one another, latents that come back, and what of that chance does by itself."""

import numpy as np
import pytest
import torch

from depthscope.studies.sae.activations.topk import TopK
from depthscope.studies.sae.dictionary import Dictionary
from depthscope.studies.sae.evaluation import similarity
from depthscope.studies.sae.evaluation.similarity import chance_nearest, drawn_alike, nearest
from depthscope.studies.sae.evaluation.stability import match, stability


def drawn(n, d, seed=0):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


def of(directions):
    n, d = directions.shape
    return Dictionary(directions, torch.zeros(n), directions.clone(), torch.zeros(d), TopK(2))


@pytest.mark.parametrize("numbers", [1, 500, 2**24])
def test_the_nearest_direction_is_that_of_a_loop(monkeypatch, numbers):
    monkeypatch.setattr(similarity, "NUMBERS", numbers)
    a, b = drawn(30, 8), drawn(41, 8, 1)
    u, v = (one.numpy() / np.linalg.norm(one.numpy(), axis=1, keepdims=True) for one in (a, b))
    whole = u @ v.T
    found = nearest(a, b)
    assert found.cosine == pytest.approx(whole.max(1), abs=1e-6)
    assert found.index.tolist() == whole.argmax(1).tolist()
    own = u @ u.T
    np.fill_diagonal(own, -2)
    assert nearest(a).cosine == pytest.approx(own.max(1), abs=1e-6)
    assert nearest(a).index.tolist() == own.argmax(1).tolist()


@pytest.mark.parametrize(("n", "d"), [(2, 3), (50, 4), (2000, 64)])
def test_chance_is_what_directions_at_random_do(n, d):
    found = np.concatenate([nearest(drawn(n, d, seed)).cosine for seed in range(max(1, 4000 // n))])
    for share in (0.1, 0.5, 0.9):
        assert np.mean(found <= chance_nearest(n - 1, d, share)) == pytest.approx(share, abs=0.035)


def test_directions_that_are_drawn_alike_have_the_same_second_moments():
    narrow = drawn(4000, 6) * torch.tensor([5.0, 2, 1, 1, 0.1, 0.1])
    own = similarity.units(narrow)
    other = drawn_alike(narrow, seed=3)
    moments, again = own.T @ own / 4000, other.T @ other / 4000
    assert again.numpy() == pytest.approx(moments.numpy(), abs=0.02)
    assert nearest(other).cosine.mean() > float(chance_nearest(3999, 6)) - 0.02


def test_what_is_the_same_comes_back_and_what_is_not_does_not():
    shared, mine, yours = drawn(60, 64), drawn(40, 64, 1), drawn(40, 64, 2)
    a, b = torch.cat([shared, mine]), torch.cat([yours, shared + 0.3 * drawn(60, 64, 3)])
    found = match(a, b, assign=True)
    assert found.back.tolist() == [True] * 60 + [False] * 40
    assert found.share == found.mutual_share == found.assigned_share == 0.6
    assert found.index[:60].tolist() == list(range(40, 100))
    # many that find the same one are not mutual, and have one partner
    again = match(shared[:1].repeat(10, 1), b, assign=True)
    assert again.share == 1
    assert again.mutual_share == again.assigned_share == 0.1


def test_latents_that_never_fire_are_left_out():
    alive = np.array([True] * 60 + [False] * 40)
    a = drawn(100, 64)
    b = torch.cat([a[:60], drawn(40, 64, 5)])
    assert match(a, b).share == 0.6
    assert match(a, b, alive=alive).share == 1.0


def test_stability_stands_beside_its_nulls():
    shared = drawn(64, 48)
    learnt = [of(torch.cat([shared, drawn(64, 48, seed)])) for seed in (1, 2, 3)]
    found = stability(learnt, [of(drawn(128, 48, 7)), of(drawn(128, 48, 8))], assign=True)
    assert len(found.pairs) == 6
    assert len(found.alike) == 3
    assert found.share == found.mutual_share == found.assigned_share == 0.5
    assert found.range == (0.5, 0.5)
    assert found.alike_share == found.random_share == 0
    assert found.learnt == 0.5
    assert 0.3 < found.chance < 0.5


def test_a_narrow_space_makes_everything_come_back_and_says_so():
    """In three dimensions each of 200 directions has a near one among 200 others."""
    flat = [torch.cat([drawn(200, 3, seed), torch.zeros(200, 45)], dim=1) for seed in (1, 2)]
    found = stability([of(one) for one in flat])
    assert found.share > 0.95
    assert found.alike_share > 0.95
    assert not found.learnt > 0.1
    assert np.isnan(found.random_share)


def test_what_cannot_be_compared_is_refused(refuses):
    with refuses("two or more"):
        stability([of(drawn(4, 3))])
    with refuses("one site"):
        match(drawn(4, 3), drawn(4, 5))
    with refuses("8,192"):
        match(drawn(8193, 2), drawn(8193, 2), assign=True)
    with refuses("alive"):
        match(drawn(4, 3), drawn(4, 3), alive=np.ones(3, dtype=bool))
    with refuses("single direction"):
        nearest(drawn(1, 3))
