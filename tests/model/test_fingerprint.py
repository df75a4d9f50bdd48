"""The fingerprint names exactly these weights in this architecture."""

from typing import Any

import torch
from transformers import LlamaConfig, LlamaForCausalLM

import depthscope as ds
from depthscope.model.fingerprint import fingerprint
from tests.conftest import tiny_llama


def llama(**changes: Any) -> Any:
    torch.manual_seed(1)
    size = {"vocab_size": 211, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 4}
    return LlamaForCausalLM(LlamaConfig(**{**size, "num_attention_heads": 4, **changes}))


def test_equal_weights_have_equal_fingerprints() -> None:
    assert fingerprint(llama()) == fingerprint(llama())


def test_where_a_model_was_loaded_from_does_not_matter() -> None:
    elsewhere = llama()
    elsewhere.config._name_or_path = "/somewhere/else"
    assert fingerprint(elsewhere) == fingerprint(llama())


def test_one_training_step_changes_the_fingerprint() -> None:
    network = llama()
    before = fingerprint(network)
    network(torch.arange(9)[None]).logits.square().mean().backward()
    torch.optim.SGD(network.parameters(), lr=1e-3).step()
    assert fingerprint(network) != before


def test_the_precision_changes_the_fingerprint() -> None:
    assert fingerprint(llama().double()) != fingerprint(llama())


def test_a_setting_without_weights_changes_the_fingerprint() -> None:
    assert fingerprint(llama(rms_norm_eps=1e-3)) != fingerprint(llama())


def test_swapped_layers_change_the_fingerprint() -> None:
    network = llama()
    network.model.layers[0], network.model.layers[1] = network.model.layers[1], network.model.layers[0]
    assert fingerprint(network) != fingerprint(llama())


def test_a_buffer_counts() -> None:
    network, other = llama(), llama()
    network.register_buffer("scale", torch.ones(1))
    other.register_buffer("scale", torch.zeros(1))
    assert fingerprint(network) != fingerprint(other)


def test_a_model_trained_after_loading_gets_a_new_fingerprint(tokenizer: Any) -> None:
    network: Any = tiny_llama(len(tokenizer))
    model = ds.load(network, tokenizer)
    before = model.fingerprint
    with torch.no_grad():
        network.model.layers[0].mlp.up_proj.weight.mul_(1.01)
    assert model.fingerprint != before
