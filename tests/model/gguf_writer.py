"""GGUF files as llama.cpp's converter writes them, out of small random networks in memory."""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from torch import nn
from transformers import PreTrainedTokenizerFast
from transformers.convert_slow_tokenizer import bytes_to_unicode

ARCHITECTURES = {
    "mistral": "llama",
    "gemma3_text": "gemma3",
    "qwen2_moe": "qwen2moe",
    "qwen3_moe": "qwen3moe",
}
MERGES = ("t h", "th e", "Ġ the", "a n", "an d", "Ġ and", "i n", "Ġ Ġ")


def byte_level() -> Any:
    """A byte-level tokenizer of 256 bytes, eight merges and two special tokens, cut like GPT-2's."""
    alphabet = list(bytes_to_unicode().values())
    tokens = [*alphabet, *(merge.replace(" ", "") for merge in MERGES), "<bos>", "<eos>"]
    merges = [tuple(merge.split(" ")) for merge in MERGES]
    backend = Tokenizer(models.BPE(vocab={token: i for i, token in enumerate(tokens)}, merges=merges))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=backend, bos_token="<bos>", eos_token="<eos>")


VOCABULARY = 256 + len(MERGES) + 2

# A SentencePiece vocabulary: unknown, first and last token, all bytes, then pieces with their scores.
PIECES = [
    "<unk>",
    "<s>",
    "</s>",
    *(f"<0x{byte:02X}>" for byte in range(256)),
    "▁",
    *"abcdefghijklmnopqrstuvwxyz.",
    "▁t",
    "th",
]
PIECES += ["▁th", "▁the", "he", "an", "▁a", "▁an", "in"]


@dataclass
class File:
    """What will be written, open to change before it is."""

    architecture: str
    keys: dict[str, Any] = field(default_factory=dict)
    tensors: dict[str, np.ndarray] = field(default_factory=dict)

    def write(self, path: Path) -> Path:
        writer = gguf.GGUFWriter(path, self.architecture)
        for key, value in self.keys.items():
            if value is None:
                continue
            if isinstance(value, bool):
                writer.add_bool(key, value)
            elif isinstance(value, int):
                writer.add_uint32(key, value)
            elif isinstance(value, float):
                writer.add_float32(key, value)
            elif isinstance(value, str):
                writer.add_string(key, value)
            else:
                writer.add_array(key, value)
        for name, tensor in self.tensors.items():
            writer.add_tensor(name, np.ascontiguousarray(tensor, dtype=np.float32))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        return path


def convert(network: Any, *, sentencepiece: bool = False) -> File:
    """Keys and tensors of a network."""
    kind = network.config.model_type
    file = File(ARCHITECTURES.get(kind, kind))
    file.keys = {"general.type": "model", "general.name": "tiny", "general.file_type": 0}
    file.keys |= {f"{file.architecture}.{name}": value for name, value in _keys(network.config).items()}
    file.keys |= _sentencepiece(network.config) if sentencepiece else _byte_level(network.config)
    file.tensors = dict(_tensors(network, file.architecture))
    return file


def _first(config: Any, *names: str) -> Any:
    return next((value for name in names if (value := getattr(config, name, None)) is not None), None)


