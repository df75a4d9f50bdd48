"""One batch: the Gram matrix is that of the model's own states, also where single precision is at its end."""

import copy
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import depthscope as ds
from depthscope.capture.record import NotFiniteError, measure, record
from depthscope.capture.tokens import Subtoken, Tokenized, tokenize
from depthscope.stimuli.read import read_stimuli
from tests.capture import naive
from tests.conftest import tiny_llama
from tests.model.families import build

SPLIT = {
    "item": "split",
    "condition": "c",
    "text": "We know disestablishmentarianism",
    "target": "disestablishmentarianism",
}
EXACT = 1e-12  # float64, on the same states
CASES = [("tiny", "last"), ("tiny", "first"), ("tiny", "mean"), ("embedded", "last"), ("embedded", "mean")]
MODEL = 1e-5  # float32 kernels, which sum in another order when the batch has another shape


def rows_of(model: ds.Model, pairs: pd.DataFrame, subtoken: Subtoken = "last") -> list[Tokenized]:
    table = pd.concat([pairs, pd.DataFrame([SPLIT])], ignore_index=True)
    return tokenize(model.tokenizer, read_stimuli(table, paired=False), subtoken)


def expected(model: ds.Model, row: Tokenized) -> np.ndarray:
    network: Any = model.network
    return naive.states(network, row.ids, row.positions, network.model.norm)


@pytest.mark.parametrize(("which", "subtoken"), CASES)
def test_one_text_gives_the_gram_matrix_of_its_hidden_states(
    which: str, subtoken: Subtoken, pairs: pd.DataFrame, request: pytest.FixtureRequest
) -> None:
    model = request.getfixturevalue(which)
    for row in (rows_of(model, pairs, subtoken)[i] for i in (0, -1)):
        states = expected(model, row)
        arrays = record(model, [row])
        assert arrays["gram"].dtype == np.float64
        assert naive.deviation(arrays["gram"][0], naive.gram(states)) < EXACT
        np.testing.assert_allclose(arrays["initial_dot"][0], np.diff(states, axis=0) @ states[0], rtol=1e-9)
        np.testing.assert_allclose(arrays["state_norm"][0], np.linalg.norm(states, axis=1), rtol=EXACT)


@pytest.mark.parametrize(("which", "subtoken"), CASES)
def test_a_padded_batch_gives_the_same_to_the_rounding_of_the_model(
    which: str, subtoken: Subtoken, pairs: pd.DataFrame, request: pytest.FixtureRequest
) -> None:
    model = request.getfixturevalue(which)
    rows = rows_of(model, pairs, subtoken)
    assert len({len(row.ids) for row in rows}) > 1
    arrays = record(model, rows)
    for i in (0, 3, -1):
        states = expected(model, rows[i])
        assert naive.deviation(arrays["gram"][i], naive.gram(states)) < MODEL
        np.testing.assert_allclose(arrays["state_norm"][i], np.linalg.norm(states, axis=1), rtol=MODEL)


def test_the_gram_matrix_of_the_states_follows_from_what_is_kept(tiny: ds.Model, pairs: pd.DataFrame) -> None:
    arrays = record(tiny, rows_of(tiny, pairs)[:1], keep_states=True)
    states = arrays["states"][0].astype(np.float64)
    update, dot, start = arrays["gram"][0], arrays["initial_dot"][0], arrays["state_norm"][0, 0] ** 2
    walk = np.tri(tiny.depth)  # h_k = h_0 + u_1 + .. + u_k
    rebuilt = start + (walk @ dot)[:, None] + (walk @ dot)[None, :] + walk @ update @ walk.T
    np.testing.assert_allclose(rebuilt, states[1:] @ states[1:].T, rtol=1e-9, atol=1e-9 * start)


def test_kept_states_reproduce_the_gram_matrix(tiny: ds.Model, pairs: pd.DataFrame) -> None:
    arrays = record(tiny, rows_of(tiny, pairs), keep_states=True)
    assert arrays["states"].dtype == np.float32
    for states, gram in zip(arrays["states"], arrays["gram"], strict=True):
        assert naive.deviation(gram, naive.gram(states.astype(np.float64))) < EXACT


def test_states_are_kept_only_when_asked_for(tiny: ds.Model, pairs: pd.DataFrame) -> None:
    assert set(record(tiny, rows_of(tiny, pairs))) == {"gram", "initial_dot", "state_norm", "surprisal"}


