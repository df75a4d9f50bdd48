"""The untrained twin: the same network in everything but its weights."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch.nn import functional
from transformers import LlamaForCausalLM

import depthscope as ds
from depthscope.model.untrained import untrained
from tests.conftest import tiny_llama
from tests.model.families import build
from tests.model.toy import Toy


def shapes(network: torch.nn.Module) -> dict[str, Any]:
    return {name: (tensor.shape, tensor.dtype) for name, tensor in network.state_dict().items()}


@pytest.mark.parametrize("family", ["gpt2", "gpt-neox", "llama", "gemma3", "gpt-oss"])
def test_the_twin_has_the_same_shapes_and_other_weights(family: str, tokenizer: Any) -> None:
    model = ds.load(build(family, len(tokenizer)), tokenizer)
    before = model.fingerprint
    twin = untrained(model, seed=3)
    assert type(twin.network) is type(model.network)
    assert shapes(twin.network) == shapes(model.network)
    assert (twin.path, twin.depth, twin.dtype, twin.device) == (model.path, model.depth, model.dtype, model.device)
    assert twin.tokenizer is model.tokenizer
    assert twin.name == "in memory, untrained (seed 3)"
    assert set(twin.checks) == set(model.checks)
    assert twin.predicts
    assert not twin.network.training
    ours, theirs = twin.network.get_input_embeddings().weight, model.network.get_input_embeddings().weight
    assert float((ours != theirs).float().mean()) > 0.99
    assert model.fingerprint == before


def test_a_seed_names_the_weights(tiny: ds.Model) -> None:
    first, again, other = (untrained(tiny, seed).fingerprint for seed in (0, 0, 1))
    assert first == again
    assert len({first, other, tiny.fingerprint}) == 3


def test_the_weights_do_not_depend_on_what_was_drawn_before_nor_change_what_is_drawn_after(tiny: ds.Model) -> None:
    torch.manual_seed(11)
    expected = torch.rand(3)
    torch.manual_seed(11)
    first = untrained(tiny)
    assert torch.equal(torch.rand(3), expected)
    torch.manual_seed(12)
    assert untrained(tiny).fingerprint == first.fingerprint


def test_the_random_state_is_set_back_when_the_twin_cannot_be_built(tokenizer: Any, refuses: Any) -> None:
    model = ds.load(Toy(), tokenizer)
    torch.manual_seed(11)
    state = torch.random.get_rng_state()
    with refuses("in memory: Toy cannot be built from its configuration alone", "give it to load"):
        untrained(model)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_the_embedded_model_has_a_twin_which_traces(embedded: ds.Model, pairs: pd.DataFrame) -> None:
    twin = untrained(embedded)
    assert twin.name == "embedded, untrained (seed 0)"
    assert shapes(twin.network) == shapes(embedded.network)
    assert twin.network.get_output_embeddings().weight is twin.network.get_input_embeddings().weight
    traj = ds.trace(twin, pairs, progress=False)
    assert traj.attrs["model"] == twin.name
    assert np.isfinite(traj["gram"]).all()
    assert np.isfinite(ds.cse(traj).to_numpy()).any()
    # it knows nothing: every token is about as likely as every other
    guess = np.log2(twin.vocabulary) * traj["n_subtokens"]
    np.testing.assert_allclose(traj["surprisal"], guess, rtol=0.25)


@pytest.mark.parametrize("tied", [True, False])
def test_tied_weights_stay_tied_and_others_apart(tied: bool, tokenizer: Any) -> None:
    config = tiny_llama(len(tokenizer)).config
    config.tie_word_embeddings = tied
    model = ds.load(LlamaForCausalLM(config).to(torch.bfloat16).eval(), tokenizer)
    network: Any = untrained(model).network
    assert (network.lm_head.weight is network.model.embed_tokens.weight) == tied
    assert network.lm_head.weight.dtype == torch.bfloat16


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_every_tensor_has_the_precision_of_its_namesake(dtype: torch.dtype, tokenizer: Any) -> None:
    network: Any = tiny_llama(len(tokenizer)).to(dtype)
    network.model.rotary_emb.float()  # as transformers loads it: angles in bfloat16 would be off
    twin: Any = untrained(ds.load(network, tokenizer)).network
    assert shapes(twin) == shapes(network)
    assert {n: b.dtype for n, b in twin.named_buffers()} == {n: b.dtype for n, b in network.named_buffers()}
    assert twin.model.rotary_emb.inv_freq.dtype == torch.float32


def test_a_seed_means_the_same_weights_in_every_precision(tokenizer: Any) -> None:
    wide, narrow = (
        untrained(ds.load(tiny_llama(len(tokenizer)).to(dtype), tokenizer)).network.state_dict()
        for dtype in (torch.float32, torch.bfloat16)
    )
    assert all(torch.equal(wide[name].to(torch.bfloat16), narrow[name]) for name in wide)


def test_the_twin_of_a_quantised_model_is_plain_and_in_single_precision(tokenizer: Any) -> None:
    network: Any = tiny_llama(len(tokenizer)).to(torch.bfloat16)
    network.config.quantization_config = {"quant_method": "gptq", "bits": 4}
    twin = untrained(ds.load(network, tokenizer))
    assert twin.dtype == torch.float32
    assert not hasattr(twin.network.config, "quantization_config")
    assert network.config.quantization_config == {"quant_method": "gptq", "bits": 4}


def test_a_class_that_only_remote_code_defines_has_a_twin(tokenizer: Any) -> None:
    class Remote(LlamaForCausalLM):
        def forward(self, *args: Any, **kwargs: Any) -> Any:
            output = super().forward(*args, **kwargs)
            output.logits = torch.tanh(output.logits)
            return output

    model = ds.load(Remote(tiny_llama(len(tokenizer)).config).eval(), tokenizer)
    twin = untrained(model)
    assert type(twin.network) is Remote
    assert twin.checks["head"].startswith("logits read at single tokens")


def test_a_network_that_its_configuration_does_not_describe_is_refused(tokenizer: Any, refuses: Any) -> None:
    network: Any = tiny_llama(len(tokenizer))
    del network.model.layers[2]
    with refuses("in memory", "not the one that its configuration describes", "model.layers.5.", "undo the changes"):
        untrained(ds.load(network, tokenizer))
    wider: Any = tiny_llama(len(tokenizer))
    gate, up = wider.model.layers[0].mlp.gate_proj, wider.model.layers[0].mlp.up_proj
    for part in (gate, up):
        part.weight = torch.nn.Parameter(functional.pad(part.weight.detach(), (0, 0, 0, 8)))
    down = wider.model.layers[0].mlp.down_proj
    down.weight = torch.nn.Parameter(functional.pad(down.weight.detach(), (0, 8)))
    with refuses("not the one that its configuration describes", "model.layers.0.mlp.gate_proj.weight"):
        untrained(ds.load(wider, tokenizer))
