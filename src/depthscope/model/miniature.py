"""Small random-weight networks of any class in transformers: what coverage is measured on."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, get_args

import torch
from torch import nn

from depthscope.errors import DepthscopeError, reason, require
from depthscope.model.quiet import hush
from depthscope.model.stacks import Stack
from depthscope.model.turns import BUILDING

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
        "projection_dim hidden_size_global pronunciation_embed_dim shape_embed_dim ple_embed_dim text_hidden_size "
        "audio_hidden_size adapter_in_dim adapter_out_dim "
        "adapter_input_size",
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
        "unpadded_vocab_size ngram_vocab_size_base encoder_hash_byte_group_vocab entity_vocab_size",
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
_MARKS = {"vision_start_token_id": 500, "vision_end_token_id": 501, "audio_start_token_id": 502}
# what sizes alone do not settle, because the parts must fit each other or the class has no working default
FITTING: dict[str, dict[str, Any]] = {
    "bamba": {"attn_layer_indices": [2, 5]},
    "cohere_asr": {"decoder_start_token_id": 1},
    "chameleon": {"vocabulary_map": {"<image>": 500, "IMGIMGAZ": 501}},
    "cohere_compass_text": {"rope_parameters": {"full_attention": _ROTARY, "sliding_attention": _ROTARY}},
    "dbrx": {"attn_config": {"rope_theta": 10000.0, "clip_qkv": 8.0}},
    "deepseek_ocr2_text": {"mlp_layer_types": ["dense", "sparse"] * (DEPTH // 2), "num_experts_per_tok": 2},
    "deepseek_v2": {"num_experts_per_tok": 2},
    "diffusion_gemma_text": {"num_experts": 4, "top_k_experts": 2, "moe_intermediate_size": 32},
    "dots1": {"n_routed_experts": 4, "num_experts_per_tok": 2, "n_shared_experts": 1},
    "dots3_note_text": {
        "swa_num_attention_heads": 4,
        "swa_num_key_value_heads": 4,
        "swa_q_lora_rank": 32,
        "swa_kv_lora_rank": 32,
        "swa_head_dim": 24,
        "swa_qk_nope_head_dim": 16,
        "swa_v_head_dim": 16,
    },
    "ernie4_5_vl_moe_text": {
        "rope_parameters": {**_ROTARY, "mrope_section": [3, 3, 2]},
        "moe_intermediate_size": [32, 32],
    },
    "esm": {"vocab_size": VOCABULARY, "pad_token_id": 0, "mask_token_id": 3},
    "esmc": {"num_key_value_heads": 4},
    **dict.fromkeys(
        [
            "glm4v_text",
            "qwen2_5_omni_text",
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
    "fun_asr_nano": {"adaptor_config": {"hidden_size": 64, "intermediate_size": 16}},
    "glm5_next_text": {"qk_rope_head_dim": 0},
    "granite4_vision": {"deepstack_layer_map": [[-4, 2], [-2, 5]], "downsample_rate": "1/2"},
    "granite_speech_encoder": {"hidden_dim": 64},
    "granite_speech_plus_encoder": {"hidden_dim": 64},
    "granitemoehybrid": {"layer_types": ["mamba", "attention"] * (DEPTH // 2)},
    "hunyuan_v1_dense": {"head_dim": 16},
    "hunyuan_v1_moe": {"head_dim": 16},
    "hunyuan_vl_text": {"head_dim": 16, "rope_parameters": {**_ROTARY, "mrope_section": [2, 2, 2, 2]}},
    "jamba": {"use_mamba_kernels": False},
    "lfm2_moe": {"layer_types": ["conv", "full_attention"] * (DEPTH // 2)},
    "longcat_flash": {"head_dim": 8},
    "mamba2": {"num_heads": 8},
    # the configuration has no place for these heads, though checkpoints name them, and its windows are six
    "moonshine_streaming": {"num_key_value_heads": 4, "decoder_start_token_id": 1},
    "moonshine_streaming_encoder": {"num_key_value_heads": 4, "sliding_windows": [[16, 4]] * DEPTH},
    "ministral": {"head_dim": 16},
    "mllama_text_model": {"rope_scaling": _ROTARY},
    "molmo2_adapter": {"vision_feature_layer": [6, 4]},
    "muse_spark_audio": {"num_hidden_layers": 4, "hidden_sizes": [64, 64, 64, 64]},
    "nemotron": {"head_dim": 16, "num_key_value_heads": 2},
    "nemotron3_5_transcribe_word_timestamp": {"blank_token_id": VOCABULARY - 1},
    "nemotron_h": {"layers_block_type": ["mamba", "moe", "attention", "moe"] * (DEPTH // 4)},
    "qwen2_5_omni_thinker": _MARKS,
    "qwen3_omni_moe_thinker": _MARKS,
    "qwen4_exp_text": {
        "indexer_n_heads": 2,
        "indexer_kv_heads": 1,
        "indexer_head_dim": 16,
        "indexer_budget": 64,
        "indexer_compress_ratio": 4,
    },
    "radio": {"video_temporal_patch_size": 2},
    "reformer": {
        "axial_pos_embds_dim": [16, 48],
        "axial_pos_shape": [16, 16],
        "attn_layers": ["local", "lsh"] * (DEPTH // 2),
    },
    "speech-encoder-decoder": {"decoder_start_token_id": 1, "eos_token_id": 2, "pad_token_id": 0},
    "step3p5": {"sliding_window": 17},
    "vibevoice_acoustic_tokenizer_encoder": {"num_filters": 2},
    # the place of sound among the tokens, within the small vocabulary
    **{
        name: {"audio_token_id": 500}
        for name in (
            "dots3_note",
            "glmasr",
            "moss_transcribe_diarize",
            "muse_spark",
            "nemo_speechlm",
            "omniasr",
            "qwen3_asr",
            "vibevoice_asr",
            "voxtral",
        )
    },
    "qwen2_audio": {"audio_token_index": 500, "audio_token_id": 500},
    **{name: {"max_source_positions": 250} for name in ("qwen2_audio_encoder", "voxtral_encoder")},
    "moss_transcribe_diarize_audio": {"max_source_positions": 250},
    "qwen3_asr_encoder": {"output_dim": 64, "downsample_hidden_size": 16},
    **{name: {"speech_encoder_intermediate_size": 128} for name in ("seamless_m4t", "seamless_m4t_v2")},
    **{name: {"conv_dim": [64] * 7} for name in ("hubert", "speecht5", "wav2vec2")},
    "whisper": {"max_source_positions": 250},  # two for each frame of whole seconds
    "xmod": {"default_language": "en_XX"},
    "zamba": {"attention_hidden_size": 128, "attention_head_dim": 32, "use_mamba_kernels": False},
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
    causal, masked, translating = (
        auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
        auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES,
        auto.MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES,
    )
    # the table of all that takes more than text is younger than the oldest release that we support
    mixed = auto.MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES | getattr(auto, "MODEL_FOR_MULTIMODAL_LM_MAPPING_NAMES", {})
    wholes = sorted((mixed | translating).items())
    double = {name for name, _ in wholes if _has_two_stacks(name)}
    return [
        *(Family("decoder", name, cls) for name, cls in sorted(causal.items())),
        *(Family("multimodal", name, cls) for name, cls in wholes if name not in double and name not in causal),
        *(Family("encoder", name, cls, "encoder") for name, cls in sorted(masked.items()) if name not in double),
        *(Family("encoder-decoder", name, cls, s) for name, cls in wholes if name in double for s in get_args(Stack)),
    ]


def miniature(family: Family, seed: int = 0) -> nn.Module:
    """A network of this class with 8 layers, 64 features, 512 tokens, and its own initialisation but for the zeros.

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
            with BUILDING, torch.random.fork_rng(devices=[]):
                torch.default_generator.manual_seed(seed)
                network: nn.Module = kind._from_config(config, dtype=torch.float32).eval()
                _wake(network)
            return network
    except Exception as problem:  # hundreds of classes object in as many ways
        raise DepthscopeError(f"{family.class_name} cannot be built small: {reason(problem, 160)}") from None
    raise DepthscopeError(f"{family.class_name} cannot be built small: {size:,} parameters are left")


