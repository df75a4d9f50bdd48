"""A GGUF file is the model that it was converted from, or it is refused by the key or the tensor that would be lost."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers

import depthscope as ds
from depthscope.model.gguf.header import read_header
from depthscope.model.gguf.rotary import expected
from depthscope.model.tokenizer import load_tokenizer
from tests.model.gguf_families import FAMILIES, GEMMA, MATTERS, SIZES, THOROUGH, family
from tests.model.gguf_writer import File, byte_level, convert, scrambled, without

IDS = torch.randint(0, 256, (2, 40), generator=torch.Generator().manual_seed(0))


def gram(model: ds.Model, ids: torch.Tensor = IDS) -> torch.Tensor:
    """Inner products of the updates of every token."""
    states: dict[int, torch.Tensor] = {}
    with model.listening(lambda number, state: states.update({number: state.detach().double().clone()})):
        model.run_trunk(ids)
    updates = torch.stack([states[number] for number in sorted(states)]).diff(dim=0)
    return torch.einsum("lbtd,mbtd->btlm", updates, updates)


def apart(one: torch.Tensor, other: torch.Tensor) -> float:
    return float((one - other).abs().max() / one.abs().max())


@pytest.fixture
def llama(tmp_path: Path) -> Callable[..., Path]:
    """Write a plain Llama with other keys and tensors, or without some."""
    file = convert(family("llama"))

    def write(keys: dict[str, Any] | None = None, tensors: Any = None, drop: tuple[str, ...] = ()) -> Path:
        changed = without(file, drop)
        changed.keys |= keys or {}
        changed.tensors |= tensors or {}
        return changed.write(tmp_path / "tiny.gguf")

    return write


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.coverage) if name in THOROUGH else name for name in FAMILIES]
)
def test_the_file_is_the_network_that_it_was_converted_from(name: str, tmp_path: Path) -> None:
    network = family(name)
    original = ds.load(network, byte_level())
    model = ds.load(convert(network).write(tmp_path / "tiny.gguf"))
    for length in (12, 40):  # short and long factors of LongRoPE; within windows and beyond
        assert apart(gram(original, IDS[:, :length]), gram(model, IDS[:, :length])) < 1e-6
    ids = IDS[:1]
    with torch.inference_mode():
        torch.testing.assert_close(original.network(ids).logits, model.network(ids).logits, rtol=1e-5, atol=1e-5)
    assert model.tokenizer("then the ham and")["input_ids"] == byte_level()("then the ham and")["input_ids"]


@pytest.mark.coverage
@pytest.mark.parametrize(("name", "key"), MATTERS)
def test_what_is_carried_over_matters(name: str, key: str, tmp_path: Path) -> None:
    """Else the test above would prove nothing: without the key, the network is another one."""
    file = convert(family(name))
    whole = ds.load(file.write(tmp_path / "whole.gguf"))
    left = without(file, [key])
    assert len(left.keys) + len(left.tensors) < len(file.keys) + len(file.tensors)
    assert apart(gram(whole), gram(ds.load(left.write(tmp_path / "left.gguf")))) > 0.01


@pytest.mark.parametrize("name", ["llama-llama3", "llama-linear", "llama-yarn", "qwen2-yarn-betas", "phi3-longrope"])
def test_frequencies_are_those_of_a_loop_in_float64(name: str, tmp_path: Path) -> None:
    network = family(name)
    header = read_header(convert(network).write(tmp_path / "tiny.gguf"))
    rope = network.config.rope_parameters
    width = network.config.hidden_size // network.config.num_attention_heads
    frequencies, factor = [], 1.0
    for pair in range(width // 2):
        plain = rope["rope_theta"] ** (-2 * pair / width)
        if rope["rope_type"] == "linear":
            frequencies.append(plain / rope["factor"])
        elif rope["rope_type"] == "longrope":
            frequencies.append(plain / rope["short_factor"][pair])
        elif rope["rope_type"] == "llama3":
            wavelength = 2 * math.pi / plain
            low, high = (
                rope["original_max_position_embeddings"] / rope[f"{end}_freq_factor"] for end in ("low", "high")
            )
            between = (rope["original_max_position_embeddings"] / wavelength - rope["low_freq_factor"]) / (
                rope["high_freq_factor"] - rope["low_freq_factor"]
            )
            share = 1.0 if wavelength < high else 0.0 if wavelength > low else between
            frequencies.append(plain * share + plain / rope["factor"] * (1 - share))
        else:
            original, steps = rope["original_max_position_embeddings"], 2 * math.log(rope["rope_theta"])
            ends = [
                width * math.log(original / (turns * 2 * math.pi)) / steps
                for turns in (rope.get("beta_fast", 32), rope.get("beta_slow", 1))
            ]
            low, high = max(math.floor(ends[0]), 0), min(math.ceil(ends[1]), width - 1)
            share = 1 - min(max((pair - low) / (high - low), 0), 1)
            frequencies.append(plain * share + plain / rope["factor"] * (1 - share))
            factor = 0.1 * math.log(rope["factor"]) + 1
    if rope["rope_type"] == "longrope":
        factor = math.sqrt(1 + math.log(128 / 16) / math.log(16))
    found, scale = expected(header)
    np.testing.assert_allclose(found, frequencies, rtol=1e-6)
    assert scale == pytest.approx(factor, rel=1e-6)


def test_what_was_carried_over_is_said(tmp_path: Path) -> None:
    model = ds.load(convert(family("mistral-window-heads-yarn")).write(tmp_path / "tiny.gguf"))
    assert model.checks["gguf"].startswith("28 keys and 39 tensors accounted for")
    for word in ("model_type=mistral", "sliding_window=9", "rope_scaling=yarn"):
        assert word in model.checks["gguf"]
    assert model.network.config.model_type == "mistral"
    # and it stays with the model when that is saved as a folder, of which it says no more than before
    model.network.save_pretrained(tmp_path / "folder")
    model.tokenizer.save_pretrained(tmp_path / "folder")
    again = ds.load(tmp_path / "folder")
    assert again.checks["gguf"] == model.checks["gguf"]
    assert again.fingerprint == model.fingerprint
    assert apart(gram(model), gram(again)) == 0


UNSAID = {
    "llama.attention.temperature_scale": 0.1,
    "llama.attention.scale": 0.5,
    "llama.attention.key_length_mla": 4,
    "llama.attention.causal": False,
    "llama.attention.clamp_kqv": 8.0,
    "llama.attention.max_alibi_bias": 8.0,
    "llama.attention.value_length": 4,
    "llama.attention.sliding_window_pattern": [True, False, True, False],
    "llama.attn_logit_softcapping": 50.0,
    "llama.final_logit_softcapping": 30.0,
    "llama.logit_scale": 0.25,
    "llama.embedding_scale": 12.0,
    "llama.residual_scale": 0.2,
    "llama.expert_count": 8,
    "llama.expert_used_count": 2,
    "llama.rope.freq_base_swa": 500.0,
    "llama.rope.dimension_count": 4,
    "llama.rope.dimension_sections": [2, 1, 1, 0],
    "llama.rope.scaling.type": "dynamic",
    "llama.something_new": 0,
    "llama.use_parallel_residual": True,
    "something.else": 1,
    "llama4.rope.freq_base": 10000.0,
    "adapter.type": "lora",
    "tokenizer.ggml.something_new": True,
    "tokenizer.ggml.remove_extra_whitespaces": True,
    "tokenizer.ggml.precompiled_charsmap": [1, 2, 3],
    "tokenizer.ggml.add_sep_token": True,
    "tokenizer.ggml.add_space_prefix": True,
    "tokenizer.ggml.pre": "a way of tomorrow",
}


@pytest.mark.parametrize("key", UNSAID)
def test_a_key_that_would_be_lost_is_refused_by_name(key: str, llama: Any, refuses: Any) -> None:
    with refuses("tiny.gguf: ", f"{key} = {UNSAID[key]!r}"[:50], "load the folder that this file was converted from"):
        ds.load(llama({key: UNSAID[key]}))


@pytest.mark.parametrize(
    "keys",
    [
        {"rope.scaling.yarn_attn_factor": 1.0},  # read in two ways
        {"rope.scaling.yarn_ext_factor": 0.5},
        {"rope.scaling.yarn_log_multiplier": 0.1},
    ],
)
def test_what_yarn_says_and_transformers_cannot_is_refused(keys: dict[str, Any], tmp_path: Path, refuses: Any) -> None:
    file = convert(family("qwen2-yarn"))
    file.keys |= {f"qwen2.{name}": value for name, value in keys.items()}
    with refuses(f"qwen2.{next(iter(keys))} = "):
        ds.load(file.write(tmp_path / "tiny.gguf"))


HARMLESS = {
    "general.quantization_version": 2,
    "general.sampling.temp": 0.7,
    "quantize.imatrix.file": "imatrix.dat",
    "split.count": 1,
    "split.no": 0,
    "tokenizer.chat_template": "{{ messages }}",
    "tokenizer.ggml.eot_token_id": 3,
    "tokenizer.ggml.remove_extra_whitespaces": False,
    "tokenizer.ggml.add_space_prefix": False,
    "llama.rope.scaling.type": "none",
    "llama.rope.scaling.factor": 1.0,
    "llama.rope.scaling.finetuned": True,
    "llama.attention.value_length": 8,
    "llama.attention.key_length": 8,
    "llama.attention.causal": True,
    "llama.attention.scale": 8**-0.5,
    "llama.expert_count": 0,
    "llama.logit_scale": 1.0,
    "llama.tensor_data_layout": "Meta AI original pth",
}


def test_keys_that_change_nothing_are_no_reason(llama: Any) -> None:
    plain, model = ds.load(llama()), None
    model = ds.load(llama(HARMLESS))
    assert apart(gram(plain), gram(model)) == 0
    assert model.checks["gguf"].endswith("nothing")


def test_neither_a_scaling_of_none_nor_factors_of_one_scale(llama: Any) -> None:
    plain = gram(ds.load(llama()))
    model = ds.load(
        llama({"llama.rope.scaling.type": "none", "llama.rope.scaling.factor": 4.0}, {"rope_freqs.weight": np.ones(4)})
    )
    assert apart(plain, gram(model)) == 0


def test_the_old_name_of_linear_scaling_is_read(tmp_path: Path, llama: Any) -> None:
    new = ds.load(convert(family("llama-linear")).write(tmp_path / "new.gguf"))
    assert apart(gram(new), gram(ds.load(llama({"llama.rope.scale_linear": 4.0})))) == 0


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("blk.0.attn_q.bias", (32,)),  # without those of keys, values and the output
        ("blk.2.attn_sinks.weight", (4,)),
        ("blk.1.ffn_gate_exps.weight", (4, 48, 32)),
        ("blk.4.attn_norm.weight", (32,)),  # of a block more than there are
        ("position_embd.weight", (128, 32)),
        ("token_types.weight", (2, 32)),
        ("output.bias", (266,)),
        ("something.weight", (3,)),
    ],
)
def test_a_tensor_that_would_be_lost_is_refused_by_name(
    name: str, shape: tuple[int, ...], llama: Any, refuses: Any
) -> None:
    lost = ("model.layers.0", "attn") if name == "blk.0.attn_q.bias" else (name,)
    with refuses("tiny.gguf: ", *lost, "load the folder"):
        ds.load(llama(tensors={name: np.zeros(shape)}))


@pytest.mark.parametrize("name", ["blk.3.ffn_up.weight", "output_norm.weight", "token_embd.weight"])
def test_a_weight_that_the_file_lacks_is_refused(name: str, llama: Any, refuses: Any) -> None:
    with refuses("tiny.gguf: model.", "random numbers would take their place"):
        ds.load(llama(drop=(name,)))


def test_half_of_the_experts_is_refused(tmp_path: Path, refuses: Any) -> None:
    file = without(convert(family("qwen3-moe")), ["blk.2.ffn_up_exps.weight"])
    with refuses("blk.2.ffn_up_exps", "made-up numbers would take their place"):
        ds.load(file.write(tmp_path / "tiny.gguf"))


@pytest.mark.parametrize(
    "name",
    ["context_length", "block_count", "embedding_length", "attention.head_count", "attention.layer_norm_rms_epsilon"],
)
def test_a_key_without_which_a_default_would_be_taken_is_missed(name: str, llama: Any, refuses: Any) -> None:
    with refuses(f"llama.{name} is missing", "default"):
        ds.load(llama(drop=(f"llama.{name}",)))


def test_heads_of_another_size_than_the_tensors_are_refused_in_a_sentence(llama: Any, refuses: Any) -> None:
    with refuses("another size than the keys say"):
        ds.load(
            llama(
                {"llama.attention.key_length": 16, "llama.attention.value_length": 16, "llama.rope.dimension_count": 16}
            )
        )


def test_what_scales_the_queries_of_gemma_is_not_guessed(tmp_path: Path, refuses: Any) -> None:
    config = transformers.Gemma2Config(**{**SIZES, **GEMMA, "head_dim": 16, "query_pre_attn_scalar": 64})
    network = scrambled(transformers.Gemma2ForCausalLM(config))
    file = convert(network)
    with refuses("gemma2.attention.key_length = 16", "query_pre_attn_scalar"):
        ds.load(file.write(tmp_path / "open.gguf"))
    file.keys["gemma2.attention.scale"] = 64**-0.5
    said = ds.load(file.write(tmp_path / "said.gguf"))
    assert apart(gram(ds.load(network, byte_level())), gram(said)) < 1e-6


def test_windows_of_gemma_follow_their_pattern(tmp_path: Path) -> None:
    layers = ["full_attention", "sliding_attention"] * 2
    config = transformers.Gemma3TextConfig(**{**SIZES, **GEMMA, "sliding_window": 5, "layer_types": layers})
    network = scrambled(transformers.Gemma3ForCausalLM(config))
    file = convert(network)
    file.keys["gemma3.attention.sliding_window_pattern"] = [kind == "sliding_attention" for kind in layers]
    model = ds.load(file.write(tmp_path / "tiny.gguf"))
    assert apart(gram(ds.load(network, byte_level())), gram(model)) < 1e-6


def test_one_part_of_a_split_file_is_refused(llama: Any, refuses: Any) -> None:
    with refuses("split.count = 3: this is part 1 of 3", "llama-gguf-split --merge"):
        ds.load(llama({"split.count": 3, "split.no": 0, "split.tensors.count": 39}))


def test_what_is_no_model_is_refused(llama: Any, refuses: Any) -> None:
    with refuses("general.type = 'adapter'"):
        ds.load(llama({"general.type": "adapter"}))


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        *(("attention.head_count", [4, 4, 4, 4], "a list"), ("attention.head_count_kv", [2, 2, 1, 1], "a list")),
        *(("feed_forward_length", [48] * 4, "a list"), ("attention.key_length", [8] * 4, "a list")),
        *(("attention.head_count", value, "no whole number") for value in (0, "4", 4.0)),
        *(("block_count", "4", "no whole number"), ("context_length", 0, "no whole number")),
        *(("rope.freq_base", value, "no positive number") for value in (0.0, -1.0, "x", math.nan)),
        *(
            ("attention.layer_norm_rms_epsilon", 0.0, "no positive number"),
            ("rope.dimension_count", 0, "no whole number"),
        ),
        *(("vocab_size", 100, "token_embd.weight says 266"), ("embedding_length", 64, "token_embd.weight says 32")),
    ],
)
def test_a_key_that_cannot_be_meant_is_named(key: str, value: Any, said: str, llama: Any, refuses: Any) -> None:
    with refuses(f"llama.{key} = {value!r}", said):
        ds.load(llama({f"llama.{key}": value}))


def test_tensors_of_another_size_are_named(llama: Any, refuses: Any) -> None:
    with refuses("model.layers.0.mlp.down_proj.weight", "another size than the keys say", "(32, 48), not (32, 64)"):
        ds.load(llama({"llama.feed_forward_length": 64}))
    with refuses("output.weight has 100 rows, and token_embd.weight has 266"):
        ds.load(llama(tensors={"output.weight": np.ones((100, 32))}))


# the tokenizer


@pytest.mark.parametrize("name", ["model", "tokens", "scores", "token_type"])
def test_a_vocabulary_that_is_not_whole_is_refused(name: str, tmp_path: Path, refuses: Any) -> None:
    file = convert(family("llama-pieces"), sentencepiece=True)
    with refuses(f"tokenizer.ggml.{name} is missing"):
        ds.load(without(file, [f"tokenizer.ggml.{name}"]).write(tmp_path / "tiny.gguf"))
    if name in ("scores", "token_type"):
        file.keys[f"tokenizer.ggml.{name}"] = file.keys[f"tokenizer.ggml.{name}"][:100]
        with refuses(f"tokenizer.ggml.{name} has 100 entries for 296 tokens"):
            ds.load(file.write(tmp_path / "tiny.gguf"))


def test_tokens_that_are_none_are_refused(llama: Any, refuses: Any) -> None:
    with refuses("tokenizer.ggml.merges is missing"):
        ds.load(llama(drop=("tokenizer.ggml.merges",)))
    for end in ("bos", "eos", "unknown", "padding"):
        for value in (266, 2**32 - 1, "1", [1, 2]):
            with refuses(f"tokenizer.ggml.{end}_token_id = {value!r} is none of the 266 tokens"):
                ds.load(llama({f"tokenizer.ggml.{end}_token_id": value}))
    tokens = [*convert(family("llama")).keys["tokenizer.ggml.tokens"], "more"]
    with refuses("tokenizer.ggml.tokens lists 267 tokens, and token_embd.weight has 266"):
        ds.load(llama({"tokenizer.ggml.tokens": tokens, "tokenizer.ggml.token_type": [1] * 267}))


def sentences(path: Path, **changes: Any) -> tuple[Path, list[str]]:
    network = family("llama-pieces")
    file: File = convert(network, sentencepiece=True)
    file.keys |= {f"tokenizer.ggml.{name}": value for name, value in changes.items()}
    model = ds.load(file.write(path))
    return path, model.tokenizer.convert_ids_to_tokens(model.tokenizer("the then")["input_ids"])


@pytest.mark.parametrize(
    ("changes", "tokens"),
    [
        ({}, ["<s>", "▁the", "▁the", "n"]),
        ({"add_space_prefix": True}, ["<s>", "▁the", "▁the", "n"]),
        ({"add_space_prefix": False}, ["<s>", "th", "e", "▁the", "n"]),
        ({"add_bos_token": False}, ["▁the", "▁the", "n"]),
        ({"add_bos_token": None}, ["<s>", "▁the", "▁the", "n"]),  # llama.cpp's rule for SentencePiece
        ({"add_eos_token": True}, ["<s>", "▁the", "▁the", "n", "</s>"]),
    ],
)
def test_text_begins_and_ends_as_the_file_says(changes: dict[str, Any], tokens: list[str], tmp_path: Path) -> None:
    path, found = sentences(tmp_path / "tiny.gguf", **changes)
    assert found == tokens
    # stimuli are checked with the same tokenizer, without the weights
    tokenizer, context = load_tokenizer(str(path))
    assert tokenizer.convert_ids_to_tokens(tokenizer("the then")["input_ids"]) == tokens
    assert context == 128


@pytest.mark.parametrize(
    ("pre", "text", "pieces"),
    [
        ("gpt-2", "in  1984's", ["in", "Ġ", "Ġ1984", "'s"]),
        ("smollm", "in  1984's", ["in", "ĠĠ", "1", "9", "8", "4", "'s"]),
        ("qwen2", "in 1984's", ["in", "Ġ", "1", "9", "8", "4", "'s"]),
        ("llama-bpe", "in 1984's", ["in", "Ġ", "198", "4", "'s"]),
        ("falcon", "in 1984 `x", ["in", "Ġ", "198", "4", "Ġ", "`", "x"]),
        ("default", "in 1984$x", ["in", "Ġ", "198", "4", "$", "x"]),
        ("bloom", "in 1984's, x", ["in", "Ġ1984's", ",", "Ġx"]),
    ],
)
def test_text_is_cut_as_the_file_says(pre: str, text: str, pieces: list[str], llama: Any) -> None:
    model = ds.load(llama({"tokenizer.ggml.pre": pre}))
    cut = model.tokenizer.backend_tokenizer.pre_tokenizer.pre_tokenize_str(text)
    assert [piece for piece, _ in cut] == pieces


def test_a_word_of_the_vocabulary_is_not_merged_from_parts_where_llama_3_does_not(llama: Any) -> None:
    tokens = convert(family("llama")).keys["tokenizer.ggml.tokens"]
    changed = [*tokens[:-3], "he", *tokens[-2:]]  # no merge leads to it
    for pre, found in (("gpt-2", ["h", "e"]), ("llama-bpe", ["he"])):
        model = ds.load(
            llama({"tokenizer.ggml.tokens": changed, "tokenizer.ggml.merges": ["t h"], "tokenizer.ggml.pre": pre})
        )
        assert model.tokenizer.tokenize("he") == found


def test_a_tokenizer_of_ones_own_makes_the_files_needless(llama: Any) -> None:
    tokenizer = byte_level()
    assert ds.load(llama({"tokenizer.ggml.pre": "a way of tomorrow"}), tokenizer).tokenizer is tokenizer


@pytest.mark.parametrize("more", [{}, {"rope.scaling.type": "yarn", "rope.scaling.factor": 4.0}])
def test_a_factor_of_attention_that_nothing_could_say_is_refused(
    more: dict[str, Any], llama: Any, refuses: Any
) -> None:
    keys = {f"llama.{name}": value for name, value in {**more, "rope.scaling.attn_factor": 2.0}.items()}
    with refuses("llama.rope.scaling.attn_factor = 2.0"):
        ds.load(llama(keys))
