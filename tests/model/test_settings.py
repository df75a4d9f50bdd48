"""A configuration that contradicts itself, or says what its network would not do, is refused by the key."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

import depthscope as ds
from depthscope.model.contradicting import check_one_meaning
from depthscope.model.miniature import families, miniature
from depthscope.model.odd_settings import check_values
from depthscope.model.paper import read_config
from depthscope.model.unread import check_read
from tests.model.saved import SIZES, configure

ROTARY = {"rope_type": "default", "rope_theta": 10000.0}
LINEAR = {"rope_type": "linear", "rope_theta": 10000.0, "factor": 2.0}


@pytest.fixture(scope="module")
def llama() -> Any:
    return transformers.LlamaForCausalLM(transformers.LlamaConfig(vocab_size=99, **SIZES))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("attn_logit_softcapping", 50.0), ("final_logit_softcapping", 30.0), ("logit_scale", 0.1), ("clip_qkv", 8.0)),
        *(("sliding_window", 16), ("layer_types", ["sliding_attention"] * 5), ("no_rope_layers", [1, 1, 1, 0, 1])),
        *(("use_parallel_residual", True), ("alibi", True), ("attn_temperature_tuning", True), ("rotary_pct", 0.25)),
        *(("embedding_multiplier", 12), ("residual_multiplier", 0.2), ("partial_rotary_factor", 0.5), ("num_heads", 2)),
        *(("query_pre_attn_scalar", 256), ("embed_norm_epsilon", 1e-3)),
    ],
)
def test_what_the_network_never_reads_is_refused(key: str, value: Any, llama: Any, refuses: Any) -> None:
    raw = llama.config.to_dict()
    check_read(raw, llama, "it")
    with refuses(f"it: config.json says {key} = {str(value)[:20]}", "LlamaForCausalLM never reads"):
        check_read({**raw, key: value}, llama, "it")


@pytest.mark.parametrize(
    "key", ["norm_eps", "layer_norm_eps", "rms_norm_epsilon", "layer_norm_epsilon", "norm_epsilon"]
)
def test_a_misspelt_constant_is_told_its_right_name(key: str, copied: Path, refuses: Any) -> None:
    path = configure(copied, **{key: 1e-3}) / "config.json"
    said = {name: value for name, value in json.loads(path.read_text()).items() if name != "rms_norm_eps"}
    path.write_text(json.dumps(said))
    with refuses(f"{key} = 0.001", "if rms_norm_eps is meant, name it so"):
        ds.load(copied)


def test_the_same_keys_pass_where_they_are_read(refuses: Any) -> None:
    config = transformers.Gemma2Config(
        vocab_size=99, head_dim=8, sliding_window=16, final_logit_softcapping=30.0, **SIZES
    )
    network = transformers.Gemma2ForCausalLM(config)
    check_read(config.to_dict(), network, "it")
    with refuses("use_parallel_residual"):
        check_read({**config.to_dict(), "use_parallel_residual": True}, network, "it")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("sliding_window", None), ("sliding_window", 64), ("use_sliding_window", False), ("norm_eps", 1e-6)),
        *(("layer_types", ["full_attention"] * 5), ("n_head", 4), ("logit_scale", 1.0), ("n_ctx", 2048)),
        *(
            ("unsloth_version", "2025.1"),
            ("resid_pdrop", 0.1),
            ("router_aux_loss_coef", 0.02),
            ("max_window_layers", 28),
        ),
        *(("task_specific_params", {"a": 1}), ("scale_attn_weights", True), ("hidden_activation", "silu")),
    ],
)
def test_what_changes_nothing_or_is_said_twice_passes(key: str, value: Any, llama: Any) -> None:
    check_read({**llama.config.to_dict(), key: value}, llama, "it")


def test_a_window_that_is_switched_off_in_vain_is_refused(refuses: Any) -> None:
    config = transformers.MistralConfig(vocab_size=99, **SIZES, sliding_window=16)
    network = transformers.MistralForCausalLM(config)
    with refuses("use_sliding_window = False", "MistralForCausalLM never reads"):
        check_read({**config.to_dict(), "use_sliding_window": False}, network, "it")
    network.config.sliding_window = 64
    check_read({**config.to_dict(), "use_sliding_window": False}, network, "it")


def test_two_names_of_the_heads_say_the_same(refuses: Any) -> None:
    config = transformers.GPT2Config(n_embd=32, n_head=4)
    check_one_meaning({**config.to_dict(), "num_attention_heads": 4}, config, "it")
    with refuses("n_head = 4, num_attention_heads = 2"):
        check_one_meaning({**config.to_dict(), "num_attention_heads": 2}, config, "it")


def test_a_size_that_is_the_width_says_it_once_more(llama: Any, refuses: Any) -> None:
    check_read({"conv_dim": llama.config.hidden_size}, llama, "it")
    with refuses("conv_dim", "never reads"):
        check_read({"conv_dim": 2 * llama.config.hidden_size}, llama, "it")
    check_read({"attention_head_dim": llama.config.head_dim}, llama, "it")
    with refuses("attention_head_dim", "never reads"):
        check_read({"attention_head_dim": 2 * llama.config.head_dim}, llama, "it")


@pytest.mark.parametrize(("key", "value"), [("rotary_pct", 1.0), ("sparse_pred_ignore_index", -100)])
def test_what_changes_no_state_passes(key: str, value: Any, llama: Any) -> None:
    check_read({key: value}, llama, "it")


def test_a_share_that_is_rotated_and_is_not_the_networks_is_refused(llama: Any, refuses: Any) -> None:
    with refuses("rotary_pct = 0.25", "never reads"):
        check_read({"rotary_pct": 0.25}, llama, "it")


def test_constants_of_other_positions_pass_where_they_are_what_is_taken_unsaid() -> None:
    published = {"alpha": 1000.0, "beta_fast": 32, "beta_slow": 1, "factor": 1.0, "mscale": 1.0, "type": "dynamic"}
    check_values({"rope_scaling": published}, "it")


def test_a_constant_of_the_rotation_that_is_said_twice_passes(llama: Any, refuses: Any) -> None:
    check_read({"theta": llama.config.rope_parameters["rope_theta"]}, llama, "it")
    with refuses("theta = 77", "never reads"):
        check_read({"theta": 77.0}, llama, "it")


def test_a_file_that_is_read_as_a_younger_kind_is_no_contradiction() -> None:
    raw = {"architectures": ["MistralForCausalLM"], "model_type": "mistral"}
    check_one_meaning(raw, transformers.MinistralConfig(), "it")


def test_scaled_positions_of_a_network_without_rotary_ones_are_refused(refuses: Any) -> None:
    network = transformers.GPT2LMHeadModel(transformers.GPT2Config(n_embd=32, n_layer=2, n_head=4, vocab_size=99))
    check_read({**network.config.to_dict(), "rope_parameters": ROTARY}, network, "it")
    with refuses("rope_scaling", "GPT2LMHeadModel never reads"):
        check_read({**network.config.to_dict(), "rope_scaling": LINEAR}, network, "it")


def test_a_part_for_text_is_looked_at_too(refuses: Any) -> None:
    network = miniature(next(f for f in families() if f.model_type == "gemma3"))
    raw = network.config.to_dict()
    with refuses("clip_qkv = 8.0"):
        check_read({**raw, "text_config": {**raw["text_config"], "clip_qkv": 8.0}}, network, "it")


SAMPLE = [
    "bert",
    "deepseek_v3",
    "falcon",
    "gemma3",
    "gpt2",
    "gpt_oss",
    "mamba",
    "mixtral",
    "opt",
    "phi3",
    "qwen3_moe",
    "t5",
]


def _family(name: str) -> Any:
    return pytest.param(name, marks=() if name in SAMPLE else pytest.mark.coverage)


@pytest.mark.parametrize("name", [_family(name) for name in sorted({family.model_type for family in families()})])
def test_what_a_class_writes_passes(name: str) -> None:
    try:
        network = miniature(next(family for family in families() if family.model_type == name))
    except ds.DepthscopeError:
        pytest.skip("cannot be built small")
    for raw in (network.config.to_dict(), type(network.config)().to_dict()):
        raw = json.loads(json.dumps(raw, default=str))
        check_values(raw, name)
        check_one_meaning(raw, network.config, name)
    check_read(network.config.to_dict(), network, name)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"architectures": ["MistralForCausalLM"]}, ("the class MistralForCausalLM", "model_type 'llama'")),
        ({"architectures": "GPT2LMHeadModel"}, ("the class GPT2LMHeadModel",)),
        ({"model_type": "qwen2"}, ("the class LlamaForCausalLM", "model_type 'qwen2'")),
        ({"rope_theta": 5e5}, ("rope_theta = 500000.0, rope_parameters.rope_theta = 10000.0",)),
        ({"rope_theta": 5e5, "rotary_emb_base": 1e4, "rope_parameters": None}, ("rope_theta = ", "rotary_emb_base = ")),
        ({"rope_scaling": {"type": "linear", "factor": 2.0}}, ("rope_parameters.factor", "rope_scaling.factor = 2.0")),
        ({"rope_parameters": LINEAR, "rope_scaling": {**LINEAR, "factor": 4.0}}, ("factor = 2.0", "factor = 4.0")),
    ],
)
def test_two_meanings_are_refused(values: dict[str, Any], said: tuple[str, ...], copied: Path, refuses: Any) -> None:
    with refuses(str(copied), *said):
        ds.load(configure(copied, **values))


def test_a_key_that_stands_twice_is_refused(copied: Path, refuses: Any) -> None:
    path = copied / "config.json"
    plain = path.read_text()
    path.write_text(plain.replace("{", '{"rms_norm_eps": 0.001,', 1))
    with refuses("config.json says rms_norm_eps = 0.001 and rms_norm_eps = 1e-06"):
        ds.load(copied)
    path.write_text(plain.replace("{", '{"rms_norm_eps": 1e-06,', 1))
    assert ds.load(copied).depth == 5


def test_a_configuration_alone_is_held_to_the_same(copied: Path, refuses: Any) -> None:
    path = configure(copied, rope_theta=5e5) / "config.json"
    for source in (path, copied):
        with refuses("rope_theta = 500000.0"):
            read_config(source)


def test_what_is_said_twice_and_alike_passes(copied: Path) -> None:
    older = {"type": "linear", "factor": 2.0}
    model = ds.load(
        configure(copied, rope_parameters=LINEAR, rope_scaling=older, rope_theta=1e4, architectures=["Ours"])
    )
    network: Any = model.network
    frequencies = network.model.rotary_emb.inv_freq
    torch.testing.assert_close(frequencies, 0.5 * 10000.0 ** (-torch.arange(0, 8, 2) / 8))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        *(({"num_hidden_layers": number}, f"num_hidden_layers = {number!r}") for number in (-1, 0, "5", True, 2.5)),
        *(({"rms_norm_eps": number}, f"rms_norm_eps = {number!r}") for number in ("1e-5", -1.0, float("nan"))),
        *(({"max_position_embeddings": number}, "max_position_embeddings = ") for number in (0, -5)),
        *(
            ({"sliding_window": 0}, "sliding_window = 0"),
            ({"attn_logit_softcapping": 0.0}, "attn_logit_softcapping = 0.0"),
        ),
        *(({"rope_parameters": {**LINEAR, "factor": f}}, "rope_parameters.factor") for f in ("8", -2.0, 0, True, [2])),
        *(({"rope_parameters": {**ROTARY, "rope_theta": number}}, "rope_theta") for number in ("10000", 0, -1.0)),
        (
            {"rope_parameters": {**LINEAR, "attention_factor": 2.0}},
            "attention_factor = 2.0, which positions of type 'linear'",
        ),
        ({"rope_parameters": {**ROTARY, "factor": 8.0}}, "factor = 8.0, which positions of type 'default'"),
    ],
)
def test_values_that_mean_nothing_are_refused_by_the_key(
    values: dict[str, Any], said: str, copied: Path, refuses: Any
) -> None:
    with refuses(str(copied), "config.json says", said):
        ds.load(configure(copied, **values))
