"""GGUF checkpoints, through transformers' own support."""

import struct
from pathlib import Path
from typing import Any

from depthscope.errors import DepthscopeError, require


def load_gguf(path: Path, **options: Any) -> tuple[Any, Any]:
    """Network and tokenizer of a ``.gguf`` file, its weights unpacked to plain tensors (float32 unless asked)."""
    require("gguf", "models")
    transformers = require("transformers", "models")
    where = {"pretrained_model_name_or_path": str(path.parent), "gguf_file": path.name}
    options.setdefault("dtype", "float32")
    # Newer releases keep the weights packed unless told otherwise; older ones know only unpacking.
    if hasattr(transformers, "GgufConfig"):
        options.setdefault("quantization_config", transformers.GgufConfig(dequantize=True))
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(**where)
        network = transformers.AutoModelForCausalLM.from_pretrained(**where, **options)
    except (OSError, ValueError, KeyError, NotImplementedError, struct.error) as problem:
        raise DepthscopeError(f"{path}: transformers cannot load this GGUF file ({problem})") from None
    return network, tokenizer
