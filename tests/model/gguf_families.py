"""Small networks whose configurations say what GGUF stores in keys of its own."""

from typing import Any

import torch
import transformers

from tests.model.gguf_writer import PIECES, VOCABULARY, scrambled

EPSILON = 2.0**-17  # which float32 can hold
SIZES = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
    "rms_norm_eps": EPSILON,
    "tie_word_embeddings": False,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": None,
}
_YARN = {
    "rope_type": "yarn",
    "rope_theta": 10000.0,
    "factor": 4.0,
    "original_max_position_embeddings": 32,
}
_LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 500000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}
_LONG = {
    "rope_type": "longrope",
    "rope_theta": 10000.0,
    "short_factor": [1.0, 1.25, 1.5, 2.0],
    "long_factor": [1.5, 3.0, 6.0, 9.0],
    "original_max_position_embeddings": 16,
}
GEMMA = {"head_dim": 256, "num_attention_heads": 2, "num_key_value_heads": 1, "tie_word_embeddings": True}
_LINEAR = {"rope_type": "linear", "rope_theta": 10000.0, "factor": 4.0}

# name: class of configuration, what it says
FAMILIES: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("LlamaConfig", {}),
    "llama-tied-biased": ("LlamaConfig", {"tie_word_embeddings": True, "attention_bias": True, "mlp_bias": True}),
    "llama-wide-heads": ("LlamaConfig", {"head_dim": 16}),
    "llama-theta": ("LlamaConfig", {"rope_parameters": {"rope_type": "default", "rope_theta": 300.0}}),
    "llama-llama3": ("LlamaConfig", {"rope_parameters": _LLAMA3}),
    "llama-linear": ("LlamaConfig", {"rope_parameters": _LINEAR}),
    "llama-yarn": ("LlamaConfig", {"rope_parameters": _YARN}),
    "mistral-window": ("MistralConfig", {"sliding_window": 7}),
    "mistral-window-heads-yarn": ("MistralConfig", {"sliding_window": 9, "head_dim": 16, "rope_parameters": _YARN}),
    "qwen2": ("Qwen2Config", {}),
    "qwen2-yarn": ("Qwen2Config", {"rope_parameters": _YARN}),
    "qwen2-yarn-betas": ("Qwen2Config", {"rope_parameters": {**_YARN, "beta_fast": 16.0, "beta_slow": 2.0}}),
    "qwen3": ("Qwen3Config", {"head_dim": 16}),
    "qwen3-yarn": ("Qwen3Config", {"head_dim": 16, "rope_parameters": _YARN}),
    "qwen2-moe": (
        "Qwen2MoeConfig",
        {
            "num_experts": 4,
            "num_experts_per_tok": 2,
            "moe_intermediate_size": 24,
            "shared_expert_intermediate_size": 40,
            "norm_topk_prob": False,
        },
    ),
    "qwen3-moe": (
        "Qwen3MoeConfig",
        {
            "head_dim": 16,
            "num_experts": 4,
            "num_experts_per_tok": 2,
            "moe_intermediate_size": 24,
            "norm_topk_prob": True,
        },
    ),
    "starcoder2-window": ("Starcoder2Config", {"sliding_window": 7, "norm_epsilon": EPSILON}),
    "starcoder2-theta-unbiased": (
        "Starcoder2Config",
        {"use_bias": False, "norm_epsilon": EPSILON, "rope_parameters": {"rope_type": "default", "rope_theta": 500.0}},
    ),
    "gemma2-caps-window": (
        "Gemma2Config",
        {**GEMMA, "sliding_window": 7, "attn_logit_softcapping": 3.0, "final_logit_softcapping": 5.0},
    ),
    "gemma3-linear-window": (
        "Gemma3TextConfig",
        {
            **GEMMA,
            "num_hidden_layers": 6,  # the last of six has no window
            "sliding_window": 7,
            "rope_parameters": {
                "full_attention": {"rope_type": "linear", "rope_theta": 20000.0, "factor": 8.0},
                "sliding_attention": {"rope_type": "default", "rope_theta": 5000.0},
            },
        },
    ),
    "phi3": ("Phi3Config", {"sliding_window": 7}),
    "phi3-longrope": ("Phi3Config", {"rope_parameters": _LONG, "original_max_position_embeddings": 16}),
    "phi3-partial": (
        "Phi3Config",
        {
            "hidden_size": 64,
            "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.75},
        },
    ),
    "stablelm-partial": (
        "StableLmConfig",
        {
            "use_qkv_bias": True,
            "layer_norm_eps": EPSILON,
            "rope_parameters": {"rope_type": "default", "rope_theta": 800.0, "partial_rotary_factor": 0.5},
        },
    ),
    "nemotron-partial": (
        "NemotronConfig",
        {
            "norm_eps": 16 * EPSILON,
            "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.75},
            "hidden_size": 64,
        },
    ),
    "falcon": (
        "FalconConfig",
        {
            "layer_norm_epsilon": EPSILON,
            "tie_word_embeddings": True,
            "ffn_hidden_size": 128,
        },
    ),
    "gpt2": (
        "GPT2Config",
        {
            "layer_norm_epsilon": EPSILON,
            "n_positions": 128,
            "n_embd": 32,
            "n_layer": 4,
            "n_head": 4,
            "n_inner": 48,
        },
    ),
    "bloom": (
        "BloomConfig",
        {
            "layer_norm_epsilon": EPSILON,
            "n_layer": 4,
            "n_head": 4,
            "tie_word_embeddings": True,
        },
    ),
    "mamba": (
        "MambaConfig",
        {
            "layer_norm_epsilon": EPSILON,
            "state_size": 8,
            "expand": 2,
            "intermediate_size": 64,
            "time_step_rank": 2,
            "tie_word_embeddings": True,
        },
    ),
}

# variations of the others: under the marker for coverage
THOROUGH = {
    "llama",
    "llama-wide-heads",
    "llama-theta",
    "llama-yarn",
    "qwen2",
    "qwen2-yarn",
    "qwen3-yarn",
    "phi3",
    "starcoder2-theta-unbiased",
    "mistral-window",
}

# key or tensor without which a family is another network, and one that loads
MATTERS = [
    ("llama-llama3", "rope_freqs.weight"),
    ("llama-linear", "llama.rope.scaling.factor"),
    ("mistral-window", "llama.attention.sliding_window"),
    ("qwen2-yarn", "qwen2.rope.scaling.type"),
    ("starcoder2-window", "starcoder2.attention.sliding_window"),
    ("gemma2-caps-window", "gemma2.attn_logit_softcapping"),
    ("gemma3-linear-window", "gemma3.rope.scaling.factor"),
    ("stablelm-partial", "stablelm.rope.freq_base"),
]


def family(name: str) -> Any:
    """A random network."""
    kind, said = ("LlamaConfig", {"vocab_size": len(PIECES)}) if name == "llama-pieces" else FAMILIES[name]
    config_class = getattr(transformers, kind)
    sizes = {**SIZES, **said}
    known = set(config_class().to_dict()) | {"rope_parameters"}
    config = config_class(**{key: value for key, value in sizes.items() if key in known or key in said})
    torch.manual_seed(2)
    return scrambled(transformers.AutoModelForCausalLM.from_config(config))
