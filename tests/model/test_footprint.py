"""Bytes of the weights, against bits per weight and scales counted by hand."""

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from torch import nn

from depthscope.model.footprint import describe, weight_bytes
from depthscope.model.quantization import SCHEMES, gradless
from tests.conftest import tiny_llama
from tests.model.test_quantization import IDS, VOCABULARY, quantised, saved

pytest.importorskip("bitsandbytes")
pytest.importorskip("torchao")
pytest.importorskip("optimum.quanto")

LAYERS, ROWS, COLUMNS = 4, 256, 128
WEIGHTS = LAYERS * ROWS * COLUMNS


def bytes_by_hand(name: str) -> int:
    """Codes, scales and tables of four layers of 256 x 128."""
    codes = WEIGHTS * SCHEMES[name].bits // 8
    blocks, rows, groups = WEIGHTS // 64, LAYERS * ROWS, WEIGHTS // 32
    table = LAYERS * 16 * 4
    extra = {
        "nf4": 4 * blocks + table,
        "fp4": 4 * blocks + table,
        # scales in bytes, in blocks of 256 with a float scale, a mean and a table of 256 floats in every layer
        "nf4-double": blocks + 4 * blocks // 256 + LAYERS * 4 + LAYERS * 256 * 4 + table,
        "int8": 4 * rows,
        "int8-vectorwise": 4 * rows,
        "torchao-int8": 4 * rows + rows,  # zero points of one byte
        "torchao-int8-dynamic": 4 * rows + rows,
        # int4 in bytes of their own; a float scale and a zero point of one byte in every group
        "torchao-int4": WEIGHTS - codes + 4 * groups + groups,
        "torchao-float8": 4 * rows,
        "quanto-int8": 4 * rows + LAYERS * 8,  # scales of inputs and outputs are there and unused
        "quanto-float8": 4 * rows + LAYERS * 8,
        "quanto-int4": 2 * 4 * WEIGHTS // 128 + LAYERS * 8,  # scale and shift of groups of 128
        "quanto-int2": 2 * 4 * WEIGHTS // 128 + LAYERS * 8,
    }
    return int(codes + extra[name])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved(tmp_path_factory.mktemp("llama"))


class Stack(transformers.PreTrainedModel):
    """Four linear layers, and a head of one weight, which every library leaves as it is."""

    config_class = transformers.LlamaConfig
    main_input_name = "input_ids"

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.layers = nn.ModuleList(nn.Linear(COLUMNS, ROWS, bias=False) for _ in range(LAYERS))
        self.head = nn.Linear(1, 1, bias=False)
        self.post_init()

    def get_input_embeddings(self) -> nn.Module:
        return self.head


@pytest.mark.parametrize("name", SCHEMES)
def test_bytes_are_those_of_codes_scales_and_tables(name: str, tmp_path: Path) -> None:
    Stack(transformers.LlamaConfig()).save_pretrained(tmp_path)
    network = Stack.from_pretrained(tmp_path, quantization_config=SCHEMES[name].build())
    assert weight_bytes(network) == bytes_by_hand(name) + 4


def test_a_plain_network_takes_the_sum_of_its_tensors() -> None:
    network = tiny_llama(VOCABULARY)
    tensors = [*network.parameters(), *network.buffers()]
    # the two rotary buffers are one tensor under two names
    unique = {tensor.data_ptr(): tensor.numel() * tensor.itemsize for tensor in tensors}
    assert weight_bytes(network) == sum(unique.values())


def test_tied_weights_count_once() -> None:
    network = nn.Sequential(nn.Embedding(50, 8), nn.Linear(8, 50, bias=False))
    assert weight_bytes(network) == 2 * 50 * 8 * 4
    network[1].weight = network[0].weight
    assert weight_bytes(network) == 50 * 8 * 4


def test_a_view_counts_as_what_it_keeps_alive() -> None:
    network = nn.Linear(8, 50, bias=False)
    network.weight = nn.Parameter(torch.zeros(16, 100)[::2, ::2].T)
    assert network.weight.shape == (50, 8)
    assert weight_bytes(network) == 16 * 100 * 4


def test_buffers_count_and_offloaded_weights_do_not() -> None:
    network = nn.Linear(8, 50, bias=False, device="meta")
    network.register_buffer("scale", torch.ones(3))
    assert weight_bytes(network) == 12


@pytest.mark.parametrize("name", ["int8", "nf4", "nf4-double"])
def test_scales_are_found_before_and_after_the_first_pass(folder: Path, name: str) -> None:
    network = quantised(folder, name)
    before = weight_bytes(network)
    with gradless(network):
        network(IDS)
    assert weight_bytes(network) == before


def test_the_description_names_scheme_library_and_size(folder: Path) -> None:
    plain = tiny_llama(VOCABULARY)
    assert describe(plain) == f"float32, {weight_bytes(plain) / 1e6:.2f} MB"
    assert describe(plain.to(torch.bfloat16)).startswith("bfloat16, ")
    network = quantised(folder, "quanto-int8")
    assert describe(network) == f"quanto-int8 (optimum-quanto), {weight_bytes(network) / 1e6:.2f} MB"
