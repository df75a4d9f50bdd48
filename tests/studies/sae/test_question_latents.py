"""Planted latents are found, placed in depth and missed when they are taken out; where nothing is planted, nothing is."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from depthscope.studies.sae.activations.topk import TopK
from depthscope.studies.sae.dictionary import Dictionary, layer_normalized
from depthscope.studies.sae.question.ablation import FIRST, INSTEAD, Plan, ablation, plan_ablation
from depthscope.studies.sae.question.depth import Place, place
from depthscope.studies.sae.question.pairs import Pairs
from depthscope.studies.sae.question.rank import rank_p
from depthscope.studies.sae.question.selective import (
    LEAST,
    Selectivity,
    firing,
    latents_table,
    random_selectivity,
    selectivity,
    written,
)
from depthscope.words import ALPHA

ITEMS, WIDTH, LATENTS, LAYER, DEPTH = 40, 24, 120, 5, 8
PLANTED = 17
PAIRS = Pairs(np.arange(ITEMS), np.arange(ITEMS, 2 * ITEMS), np.arange(ITEMS))
HALVES = PAIRS.halves(0)


def dictionary(**options: Any) -> Dictionary:
    drawn = torch.randn(LATENTS, WIDTH, generator=torch.Generator().manual_seed(1))
    rows = torch.nn.functional.normalize(drawn, dim=1)
    return Dictionary(rows, torch.zeros(LATENTS), rows.clone(), torch.zeros(WIDTH), TopK(12), **options)


SAE = dictionary()
DIRECTION = SAE.decoder[PLANTED].detach().numpy()


def stream(planted: float, seed: int = 0) -> np.ndarray:
    """States (stimulus, L + 1, d): layers 4 and 5 write the planted direction at targets of the first condition."""
    rng = np.random.default_rng(seed)
    updates = rng.normal(size=(2 * ITEMS, DEPTH + 1, WIDTH))
    updates[:ITEMS, 4:6] += planted * DIRECTION
    return updates.cumsum(1).astype(np.float32)


def selected(states: np.ndarray, sae: Dictionary = SAE, **options: Any) -> Selectivity:
    return selectivity(
        "layer-5", LAYER, sae, torch.from_numpy(states[:, LAYER]), PAIRS, HALVES, permutations=400, **options
    )


@pytest.fixture(scope="module")
def states() -> np.ndarray:
    return stream(3.0)


@pytest.fixture(scope="module")
def found(states: np.ndarray) -> Selectivity:
    return selected(states)


def test_the_planted_latent_is_found_and_told(found: Selectivity) -> None:
    names = found.firing.latents
    assert PLANTED in names[found.selective]
    assert PLANTED in {names[some[0]] for some in found.chosen}
    assert found.by_activation.count_p <= ALPHA
    assert found.strength.low > 0
    assert found.share_a.difference > found.share_b.difference
    table = latents_table(found, PAIRS)
    row = table[table["latent"] == PLANTED].iloc[0]
    assert (row["selective"], row["followed"]) == ("a", True)
    assert row["mean_a"] - row["mean_b"] == pytest.approx(row["difference"])
    assert row["low"] < row["difference"] < row["high"]
    assert row["rate_a"] > row["rate_b"]


def test_random_directions_are_not_as_strong(found: Selectivity, states: np.ndarray) -> None:
    at = torch.from_numpy(states[:, LAYER])
    others = random_selectivity(found, SAE, at, PAIRS, HALVES, 5, permutations=100)
    assert max(other.strength.dz for other in others) < found.strength.dz


def test_where_nothing_is_planted_nothing_is_found() -> None:
    """Neither latents, nor a strength of those that are followed all the same, more often than stated."""
    counts, strong = [], []
    for seed in range(15):
        one = selected(stream(0.0, seed))
        assert len(one.chosen[0]) == max(len(one.selective), 0) or len(one.chosen[0]) == LEAST
        counts.append(one.by_activation.count > 0)
        strong.append(one.strength.found)
    assert sum(counts) <= 4
    assert sum(strong) <= 4


def test_what_fires_is_what_the_dictionary_says(found: Selectivity, states: np.ndarray) -> None:
    dense = SAE.encode(torch.from_numpy(states[:, LAYER])).dense().detach()
    np.testing.assert_allclose(found.firing.values, dense[:, found.firing.latents], rtol=1e-6)
    assert found.firing.active == pytest.approx(float((dense > 0).sum(1).double().mean()))
    counts = (dense > 0).sum(0)
    assert found.firing.latents.tolist() == (counts >= 6).nonzero()[:, 0].tolist()


def test_a_dictionary_of_other_states(refuses: Any) -> None:
    silent = dictionary()
    with torch.no_grad():
        silent.latent_bias -= 1e3
    with refuses("no latent fires"):
        firing(silent, torch.from_numpy(stream(0)[:, LAYER]), PAIRS)


@pytest.mark.parametrize("normalization", ["none", "layer"])
def test_what_latents_write_is_what_a_reconstruction_lacks_without_them(normalization: Any) -> None:
    sae = dictionary(normalization=normalization)
    at = torch.from_numpy(stream(1.0)[:, LAYER]) * 7
    code = sae.encode(at)
    latents = torch.tensor([PLANTED, 3])
    values = code.dense()[:, latents]
    without = code._replace(values=torch.where(torch.isin(code.indices, latents), 0.0, code.values))
    _, mean, scale = layer_normalized(at)
    given = sae.decode(without) if normalization == "none" else sae.decode(without) * scale + mean
    torch.testing.assert_close(sae.reconstruct(at) - given, written(sae, values, latents, at), rtol=1e-5, atol=1e-4)


def placed(found: Selectivity, states: np.ndarray, inside: tuple[int, int], draws: int = 39) -> Place:
    decoder = SAE.decoder.detach()[torch.from_numpy(found.firing.latents)].numpy()
    gaps = PAIRS.differences(states).astype(np.float32)
    return place(found, decoder, gaps, HALVES, inside, draws=draws)


def p_of(one: Place) -> dict[str, float]:
    return {
        name: float(rank_p(np.array([one.likeness]), drawn[None], greater=True)[0]) for name, drawn in one.drawn.items()
    }


def test_the_planted_latent_is_where_it_is_written(found: Selectivity, states: np.ndarray) -> None:
    # of all that differ, as the planted direction leans towards other latents, the planted one alone
    place_of = int(np.flatnonzero(found.firing.latents == PLANTED)[0])
    alone = replace(found, chosen=(np.array([place_of]), np.array([place_of])))
    one = placed(alone, states, (4, 5))
    assert one.update.peak in (4, 5)
    assert {one.update.peak_low, one.update.peak_high} <= {4, 5}
    assert one.state.peak in (5, 6)
    assert len(one.update.values) == DEPTH
    assert len(one.state.values) == DEPTH + 1
    assert all(p <= ALPHA for p in p_of(one).values())
    assert (one.rank, one.windows) == (1, DEPTH - 1)
    inside = np.isin(np.arange(1, DEPTH + 1), (4, 5))
    assert one.likeness == pytest.approx(np.corrcoef(one.update.values, inside)[0, 1])
    assert (one.rank, one.windows) == (1, DEPTH - 1)
    inside = np.isin(np.arange(1, DEPTH + 1), (4, 5))
    assert one.likeness == pytest.approx(np.corrcoef(one.update.values, inside)[0, 1])
    assert (one.update.low <= one.update.values).all()
    assert (one.update.values <= one.update.high).all()
    # and not elsewhere
    elsewhere = placed(alone, states, (1, 3))
    assert elsewhere.excess < 0
    assert elsewhere.likeness < 0
    # the projection by hand, on the half that did not choose it
    gaps = PAIRS.differences(states).astype(np.float64)
    halves = []
    for measured in (~HALVES, HALVES):
        projected = np.diff(gaps[measured] @ DIRECTION, axis=1)
        halves.append(projected.mean(0) / projected.std(0, ddof=1))
    np.testing.assert_allclose(one.update.values, np.mean(halves, 0), rtol=1e-4)


def test_where_nothing_is_planted_no_depth_is_special() -> None:
    called = 0
    for seed in range(12):
        states = stream(0.0, seed)
        one = placed(selected(states), states, (4, 5), draws=19)
        called += any(p <= ALPHA for p in p_of(one).values())
    assert called <= 4


def test_a_cluster_of_all_layers_cannot_be_asked_about(found: Selectivity, states: np.ndarray) -> None:
    one = placed(found, states, (1, DEPTH), draws=19)
    assert np.isnan(one.excess)
    assert np.isnan(one.likeness)
    assert np.isnan(one.likeness)
    assert p_of(one) == {"matched": 1, "random": 1}


@pytest.fixture(scope="module")
def plan(found: Selectivity, states: np.ndarray) -> Plan:
    return plan_ablation(found, SAE, torch.from_numpy(states[:, LAYER]), PAIRS, HALVES, draws=19)


def test_what_is_taken_out(plan: Plan, found: Selectivity, states: np.ndarray) -> None:
    texts = np.arange(2 * ITEMS)
    changes = plan.changes(texts)
    assert changes.shape == (2 * ITEMS, FIRST + 3 * 19, WIDTH)
    assert not changes[:, 0].any()
    at = torch.from_numpy(states[:, LAYER])
    dense = SAE.encode(at).dense().detach()
    sizes = changes.norm(dim=2)
    for text in texts:
        # an item that chose the latents does not lose them: those of the other half are taken
        turn = 1 if HALVES[text % ITEMS] else 0
        some = torch.from_numpy(found.firing.latents[found.chosen[turn]])
        own = dense[text, some] @ SAE.decoder.detach()[some]
        torch.testing.assert_close(changes[text, 1], -own)
        others = torch.from_numpy(found.firing.latents[plan.sets[turn][4]])
        torch.testing.assert_close(changes[text, FIRST + 4], -(dense[text, others] @ SAE.decoder.detach()[others]))
    # along other directions by as much
    torch.testing.assert_close(sizes[:, FIRST + 19 :], sizes[:, 1:2].expand(-1, 38))
    assert not np.isin(plan.sets[0], np.concatenate(found.chosen)).any()


def measured(plan: Plan, change: float, seed: int = 0) -> np.ndarray:
    """CSE (copy, stimulus, layer): noise of its own in each copy, and in the second copy a change of the first condition."""
    rng = np.random.default_rng(seed)
    values = rng.normal(0.5, 0.1, (1, 2 * ITEMS, DEPTH)) + rng.normal(0, 0.01, (plan.copies, 2 * ITEMS, DEPTH))
    values[1, :ITEMS, 5:] += change
    values[:, :, 0] = np.nan
    return values


def test_a_planted_change_is_found_and_none_is_not(plan: Plan) -> None:
    one = ablation(plan, measured(plan, 0.1), PAIRS, (6, 8), permutations=500)
    change = one.of["contrast"]
    assert change.window.difference == pytest.approx(0.1, abs=0.01)
    assert change.window.found
    assert [(first, last) for first, last, p in change.clusters if p <= ALPHA] == [(6, 8)]
    for name in INSTEAD:
        assert rank_p(np.array([change.window.difference]), change.drawn[name][None])[0] == 1 / 20
        assert change.nulls[name].shape == (19, DEPTH)
    assert one.of["a"].window.found
    assert not one.of["b"].window.found
    assert np.isnan(change.values[0])
    assert one.size_a > one.size_b
    called = 0
    for seed in range(8):
        nothing = ablation(plan, measured(plan, 0.0, seed), PAIRS, (6, 8), permutations=200).of["contrast"]
        ranks = [rank_p(np.array([nothing.window.difference]), nothing.drawn[name][None])[0] for name in INSTEAD]
        called += nothing.window.found and max(ranks) <= ALPHA
    assert called <= 2
