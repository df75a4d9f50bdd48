"""Whether every key of a GGUF file has arrived in the configuration; the first that has not is refused."""

import math
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

from depthscope.model.gguf.carried import SAID
from depthscope.model.gguf.header import Header, newer_architectures
from depthscope.model.gguf.rotary import NEUTRAL, READ

# of the file, of how it was made, or of generation: nothing that is computed here depends on them
_ASIDE = ("general.", "split.", "tokenizer.chat_template", "quantize.", "imatrix.", "training.")
# looked at by the module for tokenizers
_TOKENIZER = "tokenizer."
# read by llama.cpp, and of no effect on states
_IDLE = {"pooling_type", "tensor_data_layout", "rope.scaling.finetuned"}
# without these, transformers would fill in those of some other model
_NEEDED = ("context_length", "block_count", "embedding_length", "feed_forward_length", "attention.head_count")
_NORMS = ("attention.layer_norm_rms_epsilon", "attention.layer_norm_epsilon")
_CHANGES = {
    "rope.": "positions would be other ones",
    "attention.sliding_window": "tokens would attend further back, or less far",
    "expert": "other experts would answer",
    "ssm.": "the recurrence would be another one",
}


class Recorder(dict[str, Any]):
    """Metadata that remember which of their keys were asked for."""

    def __init__(self, keys: Mapping[str, Any]) -> None:
        super().__init__(keys)
        self.asked: set[str] = set()

    def __getitem__(self, key: str) -> Any:
        self.asked.add(key)
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        self.asked.add(key)
        return super().get(key, default)


def mapped(header: Header, kind: str) -> dict[str, str | None]:
    """Attribute of the configuration by name of key, out of transformers' own tables; None where it only says to have read."""
    table = import_module("transformers.integrations").GGUF_CONFIG_MAPPING
    family = "gemma3" if kind == "gemma3_text" else kind
    return {name: attribute or None for name, attribute in table.get(family, {}).items()}


def rebuilt(header: Header) -> set[str] | None:
    """Keys that transformers' newer loader asks for, for an architecture that it knows; None for any other."""
    functions = newer_architectures()
    if header.architecture not in functions:
        return None
    recorder = Recorder(header.keys)
    functions[header.architecture](recorder, tuple(header.tensors))
    return recorder.asked


def check_keys(header: Header, config: Any) -> None:
    """Compare every key of the file with the configuration that was built from it.

    Raises
    ------
    DepthscopeError
        A key that nothing has read, one that the configuration contradicts, or one that is needed and not there.
    """
    asked = rebuilt(header)
    kind = str(config.model_type)
    table: dict[str, str | None] = {} if asked is not None else mapped(header, kind)
    if asked is None:
        for name in _NEEDED:
            if table.get(name) and header.get(name) is None:
                raise header.refuse(f"{header.architecture}.{name}", "is missing, and a default would take its place")
        if any(name in table for name in _NORMS) and all(header.get(name) is None for name in _NORMS):
            raise header.refuse(f"{header.architecture}.{_NORMS[0]}", "is missing, and a default would take its place")
        if header.architecture == "llama" and header.get("attention.head_count_kv") is None:
            # transformers reorders the rows of queries and keys only where both counts are stated
            raise header.refuse(
                "llama.attention.head_count_kv", "is missing, and without it queries would be scrambled"
            )
    for key, value in header.keys.items():
        if key.startswith((*_ASIDE, _TOKENIZER)) or (asked is not None and key in asked):
            continue
        name = key.removeprefix(f"{header.architecture}.")
        if name == key or not _said(header, name, value, config, table):
            change = next(
                (text for start, text in _CHANGES.items() if name.startswith(start)), "the network would differ"
            )
            raise header.refuse(key, f"is not known to reach the network: if it were left out, {change}")


def _said(header: Header, name: str, value: Any, config: Any, table: Mapping[str, str | None]) -> bool:
    """Whether the configuration says what a key says, or the value is one that changes nothing."""
    if name in _IDLE:
        return True
    if name in NEUTRAL:
        return _same(value, NEUTRAL[name])
    attributes = [table.get(name), SAID.get(_kind(config), {}).get(name)]
    for attribute in filter(None, attributes):
        if _same(getattr(config, attribute, None), value):
            return True
        if attribute == "sliding_window" and not value and config.sliding_window is None:
            return True
    if name in READ:  # the network's own frequencies are compared with these
        return True
    return any(_same(value, neutral) for neutral in _neutral(header, name, config))


def _kind(config: Any) -> str:
    return str(type(config).model_type)


def _neutral(header: Header, name: str, config: Any) -> Iterator[Any]:
    """Values at which a key says no more than the network does anyway."""
    heads = header.get("attention.head_count")
    kind = _kind(config)
    if name in ("attention.key_length", "attention.value_length"):
        yield getattr(config, "head_dim", None) or header.head_size
    elif name == "attention.causal":
        yield True
    elif name == "attention.head_count_kv":
        yield heads
    elif name == "attention.head_count" and kind == "mamba":
        yield 0
    elif name == "attention.scale":
        yield from (0.0, getattr(config, "query_pre_attn_scalar", header.head_size) ** -0.5)
    elif name == "attention.max_alibi_bias":
        yield 8.0 if kind == "bloom" else 0.0
    elif name == "attention.clamp_kqv":
        yield 0.0
    elif name == "attention.sliding_window":
        yield 0
        # a window that no text within the context fills
        if isinstance(value := header.get(name), int) and value >= header.get("context_length", math.inf):
            yield value
    elif name == "rope.freq_base_swa" and kind == "gemma3_text":
        yield header.get(name)  # compared with the network's own frequencies
    elif name == "attention.sliding_window_pattern" and kind in ("gemma2", "gemma3_text"):
        yield header.get(name)  # in layer_types
    elif name == "context_length" and kind == "bloom":
        yield header.get(name)  # positions are distances
    elif name == "feed_forward_length":
        yield {"bloom": 4 * header.get("embedding_length", 0), "mamba": 0}.get(kind)
    elif name == "use_parallel_residual":
        yield {"stablelm": getattr(config, "use_parallel_residual", None), "falcon": True}.get(kind)
    elif name == "vocab_size":
        yield config.vocab_size
    elif name in ("logit_scale", "embedding_scale", "residual_scale"):
        yield 1.0
    elif name in ("expert_count", "expert_used_count") and kind not in ("qwen2_moe", "qwen3_moe"):
        yield 0
    elif name == "expert_gating_func":
        yield 1  # softmax
    elif name == "expert_weights_norm":
        yield getattr(config, "norm_topk_prob", None)
    elif name == "expert_weights_scale":
        yield from (0.0, 1.0)
    elif name in ("ssm.dt_b_c_rms", "nextn_predict_layers"):
        yield 0


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, list | tuple) or isinstance(other, list | tuple):
        return isinstance(one, list | tuple) and isinstance(other, list | tuple) and list(one) == list(other)
    if isinstance(one, int | float) and isinstance(other, int | float):
        return math.isclose(one, other, rel_tol=1e-6)  # keys are float32
    return one is not None and bool(one == other)
