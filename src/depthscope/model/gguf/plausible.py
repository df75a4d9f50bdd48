"""Whether the keys of a GGUF file can be meant as they are: kinds of values, sizes against tensors, a whole vocabulary."""

import math
from typing import Any

from depthscope.errors import DepthscopeError
from depthscope.model.gguf.header import LONG, Header, newer_architectures

_COUNTS = (
    *("block_count", "context_length", "embedding_length", "feed_forward_length", "vocab_size", "rope.dimension_count"),
    *(f"attention.{name}" for name in ("head_count", "head_count_kv", "key_length", "value_length")),
)
_NUMBERS = ("rope.freq_base", "rope.freq_base_swa", "attention.layer_norm_rms_epsilon", "attention.layer_norm_epsilon")
# networks without attention, and without an MLP of their own
_RECURRENT = ("mamba", "mamba2", "rwkv6", "rwkv7")
_KEY = "tokenizer.ggml."


def check_sizes(header: Header) -> None:
    """Refuse a count or a constant that is not a number of that kind, and sizes that the tensors contradict.

    Raises
    ------
    DepthscopeError
        With the key.
    """
    for name in _COUNTS:
        value, key = header.get(name), f"{header.architecture}.{name}"
        if isinstance(value, list) and header.architecture not in newer_architectures():
            raise header.refuse(key, "is a list with a number for each layer, and transformers takes one for all")
        idle = header.architecture in _RECURRENT and value == 0
        if value is not None and not isinstance(value, list) and not idle and not _is_count(value):
            raise _odd(header, key, "is no whole number from 1 on")
    for name in _NUMBERS:
        value = header.get(name)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if value is not None and not (number and math.isfinite(value) and value > 0):
            raise _odd(header, f"{header.architecture}.{name}", "is no positive number")
    rows, width = header.tensors.get("token_embd.weight", (None, None))
    for name, size in (("vocab_size", rows), ("embedding_length", width)):
        value = header.get(name)
        if value is not None and size is not None and value != size:
            raise _odd(header, f"{header.architecture}.{name}", f"and token_embd.weight says {size}")
    head = header.tensors.get("output.weight", (rows,))
    if rows is not None and head[0] != rows:
        raise _odd(header, "output.weight", f"has {head[0]} rows, and token_embd.weight has {rows}")


def check_vocabulary(header: Header) -> None:
    """Refuse a vocabulary that is not whole.

    Raises
    ------
    DepthscopeError
        With the key: what is missing, of another length than the list of tokens, or names a token that is not in it.
    """
    keys, kind = header.keys, header.keys.get(f"{_KEY}model")
    needed = {"gpt2": ("tokens", "merges"), "llama": ("tokens", "scores", "token_type")}.get(str(kind), ("tokens",))
    for name in ("model", *needed):
        if keys.get(f"{_KEY}{name}") is None:
            raise _odd(
                header, f"{_KEY}{name}", "is missing, and without it text cannot be cut into tokens as it should be"
            )
    count = keys[f"{_KEY}tokens"]
    for name in ("scores", "token_type"):
        if keys.get(f"{_KEY}{name}", count) != count:
            raise _odd(header, f"{_KEY}{name}", f"has {keys[f'{_KEY}{name}']} entries for {count} tokens")
    rows = header.tensors.get("token_embd.weight", (count,))[0]
    if count > rows:
        raise _odd(header, f"{_KEY}tokens", f"lists {count} tokens, and token_embd.weight has {rows}")
    for key, value in keys.items():
        known = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < count
        if key.startswith(_KEY) and key.endswith("_token_id") and not known:
            raise _odd(header, key, f"is none of the {count} tokens")


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _odd(header: Header, key: str, why: str) -> DepthscopeError:
    value = header.keys.get(key)
    shown = "" if value is None or key in LONG else f" = {repr(value)[:60]}"
    return DepthscopeError(
        f"{header.path}: {key}{shown} {why}; the file is damaged or was written by a faulty converter, so fetch it again or "
        "take another one"
    )
