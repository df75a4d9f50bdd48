"""Whisper from CTranslate2: a random network written in that layout and read back is the same network."""

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import AddedToken, Tokenizer, models
from transformers import WhisperConfig, WhisperForConditionalGeneration

from depthscope.model.pretrained.ctranslate2 import KINDS, read_arrays
from depthscope.model.pretrained.whisper import read_whisper

Arrays = dict[str, np.ndarray[Any, Any]]

CONTROL = [
    "<|endoftext|>",
    "<|startoftranscript|>",
    "<|en|>",
    "<|translate|>",
    "<|transcribe|>",
    "<|startofprev|>",
    "<|notimestamps|>",
]


def model_bin(arrays: Arrays, said: str = "WhisperSpec", version: int = 6) -> bytes:
    """The layout as CTranslate2's converter writes it."""

    def text(word: str) -> bytes:
        return struct.pack("<H", len(word) + 1) + word.encode() + b"\0"

    parts = [struct.pack("<I", version), text(said), struct.pack("<II", 3, len(arrays))]
    for name, array in arrays.items():
        kind = KINDS.index(array.dtype.str.replace("|", "<"))
        shape = struct.pack(f"<B{array.ndim}I", array.ndim, *array.shape)
        parts += [text(name), shape, struct.pack("<BI", kind, array.nbytes), array.tobytes()]
    parts += [struct.pack("<I", 1), text("decoder/projection/weight"), text("decoder/embeddings/weight")]
    return b"".join(parts)


def network() -> WhisperForConditionalGeneration:
    torch.manual_seed(3)
    sizes = {"encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 2, "decoder_attention_heads": 2}
    config = WhisperConfig(
        vocab_size=20, d_model=8, encoder_ffn_dim=12, decoder_ffn_dim=12, max_source_positions=10,
        max_target_positions=9, num_mel_bins=4, pad_token_id=0, bos_token_id=0, eos_token_id=0,
        decoder_start_token_id=1, begin_suppress_tokens=None, **sizes,
    )  # fmt: skip
    made = WhisperForConditionalGeneration(config).eval()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.copy_(torch.randn_like(parameter).half().float())  # biases too, and exact in half precision
    return made


def as_ctranslate2(made: WhisperForConditionalGeneration) -> Arrays:
    """Written from the names in CTranslate2's own converter: queries, keys and values are joined."""
    state = {name.removeprefix("model."): tensor.detach().half().numpy() for name, tensor in made.state_dict().items()}

    def linear(new: str, *old: str) -> Arrays:
        weights = [state[f"{name}.weight"] for name in old]
        biases = [state.get(f"{name}.bias", np.zeros(8, "<f2")) for name in old]
        return {f"{new}/weight": np.concatenate(weights), f"{new}/bias": np.concatenate(biases)}

    def norm(new: str, old: str) -> Arrays:
        return {f"{new}/gamma": state[f"{old}.weight"], f"{new}/beta": state[f"{old}.bias"]}

    arrays = {**linear("encoder/conv1", "encoder.conv1"), **linear("encoder/conv2", "encoder.conv2")}
    arrays["decoder/embeddings/weight"] = state["decoder.embed_tokens.weight"]
    for side in ("encoder", "decoder"):
        arrays[f"{side}/position_encodings/encodings"] = state[f"{side}.embed_positions.weight"]
        arrays[f"{side}/num_heads"] = np.array(2, "<i2")
        arrays |= norm(f"{side}/layer_norm", f"{side}.layer_norm")
        for i in range(2):
            new, old = f"{side}/layer_{i}", f"{side}.layers.{i}"
            arrays |= norm(f"{new}/self_attention/layer_norm", f"{old}.self_attn_layer_norm")
            own = [f"{old}.self_attn.{name}_proj" for name in ("q", "k", "v")]
            arrays |= linear(f"{new}/self_attention/linear_0", *own)
            arrays |= linear(f"{new}/self_attention/linear_1", f"{old}.self_attn.out_proj")
            arrays |= norm(f"{new}/ffn/layer_norm", f"{old}.final_layer_norm")
            arrays |= linear(f"{new}/ffn/linear_0", f"{old}.fc1") | linear(f"{new}/ffn/linear_1", f"{old}.fc2")
            if side == "decoder":
                crossed = f"{old}.encoder_attn"
                arrays |= norm(f"{new}/attention/layer_norm", f"{old}.encoder_attn_layer_norm")
                arrays |= linear(f"{new}/attention/linear_0", f"{crossed}.q_proj")
                arrays |= linear(f"{new}/attention/linear_1", f"{crossed}.k_proj", f"{crossed}.v_proj")
                arrays |= linear(f"{new}/attention/linear_2", f"{crossed}.out_proj")
    return arrays


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path, Path]:
    tokenizer = Tokenizer(models.BPE({"a": 0, "b": 1}, []))
    tokenizer.add_special_tokens([AddedToken(name, special=True) for name in CONTROL])
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    said = {"alignment_heads": [[1, 0]], "lang_ids": [4], "suppress_ids": [1], "suppress_ids_begin": [0]}
    (tmp_path / "config.json").write_text(json.dumps(said))
    return tmp_path / "model.bin", tmp_path / "config.json", tmp_path / "tokenizer.json"