def _keys(config: Any) -> dict[str, Any]:
    """The keys of ``TextModel.set_gguf_parameters`` and of its heirs in llama.cpp."""
    kind = config.model_type
    rope: Mapping[str, Any] = getattr(config, "rope_parameters", None) or {}
    local = rope.get("sliding_attention", {}) if kind == "gemma3_text" else {}
    rope = rope.get("full_attention", rope)
    heads, width = _first(config, "num_attention_heads", "n_head"), _first(config, "hidden_size", "n_embd")
    head = _first(config, "head_dim")
    turned = int((head or (width // heads if heads else 0)) * rope.get("partial_rotary_factor", 1.0))
    keys = {
        "block_count": _first(config, "num_hidden_layers", "n_layer"),
        "context_length": _first(config, "max_position_embeddings", "n_positions"),
        "embedding_length": width,
        "feed_forward_length": _first(config, "intermediate_size", "n_inner", "ffn_hidden_size"),
        "attention.head_count": heads,
        "attention.head_count_kv": _first(config, "num_key_value_heads", "num_kv_heads"),
        "rope.freq_base": rope.get("rope_theta"),
        "rope.freq_base_swa": local.get("rope_theta"),
        "attention.layer_norm_rms_epsilon": _first(config, "rms_norm_eps"),
        "attention.layer_norm_epsilon": _first(
            config, "layer_norm_eps", "layer_norm_epsilon", "norm_epsilon", "norm_eps"
        ),
        "attention.key_length": head,
        "attention.value_length": head,
        "attn_logit_softcapping": _first(config, "attn_logit_softcapping"),
        "final_logit_softcapping": _first(config, "final_logit_softcapping"),
        "expert_count": _first(config, "num_experts"),
        "expert_used_count": _first(config, "num_experts_per_tok"),
        "expert_feed_forward_length": _first(config, "moe_intermediate_size"),
        "expert_shared_feed_forward_length": _first(config, "shared_expert_intermediate_size"),
    }
    if kind in ("mistral", "starcoder2", "gemma2", "gemma3_text"):
        keys["attention.sliding_window"] = config.sliding_window
    if kind == "phi3":
        keys["attention.sliding_window"] = config.sliding_window or 0
        keys["rope.scaling.original_context_length"] = config.original_max_position_embeddings
    if kind in ("llama", "mistral", "phi3", "stablelm", "nemotron"):
        keys["rope.dimension_count"] = turned
    if kind in ("llama", "mistral", "gpt2", "starcoder2"):
        keys["vocab_size"] = config.vocab_size
    if kind == "stablelm":
        keys["use_parallel_residual"] = config.use_parallel_residual
    if kind == "falcon":
        keys |= {"tensor_data_layout": "jploski", "feed_forward_length": 4 * width, "attention.head_count_kv": 1}
    if kind == "gpt2":
        keys["feed_forward_length"] = config.n_inner or 4 * width
    if kind == "bloom":
        keys |= {"context_length": 2048, "feed_forward_length": 4 * width, "attention.head_count_kv": heads}
    if kind == "mamba":
        keys |= {
            "context_length": 2**20,
            "feed_forward_length": 0,
            "attention.head_count": 0,
            "attention.layer_norm_epsilon": None,
            "attention.layer_norm_rms_epsilon": config.layer_norm_epsilon,
            "ssm.conv_kernel": config.conv_kernel,
            "ssm.inner_size": config.intermediate_size,
            "ssm.state_size": config.state_size,
            "ssm.time_step_rank": int(config.time_step_rank),
            "ssm.dt_b_c_rms": False,
        }
    if rope.get("rope_type") == "linear":
        keys |= {"rope.scaling.type": "linear", "rope.scaling.factor": rope["factor"]}
    if rope.get("rope_type") == "yarn":
        keys |= {
            "rope.scaling.type": "yarn",
            "rope.scaling.factor": rope["factor"],
            "rope.scaling.original_context_length": rope["original_max_position_embeddings"],
            "rope.scaling.yarn_beta_fast": rope.get("beta_fast"),
            "rope.scaling.yarn_beta_slow": rope.get("beta_slow"),
        }
    if rope.get("rope_type") == "longrope":
        original = rope["original_max_position_embeddings"]
        scale = config.max_position_embeddings / original
        keys["rope.scaling.attn_factor"] = float(np.sqrt(1 + np.log(scale) / np.log(original)))
    return keys


def _byte_level(config: Any) -> dict[str, Any]:
    tokenizer = byte_level()
    tokens = sorted(tokenizer.get_vocab(), key=tokenizer.get_vocab().__getitem__)
    return {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "gpt-2",
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": [3 if token in ("<bos>", "<eos>") else 1 for token in tokens],
        "tokenizer.ggml.merges": list(MERGES),
        "tokenizer.ggml.bos_token_id": tokenizer.bos_token_id,
        "tokenizer.ggml.eos_token_id": tokenizer.eos_token_id,
        "tokenizer.ggml.add_bos_token": False,
    }


def _sentencepiece(config: Any) -> dict[str, Any]:
    kinds = [2, 3, 3, *[6] * 256, *[1] * (len(PIECES) - 259)]
    return {
        "tokenizer.ggml.model": "llama",
        "tokenizer.ggml.pre": "default",
        "tokenizer.ggml.tokens": PIECES,
        "tokenizer.ggml.scores": [0.0] * 259 + [-float(i) for i in range(len(PIECES) - 259)],
        "tokenizer.ggml.token_type": kinds,
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": 2,
        "tokenizer.ggml.unknown_token_id": 0,
        "tokenizer.ggml.add_bos_token": True,
    }


def _tensors(network: Any, architecture: str) -> Iterator[tuple[str, np.ndarray]]:
    config = network.config
    arch = next(key for key, name in gguf.MODEL_ARCH_NAMES.items() if name == architecture)
    depth, kind = _first(config, "num_hidden_layers", "n_layer"), config.model_type
    names = gguf.get_tensor_name_map(arch, depth)
    weights = dict(network.state_dict())
    if getattr(config, "tie_word_embeddings", False):
        weights.pop("lm_head.weight", None)
    for name, weight in weights.items():
        if name.endswith((".attn.bias", ".attn.masked_bias", "inv_freq")):
            continue
        for own, tensor in _changed(config, name, weight.float().numpy()):
            mapped = names.get_name(own.replace("transformer.", "") if kind == "bloom" else own, (".weight", ".bias"))
            assert mapped is not None, own
            yield mapped, tensor.squeeze()
    rope = getattr(config, "rope_parameters", None) or {}
    if rope.get("rope_type") == "llama3":
        yield "rope_freqs.weight", llama3_factors(config)
    if rope.get("rope_type") == "longrope":
        yield "rope_factors_long.weight", np.asarray(rope["long_factor"])
        yield "rope_factors_short.weight", np.asarray(rope["short_factor"])


def llama3_factors(config: Any) -> np.ndarray:
    """What the frequencies are divided by (Llama 3.1), in float64."""
    rope = config.rope_parameters
    plain = rope["rope_theta"] ** (-np.arange(0, config.head_dim, 2) / config.head_dim)
    turns = rope["original_max_position_embeddings"] * plain / (2 * np.pi)
    low, high = rope["low_freq_factor"], rope["high_freq_factor"]
    smooth = np.clip((turns - low) / (high - low), 0, 1)
    return 1 / ((1 - smooth) / rope["factor"] + smooth)


def _changed(config: Any, name: str, weight: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Rows, signs and halves as the converter puts them."""
    kind = config.model_type
    if kind in ("llama", "mistral") and re.search(r"\.[qk]_proj\.", name):
        heads = config.num_attention_heads if ".q_proj." in name else config.num_key_value_heads
        shaped = weight.reshape(heads, 2, weight.shape[0] // heads // 2, *weight.shape[1:])
        yield name, shaped.swapaxes(1, 2).reshape(weight.shape)
    elif kind in ("gemma2", "gemma3_text", "nemotron") and name.endswith("norm.weight"):
        yield name, weight + 1
    elif kind == "gpt2" and name.endswith((".c_attn.weight", ".c_proj.weight", ".c_fc.weight")):
        yield name, weight.T
    elif kind == "bloom" and ".query_key_value." in name:
        heads, width = config.n_head, config.hidden_size
        shaped = weight.reshape(heads, 3, width // heads, *weight.shape[1:])
        yield name, np.concatenate([shaped[:, part].reshape(width, *weight.shape[1:]) for part in range(3)])
    elif kind == "mamba" and name.endswith("A_log"):
        yield name, -np.exp(weight)
    elif name.endswith("mlp.experts.gate_up_proj"):
        half = weight.shape[1] // 2
        yield name.replace("gate_up_proj", "gate_proj.weight"), weight[:, :half]
        yield name.replace("gate_up_proj", "up_proj.weight"), weight[:, half:]
    elif name.endswith("mlp.experts.down_proj"):
        yield f"{name}.weight", weight
    else:
        yield name, weight


def scrambled(network: nn.Module, seed: int = 3) -> nn.Module:
    """Weights large enough that attention is far from even, and norms that are not all one."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in network.named_parameters():
            if name.endswith(("A_log", "dt_proj.bias")):
                continue
            size = 0.25 if weight.dim() > 1 else 0.1
            weight.add_(size * torch.randn(weight.shape, generator=generator))
    return network.eval()


def without(file: File, names: Collection[str]) -> File:
    return File(
        file.architecture,
        {key: value for key, value in file.keys.items() if key not in names},
        {name: tensor for name, tensor in file.tensors.items() if name not in names},
    )
