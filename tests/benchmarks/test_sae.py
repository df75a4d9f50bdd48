"""The comparison with other trainers of dictionaries, on small ones."""

import pytest
import torch

from benchmarks import sae


def test_the_states_are_off_centre_and_heavy_tailed_and_our_side_learns_from_them():
    states = sae.States(32).drawn(600)
    assert states.shape == (600, 32)
    assert torch.isfinite(states).all()
    spread = (states - states.mean(0)).norm(dim=1)
    assert states.mean(0).norm() > 0.3 * spread.median()
    assert spread.max() > 1.5 * spread.median()
    step, finished = sae.ours(sae.Held(states, 100, 10), 64, 1e-2, 4)
    for number in range(10):
        step(states[50 * number : 50 * number + 100])
    with torch.no_grad():
        left = (finished().reconstruct(states) - states).square().sum() / (states - states.mean(0)).square().sum()
    assert left < 0.7


@pytest.mark.thorough
def test_every_row_is_there_and_every_side_takes_its_steps():
    pytest.importorskip("sae_lens")
    pytest.importorskip("sparsify")
    found = sae.rows(sae.States(32).drawn(600), 64, 128, 2)
    assert [row.against.split()[0] for row in found] == ["sae-lens", "sparsify", "the"]
    assert all(row.ratio > 0 and not row.goal for row in found)


@pytest.mark.thorough
def test_as_much_is_learnt_from_the_same_tokens_as_by_sae_lens():
    pytest.importorskip("sae_lens")
    row = sae.learnt(sae.States(64).drawn(2**14), 256, 512, 250, k=8)
    assert row.met, row.markdown()