def test_the_network_read_back_is_the_network_written(files: tuple[Path, Path, Path]) -> None:
    made = network()
    files[0].write_bytes(model_bin(as_ctranslate2(made)))
    read, words, sounds = read_whisper(*files)
    inputs = {"input_features": torch.randn(1, 4, 20), "decoder_input_ids": torch.tensor([[1, 4, 7]])}
    with torch.inference_mode():
        assert torch.equal(read(**inputs).logits, made(**inputs).logits)
    assert words.convert_tokens_to_ids("<|transcribe|>") == read.config.decoder_start_token_id + 3
    assert sounds.feature_size == 4
    assert (read.generation_config.is_multilingual, read.generation_config.suppress_tokens) == (False, [1])


def test_keys_with_a_bias_are_not_whisper(files: tuple[Path, Path, Path], refuses: Any) -> None:
    arrays = as_ctranslate2(network())
    arrays["encoder/layer_1/self_attention/linear_0/bias"][8] = 1
    files[0].write_bytes(model_bin(arrays))
    with refuses("layers.1.self_attn.k_proj.bias is not zero"):
        read_whisper(*files)


def test_arrays_of_every_kind_come_back(tmp_path: Path) -> None:
    arrays = {f"a/{kind}": np.arange(6).astype(kind).reshape(2, 3) for kind in KINDS}
    arrays |= {"scalar": np.array(5, "<i2"), "decoder/embeddings/weight": np.ones(2, "<f4")}
    (tmp_path / "model.bin").write_bytes(model_bin(arrays))
    read = read_arrays(tmp_path / "model.bin", "WhisperSpec")
    assert read.pop("decoder/projection/weight") is read["decoder/embeddings/weight"]
    assert read.keys() == arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(read[name], array, strict=True)


SMALL: Arrays = {"decoder/embeddings/weight": np.ones(2, "<f4")}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (model_bin(SMALL)[:-40], "cut off"),
        (b"", "cut off"),
        (model_bin(SMALL, version=5), "version 5"),
        (model_bin(SMALL, said="TransformerSpec"), "TransformerSpec"),
        (model_bin({"x": np.ones(2, "<f4")}), "decoder/embeddings/weight"),
    ],
)
def test_another_file_is_refused(tmp_path: Path, content: bytes, words: str, refuses: Any) -> None:
    (tmp_path / "model.bin").write_bytes(content)
    with refuses("model.bin", "cannot be read", words):
        read_arrays(tmp_path / "model.bin", "WhisperSpec")
