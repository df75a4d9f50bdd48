"""What the states of tokens are put through is what a scan promises."""

import torch

import depthscope as ds
from depthscope.scan.worker import reduction


def test_states_become_the_measures_of_their_updates() -> None:
    states = torch.randn(5, 7, 32)
    found = reduction(("cse", "norm"), 6)(states)
    updates = states.double().diff(dim=1)
    assert torch.allclose(found[:, :6], ds.cse(updates).float(), equal_nan=True)
    assert torch.allclose(found[:, 6:], updates.norm(dim=-1).float())
