"""Networks whose blocks lie elsewhere until they run: loaded, right, and named as what they are."""

from pathlib import Path
from typing import Any

import accelerate
import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

import depthscope as ds
from depthscope.model.accept import PROBE_TOKENS
from depthscope.model.cost import reading_speed
from depthscope.model.placed import input_device, stored
from tests.conftest import tiny_llama

ENDS = ("model.embed_tokens", "model.rotary_emb", "model.norm", "lm_head")


def dispatched(network: Any, where: str, folder: Path) -> Any:
    places = {**dict.fromkeys(ENDS, "cpu"), **{f"model.layers.{i}": "disk" if i % 2 else "cpu" for i in range(6)}}
    if where == "all on disk":
        places = dict.fromkeys(places, "disk")
    return accelerate.dispatch_model(network, places, main_device="cpu", offload_dir=folder)


@pytest.mark.parametrize("where", ["some blocks on disk", "all on disk", "all in memory, fetched"])
def test_an_offloaded_network_gives_the_same_numbers(
    tokenizer: Any, tiny: ds.Model, tmp_path: Path, where: str
) -> None:
    network = tiny_llama(len(tokenizer))
    if where == "all in memory, fetched":
        network = accelerate.cpu_offload(network, execution_device=torch.device("cpu"))
    else:
        network = dispatched(network, where, tmp_path)
    assert any(p.is_meta for p in network.parameters())
    model = ds.load(network, tokenizer)
    assert model.device == torch.device("cpu")
    assert (model.width, model.vocabulary) == (tiny.width, tiny.vocabulary)
    ours, theirs = (ds.trace_text(one, "A shark swims.", lens=3, progress=False) for one in (model, tiny))
    assert (ours.gram == theirs.gram).all()
    assert (ours.surprisal == theirs.surprisal)[1:].all()
    assert (ours.lens_entropy == theirs.lens_entropy).all()
    assert model.fingerprint == tiny.fingerprint
    assert any(p.is_meta for p in network.parameters()), "it was pulled into memory for good"


def test_a_device_map_reaches_transformers(tokenizer: Any, tiny: ds.Model, tmp_path: Path) -> None:
    tiny_llama(len(tokenizer)).save_pretrained(tmp_path / "model")
    tokenizer.save_pretrained(tmp_path / "model")
    # too little memory for any of it
    options = {"device_map": "auto", "max_memory": {"cpu": "1KB"}, "offload_folder": tmp_path / "offloaded"}
    model = ds.load(tmp_path / "model", **options)
    assert all(p.is_meta for p in model.network.parameters())
    assert model.device == torch.device("cpu")
    ours, theirs = (ds.trace_text(one, "A shark swims.", lens=3, progress=False) for one in (model, tiny))
    assert (ours.gram == theirs.gram).all()


def test_what_waits_on_the_disk_can_be_read_there(tokenizer: Any, tmp_path: Path) -> None:
    network = tiny_llama(len(tokenizer))
    before = {name: p.detach().clone() for name, p in network.named_parameters()}
    network = dispatched(network, "some blocks on disk", tmp_path)
    waiting = {name for name, p in network.named_parameters() if p.is_meta}
    assert {name.split(".")[2] for name in waiting} == {"1", "3", "5"}
    for name in waiting:
        values = stored(network, name)
        assert values is not None
        assert torch.equal(values, before[name])
    assert stored(network, "model.layers.0.mlp.up_proj.weight") is None


def test_ids_go_to_the_embeddings_not_to_the_first_parameter(tokenizer: Any) -> None:
    network: Any = tiny_llama(len(tokenizer))
    assert input_device(network) == torch.device("cpu")
    network.first = torch.nn.Linear(2, 2, device="meta")
    network._modules.move_to_end("first", last=False) if hasattr(network._modules, "move_to_end") else None
    assert input_device(network) == torch.device("cpu")


def test_weights_without_values_are_refused(tokenizer: Any, refuses: Any) -> None:
    with torch.device("meta"):
        network = tiny_llama(len(tokenizer))
    with refuses("LlamaForCausalLM has weights without values", "load it with its weights"):
        ds.load(network, tokenizer)


def short(tokenizer: Any, context: int) -> Any:
    """With a table of positions, beyond which there is nothing."""
    torch.manual_seed(0)
    config = GPT2Config(vocab_size=len(tokenizer), n_positions=context, n_embd=16, n_layer=4, n_head=2)
    return GPT2LMHeadModel(config).eval()


@pytest.mark.parametrize("context", [6, 7, PROBE_TOKENS, 2 * PROBE_TOKENS - 1, 2 * PROBE_TOKENS])
def test_a_short_context_is_probed_with_a_short_text(tokenizer: Any, context: int) -> None:
    model = ds.load(short(tokenizer, context), tokenizer)
    assert (model.depth, model.max_length, model.predicts) == (4, context, True)
    assert reading_speed(model, tokens=32) > 0
    assert ds.trace_text(model, "A shark", progress=False).sizes["layer"] == 4


@pytest.mark.parametrize("context", [1, 5])
def test_a_context_too_short_for_any_proof_is_refused(tokenizer: Any, context: int, refuses: Any) -> None:
    with refuses(f"a context of {context} tokens is too short", "at least 6"):
        ds.load(short(tokenizer, context), tokenizer)
