"""Rotary positions as a GGUF file states them: what transformers must be given, and the proof that it was."""

import math
from typing import Any

import numpy as np

from depthscope.model.gguf.header import FACTORS, Header

# keys that are read here; every other one below "rope." is refused
READ = {
    f"rope.{name}"
    for name in (
        "freq_base",
        "dimension_count",
        "scale_linear",
        "scaling.type",
        "scaling.factor",
        "scaling.attn_factor",
        "scaling.original_context_length",
        "scaling.finetuned",
        "scaling.yarn_beta_fast",
        "scaling.yarn_beta_slow",
    )
}
# what the field reads in two ways, or transformers cannot say: harmless at these values only
NEUTRAL = {
    "rope.scaling.yarn_ext_factor": 1.0,
    "rope.scaling.yarn_attn_factor": None,
    "rope.scaling.yarn_log_multiplier": 0.0,
    "rope.scaling.alpha": 0.0,
}
LOCAL_BASE = 10000.0  # of the windows of Gemma 3, where the file states none
TOLERANCE = 2e-6  # relative: transformers computes frequencies in float32


def base(header: Header) -> float:
    return float(header.get("rope.freq_base", 10000.0))


def rotated(header: Header) -> int:
    """How many features of each head turn."""
    return int(header.get("rope.dimension_count") or header.head_size)


def scaling(header: Header) -> dict[str, Any]:
    """``rope_scaling`` of transformers' configurations, with every parameter stated; empty if positions are plain.

    Factors of the single frequencies (``rope_freqs.weight``, which is how Llama 3.1's scaling is stored) are said as
    LongRoPE with the same factors for short and long texts.
    """
    kind = header.get("rope.scaling.type")
    factor = float(header.get("rope.scaling.factor") or header.get("rope.scale_linear") or 1.0)
    freqs, long, short = (header.factors.get(name) for name in FACTORS)
    context = int(header.get("context_length", 0))
    original = int(header.get("rope.scaling.original_context_length") or context)
    if kind not in (None, "none", "linear", "yarn", "longrope"):
        raise header.refuse(
            f"{header.architecture}.rope.scaling.type", "is a scaling of positions that is not known here"
        )
    attention = float(header.get("rope.scaling.attn_factor") or 1.0)
    if long is None and attention != 1.0:
        raise header.refuse(
            f"{header.architecture}.rope.scaling.attn_factor",
            "multiplies cosines and sines, as is known of LongRoPE alone",
        )
    if freqs is not None and (kind in ("yarn", "longrope") or (kind != "none" and factor != 1.0) or long is not None):
        raise header.refuse("rope_freqs.weight", "scales frequencies that another key scales too")
    if freqs is not None:
        if np.allclose(freqs, 1.0, rtol=1e-7, atol=0):
            return {}
        factors = freqs.tolist()
        return {
            "rope_type": "longrope",
            "short_factor": factors,
            "long_factor": factors,
            "original_max_position_embeddings": context,
            "attention_factor": 1.0,
        }
    if (long is None) != (short is None):
        raise header.refuse(FACTORS[1] if short is None else FACTORS[2], "comes without its counterpart")
    if long is not None and short is not None:
        if kind not in (None, "longrope"):
            raise header.refuse(
                f"{header.architecture}.rope.scaling.type", "contradicts the factors of LongRoPE in the file"
            )
        return {
            "rope_type": "longrope",
            "short_factor": short.tolist(),
            "long_factor": long.tolist(),
            "original_max_position_embeddings": original,
            "attention_factor": attention,
        }
    if kind == "longrope":
        raise header.refuse(f"{header.architecture}.rope.scaling.type", "comes without its factors")
    if kind == "yarn":
        return {
            "rope_type": "yarn",
            "factor": factor,
            "original_max_position_embeddings": original,
            "beta_fast": float(header.get("rope.scaling.yarn_beta_fast", 32.0)),
            "beta_slow": float(header.get("rope.scaling.yarn_beta_slow", 1.0)),
        }
    if kind != "none" and factor != 1.0:
        return {"rope_type": "linear", "factor": factor}
    return {}


def expected(header: Header) -> tuple[np.ndarray, float]:
    """Inverse frequencies (P,) in float64, by our own formulas, and the factor on cosines and sines.

    LongRoPE's are those of a text that fits the original context.
    """
    width = rotated(header)
    plain = base(header) ** (-np.arange(0, width, 2, dtype=np.float64) / width)
    settings = scaling(header)
    kind = settings.get("rope_type")
    if kind == "linear":
        return plain / settings["factor"], 1.0
    if kind == "longrope":
        return plain / np.asarray(settings["short_factor"]), settings["attention_factor"]
    if kind == "yarn":
        # Peng et al. (2023), "YaRN": frequencies with many turns in the original context stay, those with few are divided
        original = settings["original_max_position_embeddings"]
        low, high = (
            width * math.log(original / (turns * 2 * math.pi)) / (2 * math.log(base(header)))
            for turns in (settings["beta_fast"], settings["beta_slow"])
        )
        low, high = max(math.floor(low), 0), min(math.ceil(high), width - 1)
        ramp = np.clip((np.arange(width // 2) - low) / max(high - low, 0.001), 0, 1)
        factor = settings["factor"]
        return plain * (1 - ramp) + plain / factor * ramp, 1 + 0.1 * math.log(factor) if factor > 1 else 1.0
    return plain, 1.0


def check_rotary(header: Header, network: Any) -> None:
    """Refuse a network that turns queries and keys by other angles than the file says.

    Raises
    ------
    DepthscopeError
        Frequencies differ, or positions are scaled and the network has no rotary module that could do it.
    """
    stated = [name for name in header.keys if name.startswith(f"{header.architecture}.rope.")]
    stated += [name for name in FACTORS if name in header.tensors]
    found = list(_rotary(network))
    if not found:
        if stated:
            raise header.refuse(stated[0], "is not read by transformers, so positions would be other ones")
        return
    wide = expected(header)
    local = (
        float(header.get("rope.freq_base_swa", LOCAL_BASE)) ** (-np.arange(0, rotated(header), 2) / rotated(header)),
        1,
    )
    for where, frequencies, factor in found:
        target, scale = local if where == "sliding_attention" else wide
        same = frequencies.shape == target.shape and np.allclose(frequencies, target, rtol=TOLERANCE, atol=0)
        if not same or not math.isclose(factor, scale, rel_tol=TOLERANCE):
            key = next((name for name in stated if ".scaling." in name or name in FACTORS), None)
            partial = frequencies.shape != target.shape
            key = f"{header.architecture}.rope.dimension_count" if partial or key is None else key
            raise header.refuse(key, "is not what transformers makes of it, so positions would be other ones")


def _rotary(network: Any) -> Any:
    """Kind of layer, inverse frequencies and factor of every rotary module; the kind is empty if there is one for all."""
    for module in network.modules():
        for name, buffer in module.named_buffers(recurse=False):
            if name.endswith("inv_freq") and "original" not in name:
                where = name.removesuffix("inv_freq").rstrip("_")
                factor = getattr(module, f"{where}_attention_scaling" if where else "attention_scaling", 1.0)
                yield where, buffer.detach().double().cpu().numpy(), float(factor)
