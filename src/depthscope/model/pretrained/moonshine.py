"""Moonshine from the ONNX Runtime files of its makers to transformers: names given back, whole numbers made real ones."""

import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from depthscope.errors import DepthscopeError, require
from depthscope.model.pretrained.ort import Graph, read_graph
from depthscope.model.pretrained.sentencepiece import (
    BEGIN,
    END,
    FIRST_NAMES,
    FIRST_PIECE,
    UNKNOWN,
    byte_pair_tokenizer,
)

Arrays = dict[str, NDArray[np.float32]]

HEADS = 8  # of every Moonshine; no array has the shape of a head
RATE = 16_000
LONGEST = 194
"""Tokens that its makers let it write for one recording."""
ENDS = {"bos_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 1}
FIRST = [UNKNOWN.encode(), BEGIN.encode(), END.encode(), *(bytes([byte]) for byte in range(256))]
CONTROL = re.compile(r"<<ST_\d+>>")
LOST = "\u2028"  # a line separator, which whoever wrote the file took for the end of a line: the piece is empty there
LAST = -1e9  # the score that Llama 2 gives runs of spaces: all else is merged before them

# the names that the export leaves as they are in the module
KEPT = re.compile(r"\.(weight|bias)($|_)")
QUANTISED = re.compile("_quantized$")
# what the tools of ONNX put behind names when they quantise a graph or merge two
ADDED = re.compile(r"_add_tensor$|_merged_\d+$")


def read_moonshine(encoder: Path, decoder: Path, tokenizer: Path) -> tuple[Any, Any, Any]:
    """Network in float32 with its settings for generation, tokenizer, and feature extractor.

    Weights are the stored whole numbers less their zero point, times their scale. ONNX Runtime also rounds what goes
    into each matrix to 8 bits, which transformers does not: states of the encoder agree with a cosine of .999.

    Raises
    ------
    DepthscopeError
        The files are no Moonshine model, or one with arrays that transformers has no place for.
    """
    transformers = require("transformers", "models")
    torch = require("torch", "models")
    heard, written = named_weights(read_graph(encoder)), named_weights(read_graph(decoder))
    arrays = {f"model.encoder.{name}": array for name, array in heard.items()} | written
    try:
        network = transformers.MoonshineForConditionalGeneration(_config(transformers, arrays))
    except KeyError as missing:
        raise DepthscopeError(
            f"{encoder}: with {decoder.name} this is no Moonshine model ({missing} is missing)"
        ) from None
    places = network.state_dict()
    others = sorted(places.keys() ^ arrays.keys())
    others += sorted(name for name in places.keys() & arrays.keys() if places[name].shape != arrays[name].shape)
    if others:
        raise DepthscopeError(f"{encoder}: with {decoder.name} this is no Moonshine model (of {', '.join(others[:3])})")
    if not np.array_equal(arrays["proj_out.weight"], arrays["model.decoder.embed_tokens.weight"]):
        raise DepthscopeError(f"{decoder}: its matrices for tokens read and tokens written differ; Moonshine has one")
    network.load_state_dict({name: torch.tensor(array) for name, array in arrays.items()})
    network.tie_weights()
    network.generation_config = transformers.GenerationConfig(max_length=LONGEST, pad_token_id=2, **ENDS)
    sounds = transformers.Wav2Vec2FeatureExtractor(
        feature_size=1, sampling_rate=RATE, do_normalize=False, return_attention_mask=True
    )
    return network.eval(), read_moonshine_tokenizer(tokenizer), sounds


def named_weights(graph: Graph) -> Arrays:
    """The weights of a graph under the names of the modules that they were exported from.

    Vectors and convolutions have kept their names. The matrix of a product has lost it; the product has not, and it
    stands transposed. A group norm's two vectors are read by the product and the sum that it was taken apart into.
    """
    values = _whole_numbers_made_real(graph.arrays)
    named = {ADDED.sub("", name): array for name, array in values.items() if KEPT.search(name)}
    for node in graph.nodes:
        place = node.name.removeprefix("/").replace("/", ".")
        read = [values[name] for name in (QUANTISED.sub("", name) for name in node.inputs) if name in values]
        if not read:
            continue
        if place.endswith(".MatMul_quant"):
            named[place.replace("MatMul_quant", "weight")] = read[0].T
        elif place == "groupnorm.Mul":
            named["groupnorm.weight"] = read[0].squeeze()
        elif place == "groupnorm.Add":
            named["groupnorm.bias"] = read[0].squeeze()
    return named


def _whole_numbers_made_real(arrays: dict[str, NDArray[Any]]) -> Arrays:
    """Every real array by its name, the quantised ones by the names that they had before."""
    values = {name: array for name, array in arrays.items() if array.dtype == np.float32}
    for name in [name for name in arrays if QUANTISED.search(name)]:
        base = QUANTISED.sub("", name)
        scale, zero = values.pop(f"{base}_scale", None), arrays.get(f"{base}_zero_point")
        if scale is None or zero is None:
            continue  # no weight, then
        # a scale for all, or one for each column
        values[base] = (arrays[name].astype(np.float32) - zero.astype(np.float32)) * scale
    return values


def _config(transformers: Any, arrays: Arrays) -> Any:
    encoder, decoder = (_layers(arrays, side) for side in ("encoder", "decoder"))
    words, width = arrays["model.decoder.embed_tokens.weight"].shape
    return transformers.MoonshineConfig(
        vocab_size=words,
        hidden_size=width,
        intermediate_size=len(arrays["model.encoder.layers.0.mlp.fc1.bias"]),
        encoder_num_hidden_layers=encoder,
        decoder_num_hidden_layers=decoder,
        encoder_num_attention_heads=HEADS,
        decoder_num_attention_heads=HEADS,
        max_position_embeddings=LONGEST,
        **ENDS,
    )


def _layers(arrays: Arrays, side: str) -> int:
    return len({name.split(".")[3] for name in arrays if name.startswith(f"model.{side}.layers.")})


def read_moonshine_tokenizer(path: Path) -> Any:
    """The byte-pair tokenizer of Llama 2 in the form of Moonshine's makers: for each piece its length, then its bytes.

    Its pieces stand in the order in which pairs are merged, but for runs of spaces, which come last; behind them stand
    control tokens, which no text holds.

    Raises
    ------
    DepthscopeError
        The file is cut off, or is something else.
    """
    content = path.read_bytes()
    found: list[bytes] = []
    place = 0
    while place < len(content):
        end = place + 1 + content[place]
        found.append(content[place + 1 : end])
        place = end
    try:
        names = [name.decode() for name in found[FIRST_PIECE:]]
    except UnicodeDecodeError as problem:
        raise DepthscopeError(f"{path}: this is no tokenizer of Moonshine ({problem})") from None
    if place != len(content) or found[:FIRST_PIECE] != FIRST:
        raise DepthscopeError(f"{path}: this is no tokenizer of Moonshine, or it is cut off")
    control = tuple(name for name in names if CONTROL.fullmatch(name))
    pieces = [*FIRST_NAMES, *(name or LOST for name in names[: len(names) - len(control)])]
    scores = [LAST if set(piece) == {"▁"} and len(piece) > 1 else -number for number, piece in enumerate(pieces)]
    return byte_pair_tokenizer(pieces, scores, control)
