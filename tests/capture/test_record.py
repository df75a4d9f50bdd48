"""One batch: the Gram matrix is that of the model's own states, also where single precision is at its end."""

import copy
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import depthscope as ds
from depthscope.arrays import participation
from depthscope.capture.record import NotFiniteError, measure, record
from depthscope.capture.tokens import Subtoken, Tokenized, tokenize
from depthscope.model.parts import find_parts
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
    return naive.states(network, row.ids[: row.last + 1], row.positions, network.model.norm)


@pytest.fixture
def in_full(tiny: ds.Model, embedded: ds.Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last block works on all tokens, as in the very forward pass: on few of them its products round otherwise."""
    for model in (tiny, embedded):
        monkeypatch.setitem(vars(model), "tail", ())


@pytest.mark.usefixtures("in_full")
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
    assert set(record(tiny, rows_of(tiny, pairs))) == {
        "gram",
        "initial_dot",
        "participation",
        "state_norm",
        "surprisal",
    }


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


@pytest.mark.usefixtures("in_full")
def test_target_states_are_those_of_the_very_forward_pass(tiny: ds.Model, pairs: pd.DataFrame) -> None:
    row = rows_of(tiny, pairs)[0]
    states = measure(tiny, [row]).states
    np.testing.assert_array_equal(states[0].numpy(), expected(tiny, row).astype(np.float32))


@pytest.mark.usefixtures("in_full")
@pytest.mark.parametrize("subtoken", ["last", "mean"])
def testparticipation_is_what_a_loop_over_coordinates_gives(
    tiny: ds.Model, pairs: pd.DataFrame, subtoken: Subtoken
) -> None:
    rows = rows_of(tiny, pairs, subtoken)
    for i in (0, -1):
        states = expected(tiny, rows[i])
        found = record(tiny, [rows[i]])["participation"]
        assert found.dtype == np.float64
        for layer, (before, after) in enumerate(pairwise(states)):
            squares = [float(a - b) ** 2 for a, b in zip(after, before, strict=True)]
            ratio = sum(squares) ** 2 / sum(x**2 for x in squares)
            assert found[0, layer] == pytest.approx(ratio, rel=1e-9)
            assert 1 < ratio < 32


def testparticipation_of_one_coordinate_is_one_and_of_all_alike_their_number() -> None:
    one, alike, none = torch.zeros(3, 1, 20, dtype=torch.float64).unbind(0)
    one[0, 7] = -3e90  # whose fourth power no number can hold
    alike[0] = torch.tensor([1e-90, -1e-90], dtype=torch.float64).repeat(10)
    found = participation(torch.stack([one, alike, none], dim=1))
    np.testing.assert_allclose(found[0, :2], [1, 20], rtol=1e-12)
    assert torch.isnan(found[0, 2])


@given(
    # the factor must leave the largest a number with all its digits
    st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=30).filter(lambda v: max(map(abs, v)) > 1e-300),
    st.floats(1e-6, 1e6),
    st.randoms(),
)
def test_participation_knows_neither_the_length_of_an_update_nor_the_order_of_features(
    values: list[float], factor: float, random: Any
) -> None:
    shuffled = random.sample(values, len(values))
    given_ = [torch.tensor(v, dtype=torch.float64)[None, None] for v in (values, shuffled)]
    plain, other = participation(given_[0]), participation(-factor * given_[1])
    torch.testing.assert_close(plain, other, rtol=1e-9, atol=0)
    assert 1 - 1e-9 <= float(plain) <= sum(v != 0 for v in values) + 1e-9


@pytest.mark.parametrize("which", ["tiny", "embedded"])
def test_the_inner_products_of_the_parts_add_up_to_the_gram_matrix(
    which: str, pairs: pd.DataFrame, request: pytest.FixtureRequest
) -> None:
    model = request.getfixturevalue(which)
    arrays = record(model, rows_of(model, pairs), parts=find_parts(model))
    parts = arrays["part_gram"]
    assert parts.shape == (9, 3, model.depth, model.depth)
    np.testing.assert_allclose(parts, parts.swapaxes(-1, -2), rtol=0, atol=EXACT * np.abs(parts).max())
    for whole, split in zip(arrays["gram"], parts, strict=True):
        assert naive.deviation(split.sum(0), whole) < MODEL
        assert (np.diagonal(split[:2], axis1=1, axis2=2) > 0).all()


@pytest.mark.parametrize("subtoken", ["last", "mean"])
def test_in_double_precision_the_parts_are_those_of_hooks_written_by_hand_and_add_up_exactly(
    tokenizer: Any, pairs: pd.DataFrame, subtoken: Subtoken
) -> None:
    network: Any = build("gpt2", len(tokenizer)).double()
    model = ds.load(network, tokenizer)
    row = rows_of(model, pairs, subtoken)[-1]
    own: dict[str, list[np.ndarray]] = {"attn": [], "mlp": []}
    handles = []
    for block in network.transformer.h:
        for name in own:

            def keep(module: Any, args: Any, output: Any, name: str = name) -> None:
                value = output[0] if isinstance(output, tuple) else output
                own[name].append(value[0, row.positions].mean(0).numpy())

            handles.append(getattr(block, name).register_forward_hook(keep))
    with torch.inference_mode():
        network(torch.tensor([row.ids]))
    for handle in handles:
        handle.remove()
    a, m = (np.array(values) for values in own.values())
    arrays = record(model, [row], parts=find_parts(model))
    size = np.abs(arrays["gram"][0]).max()
    for found, wanted in zip(arrays["part_gram"][0], (a @ a.T, m @ m.T, a @ m.T + m @ a.T), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-12 * size)
    np.testing.assert_allclose(arrays["part_gram"][0].sum(0), arrays["gram"][0], rtol=0, atol=1e-12 * size)


def test_asking_for_parts_and_the_lens_changes_nothing_else(tiny: ds.Model, pairs: pd.DataFrame) -> None:
    rows = rows_of(tiny, pairs)
    plain, more = record(tiny, rows), record(tiny, rows, parts=find_parts(tiny), lens=True)
    assert set(more) - set(plain) == {"part_gram", "lens_entropy"}
    for name, values in plain.items():
        np.testing.assert_array_equal(more[name], values)
