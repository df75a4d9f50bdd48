"""Random-weight models of ten families, small but with every peculiarity of the family switched on."""

from collections.abc import Callable
from typing import Any

import torch
import transformers as t

DEPTH = 8
# short windows, so that texts of a dozen tokens already leave them; large weights, so that every part matters
COMMON = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": DEPTH,
    "num_attention_heads": 4,
    "max_position_embeddings": 128,
    "initializer_range": 0.1,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
GROUPED = {**COMMON, "num_key_value_heads": 2}
EXPERTS = {"num_local_experts": 4, "num_experts_per_tok": 2}
CAP = 5.0

SETTINGS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "gpt2": (
        "GPT2LMHeadModel",
        "GPT2Config",
        {"n_embd": 32, "n_layer": DEPTH, "n_head": 4, "n_positions": 128, "initializer_range": 0.1},
    ),
    "gpt-neox": ("GPTNeoXForCausalLM", "GPTNeoXConfig", COMMON),
    "llama": ("LlamaForCausalLM", "LlamaConfig", GROUPED),
    "mistral": ("MistralForCausalLM", "MistralConfig", {**GROUPED, "sliding_window": 4}),
    "qwen3": ("Qwen3ForCausalLM", "Qwen3Config", {**GROUPED, "head_dim": 8}),
    "gemma3": (
        "Gemma3ForCausalLM",
        "Gemma3TextConfig",
        {**GROUPED, "head_dim": 8, "sliding_window": 4, "final_logit_softcapping": CAP},
    ),
    "opt": ("OPTForCausalLM", "OPTConfig", {**COMMON, "ffn_dim": 64, "word_embed_proj_dim": 32, "init_std": 0.1}),
    "bloom": (
        "BloomForCausalLM",
        "BloomConfig",
        {"hidden_size": 32, "n_layer": DEPTH, "n_head": 4, "initializer_range": 0.1},
    ),
    "mixtral": ("MixtralForCausalLM", "MixtralConfig", {**GROUPED, **EXPERTS}),
    "gpt-oss": ("GptOssForCausalLM", "GptOssConfig", {**GROUPED, **EXPERTS, "head_dim": 8, "sliding_window": 4}),
}


def build(family: str, vocabulary: int) -> Any:
    network, config, settings = SETTINGS[family]
    torch.manual_seed(7)
    return getattr(t, network)(getattr(t, config)(**{**settings, "vocab_size": vocabulary})).eval()


def _head_of_model(net: Any, state: torch.Tensor) -> torch.Tensor:
    return net.lm_head(net.model.norm(state))


# final norm and head, written out from the families' own definitions
READOUT: dict[str, Callable[[Any, torch.Tensor], torch.Tensor]] = {
    "gpt2": lambda net, state: net.lm_head(net.transformer.ln_f(state)),
    "gpt-neox": lambda net, state: net.get_output_embeddings()(net.gpt_neox.final_layer_norm(state)),
    "llama": _head_of_model,
    "mistral": _head_of_model,
    "qwen3": _head_of_model,
    "gemma3": lambda net, state: CAP * torch.tanh(net.lm_head(net.model.norm(state)) / CAP),
    "opt": lambda net, state: net.lm_head(net.model.decoder.final_layer_norm(state)),
    "bloom": lambda net, state: net.lm_head(net.transformer.ln_f(state)),
    "mixtral": _head_of_model,
    "gpt-oss": _head_of_model,
}
