"""Moonshine from ONNX Runtime: a random network written in that layout and read back is the same network."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoProcessor, AutoTokenizer, MoonshineConfig, MoonshineForConditionalGeneration

from depthscope.errors import DepthscopeError
from depthscope.model.pretrained import fetch
from depthscope.model.pretrained.moonshine import read_moonshine, read_moonshine_tokenizer
from depthscope.model.pretrained.ort import KINDS, read_graph
from depthscope.model.pretrained.recordings import demo_recordings
from depthscope.model.pretrained.registry import find
from depthscope.model.pretrained.shelf import state
from tests.model.pretrained.flatbuffer import flatbuffer, ort_file

Arrays = dict[str, np.ndarray[Any, Any]]
Nodes = list[tuple[str, str, list[str]]]

PIECES = ["▁", "a", "b", "é", "", "▁▁", "▁a", "ab"]
CONTROL = ["<<ST_0>>", "<<ST_1>>"]


def tokenizer_file() -> bytes:
    pieces = [b"<unk>", b"<s>", b"</s>", *(bytes([byte]) for byte in range(256))]
    pieces += [piece.encode() for piece in PIECES + CONTROL]
    return b"".join(bytes([len(piece)]) + piece for piece in pieces)


def quantised(network: torch.nn.Module) -> dict[str, tuple[Any, Any, Any]]:
    """Whole numbers, scale and zero point of every matrix, which is made to be exactly what they stand for.

    One scale for each matrix; the feed-forward ones have one for each column of the stored, transposed matrix.
    """
    found = {}
    for name, weights in network.named_parameters():
        if weights.ndim == 2:
            many = ".mlp." in name
            largest = weights.detach().abs().amax(1 if many else (0, 1)).numpy()
            scale, zero = (largest / 100).astype("<f4"), np.full(largest.shape, 121, "|u1")
            whole = np.round(weights.detach().numpy().T / scale) + 121
            with torch.no_grad():
                weights.copy_(torch.from_numpy(((whole.astype("<f4") - 121) * scale).T.copy()))
            found[name] = (whole.astype("|u1"), scale, zero)
    return found


def network() -> MoonshineForConditionalGeneration:
    torch.manual_seed(4)
    config = MoonshineConfig(
        vocab_size=40, hidden_size=32, intermediate_size=12, encoder_num_hidden_layers=2, decoder_num_hidden_layers=1,
        max_position_embeddings=194,
    )  # fmt: skip
    made = MoonshineForConditionalGeneration(config).eval()
    for vector in (parameter for parameter in made.parameters() if parameter.ndim == 1):
        torch.nn.init.normal_(vector)
    return made


def as_ort(made: MoonshineForConditionalGeneration) -> tuple[bytes, bytes]:
    """Written as ONNX's tools leave it: products are named, their matrices are transposed and numbered."""
    numbers = quantised(made)
    arrays: dict[str, Arrays] = {"encoder": {}, "decoder": {}}
    nodes: dict[str, Nodes] = {"encoder": [], "decoder": []}

    def matrix(side: str, place: str, base: str, whole: Any, scale: Any, zero: Any) -> None:
        arrays[side] |= {f"{base}_quantized": whole, f"{base}_scale": scale, f"{base}_zero_point": zero}
        constants = [f"{base}_quantized", "x_scale", f"{base}_scale", "x_zero_point", f"{base}_zero_point"]
        nodes[side].append((f"/{place}/MatMul_quant", "MatMulIntegerToFloat", ["x_quantized", *constants]))

    for number, (name, tensor) in enumerate(made.named_parameters()):
        side = "encoder" if ".encoder." in name else "decoder"
        kept = name.removeprefix("model.encoder.")
        if kept == "model.decoder.embed_tokens.weight":
            whole, scale, zero = numbers[name]
            base = f"{kept}_merged_0"
            arrays[side] |= {f"{base}_quantized": whole.T, f"{base}_scale": scale, f"{base}_zero_point": zero}
            matrix(side, "proj_out", "onnx::MatMul_9_merged_0", whole, scale, zero)
        elif name in numbers:
            place = kept.removesuffix(".weight").replace(".", "/")
            matrix(side, place, f"onnx::MatMul_1{number}_merged_{number % 2}", *numbers[name])
        elif kept.startswith("groupnorm."):
            operation = "Mul" if kept.endswith("weight") else "Add"
            arrays[side][f"onnx::{operation}_7"] = tensor.detach().numpy()[:, None]
            nodes[side].append((f"/groupnorm/{operation}", operation, ["y", f"onnx::{operation}_7"]))
        else:
            ending = "_merged_0" if side == "decoder" else "_add_tensor" if tensor.ndim == 3 else ""
            arrays[side][kept + ending] = tensor.detach().numpy()
    arrays["decoder"]["present.0.encoder.key"] = np.zeros((0, 8, 1, 4), "<f4")
    return ort_file(arrays["encoder"], nodes["encoder"]), ort_file(arrays["decoder"], [], *nodes["decoder"])


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path, Path]:
    (tmp_path / "tokenizer.bin").write_bytes(tokenizer_file())
    return tmp_path / "encoder.ort", tmp_path / "decoder.ort", tmp_path / "tokenizer.bin"


