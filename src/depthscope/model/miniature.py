"""Small random-weight networks of any class in transformers: what coverage is measured on."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn

from depthscope.errors import DepthscopeError, require
from depthscope.model.stacks import Stack

Kind = Literal["decoder", "multimodal", "encoder", "encoder-decoder"]

DEPTH = 8
VOCABULARY = 512
LARGEST = 100_000_000  # parameters; what is larger was not made small

# every name that some configuration has for a size, and the small value that it gets
_SIZES: tuple[tuple[int, str], ...] = (
    (
        DEPTH,
        "num_hidden_layers n_layer n_layers num_layers decoder_layers encoder_layers num_encoder_layers "
        "num_decoder_layers num_blocks depth num_layers_per_stack",
    ),
    (
        64,
        "hidden_size n_embd d_model embed_dim dim emb_dim dim_model word_embed_proj_dim embedding_size "
        "input_embedding_size output_embedding_size embedding_dim attention_hidden_size lru_width out_hidden_size "
        "projection_dim hidden_size_global pronunciation_embed_dim shape_embed_dim ple_embed_dim",
    ),
    (
        128,
        "intermediate_size ffn_dim n_inner d_ff decoder_ffn_dim encoder_ffn_dim dim_ff ffn_hidden_size dff d_inner "
        "feed_forward_size intermediate_size_mlp dense_intermediate_size mamba_d_ssm",
    ),
    (
        4,
        "num_attention_heads n_head n_heads num_heads decoder_attention_heads encoder_attention_heads "
        "num_encoder_attention_heads num_decoder_attention_heads attention_heads num_kv_heads swa_num_attention_heads "
        "linear_num_value_heads linear_num_heads num_experts n_routed_experts num_local_experts moe_num_experts",
    ),
    (
        2,
        "num_key_value_heads swa_num_key_value_heads linear_num_key_heads num_experts_per_tok moe_topk "
        "num_experts_per_token index_n_heads moe_k num_kv_shared_layers",
    ),
    (1, "n_group topk_group num_expert_group"),
    (
        16,
        "head_dim d_head dim_head swa_head_dim qk_nope_head_dim v_head_dim linear_key_head_dim linear_value_head_dim "
        "linear_head_dim global_head_dim attention_head_size kv_channels state_size ssm_state_size mamba_d_state "
        "index_head_dim d_rel laurel_rank hidden_size_per_layer_input mamba_head_dim mamba_d_head d_kv",
    ),
    (8, "qk_rope_head_dim mamba_n_heads mamba_num_heads rotary_dim"),
    (
        32,
        "moe_intermediate_size shared_expert_intermediate_size shared_experts_intermediate_size "
        "shared_intermediate_size expert_ffn_hidden_size moe_shared_expert_intermediate_size kv_lora_rank q_lora_rank "
        "o_lora_rank router_hidden_size hc_lowrank",
    ),
    (
        VOCABULARY,
        "vocab_size decoder_vocab_size vocab_size_per_layer_input pronunciation_vocab_size shape_vocab_size "
        "unpadded_vocab_size ngram_vocab_size_base encoder_hash_byte_group_vocab",
    ),
    (
        256,
        "max_position_embeddings n_positions n_ctx max_seq_len max_target_positions context_length "
        "max_source_positions model_max_length",
    ),
    (17, "sliding_window window_size sliding_window_size attention_window_size"),
    (0, "pad_token_id"),
    (1, "bos_token_id decoder_start_token_id cls_token_id"),
    (2, "eos_token_id"),
    (3, "sep_token_id mask_token_id"),
)
SMALL = {name: size for size, names in _SIZES for name in names.split()}
_DEPTHS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers", "decoder_layers", "num_blocks")

_ROTARY = {"rope_type": "default", "rope_theta": 10000.0}
_SECTIONS = {"rope_parameters": {**_ROTARY, "mrope_section": [2, 3, 3]}}  # time, height, width: half a head
# what sizes alone do not settle, because the parts must fit each other or the class has no working default
FITTING: dict[str, dict[str, Any]] = {
    "bamba": {"attn_layer_indices": [2, 5]},
    "cohere_compass_text": {"rope_parameters": {"full_attention": _ROTARY, "sliding_attention": _ROTARY}},
    "deepseek_v2": {"num_experts_per_tok": 2},
    "dots1": {"n_routed_experts": 4, "num_experts_per_tok": 2, "n_shared_experts": 1},
    **dict.fromkeys(
        [
            "glm4v_text",
            "glm46v_text",
            "glm_ocr_text",
            "glmga_text",
            "paddleocr_vl_text",
            "qwen2_vl_text",
            "qwen2_5_vl_text",
        ],
        _SECTIONS,
    ),
    "glm4v_moe_text": {"rope_parameters": {**_ROTARY, "mrope_section": [2, 1, 1], "partial_rotary_factor": 0.5}},
    "granitemoehybrid": {"layer_types": ["mamba", "attention"] * (DEPTH // 2)},
    "hunyuan_v1_dense": {"head_dim": 16},
    "hunyuan_v1_moe": {"head_dim": 16},
    "lfm2_moe": {"layer_types": ["conv", "full_attention"] * (DEPTH // 2)},
    "longcat_flash": {"head_dim": 8},
    "mamba2": {"num_heads": 8},
    "ministral": {"head_dim": 16},
    "nemotron": {"head_dim": 16, "num_key_value_heads": 2},
    "nemotron_h": {"layers_block_type": ["mamba", "moe", "attention", "moe"] * (DEPTH // 4)},
    "qwen4_exp_text": {
        "indexer_n_heads": 2,
        "indexer_kv_heads": 1,
        "indexer_head_dim": 16,
        "indexer_budget": 64,
        "indexer_compress_ratio": 4,
    },
    "reformer": {
        "axial_pos_embds_dim": [16, 48],
        "axial_pos_shape": [16, 16],
        "attn_layers": ["local", "lsh"] * (DEPTH // 2),
    },
    "xmod": {"default_language": "en_XX"},
    "zamba": {"attention_hidden_size": 128, "attention_head_dim": 32},
    "zamba2": {"attention_hidden_size": 128, "attention_head_dim": 32},
    "zaya": {"num_experts_per_tok": 1},
}


@dataclass(frozen=True)
class Family:
    """One class of transformers, and how depthscope is asked to read it."""

    kind: Kind
    model_type: str
    class_name: str
    stack: Stack | None = None


def families() -> list[Family]:
    """Every class in the installed transformers that runs text through layers, by transformers' own tables."""
    auto = require("transformers.models.auto.modeling_auto", "models")
    causal = dict(auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES)
    pictured = {k: v for k, v in auto.MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES.items() if k not in causal}
    both = dict(auto.MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES)
    masked = {k: v for k, v in auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES.items() if k not in both}
    return [
        *(Family("decoder", name, cls) for name, cls in sorted(causal.items())),
        *(Family("multimodal", name, cls) for name, cls in sorted(pictured.items()) if name not in both),
        *(Family("encoder", name, cls, "encoder") for name, cls in sorted(masked.items())),
        *(
            Family("encoder-decoder", name, cls, s)
            for name, cls in sorted(both.items())
            for s in ("encoder", "decoder")
        ),
    ]


