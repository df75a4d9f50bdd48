"""A cache is cut only where that is proven to be right."""

from functools import cache

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

import depthscope as ds
from depthscope.model.carried import Carrier
from depthscope.model.miniature import byte_tokenizer, families, miniature
from depthscope.model.prove_carried import FARTHEST, prove


@cache
def small(model_type: str) -> ds.Model:
    family = next(f for f in families() if f.model_type == model_type and f.kind == "decoder")
    return ds.load(miniature(family), byte_tokenizer())


@pytest.mark.parametrize("model_type", ["llama", "bloom", "mpt", "mamba2", "gemma3_text", "qwen3_next"])
def test_rotary_relative_sliding_and_recurrent_networks_pass(model_type):
    reach, line = prove(Carrier(small(model_type)), 100)
    assert reach == FARTHEST
    assert "after a cut" in line


@pytest.mark.parametrize(
    ("model_type", "words"),
    [
        ("gpt2", ("absolute", "learnt")),
        ("opt", ("absolute",)),
        ("xglm", ("absolute",)),
        ("roformer", ("absolute",)),
        ("rwkv", ("no cache",)),
        ("openai-gpt", ("no cache",)),
    ],
)
def test_absolute_positions_and_caches_that_cannot_be_carried_are_refused(model_type, words, refuses):
    with refuses("on the roll", "--reading windows", *words):
        prove(Carrier(small(model_type)), 100)


def test_a_network_that_forgets_between_two_pieces_is_refused(refuses):
    """As Mamba's does in transformers 5.24, if a piece is longer than a token; another release may mend it."""
    model = small("llama")
    carrier = Carrier(model)
    begin = carrier.begin
    run = carrier.run
    carrier.run = lambda ids, start, cache: run(ids, start, begin())  # type: ignore[method-assign]
    with refuses("piece by piece"):
        prove(carrier, 100)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_cache_that_is_a_little_wrong_is_refused_in_half_precision_too(dtype, refuses):
    family = next(f for f in families() if f.model_type == "llama" and f.kind == "decoder")
    model = ds.load(miniature(family).to(dtype), byte_tokenizer())
    reach, line = prove(Carrier(model), 100)
    assert reach == FARTHEST
    assert line.endswith("(in float32)")
    carrier = Carrier(model)
    run = carrier.run

    def fade(ids, start, cache):
        run(ids, start, cache)
        for layer in cache.layers:
            layer.values = 0.98 * layer.values

    carrier.run = fade  # type: ignore[method-assign]
    with refuses("piece by piece"):
        prove(carrier, 100)


def test_an_encoder_is_refused(refuses):
    family = next(f for f in families() if f.model_type == "bert" and f.kind == "encoder")
    with refuses("encoder", "--reading windows"):
        Carrier(ds.load(miniature(family), byte_tokenizer(), stack="encoder"))


def test_rotations_that_change_with_the_length_of_a_text_are_kept_below_it():
    """LongRoPE turns by other rates beyond the length that a model was first trained with."""
    torch.manual_seed(0)
    rope = {"rope_type": "longrope", "rope_theta": 1e4, "original_max_position_embeddings": 3000, "factor": 4.0}
    rope |= {"short_factor": [1.0] * 4, "long_factor": [1.5, 2.0, 3.0, 4.0]}
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 4, "num_attention_heads": 4}
    config = LlamaConfig(vocab_size=512, **sizes, max_position_embeddings=12000, rope_parameters=rope)
    network = LlamaForCausalLM(config).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.ndim > 1:
                parameter.mul_(6)
    reach, _ = prove(Carrier(ds.load(network, byte_tokenizer())), 100)
    assert 1000 < reach < 3000
