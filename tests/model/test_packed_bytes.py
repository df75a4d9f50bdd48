"""What packed weights take is known before any is read, for every scheme and precision."""

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import GPT2Config, LlamaForCausalLM

from depthscope.model.footprint import weight_bytes
from depthscope.model.paper import build
from depthscope.model.quantization import SCHEMES, quantization_config
from depthscope.model.quantization.paper import HELD, packed_bytes
from tests.conftest import tiny_llama

for library in ("bitsandbytes", "torchao", "optimum.quanto"):
    pytest.importorskip(library)


def on_meta(config: Any, dtype: torch.dtype) -> Any:
    with torch.device("meta"):
        return build(config, dtype)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("llama")
    tiny_llama(300, blocks=4, width=128).save_pretrained(place)  # type: ignore[operator]
    return place


def test_every_scheme_that_can_be_asked_for_is_known() -> None:
    assert set(HELD) == set(SCHEMES)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("name", SCHEMES)
def test_bytes_are_those_of_the_network_once_it_is_loaded(folder: Path, name: str, dtype: torch.dtype) -> None:
    def chosen() -> Any:
        return quantization_config(name, source=folder, device="cpu", dtype=dtype)

    network = LlamaForCausalLM.from_pretrained(
        folder, dtype=dtype, quantization_config=chosen(), device_map={"": "cpu"}
    )
    assert packed_bytes(on_meta(network.config, dtype), chosen(), "cpu") == pytest.approx(
        weight_bytes(network), rel=1e-3
    )


def test_a_scheme_that_finds_nothing_is_refused(refuses: Any) -> None:
    config = GPT2Config(n_layer=4, n_embd=32, n_head=2, vocab_size=100)
    chosen = quantization_config("quanto-int8", source="gpt2", device="cpu")
    with refuses("quanto-int8", "nothing to quantise in GPT2LMHeadModel"):
        packed_bytes(on_meta(config, torch.float32), chosen, "cpu")
