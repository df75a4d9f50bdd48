"""The fingerprint names exactly these weights in this architecture."""

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

import depthscope as ds
from depthscope.model.fingerprint import fingerprint
from depthscope.model.quantization import SCHEMES, gradless
from tests.conftest import tiny_llama
from tests.model.test_quantization import IDS, saved


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


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved(tmp_path_factory.mktemp("llama"))


class TestQuantised:
    """Codes and scales are the weights; nothing that a forward pass does to them counts."""

    @pytest.mark.parametrize("name", SCHEMES)
    def test_it_is_the_same_on_every_loading_and_after_a_pass(self, folder: Path, name: str) -> None:
        network = raw(folder, name)
        before = fingerprint(network)
        # without settle: bitsandbytes may repack
        with gradless(network):
            first = network(IDS).logits
        assert fingerprint(network) == before
        with gradless(network):
            assert torch.equal(network(IDS).logits, first)  # it was looked at, not changed
        assert fingerprint(raw(folder, name)) == before

    def test_schemes_differ(self, folder: Path) -> None:
        plain = fingerprint(LlamaForCausalLM.from_pretrained(folder))
        assert len({plain, *(fingerprint(raw(folder, name)) for name in SCHEMES)}) == len(SCHEMES) + 1

    @pytest.mark.parametrize("name", SCHEMES)
    def test_other_weights_differ(self, folder: Path, name: str, tmp_path: Path) -> None:
        network: Any = LlamaForCausalLM.from_pretrained(folder)
        with torch.no_grad():
            network.model.layers[2].mlp.up_proj.weight.mul_(1.03)
        network.save_pretrained(tmp_path)
        assert fingerprint(raw(tmp_path, name)) != fingerprint(raw(folder, name))

    def test_how_it_computes_counts(self, folder: Path) -> None:
        assert fingerprint(raw(folder, "int8")) != fingerprint(raw(folder, "int8-vectorwise"))


def raw(folder: Path, name: str) -> Any:
    wish = SCHEMES[name].build()
    return LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32, quantization_config=wish).eval()


def test_plain_networks_keep_the_fingerprint_of_earlier_versions() -> None:
    # run folders of version 0.1 are recognised by it; the weights are set by arithmetic, not drawn
    network = torch.nn.Linear(3, 2)
    with torch.no_grad():
        network.weight.copy_(torch.arange(6).reshape(2, 3))
        network.bias.copy_(torch.tensor([0.5, -1.0]))
    assert fingerprint(network) == "3f397af818726823"
