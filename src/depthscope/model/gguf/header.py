"""What a GGUF file says of itself: keys and tensors, without the weights."""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from depthscope.errors import DepthscopeError, reason, require

# as long as the vocabulary: only their length is kept
LONG = {f"tokenizer.ggml.{name}" for name in ("tokens", "token_type", "merges", "scores")}
# tensors that hold no weights, but factors of the rotary frequencies
FACTORS = ("rope_freqs.weight", "rope_factors_long.weight", "rope_factors_short.weight")
# what a damaged file makes its readers raise
DAMAGE = (OSError, ValueError, KeyError, IndexError, TypeError, OverflowError, NotImplementedError, struct.error)


@dataclass(frozen=True)
class Header:
    """Keys and tensors of one GGUF file.

    Attributes
    ----------
    keys : dict
        Values by key; of lists as long as the vocabulary only their length.
    tensors : dict
        Shapes by name, in torch's order.
    factors : dict
        Values (P,) of the tensors in ``FACTORS`` that the file has.
    """

    path: Path
    keys: dict[str, Any]
    tensors: dict[str, tuple[int, ...]]
    factors: dict[str, np.ndarray]

    @property
    def architecture(self) -> str:
        return str(self.keys.get("general.architecture", ""))

    def get(self, name: str, default: Any = None) -> Any:
        """Value of a key of the architecture: ``get("rope.freq_base")`` is that of ``llama.rope.freq_base``."""
        return self.keys.get(f"{self.architecture}.{name}", default)

    @property
    def head_size(self) -> int:
        """Features of one head's queries and keys: stated, or implied by the width."""
        heads = self.get("attention.head_count")
        implied = self.get("embedding_length", 0) // heads if isinstance(heads, int) and heads else 0
        return int(self.get("attention.key_length") or implied)

    def has(self, part: str) -> bool:
        """Whether the first block has a tensor of that name: ``has("attn_q.bias")``."""
        return f"blk.0.{part}" in self.tensors

    def refuse(self, key: str, why: str) -> DepthscopeError:
        """The sentence for a key, or a tensor, that would change the model if it were left out."""
        value = self.keys.get(key)
        shown = f"{key} = {repr(value)[:60]}" if key in self.keys else key
        return DepthscopeError(f"{self.path}: {shown} {why}; load the folder that this file was converted from instead")


def newer_architectures() -> Mapping[str, Any]:
    """What builds a configuration, by the architectures that transformers' newer loader reads; none in older releases."""
    try:
        found: Mapping[str, Any] = import_module("transformers.integrations.gguf").GGUF_CONFIG_ARCHS
    except (ImportError, AttributeError):
        return {}
    return found


UNREADABLE = "transformers cannot load this GGUF file"


def read_header(path: Path, trouble: str = UNREADABLE) -> Header:
    """Read the keys and the names of the tensors of a GGUF file; ``trouble`` is what a damaged one means to the caller.

    Raises
    ------
    DepthscopeError
        The file is damaged, or holds a part of a model.
    """
    gguf = require("gguf", "models")
    try:
        reader = gguf.GGUFReader(str(path))
        keys = {
            name: len(field.data) if name in LONG else field.contents()
            for name, field in reader.fields.items()
            if not name.startswith("GGUF.")
        }
        tensors = {tensor.name: tuple(int(size) for size in reversed(tensor.shape)) for tensor in reader.tensors}
        factors = {
            tensor.name: np.asarray(gguf.dequantize(tensor.data, tensor.tensor_type), dtype=np.float64).reshape(-1)
            for tensor in reader.tensors
            if tensor.name in FACTORS
        }
    except DAMAGE as problem:
        raise DepthscopeError(f"{path}: {trouble} ({reason(problem)})") from None
    header = Header(path, keys, tensors, factors)
    parts = keys.get("split.count", 1)
    if isinstance(parts, int) and parts > 1:
        raise DepthscopeError(
            f"{path}: split.count = {parts}: this is part {keys.get('split.no', 0) + 1} of {parts}, and the weights of the "
            "others would be missing; merge the parts with llama.cpp's llama-gguf-split --merge, or load the folder that "
            "they were converted from"
        )
    kind = keys.get("general.type", "model")
    if kind != "model":
        raise DepthscopeError(
            f"{path}: general.type = {kind!r}: this file holds no whole model; give the model's own file"
        )
    return header
