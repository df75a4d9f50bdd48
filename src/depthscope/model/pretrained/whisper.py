"""Whisper from CTranslate2 to transformers: the same numbers under other names."""

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from depthscope.errors import DepthscopeError, require
from depthscope.model.pretrained.ctranslate2 import read_arrays

Arrays = dict[str, NDArray[Any]]

MULTILINGUAL = 51_865  # from this many tokens on, as OpenAI's own code tells them apart
END = "<|endoftext|>"


def read_whisper(weights: Path, settings: Path, tokenizer: Path) -> tuple[Any, Any, Any]:
    """Network in float32 with its settings for generation, tokenizer, and feature extractor.

    Raises
    ------
    DepthscopeError
        The file is no Whisper model, or one with arrays that transformers has no place for.
    """
    transformers = require("transformers", "models")
    torch = require("torch", "models")
    arrays = read_arrays(weights, "WhisperSpec")
    words = _tokenizer(transformers, tokenizer)
    network = transformers.WhisperForConditionalGeneration(_config(transformers, arrays, words))
    state = {name: torch.from_numpy(array.astype(np.float32)) for name, array in _renamed(weights, arrays).items()}
    unplaced = network.load_state_dict(state, strict=False)
    if unplaced.unexpected_keys or set(unplaced.missing_keys) - {"proj_out.weight"}:  # tied to the embedding
        raise DepthscopeError(f"{weights}: its arrays are not those of Whisper ({unplaced})")
    network.tie_weights()
    multilingual = network.config.vocab_size >= MULTILINGUAL
    said = json.loads(settings.read_text(encoding="utf-8"))
    network.generation_config = _generation(transformers, said, words, multilingual)
    sounds = transformers.WhisperFeatureExtractor(feature_size=arrays["encoder/conv1/weight"].shape[1])
    return network.eval(), words, sounds


def _config(transformers: Any, arrays: Arrays, words: Any) -> Any:
    encoder, decoder = (_layers(arrays, side) for side in ("encoder", "decoder"))
    width, mels, _ = arrays["encoder/conv1/weight"].shape
    end = words.convert_tokens_to_ids(END)
    return transformers.WhisperConfig(
        vocab_size=arrays["decoder/embeddings/weight"].shape[0],
        num_mel_bins=mels,
        d_model=width,
        encoder_layers=encoder,
        decoder_layers=decoder,
        encoder_attention_heads=int(arrays["encoder/num_heads"]),
        decoder_attention_heads=int(arrays["decoder/num_heads"]),
        encoder_ffn_dim=len(arrays["encoder/layer_0/ffn/linear_0/bias"]),
        decoder_ffn_dim=len(arrays["decoder/layer_0/ffn/linear_0/bias"]),
        max_source_positions=len(arrays["encoder/position_encodings/encodings"]),
        max_target_positions=len(arrays["decoder/position_encodings/encodings"]),
        decoder_start_token_id=words.convert_tokens_to_ids("<|startoftranscript|>"),
        bos_token_id=end,
        eos_token_id=end,
        pad_token_id=end,
        begin_suppress_tokens=None,  # these are in the settings for generation
    )


def _layers(arrays: Arrays, side: str) -> int:
    return len({name.split("/")[1] for name in arrays if name.startswith(f"{side}/layer_") and name.count("/") > 2})


def _renamed(path: Path, arrays: Arrays) -> Arrays:
    """The arrays under transformers' names; projections that CTranslate2 joined are parted again."""
    named: Arrays = {
        "model.encoder.embed_positions.weight": arrays["encoder/position_encodings/encodings"],
        "model.decoder.embed_positions.weight": arrays["decoder/position_encodings/encodings"],
        "model.decoder.embed_tokens.weight": arrays["decoder/embeddings/weight"],
    }
    for name in ("conv1", "conv2"):
        named |= _pair(arrays, f"encoder/{name}", f"model.encoder.{name}", "weight", "bias")
    for side in ("encoder", "decoder"):
        named |= _pair(arrays, f"{side}/layer_norm", f"model.{side}.layer_norm", "gamma", "beta")
        for layer in range(_layers(arrays, side)):
            named |= _block(arrays, f"{side}/layer_{layer}", f"model.{side}.layers.{layer}", side == "decoder")
    for name in [name for name in named if name.endswith("k_proj.bias")]:
        # keys of Whisper have no bias; joined with the others they have zeros
        if named.pop(name).any():
            raise DepthscopeError(f"{path}: {name} is not zero, so this is no Whisper model")
    return named