def test_the_mean_of_a_double_precision_model_stays_in_double_precision(tokenizer: Any, pairs: pd.DataFrame) -> None:
    model = ds.load(tiny_llama(len(tokenizer)).double(), tokenizer)
    row = rows_of(model, pairs, "mean")[-1]
    assert row.n_subtokens > 2
    assert naive.deviation(record(model, [row])["gram"][0], naive.gram(expected(model, row))) < EXACT


def test_a_padding_token_that_the_network_does_not_know_does_no_harm(tokenizer: Any, pairs: pd.DataFrame) -> None:
    padded = copy.deepcopy(tokenizer)
    padded.add_special_tokens({"pad_token": "<pad>"})  # the embeddings are not resized, as is often forgotten
    assert padded.pad_token_id >= len(tokenizer)
    plain, forgetful = (ds.load(tiny_llama(len(tokenizer)), t) for t in (tokenizer, padded))
    grams = [record(model, rows_of(model, pairs))["gram"] for model in (plain, forgetful)]
    np.testing.assert_array_equal(*grams)


@pytest.mark.parametrize("poison", [float("nan"), float("inf"), float("-inf")])
def test_what_is_not_finite_is_reported_with_its_state(tokenizer: Any, pairs: pd.DataFrame, poison: float) -> None:
    network: Any = tiny_llama(len(tokenizer))
    model = ds.load(network, tokenizer)
    network.model.layers[2].mlp.down_proj.weight.data[0, 0] = poison
    with pytest.raises(NotFiniteError) as problem:
        record(model, rows_of(model, pairs))
    assert (problem.value.row, problem.value.state) == (0, 3)


def test_only_the_row_that_is_not_finite_is_reported(tokenizer: Any, pairs: pd.DataFrame) -> None:
    network: Any = tiny_llama(len(tokenizer))
    model = ds.load(network, tokenizer)
    rows = rows_of(model, pairs)
    network.model.embed_tokens.weight.data[rows[5].ids[0]] = float("nan")  # "The" of "The evening brought a storm."
    affected = [i for i, row in enumerate(rows) if rows[5].ids[0] in row.ids]
    with pytest.raises(NotFiniteError) as problem:
        record(model, rows)
    assert (problem.value.row, problem.value.state) == (affected[0], 1)  # attention carries it to the target


@pytest.mark.parametrize("subtoken", ["last", "mean"])
def test_massive_activations_leave_the_gram_matrix_within_the_rounding_of_the_states(
    tokenizer: Any, pairs: pd.DataFrame, subtoken: Subtoken
) -> None:
    # GPT-2, because all of it runs in float64 when asked to; Llama's norm and rotation stay in float32
    network: Any = build("gpt2", len(tokenizer))
    typical = float(network.transformer.wte.weight.detach().norm(dim=-1).mean())
    direction = torch.nn.functional.normalize(torch.randn(32, generator=torch.Generator().manual_seed(0)), dim=0)
    network.transformer.wpe.weight.data += 1e3 * typical * direction
    single = ds.load(network, tokenizer)
    double = ds.load(copy.deepcopy(network).double(), tokenizer)
    rows = rows_of(single, pairs, subtoken)
    ours, exact = record(single, rows), record(double, rows)
    norm = np.sqrt(np.diagonal(exact["gram"], axis1=1, axis2=2))
    assert (exact["state_norm"][:, 0] > 100 * norm.max(1)).all()  # the component is massive beside every update
    # Float32 rounds h_(l-1), h_l, and the sum between the two halves of block l, each by at most eps/2 of the state, so
    # an update is off by at most 1.5 eps |h|. What else the block computes is of the size of the update: eps |u|. Squares
    # of the states in float32 would be worse by another |h| / |u|, and far outside.
    off = 2 * np.finfo(np.float32).eps * exact["state_norm"].max(1, keepdims=True) / norm
    assert off.max() < 1e-3
    assert (
        np.abs(ours["gram"] - exact["gram"]) < (off[:, :, None] + off[:, None, :]) * norm[:, :, None] * norm[:, None, :]
    ).all()


def test_target_states_are_those_of_the_very_forward_pass(tiny: ds.Model, pairs: pd.DataFrame) -> None:
    row = rows_of(tiny, pairs)[0]
    states, _ = measure(tiny, [row])
    np.testing.assert_array_equal(states[0].numpy(), expected(tiny, row).astype(np.float32))