def miniature(family: Family, seed: int = 0) -> nn.Module:
    """A network of this class with 8 layers, 64 features, 512 tokens, and its own initialisation.

    Raises
    ------
    DepthscopeError
        It cannot be built that small: the reason is transformers' own.
    """
    transformers = require("transformers", "models")
    try:
        kind = getattr(transformers, family.class_name)
        config = _configuration(family, kind)
        with torch.device("meta"):
            size = sum(p.numel() for p in kind._from_config(config).parameters())
        if size <= LARGEST:
            with torch.random.fork_rng(devices=[]):
                torch.default_generator.manual_seed(seed)
                network: nn.Module = kind._from_config(config, dtype=torch.float32).eval()
            return network
    except Exception as problem:  # hundreds of classes object in as many ways
        reason = " ".join(str(problem).split())[:160] or type(problem).__name__
        raise DepthscopeError(f"{family.class_name} cannot be built small: {reason}") from None
    raise DepthscopeError(f"{family.class_name} cannot be built small: {size:,} parameters are left")


def byte_tokenizer() -> Any:
    """A fast tokenizer that any text passes through, one token per byte, with a vocabulary that every miniature has."""
    transformers = require("transformers", "models")
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    words = ["<pad>", "<s>", "</s>", "<mask>", *sorted(pre_tokenizers.ByteLevel.alphabet())]
    tokenizer = Tokenizer(models.BPE(vocab={word: i for i, word in enumerate(words)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    names = {"pad_token": "<pad>", "bos_token": "<s>", "eos_token": "</s>", "mask_token": "<mask>"}
    return transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names)


def _configuration(family: Family, kind: Any) -> Any:
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    config = _shrunk(CONFIG_MAPPING[family.model_type])
    wanted = getattr(kind, "config_class", None)
    if wanted is not None and not isinstance(config, wanted):  # a text model, registered for the whole as well
        config = next((part for part in _parts(config) if isinstance(part, wanted)), config)
    if family.kind == "decoder" and hasattr(config, "is_decoder"):
        config.is_decoder = True  # encoders that can be run as decoders are asked to be
    return config


def _shrunk(kind: Any) -> Any:
    return kind(**_small(kind()))


def _small(config: Any) -> dict[str, Any]:
    """Keywords that make a configuration small: known sizes, parts, and lists with an entry for every layer."""
    given = {name: value for name, value in vars(config).items() if not name.startswith("_")}
    depths = {given[name] for name in _DEPTHS if isinstance(given.get(name), int)}
    chosen: dict[str, Any] = {}
    for name, value in given.items():
        if hasattr(value, "to_dict"):
            chosen[name] = type(value)(**_small(value))
        elif name in SMALL and isinstance(value, int) and not isinstance(value, bool):
            chosen[name] = SMALL[name]
        elif name == "per_layer_config":
            chosen[name] = None
        elif name == "rope_parameters" and isinstance(value, dict) and "mrope_section" in value:
            chosen[name] = value | {"mrope_section": _SECTIONS["rope_parameters"]["mrope_section"]}
        elif isinstance(value, list) and len(value) in depths:
            chosen[name] = [SMALL.get(name, x) if type(x) is int else x for x in value[:DEPTH]]
    if "kv_lora_rank" in given:  # latent attention: every head has its own keys, and their width is a sum
        chosen.pop("head_dim", None)
        if "num_key_value_heads" in chosen:
            chosen["num_key_value_heads"] = chosen.get("num_attention_heads", SMALL["num_attention_heads"])
    return chosen | FITTING.get(config.model_type, {})


def _parts(config: Any) -> Iterator[Any]:
    for value in vars(config).values():
        if hasattr(value, "to_dict"):
            yield value
            yield from _parts(value)
