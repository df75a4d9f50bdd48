"""The logit lens reads states with the model's own norm and head, whatever these do."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import depthscope as ds
from depthscope.capture import lens
from depthscope.capture.lens import Lens, lens_entropy, readout
from depthscope.capture.tokens import tokenize
from depthscope.capture.trace import trace
from depthscope.model.miniature import byte_tokenizer, families, miniature
from depthscope.stimuli.read import read_stimuli
from tests.capture.test_surprisal import HEADS, headed
from tests.conftest import tiny_llama
from tests.model.families import READOUT, SETTINGS, build
from tests.model.planted import planted

TOKENIZER = byte_tokenizer()
MODEL = 2e-5  # bits: float32 kernels in another shape
WORD = {"item": "i", "condition": "c", "text": "The new lawyer is a shark, they say.", "target": "shark"}
TABLE = pd.DataFrame([WORD, {**WORD, "condition": "d", "text": "A shark."}])


def entropy(logits: torch.Tensor) -> float:
    """In bits, by its definition, in float64."""
    p = np.exp(logits.numpy().astype(np.float64) - float(logits.max()))
    p /= p.sum()
    return float(-(p[p > 0] * np.log2(p[p > 0])).sum())


def own_logits(model: ds.Model, row: int = 0) -> torch.Tensor:
    """What the model itself gives at the target."""
    target = tokenize(model.tokenizer, read_stimuli(TABLE, paired=False))[row]
    network: Any = model.network
    with torch.inference_mode():
        return network(torch.tensor([target.ids]), use_cache=False).logits[0, target.positions[0]]


def traced(model: ds.Model, **options: Any) -> Any:
    return trace(model, TABLE, lens=True, progress=False, **options)


def small(name: str) -> ds.Model:
    return ds.load(miniature(next(f for f in families() if f.model_type == name)), TOKENIZER)


# soft-capping, scaled logits, parallel streams that are put together behind the last block, a stream that was halved
PECULIAR = {
    **{f"head: {name}": lambda name=name: ds.load(headed(name, len(TOKENIZER)), TOKENIZER) for name in HEADS},
    **{name: lambda name=name: small(name) for name in ("deepseek_v4", "gemma3n_text", "rwkv")},
}


@pytest.mark.parametrize("name", [*SETTINGS, *PECULIAR])
def test_at_the_last_layer_it_is_the_entropy_of_the_model_s_own_logits(name: str) -> None:
    model = PECULIAR[name]() if name in PECULIAR else ds.load(build(name, len(TOKENIZER)), TOKENIZER)
    found = traced(model)["lens_entropy"]
    assert found.dims == ("stimulus", "layer")
    assert found.dtype == np.float64
    for row in range(2):
        assert float(found[row, -1]) == pytest.approx(entropy(own_logits(model, row)), abs=MODEL)
    assert found.values.std(1).min() > 10 * MODEL  # and it is another one at every layer


@pytest.mark.parametrize("family", SETTINGS)
def test_at_every_layer_it_is_what_the_written_out_norm_and_head_give(family: str) -> None:
    model = ds.load(build(family, len(TOKENIZER)), TOKENIZER)
    traj = traced(model, keep="states")
    for row in range(2):
        for layer in range(1, model.depth + 1):
            state = torch.from_numpy(traj["states"].values[row, layer])
            with torch.inference_mode():
                logits = READOUT[family](model.network, state[None, None])[0, 0]
            assert float(traj["lens_entropy"][row, layer - 1]) == pytest.approx(entropy(logits), abs=MODEL)


def test_a_cap_that_is_forgotten_would_show() -> None:
    capped, free = (headed("gemma2", len(TOKENIZER), **change) for change in ({}, {"final_logit_softcapping": None}))
    found = [traced(ds.load(network, TOKENIZER))["lens_entropy"].values for network in (capped, free)]
    assert np.abs(found[0] - found[1]).min() > 0.1


@settings(max_examples=20, deadline=None)
@given(st.floats(-6, 6))
def test_it_lies_between_nothing_and_all_words_alike(power: float) -> None:
    model = MODEL_WITHOUT_NORM
    states = 10**power * torch.randn(3, 4, model.width, generator=torch.Generator().manual_seed(0))
    bits = lens_entropy(model, states)
    assert bits.shape == (3, 4)
    assert bool(((bits >= 0) & (bits <= np.log2(len(TOKENIZER)) + 1e-9)).all())


MODEL_WITHOUT_NORM = planted()


def test_a_state_of_zeros_knows_nothing_and_a_large_one_is_sure() -> None:
    model = MODEL_WITHOUT_NORM
    states = torch.stack([torch.zeros(model.width), 1e6 * torch.ones(model.width)])[None]
    bits = lens_entropy(model, states)
    assert float(bits[0, 0]) == pytest.approx(np.log2(len(TOKENIZER)), abs=1e-12)
    assert float(bits[0, 1]) < 1e-9


def test_states_beyond_one_pass_are_read_like_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    model = ds.load(tiny_llama(len(TOKENIZER)), TOKENIZER)
    states = torch.randn(7, 6, 32, generator=torch.Generator().manual_seed(0))
    whole = lens_entropy(model, states)
    monkeypatch.setattr(lens, "CHUNK", 5)
    torch.testing.assert_close(lens_entropy(model, states), whole, rtol=0, atol=MODEL)


def test_a_model_of_short_context_reads_as_many_states() -> None:
    import transformers as t

    torch.manual_seed(3)
    config = t.GPT2Config(vocab_size=len(TOKENIZER), n_embd=32, n_layer=6, n_head=4, n_positions=16)
    model = ds.load(t.GPT2LMHeadModel(config).eval(), TOKENIZER)
    states = torch.randn(5, 6, 32, generator=torch.Generator().manual_seed(0))
    bits = lens_entropy(model, states)
    with torch.inference_mode():
        logits = READOUT["gpt2"](model.network, states)
    expected = [[entropy(one) for one in row] for row in logits]
    np.testing.assert_allclose(bits, expected, atol=MODEL)


def test_reading_changes_nothing_else_and_leaves_no_hook() -> None:
    network: Any = tiny_llama(len(TOKENIZER))
    model = ds.load(network, TOKENIZER)
    before = [(len(m._forward_hooks), len(m._forward_pre_hooks)) for m in network.modules()]
    with_lens, without = traced(model), trace(model, TABLE, progress=False)
    assert [(len(m._forward_hooks), len(m._forward_pre_hooks)) for m in network.modules()] == before
    assert set(with_lens.variables) - set(without.variables) == {"lens_entropy"}
    assert with_lens.drop_vars("lens_entropy").identical(without)


def test_without_readable_logits_there_is_none() -> None:
    network: Any = tiny_llama(len(TOKENIZER))
    assert "lens_entropy" not in traced(ds.load(network.model, TOKENIZER))


def states_of(model: ds.Model, count: int = 17) -> torch.Tensor:
    return torch.randn(count, model.width, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", [*SETTINGS, *PECULIAR])
def test_some_at_a_time_or_all_at_once_the_logits_are_the_same(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = PECULIAR[name]() if name in PECULIAR else ds.load(build(name, len(TOKENIZER)), TOKENIZER)
    states = states_of(model)
    whole = torch.cat(list(Lens(model, len(states)).read(states)))
    monkeypatch.setattr(lens, "CHUNK", 4)
    parts = list(Lens(model, len(states)).read(states))
    assert [len(part) for part in parts] == [4, 4, 4, 4, 1]
    torch.testing.assert_close(torch.cat(parts), whole, rtol=1e-5, atol=1e-5)


def test_blocks_compute_for_the_first_states_only(monkeypatch: pytest.MonkeyPatch) -> None:
    network: Any = tiny_llama(len(TOKENIZER))
    model = ds.load(network, TOKENIZER)
    states = states_of(model)
    ran: list[None] = []
    network.model.layers[2].mlp.register_forward_hook(lambda *_: ran.append(None))
    monkeypatch.setattr(lens, "CHUNK", 4)
    assert len(list(Lens(model, len(states)).read(states))) == 5
    # to write down what they give; whether that will do is seen from the same states
    assert len(ran) == 1


@pytest.mark.parametrize("without", ["raises", "differs"])
def test_where_the_head_needs_the_blocks_they_go_on_computing(without: str, monkeypatch: pytest.MonkeyPatch) -> None:
    network: Any = tiny_llama(len(TOKENIZER))
    model = ds.load(network, TOKENIZER)
    states = states_of(model)
    expected = torch.cat(list(Lens(model, len(states)).read(states)))
    ran: list[None] = []

    def need(module: Any, args: Any) -> Any:
        if not ran and without == "raises":
            raise KeyError("what the third block keeps")
        return args if ran else (2 * args[0] + 1,)

    network.model.layers[2].mlp.register_forward_hook(lambda *_: ran.append(None))
    network.model.norm.register_forward_pre_hook(need)
    network.register_forward_pre_hook(lambda *_: ran.clear())
    monkeypatch.setattr(lens, "CHUNK", 4)
    found = torch.cat(list(Lens(model, len(states)).read(states)))
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 70), st.integers(0, 9), st.floats(0.01, 30))
def test_a_readout_is_what_the_definition_gives(count: int, top: int, spread: float) -> None:
    logits = spread * torch.randn(count, 9, generator=torch.Generator().manual_seed(count))
    found = readout(logits, top)
    p = np.exp(logits.numpy().astype(np.float64) - logits.numpy().max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    order = np.argsort(-logits.numpy(), axis=1)[:, :top]
    np.testing.assert_array_equal(found.ids, order)
    np.testing.assert_allclose(found.probability, np.take_along_axis(p, order, 1), rtol=1e-12)
    np.testing.assert_allclose(found.bits, [entropy(row) for row in logits], atol=1e-9)
    assert found.probability.shape == (count, top)
