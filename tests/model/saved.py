"""Tiny checkpoints on disk, and ways to damage them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from depthscope.model.miniature import byte_tokenizer

WEIGHTS = "model.safetensors"
SIZES: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 5,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
}

Tensors = dict[str, torch.Tensor]


def save(folder: Path, kind: type, config: Any, seed: int = 0) -> Any:
    """A network with random weights, and a tokenizer, in transformers' own layout."""
    torch.manual_seed(seed)
    network = kind(config).eval()
    # norms and biases that are not what a class begins with, so that nothing can pass for them
    for parameter in network.parameters():
        nn.init.normal_(parameter, 1.0 if parameter.ndim == 1 else 0.0, 0.2)
    network.save_pretrained(folder)
    byte_tokenizer().save_pretrained(folder)
    return network


def vocabulary() -> int:
    return len(byte_tokenizer())


def tensors(folder: Path) -> Tensors:
    return dict(load_file(folder / WEIGHTS))


def change(folder: Path, how: Callable[[Tensors], Tensors]) -> Path:
    """Write the weights again, changed."""
    changed = {key: value.contiguous().clone() for key, value in how(tensors(folder)).items()}
    save_file(changed, folder / WEIGHTS, {"format": "pt"})
    return folder


def without(*parts: str) -> Callable[[Tensors], Tensors]:
    return lambda stored: {key: value for key, value in stored.items() if not any(part in key for part in parts)}


def configure(folder: Path, name: str = "config.json", **values: Any) -> Path:
    path = folder / name
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))
    return folder
