"""Which scheme a configuration stands for, whether it is an object of transformers or what a checkpoint keeps of one."""

from typing import Any


def scheme_of(config: Any) -> str | None:
    """Name of the scheme in which a network with this config holds its weights; None if they are plain.

    The names of :data:`SCHEMES` where there is one, else transformers' own, e.g. ``"gptq"`` or ``"torchao-fp8..."``.
    """
    if config is None:
        return None
    text = config.get_text_config(decoder=True) if hasattr(config, "get_text_config") else None
    found = getattr(config, "quantization_config", None) or getattr(text, "quantization_config", None)
    return name_of(settings_of(found)) if found else None


def settings_of(config: Any) -> dict[str, Any]:
    """The settings of a configuration object, or of the dict that a checkpoint keeps; empty for anything else."""
    if isinstance(config, dict):
        return config
    if not hasattr(config, "quant_method"):
        return {}
    # not to_dict, which turns torchao's settings into nested tables
    return dict(vars(config))


def name_of(settings: dict[str, Any]) -> str | None:
    method = settings.get("quant_method")
    method = str(getattr(method, "value", method or "")).lower()
    # transformers keeps the two switches of bitsandbytes under private names in the object, public ones in the dict
    four = settings.get("_load_in_4bit") or settings.get("load_in_4bit")
    eight = settings.get("_load_in_8bit") or settings.get("load_in_8bit")
    if four:
        kind = settings.get("bnb_4bit_quant_type") or "fp4"
        return f"{kind}-double" if settings.get("bnb_4bit_use_double_quant") else str(kind)
    if eight:
        return "int8-vectorwise" if settings.get("llm_int8_threshold") == 0 else "int8"
    if method == "quanto":
        return f"quanto-{settings.get('weights')}"
    if method == "torchao":
        return _torchao_name(settings.get("quant_type"))
    if method == "gguf" and settings.get("dequantize"):
        return None
    return method or None


def _torchao_name(kind: Any) -> str:
    if isinstance(kind, dict):  # as a checkpoint keeps it: {"default": {"_type": ..., "_data": {...}}}
        kind = kind.get("default", {})
        shown, width = str(kind.get("_type", "")), kind.get("_data", {}).get("weight_dtype", "")
    else:
        shown, width = type(kind).__name__, getattr(kind, "weight_dtype", "")
    known = {
        "Int8WeightOnlyConfig": "torchao-int8",
        "Int8DynamicActivationInt8WeightConfig": "torchao-int8-dynamic",
        "Float8WeightOnlyConfig": "torchao-float8",
    }
    if shown == "IntxWeightOnlyConfig" and "int4" in str(width):
        return "torchao-int4"
    return known.get(shown, f"torchao-{shown.removesuffix('Config') or 'unknown'}")