def _block(arrays: Arrays, old: str, new: str, crossed: bool) -> Arrays:
    named: Arrays = {}
    for norm, name in [("self_attention/layer_norm", "self_attn_layer_norm"), ("ffn/layer_norm", "final_layer_norm")]:
        named |= _pair(arrays, f"{old}/{norm}", f"{new}.{name}", "gamma", "beta")
    named |= _parted(arrays, f"{old}/self_attention/linear_0", f"{new}.self_attn", ("q_proj", "k_proj", "v_proj"))
    named |= _parted(arrays, f"{old}/self_attention/linear_1", f"{new}.self_attn", ("out_proj",))
    named |= _parted(arrays, f"{old}/ffn/linear_0", new, ("fc1",))
    named |= _parted(arrays, f"{old}/ffn/linear_1", new, ("fc2",))
    if crossed:
        named |= _pair(arrays, f"{old}/attention/layer_norm", f"{new}.encoder_attn_layer_norm", "gamma", "beta")
        named |= _parted(arrays, f"{old}/attention/linear_0", f"{new}.encoder_attn", ("q_proj",))
        named |= _parted(arrays, f"{old}/attention/linear_1", f"{new}.encoder_attn", ("k_proj", "v_proj"))
        named |= _parted(arrays, f"{old}/attention/linear_2", f"{new}.encoder_attn", ("out_proj",))
    return named


def _pair(arrays: Arrays, old: str, new: str, weight: str, bias: str) -> Arrays:
    return {f"{new}.weight": arrays[f"{old}/{weight}"], f"{new}.bias": arrays[f"{old}/{bias}"]}


def _parted(arrays: Arrays, old: str, new: str, names: tuple[str, ...]) -> Arrays:
    """One linear map of CTranslate2 as the linear maps that its rows are, in order."""
    return {
        f"{new}.{name}.{kind}": part
        for kind in ("weight", "bias")
        for name, part in zip(names, np.split(arrays[f"{old}/{kind}"], len(names)), strict=True)
    }


def _tokenizer(transformers: Any, path: Path) -> Any:
    """Whisper's own class around the ``tokenizer.json``, made by the way that every version of transformers knows."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "tokenizer.json").write_bytes(path.read_bytes())
        ends = dict.fromkeys(("bos_token", "eos_token", "unk_token", "pad_token"), END)
        (place / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "WhisperTokenizer", **ends}))
        return transformers.AutoTokenizer.from_pretrained(folder)


def _generation(transformers: Any, settings: dict[str, Any], words: Any, multilingual: bool) -> Any:
    """What ``generate`` must know: ids of the control tokens, tokens never to say, heads that align words with time."""
    number = words.convert_tokens_to_ids
    end = number(END)
    languages = {
        "lang_to_id": {words.convert_ids_to_tokens(token): token for token in settings["lang_ids"]},
        "task_to_id": {task: number(f"<|{task}|>") for task in ("transcribe", "translate")},
        # without it a text is begun without a task, and such a text runs into loops
        "task": "transcribe",
    }
    return transformers.GenerationConfig(
        decoder_start_token_id=number("<|startoftranscript|>"),
        bos_token_id=end,
        eos_token_id=end,
        pad_token_id=end,
        max_length=448,
        suppress_tokens=settings["suppress_ids"],
        begin_suppress_tokens=settings["suppress_ids_begin"],
        alignment_heads=settings["alignment_heads"],
        no_timestamps_token_id=number("<|notimestamps|>"),
        prev_sot_token_id=number("<|startofprev|>"),
        is_multilingual=multilingual,
        return_timestamps=False,
        max_initial_timestamp_index=50,
        **(languages if multilingual else {}),
    )
