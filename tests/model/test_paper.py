"""Sizes on paper are those of the network that is built, and a few blocks stand for all."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import GptOssConfig, LlamaConfig, T5Config

import depthscope as ds
from depthscope.model.calibrate import time_blocks
from depthscope.model.footprint import weight_bytes
from depthscope.model.miniature import Family, families, miniature
from depthscope.model.paper import Paper, on_paper, read_config
from tests.conftest import tiny_llama
from tests.model.gguf_families import family as gguf_family
from tests.model.gguf_writer import convert

NAMES = ("llama", "gpt2", "gemma3", "gpt_neox", "qwen3_moe", "mamba", "bert", "t5", "llava", "deepseek_v3", "opt")
FAMILIES = [family for family in families() if family.model_type in NAMES]


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: f"{family.class_name} {family.stack}")
def test_it_says_what_load_would_find(family: Family, tokenizer: Any) -> None:
    from depthscope.model.miniature import byte_tokenizer

    network: Any = miniature(family)
    model = ds.load(network, byte_tokenizer(), stack=family.stack)
    paper = on_paper(network.config, "float32", family.stack)
    assert (paper.depth, paper.width, paper.vocabulary) == (model.depth, model.width, model.vocabulary)
    if family.kind != "encoder":  # whose head for masked words load leaves out
        assert paper.parameters == sum(p.numel() for p in model.network.parameters())


def test_the_embedded_model(embedded: ds.Model) -> None:
    paper = on_paper(read_config("embedded"), str(embedded.dtype))
    assert paper.bytes == weight_bytes(embedded.network)
    assert (paper.architecture, paper.path) == (type(embedded.network).__name__, embedded.path)
    assert (paper.depth, paper.width, paper.context) == (30, 576, embedded.max_length)
    assert paper.trunk_parameters == paper.parameters == 134_515_008  # tied


def test_half_the_precision_takes_half_the_bytes_and_the_head_counts_once() -> None:
    whole, half = (on_paper(LlamaConfig(), dtype) for dtype in ("float32", "bfloat16"))
    assert whole.parameters == half.parameters == 6_738_415_616  # Touvron et al. (2023), Llama 2 7B
    # rotary frequencies are kept in float32
    assert 2 * half.bytes - whole.bytes <= 1024
    assert whole.parameters - whole.trunk_parameters == 32_000 * 4096


def test_a_mixture_of_experts_of_20_billion() -> None:
    config = GptOssConfig(num_hidden_layers=24, num_local_experts=32, dtype="bfloat16")
    config.quantization_config = {"quant_method": "mxfp4"}
    paper = on_paper(config)
    assert (round(paper.parameters / 1e9, 1), paper.depth, paper.width) == (20.9, 24, 2880)
    assert (paper.quantization, paper.dtype) == ("mxfp4", "bfloat16")
    assert paper.bytes == pytest.approx(2 * paper.parameters, rel=1e-3)


def test_a_configuration_is_read_from_a_folder_a_file_and_a_name(tmp_path: Path) -> None:
    tiny_llama(100).config.save_pretrained(tmp_path)  # type: ignore[operator, union-attr]
    papers = {on_paper(read_config(source)) for source in (tmp_path, str(tmp_path), tmp_path / "config.json")}
    assert len(papers) == 1
    assert papers.pop().depth == 6
    assert isinstance(on_paper(read_config("embedded")), Paper)


def test_what_is_no_configuration_is_refused(tmp_path: Path, refuses: Any) -> None:
    for content in ("{", "[]", "{}", '{"model_type": "nothing"}', json.dumps({"a": 1})):
        (tmp_path / "config.json").write_text(content)
        with refuses(str(tmp_path), "transformers knows no such configuration"):
            read_config(tmp_path / "config.json")
    with refuses("none.json", "no such file"):
        read_config(tmp_path / "none.json")
    with refuses("none.gguf", "no such file"):
        read_config(tmp_path / "none.gguf")
    (tmp_path / "model.bin").write_bytes(b"")
    with refuses("model.bin", "give a configuration"):
        read_config(tmp_path / "model.bin")
    (tmp_path / "empty").mkdir()
    with refuses("empty", "holds no model"):
        read_config(tmp_path / "empty")
    (tmp_path / "broken.gguf").write_bytes(b"GGUF")
    with refuses("broken.gguf", "transformers knows no such configuration"):
        read_config(tmp_path / "broken.gguf")
    with refuses("nobody/nothing", "not in the hub's cache while offline"):
        read_config("nobody/nothing")


def test_what_cannot_be_built_is_refused(refuses: Any) -> None:
    with refuses("t5 is an encoder-decoder", "stack="):
        on_paper(T5Config())
    with refuses("'int8'", "float32"):
        on_paper(LlamaConfig(), "int8")
    with refuses("llama: no network can be built"):
        on_paper(LlamaConfig(hidden_size=64, num_attention_heads=4, rope_parameters={"rope_type": "nothing"}))


def test_few_blocks_are_timed_and_counted_for_all() -> None:
    config = tiny_llama(100, blocks=12).config
    timing = time_blocks(config, torch.float32, "cpu", texts=2, length=32)
    assert (timing.tokens, timing.length, timing.timed, timing.kinds) == (64, 32, 4, 1)
    assert timing.blocks > 0
    assert timing.fixed >= 0
    assert timing.seconds_per_token == (timing.fixed + timing.blocks) / 64


def test_of_each_kind_of_block_one_is_timed() -> None:
    family = next(f for f in families() if f.model_type == "deepseek_v3")
    config: Any = miniature(family).config
    config.first_k_dense_replace = 3  # three dense blocks, five mixtures of experts
    timing = time_blocks(config, torch.float32, "cpu", texts=1, length=16)
    assert (timing.kinds, timing.timed) == (2, 4)


def test_blocks_too_large_to_be_timed_are_refused(refuses: Any) -> None:
    with refuses("one block of each kind takes", "no time can be told"):
        time_blocks(LlamaConfig(), torch.float32, "cpu", 1, 16, largest=2**20)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: f"{family.class_name} {family.stack}")
def test_every_kind_of_network_can_be_timed(family: Family) -> None:
    network: Any = miniature(family)
    assert time_blocks(network.config, torch.float32, "cpu", 2, 16, family.stack).blocks > 0


def test_the_configuration_of_a_gguf_file_is_that_of_its_network(tmp_path: Path) -> None:
    """What transformers' own reading leaves out (here a sliding window) counts on paper as well."""
    path = convert(gguf_family("mistral-window")).write(tmp_path / "tiny.gguf")
    read, loaded = read_config(path), ds.load(path).network.config
    assert read.sliding_window == loaded.sliding_window is not None
    assert read.rope_parameters == loaded.rope_parameters
