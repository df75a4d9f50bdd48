"""Values of a configuration that make no sense: text for a number, a negative size, a factor that is ignored."""

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from depthscope.errors import DepthscopeError

_COUNTS = re.compile(
    r"num_hidden_layers|n_layers?|num_layers|hidden_size|n_embd|d_model|(n|num)_(attention_|key_value_)?heads?|vocab_size|"
    r"intermediate_size|max_position_embeddings|n_positions|sliding_window"
)
_POSITIVE = re.compile(
    r"(\w*_)?(rope_theta|eps|epsilon)|rotary_emb_base|rope_local_base_freq|query_pre_attn_scalar|"
    r"(attn|final)_logit_softcapping"
)
_NUMBER = re.compile(r"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*")
# what each kind of scaled positions reads, by the formulas of transformers
_YARN = {"factor", "attention_factor", "beta_fast", "beta_slow", "mscale", "mscale_all_dim"}
_READ = {
    "default": set(),
    "linear": {"factor"},
    "dynamic": {"factor"},
    "yarn": _YARN,
    "longrope": {"factor", "attention_factor", "short_factor", "long_factor"},
    "llama3": {"factor", "low_freq_factor", "high_freq_factor"},
}
_FACTORS = set().union(*_READ.values())
# what the formulas take where nothing is said, so that one who says it says nothing
_UNSAID = {"beta_fast": 32}


def check_values(raw: Mapping[str, Any], name: str) -> None:
    """Refuse values of ``config.json`` that can mean nothing, by the key.

    Raises
    ------
    DepthscopeError
        Text where there is a number in it, NaN, a size or a count below 1, a factor or a constant that is not positive; a
        factor that the stated kind of scaled positions does not read.
    """
    for where, key, value in _settings(raw, ""):
        why = _odd(key, value)
        if why:
            raise DepthscopeError(
                f"{name}: config.json says {where}{key} = {repr(value)[:60]}, which {why}; mend it there"
            )
    for where, table in _tables(raw, ""):
        kind = table.get("rope_type", table.get("type", "default"))
        for key in sorted(_FACTORS & set(table)) if isinstance(kind, str) and kind in _READ else ():
            if key not in _READ[kind] and table[key] not in (None, 1, _UNSAID.get(key)):
                raise DepthscopeError(
                    f"{name}: config.json says {where}{key} = {repr(table[key])[:60]}, which positions of type {kind!r} never "
                    "read; mend rope_type, or take the key out if it means nothing"
                )


def _odd(key: str, value: Any) -> str:
    if isinstance(value, float) and math.isnan(value):
        return "is no number"
    counts, positive = _COUNTS.fullmatch(key), _POSITIVE.fullmatch(key)
    if key == "factor" or counts or positive:
        text = isinstance(value, str) and _NUMBER.fullmatch(value)
        if text or isinstance(value, bool) or (key == "factor" and isinstance(value, list)):
            return "is no number"
        if counts and isinstance(value, int | float) and (value < 1 or value % 1):
            return "is no whole number from 1 on"
        # a norm may do without its constant
        if isinstance(value, int | float) and (value < 0 or (value == 0 and "eps" not in key) or math.isinf(value)):
            return "is no positive number"
    return ""


def _settings(raw: Mapping[str, Any], where: str) -> Iterator[tuple[str, str, Any]]:
    """Settings of all networks in a configuration, and of their positions."""
    for key, value in raw.items():
        if isinstance(value, Mapping) and ("model_type" in value or key.startswith("rope_")):
            yield from _settings(value, f"{where}{key}.")
        elif not (key == "sliding_window" and value == 0 and _has_no_window(raw)):
            yield where, key, value
    for inner, table in _tables(raw, where):
        yield from ((inner, key, value) for key, value in table.items() if not isinstance(value, Mapping))


def _has_no_window(raw: Mapping[str, Any]) -> bool:
    """Whether a class that writes a window of 0 means by it that there is none."""
    kinds = raw.get("layer_types", "sliding_attention") or ()
    return raw.get("use_sliding_window") is False or "sliding_attention" not in kinds


def _tables(raw: Mapping[str, Any], where: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """What is said of scaled positions, of all layers or of one kind."""
    for key, value in raw.items():
        if not isinstance(value, Mapping):
            continue
        if key in ("rope_scaling", "rope_parameters"):
            inner = {kind: part for kind, part in value.items() if isinstance(part, Mapping)}
            yield from ((f"{where}{key}.{kind}.", part) for kind, part in inner.items())
            if not inner:
                yield f"{where}{key}.", value
        elif "model_type" in value:
            yield from _tables(value, f"{where}{key}.")
