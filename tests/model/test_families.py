"""Ten families of models: what is captured is what they compute with, alone or in any batch."""

import copy
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr

import depthscope as ds
from tests.model.families import DEPTH, READOUT, SETTINGS, build

PATHS = {
    "gpt2": "transformer.h",
    "gpt-neox": "gpt_neox.layers",
    "opt": "model.decoder.layers",
    "bloom": "transformer.h",
}

# of unequal length, so that all but one are padded when they share a batch
TEXTS = [
    ("short", "A shark.", "shark"),
    ("middle", "The old hedge by the river became a wall last year.", "wall"),
    ("split", "Everybody knows antidisestablishmentarianism well", "antidisestablishmentarianism"),
    (
        "long",
        "After a long and difficult negotiation the new lawyer of the company turned out to be a shark, as expected.",
        "shark",
    ),
]
TABLE = pd.DataFrame(TEXTS, columns=["item", "text", "target"]).assign(condition="only")


@pytest.fixture(scope="module", params=list(SETTINGS))
def family(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def model(family: str, tokenizer: Any) -> ds.Model:
    return ds.load(build(family, len(tokenizer)), tokenizer)


@pytest.fixture
def ids(tokenizer: Any) -> torch.Tensor:
    return tokenizer("The new lawyer of the company is a shark, they say.", return_tensors="pt")["input_ids"]


def captured(model: ds.Model, ids: torch.Tensor) -> list[torch.Tensor]:
    states: dict[int, torch.Tensor] = {}
    with model.listening(states.__setitem__):
        model.run_trunk(ids)
    return [states[i] for i in range(model.depth + 1)]


def test_the_blocks_are_found_and_the_logits_hold(model: ds.Model, family: str) -> None:
    assert (model.path, model.depth) == (PATHS.get(family, "model.layers"), DEPTH)
    assert model.checks["logits"].startswith("logits from the last state differ by at most")
    assert float(model.checks["logits"].split()[-1]) < 1e-5


def test_the_last_state_gives_the_logits_through_the_written_out_norm_and_head(
    model: ds.Model, family: str, ids: torch.Tensor
) -> None:
    with torch.inference_mode():
        logits = model.network(ids).logits
        own = READOUT[family](model.network, captured(model, ids)[-1])
    torch.testing.assert_close(own, logits, rtol=0, atol=1e-5 * float(logits.abs().max()))


def test_the_states_before_the_last_equal_the_hidden_states(model: ds.Model, ids: torch.Tensor) -> None:
    with torch.inference_mode():
        hidden = model.network(ids, output_hidden_states=True).hidden_states
    states = captured(model, ids)
    assert len(hidden) == len(states) == DEPTH + 1
    for state, expected in zip(states[:-1], hidden[:-1], strict=True):
        torch.testing.assert_close(state, expected, rtol=0, atol=1e-6 * float(expected.abs().max()))


def test_the_states_are_not_all_alike(model: ds.Model, ids: torch.Tensor) -> None:
    states = captured(model, ids)
    for before, after in pairwise(states):
        assert float((after - before).norm()) > 1e-3 * float(before.norm())


def test_hooks_change_no_bit_of_the_logits(model: ds.Model, ids: torch.Tensor) -> None:
    with torch.inference_mode():
        without = model.network(ids).logits
        # even a receiver that gives something back has no say
        with model.listening(lambda number, state: torch.zeros_like(state)):  # type: ignore[arg-type, return-value]
            with_hooks = model.network(ids).logits
    assert torch.equal(without, with_hooks)


def test_measuring_leaves_weights_modes_and_training_untouched(family: str, tokenizer: Any) -> None:
    network = build(family, len(tokenizer))
    network.train()
    next(network.children()).eval()  # frozen in part, as for fine-tuning
    weights = copy.deepcopy(network.state_dict())
    modes = [module.training for module in network.modules()]
    ds.trace(ds.load(network, tokenizer), TABLE, progress=False)
    assert [module.training for module in network.modules()] == modes
    after = network.state_dict()
    assert weights.keys() == after.keys()
    assert all(torch.equal(weights[name], after[name]) for name in weights)
    network(torch.arange(9)[None]).logits.sum().backward()
    assert all(p.grad is not None for p in network.get_input_embeddings().parameters())


def assert_any_batch(model: ds.Model, subtoken: Any) -> None:
    alone, together = (
        ds.trace(model, TABLE, subtoken=subtoken, token_budget=budget, progress=False) for budget in (1, 10**6)
    )
    norm = alone["update_norm"].to_numpy()
    np.testing.assert_allclose(together["update_norm"], norm, rtol=1e-5)
    product = norm[:, :, None] * norm[:, None, :]
    assert (np.abs(together["gram"].to_numpy() - alone["gram"].to_numpy()) / product).max() < 1e-5
    np.testing.assert_allclose(together["initial_dot"], alone["initial_dot"], atol=1e-5 * float(_reach(alone)))
    np.testing.assert_allclose(ds.cse(together), ds.cse(alone), atol=1e-5)


def _reach(traj: xr.Dataset) -> float:
    return float((traj["state_norm"].isel(state=0) * traj["update_norm"]).max())


@pytest.mark.parametrize("subtoken", ["last", "mean"])
def test_any_batch_gives_what_each_text_gives_alone(model: ds.Model, subtoken: str) -> None:
    assert_any_batch(model, subtoken)


@pytest.mark.parametrize("subtoken", ["last", "mean"])
def test_any_batch_of_the_pretrained_model_gives_what_each_text_gives_alone(embedded: ds.Model, subtoken: str) -> None:
    assert_any_batch(embedded, subtoken)


def test_every_family_goes_through_to_cse(model: ds.Model) -> None:
    entropy = ds.cse(ds.trace(model, TABLE, progress=False))
    measured = entropy.to_numpy()[np.isfinite(entropy.to_numpy())]
    assert measured.size > 0
    assert ((measured >= 0) & (measured <= 1)).all()
    assert measured.std() > 0
