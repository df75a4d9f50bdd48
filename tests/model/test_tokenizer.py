"""A tokenizer and the length of the context, without the weights."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from transformers import BloomConfig, ByT5Tokenizer, Gemma3Config, GPT2Config, LlamaConfig, Phi3Config, Phi3ForCausalLM

import depthscope as ds
from depthscope.model.pretrained.installed import installed_pieces
from depthscope.model.pretrained.registry import MODELS
from depthscope.model.tokenizer import context_length, load_tokenizer
from tests.conftest import tiny_llama

SENTENCE = "The café 😀 is naïve."


def test_the_embedded_tokenizer_is_the_models_own(embedded: Any) -> None:
    tokenizer, limit = load_tokenizer("embedded")
    assert tokenizer(SENTENCE)["input_ids"] == embedded.tokenizer(SENTENCE)["input_ids"]
    assert limit == embedded.max_length == 8192


def test_a_gguf_file_gives_its_tokenizer(tokenizer: Any) -> None:
    (weights,) = (installed_pieces(MODELS[0].files) or {}).values()
    own, limit = load_tokenizer(str(weights))
    assert own(SENTENCE)["input_ids"] == tokenizer(SENTENCE)["input_ids"]
    assert limit == 8192


def test_a_folder_needs_no_weights(tmp_path: Path, tokenizer: Any) -> None:
    tiny_llama(len(tokenizer)).config.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    own, limit = load_tokenizer(str(tmp_path))
    assert own(SENTENCE)["input_ids"] == tokenizer(SENTENCE)["input_ids"]
    assert limit == 128


def test_a_slow_tokenizer_is_refused(tmp_path: Path, refuses: Any) -> None:
    LlamaConfig().save_pretrained(tmp_path)
    ByT5Tokenizer().save_pretrained(tmp_path)
    with refuses("ByT5Tokenizer is not a fast tokenizer"):
        load_tokenizer(str(tmp_path))


def test_a_folder_without_a_tokenizer_is_refused(tmp_path: Path, refuses: Any) -> None:
    with refuses(str(tmp_path), "no tokenizer can be loaded"):
        load_tokenizer(str(tmp_path))


@pytest.mark.parametrize("content", [None, b"GGUF", b"GGUF\x03\x00\x00\x00 and then it stops"])
def test_a_missing_or_damaged_gguf_file_is_refused(tmp_path: Path, content: bytes | None, refuses: Any) -> None:
    path = tmp_path / "half.gguf"
    if content is not None:
        path.write_bytes(content)
    with refuses(str(path), "no tokenizer can be loaded"):
        load_tokenizer(str(path))


def test_an_unknown_id_is_refused_offline(refuses: Any) -> None:
    with refuses("nobody/nothing", "not in the hub's cache while offline"):
        load_tokenizer("nobody/nothing")


@pytest.mark.parametrize(
    ("config", "limit"),
    [
        (LlamaConfig(max_position_embeddings=77), 77),
        (GPT2Config(n_positions=78), 78),
        (Gemma3Config(text_config={"max_position_embeddings": 79}), 79),
        (BloomConfig(), 512),
        (SimpleNamespace(), 512),
        (SimpleNamespace(max_position_embeddings=-1), 512),
    ],
)
def test_the_configuration_states_the_context_else_the_tokenizer_does(config: Any, limit: int) -> None:
    assert context_length(config, SimpleNamespace(model_max_length=512)) == limit


def long_rope(longer: float) -> dict[str, Any]:
    factors = {"short_factor": [1.0] * 4, "long_factor": [longer] * 4}
    return {"rope_type": "longrope", "rope_theta": 1e4, "original_max_position_embeddings": 24, **factors}


@pytest.mark.parametrize(
    ("rope", "limit"),
    [
        (long_rope(4.0), 24),
        (long_rope(1.0), 256),
        ({"sliding": {"rope_type": "default"}, "full": long_rope(4.0)}, 24),
        ({"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64}, 256),
    ],
)
def test_the_context_ends_where_a_text_would_turn_its_rotations(rope: dict[str, Any], limit: int) -> None:
    config = SimpleNamespace(max_position_embeddings=256, rope_parameters=rope)
    assert context_length(config, SimpleNamespace(model_max_length=512)) == limit


def test_a_longer_text_does_not_turn_the_rotations_of_a_shorter_one(tokenizer: Any, refuses: Any) -> None:
    sizes = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 6, "num_attention_heads": 4}
    config = Phi3Config(
        vocab_size=len(tokenizer),
        pad_token_id=0,
        original_max_position_embeddings=24,
        rope_parameters=long_rope(4.0),
        **sizes,
    )
    model = ds.load(Phi3ForCausalLM(config).eval(), tokenizer)
    short, long = "The old wall stood.", "The old wall stood" + " and stood" * 20
    with refuses("24"):
        ds.trace(model, [{"item": "1", "condition": c, "text": c, "target": "wall"} for c in (short, long)])


@pytest.mark.parametrize("stated", [None, int(1e30)])
def test_without_a_statement_the_context_is_unbounded(stated: int | None) -> None:
    assert context_length(SimpleNamespace(), SimpleNamespace(model_max_length=stated)) is None


def test_the_context_is_a_length_that_the_network_can_run(tiny: Any) -> None:
    limit = tiny.max_length
    tiny.run_trunk(torch.zeros(1, limit, dtype=torch.long))