@contextmanager
def building_many() -> Iterator[None]:
    """One thread, because in networks this small threads wait for each other; no warnings of settings that nobody made."""
    hush()
    logging = require("transformers", "models").utils.logging
    threads, verbosity = torch.get_num_threads(), logging.get_verbosity()
    torch.set_num_threads(1)
    logging.set_verbosity_error()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.set_verbosity(verbosity)
        torch.set_num_threads(threads)


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


def _wake(network: nn.Module) -> None:
    """Noise for what starts at zero: a gate or a last matrix of zeros would hide from every check what it lets through."""
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.is_floating_point() and not parameter.any():
                parameter.normal_(std=0.02)


@cache
def _has_two_stacks(model_type: str) -> bool:
    """Seen in the configuration: the tables hold speech models with one stack among the encoder-decoders."""
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    try:
        return bool(getattr(CONFIG_MAPPING[model_type](), "is_encoder_decoder", False))
    except Exception:  # one that has no defaults is made of two others
        return True


def _configuration(family: Family, kind: Any) -> Any:
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    config = _shrunk(CONFIG_MAPPING[family.model_type])
    wanted = getattr(kind, "config_class", None)
    if wanted is not None and not isinstance(config, wanted):  # a text model, registered for the whole as well
        config = next((part for part in _parts(config) if isinstance(part, wanted)), config)
    if family.kind == "decoder" and hasattr(config, "is_decoder"):
        config.is_decoder = True  # encoders that can be run as decoders are asked to be
    half: Any = getattr(config, "decoder", None)
    if hasattr(half, "is_decoder"):  # as it is when two models become one
        half.is_decoder = half.add_cross_attention = True
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
            part = type(value)(**_small(value))
            chosen[name] = part.to_dict() if _before_5() else part
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
    chosen |= FITTING.get(config.model_type, {})
    if _before_5() and "rope_parameters" in chosen:
        chosen["rope_scaling"] = chosen.pop("rope_parameters")
    return chosen


@cache
def _before_5() -> bool:
    """Releases that overlook a part of a configuration unless it is a dictionary, and call rotary settings a scaling."""
    return int(require("transformers", "models").__version__.split(".")[0]) < 5


def _parts(config: Any) -> Iterator[Any]:
    for value in vars(config).values():
        if hasattr(value, "to_dict"):
            yield value
            yield from _parts(value)