def write(files: tuple[Path, Path, Path], encoder: bytes, decoder: bytes) -> None:
    files[0].write_bytes(encoder)
    files[1].write_bytes(decoder)


def test_the_network_read_back_is_the_network_written(files: tuple[Path, Path, Path]) -> None:
    made = network()
    write(files, *as_ort(made))
    read, _, sounds = read_moonshine(*files)
    inputs = {"input_values": torch.randn(1, 4000), "decoder_input_ids": torch.tensor([[1, 4, 7]])}
    with torch.inference_mode():
        assert torch.equal(read(**inputs).logits, made(**inputs).logits)
    assert read.proj_out.weight is read.model.decoder.embed_tokens.weight
    assert (read.generation_config.decoder_start_token_id, read.generation_config.eos_token_id) == (1, 2)
    assert sounds(np.full(4000, 0.5), sampling_rate=16_000)["input_values"][0].mean() == 0.5  # loudness is kept


def test_another_network_is_refused(files: tuple[Path, Path, Path], refuses: Any) -> None:
    encoder, decoder = as_ort(network())
    write(files, decoder, encoder)
    with refuses("encoder.ort", "decoder.ort", "no Moonshine", "is missing"):
        read_moonshine(*files)
    write(files, encoder.replace(b"layers.1.mlp.fc2.bias", b"layers.1.mlp.fc9.bias"), decoder)
    with refuses("encoder.ort", "no Moonshine", "model.encoder.layers.1.mlp.fc2.bias"):
        read_moonshine(*files)
    write(files, encoder, decoder.replace(b"_merged_0_scale", b"_merged_0_other"))
    with refuses("encoder.ort", "no Moonshine"):
        read_moonshine(*files)


def test_two_matrices_for_tokens_are_refused(files: tuple[Path, Path, Path], refuses: Any) -> None:
    encoder, decoder = as_ort(network())
    write(files, encoder, decoder)
    graph = read_graph(files[1])
    zero = "onnx::MatMul_9_merged_0_zero_point"  # of the matrix that tokens are written with
    changed = {**graph.arrays, zero: graph.arrays[zero] + np.uint8(1)}
    files[1].write_bytes(ort_file(changed, [(node.name, node.operator, list(node.inputs)) for node in graph.nodes]))
    with refuses("decoder.ort", "Moonshine has one"):
        read_moonshine(*files)


def test_arrays_of_every_kind_and_nodes_of_every_depth_come_back(tmp_path: Path) -> None:
    arrays = {f"a{kind}": np.arange(6).astype(kind).reshape(2, 3) for kind in KINDS.values()}
    arrays |= {"scalar": np.array(5, "<f4"), "none": np.zeros((0, 2), "<i8")}
    (tmp_path / "a.ort").write_bytes(ort_file(arrays, [("n", "Add", ["é", ""])], ("m", "Mul", ["n"])))
    graph = read_graph(tmp_path / "a.ort")
    assert graph.arrays.keys() == arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(graph.arrays[name], array, strict=True)
    told = [(node.name, node.operator, node.inputs) for node in graph.nodes]
    inner = ("m", "Mul", ("n",))
    assert told == [("n", "Add", ("é", "")), ("choice", "If", ("condition",)), inner, inner]


SMALL = ort_file({"a": np.ones(300, "<f4")}, [("n", "Add", ["a"])])
STRANGE = flatbuffer({1: {7: {0: [{0: "b", 2: np.array([1], "<i8"), 3: 16, 4: np.ones(2, np.uint8)}]}}}, b"ORTM")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "identifier"),
        (b"PK\3\4" + SMALL[4:8].lower(), "identifier"),
        (SMALL[:20], ""),
        (SMALL[:400], "cut off"),
        (flatbuffer({0: "6"}, b"ORTM"), "field 1"),
        (STRANGE, "kind 16"),
        (SMALL.replace(np.int64(300).tobytes(), np.int64(299).tobytes()), "reshape"),
    ],
)
def test_another_file_is_refused(tmp_path: Path, content: bytes, words: str, refuses: Any) -> None:
    (tmp_path / "model.ort").write_bytes(content)
    with refuses("model.ort", "cannot be read", words):
        read_graph(tmp_path / "model.ort")


