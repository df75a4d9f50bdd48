"""From the keys of a GGUF file to transformers' configuration: what its own loader leaves out is added."""

from collections.abc import Mapping
from typing import Any

from depthscope.errors import require
from depthscope.model.gguf.header import Header
from depthscope.model.gguf.rotary import rotated, scaling

# attributes of a configuration that say what transformers' tables do not carry, by type of model
SAID: dict[str, dict[str, str]] = {
    "falcon": {"attention.head_count_kv": "num_kv_heads", "attention.layer_norm_epsilon": "layer_norm_epsilon"},
    "gemma2": {
        "attn_logit_softcapping": "attn_logit_softcapping",
        "final_logit_softcapping": "final_logit_softcapping",
    },
    "gemma3_text": {"final_logit_softcapping": "final_logit_softcapping"},
    "gpt2": {"context_length": "n_positions", "feed_forward_length": "n_inner"},
    "mistral": {"attention.sliding_window": "sliding_window"},
    "nemotron": {"attention.layer_norm_epsilon": "norm_eps"},
    "phi3": {"attention.sliding_window": "sliding_window"},
    "qwen2_moe": {
        "expert_feed_forward_length": "moe_intermediate_size",
        "expert_shared_feed_forward_length": "shared_expert_intermediate_size",
    },
    "qwen3_moe": {"expert_feed_forward_length": "moe_intermediate_size"},
    "starcoder2": {"attention.sliding_window": "sliding_window"},
}
# networks with a size of heads of their own
_HEADS = {
    "llama",
    "mistral",
    "qwen2",
    "qwen2_moe",
    "qwen3",
    "qwen3_moe",
    "gemma2",
    "gemma3_text",
    "nemotron",
    "starcoder2",
}
# networks that leave a part of each head unturned, if they are asked to
_PARTIAL = {"phi3", "stablelm", "nemotron"}
_ROTARY = _HEADS | _PARTIAL | {"falcon"}
# biases that a network has or lacks as a whole, by a tensor that shows which
_BIASES = {
    "attention_bias": ("attn_q.bias", {"llama", "qwen3", "qwen3_moe", "gemma2", "gemma3_text", "nemotron"}),
    "mlp_bias": ("ffn_up.bias", {"llama", "nemotron"}),
    "use_bias": ("attn_q.bias", {"starcoder2"}),
    "bias": ("attn_qkv.bias", {"falcon"}),
}


def carried(header: Header, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of a configuration: those of transformers' loader, and what the file says beyond them.

    Parameters
    ----------
    settings : mapping
        What transformers' own loader reads from the file.

    Raises
    ------
    DepthscopeError
        The file says something that no configuration can say.
    """
    found = dict(settings)
    kind = str(found.get("model_type"))
    if kind in ("llama", "mistral"):
        # one architecture in GGUF; only Mistral's configuration has a window
        kind = found["model_type"] = "mistral" if header.get("attention.sliding_window") else "llama"
    for name, attribute in SAID.get(kind, {}).items():
        if (value := header.get(name)) is not None:
            found[attribute] = value
    if kind in ("phi3", "starcoder2") and not found.get("sliding_window"):
        found["sliding_window"] = None  # the converter writes zero for none
    if kind not in ("bloom", "mamba"):
        # transformers ties some networks even where the file has a head of its own
        found["tie_word_embeddings"] = "output.weight" not in header.tensors
    for attribute, (tensor, kinds) in _BIASES.items():
        if kind in kinds and header.has(tensor):
            found[attribute] = True
        elif kind in kinds and attribute == "use_bias":
            found[attribute] = False
    if kind in _ROTARY - {"falcon", "llama", "mistral"} and header.get("attention.head_count_kv") is None:
        found["num_key_value_heads"] = header.get("attention.head_count")
    if kind in _HEADS:
        _say_heads(header, kind, found)
    if kind in ("gemma2", "gemma3_text"):
        _say_gemma(header, kind, found)
    if kind in _ROTARY:
        _say_positions(header, kind, found)
    return found


def _say_heads(header: Header, kind: str, found: dict[str, Any]) -> None:
    stated, heads = header.get("attention.key_length"), header.get("attention.head_count")
    implied = header.get("embedding_length", 0) // heads if heads else 0
    # where the configuration has a size of its own: Qwen 3's and Gemma's default is not GGUF's
    own = kind in ("qwen3", "qwen3_moe", "gemma2", "gemma3_text") or "head_dim" in found
    if own or (stated and stated != implied):
        found["head_dim"] = header.head_size


def _say_gemma(header: Header, kind: str, found: dict[str, Any]) -> None:
    """Window pattern, and what scales queries: by the key, or where GGUF's rule and the models' own agree."""
    layers, heads = int(header.get("block_count", 0)), int(header.get("attention.head_count", 1))
    window, pattern = header.get("attention.sliding_window"), header.get("attention.sliding_window_pattern")
    if isinstance(pattern, list):
        windowed = [bool(flag) for flag in pattern]
    else:
        period = int(pattern or (2 if kind == "gemma2" else 6))
        windowed = [bool((number + 1) % period) for number in range(layers)]
    if kind == "gemma3_text" and not window:
        windowed = [False] * layers
        found["sliding_window"] = int(header.get("context_length", 0))
    if pattern is not None or (kind == "gemma3_text" and not window):
        found["layer_types"] = ["sliding_attention" if flag else "full_attention" for flag in windowed]
    largest = layers == (46 if kind == "gemma2" else 62)  # 27B
    if (scale := header.get("attention.scale")) is not None:
        found["query_pre_attn_scalar"] = round(float(scale) ** -2)  # a whole number, as checked with all other keys
    elif largest:
        found["query_pre_attn_scalar"] = int(header.get("embedding_length", 0)) // heads
    elif header.head_size != 256:
        raise header.refuse(
            f"{header.architecture}.attention.key_length",
            "leaves open what scales the queries of this model (query_pre_attn_scalar), which GGUF does not store",
        )


def _say_positions(header: Header, kind: str, found: dict[str, Any]) -> None:
    if (frequency := header.get("rope.freq_base")) is not None:
        found["rope_theta"] = float(frequency)
    if kind in _PARTIAL and header.get("rope.dimension_count") is not None:
        found["partial_rotary_factor"] = rotated(header) / header.head_size
    if kind == "phi3" and (original := header.get("rope.scaling.original_context_length")) is not None:
        found["original_max_position_embeddings"] = original
    if kind == "gemma3_text":
        found["rope_local_base_freq"] = float(header.get("rope.freq_base_swa", 10000.0))
    if stretch := scaling(header):
        found["rope_scaling"] = stretch


def configuration(header: Header, settings: Mapping[str, Any]) -> Any:
    """The configuration itself, its ``model_type`` as transformers' map of tensors knows it."""
    transformers = require("transformers", "models")
    said = dict(settings)
    config = transformers.AutoConfig.for_model(said.pop("model_type"), **said)
    if (getattr(config, "pad_token_id", None) or 0) >= config.vocab_size:
        config.pad_token_id = None  # a default, which is that of a larger vocabulary
    if config.model_type == "mistral":
        config.model_type = "llama"  # whose tensors have the same names; taken off when they are loaded
    return config