@pytest.mark.parametrize("place", range(0, len(SMALL), 7))
def test_a_damaged_file_is_refused_if_it_cannot_be_read(tmp_path: Path, place: int) -> None:
    (tmp_path / "model.ort").write_bytes(SMALL[:place] + b"\xff" + SMALL[place + 1 :])
    with suppress(DepthscopeError):  # and nothing else: no endless loop, no error of Python
        read_graph(tmp_path / "model.ort")


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("a b", [1, 265, 259, 261]),
        ("ab", [1, 265, 261]),  # "▁a" comes before "ab"
        ("bab", [1, 259, 261, 266]),
        ("b  a", [1, 259, 261, 259, 265]),  # and even before two spaces
        ("b  b", [1, 259, 261, 264, 261]),
        ("ü", [1, 259, 3 + 0xC3, 3 + 0xBC]),
        ("\u2028", [1, 259, 263]),
        ("", [1]),
    ],
)
def test_pieces_are_merged_in_their_order(files: tuple[Path, Path, Path], text: str, ids: list[int]) -> None:
    tokenizer = read_moonshine_tokenizer(files[2])
    assert tokenizer(text)["input_ids"] == ids
    assert tokenizer.decode(ids, skip_special_tokens=True) == text
    assert tokenizer.decode([*ids, 267, 268, 2], skip_special_tokens=True) == text  # control tokens say nothing


@pytest.mark.parametrize("content", [b"", tokenizer_file()[:-1], tokenizer_file()[1:], b"\xff" * 100])
def test_another_tokenizer_is_refused(tmp_path: Path, content: bytes, refuses: Any) -> None:
    (tmp_path / "tokenizer.bin").write_bytes(content)
    with refuses("tokenizer.bin", "no tokenizer of Moonshine"):
        read_moonshine_tokenizer(tmp_path / "tokenizer.bin")


@pytest.fixture(scope="module")
def real() -> Path:
    """The folder of the converted model."""
    entry = find("moonshine-tiny")
    assert entry is not None
    if state(entry) == "not fetched" and os.environ.get("DEPTHSCOPE_FETCH") != "1":
        pytest.skip("moonshine-tiny is not in the cache: depthscope models get moonshine-tiny, or DEPTHSCOPE_FETCH=1")
    return fetch(entry.name, progress=False)


@pytest.mark.models
def test_the_real_one_writes_what_was_said(real: Path) -> None:
    soundfile = pytest.importorskip("soundfile")
    made = MoonshineForConditionalGeneration.from_pretrained(real).eval()
    processor = AutoProcessor.from_pretrained(real)
    said = []
    for path in demo_recordings(progress=False):
        sound, rate = soundfile.read(path, dtype="float32")
        inputs = processor(sound, sampling_rate=rate, return_tensors="pt")
        with torch.inference_mode():
            frames = made.model.encoder(inputs.input_values).last_hidden_state
        assert frames.shape[1] / (len(sound) / rate) == pytest.approx(16_000 / 384, rel=0.02)  # frames a second
        said += processor.batch_decode(made.generate(**inputs), skip_special_tokens=True)
    assert said[0].endswith("try again, fail again, fail better.")
    assert said[1] == "I do. I think that America could do it very well."


@pytest.mark.models
def test_the_real_tokenizer_is_that_of_llama_2(real: Path) -> None:
    other = find("stories-15m")
    assert other is not None
    if state(other) == "not fetched":
        pytest.skip("stories-15m is not in the cache: depthscope models get stories-15m")
    ours, theirs = (AutoTokenizer.from_pretrained(folder) for folder in (real, fetch("stories-15m", progress=False)))
    text = "The naïve café's 3 cats, 東京 and 🙂:\n\tUnbelievable!  Two spaces; a line\u2028separator."
    assert ours(text)["input_ids"] == theirs(text)["input_ids"]
    assert ours.decode(ours(text)["input_ids"], skip_special_tokens=True) == text
    assert len(ours) == 32_768
    assert len(theirs) == 32_000
