"""Weights in fewer bits: what can be asked for by name, and what is refused before any weight is read."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from depthscope.errors import DepthscopeError, check_choice, require
from depthscope.model.quiet import hush

if TYPE_CHECKING:
    import torch
    from torch import nn

EXTRA = "quantization"


@dataclass(frozen=True)
class Scheme:
    """One way to hold the weights of the blocks; embeddings, norms and the head keep their precision.

    Attributes
    ----------
    library : str
        The package that it needs, all of them in the extra ``quantization``.
    bits : float
        Per weight, without its scales.
    what : str
        For lists and records.
    devices : tuple of str
        Types of device; on others it is refused.
    build : callable
        Makes transformers' configuration object; called only when the library is there.
    alone : bool
        What is rounded depends on the pass as a whole, so that other texts in it change what is measured.
    """

    library: str
    bits: float
    what: str
    devices: tuple[str, ...]
    build: Callable[[], Any]
    alone: bool = False


def _bitsandbytes(**settings: Any) -> Callable[[], Any]:
    return lambda: require("transformers", "models").BitsAndBytesConfig(**settings)


def _four_bits(kind: str, nested: bool = False) -> Callable[[], Any]:
    return _bitsandbytes(load_in_4bit=True, bnb_4bit_quant_type=kind, bnb_4bit_use_double_quant=nested)


def _quanto(weights: str) -> Callable[[], Any]:
    return lambda: require("transformers", "models").QuantoConfig(weights=weights)


def _torchao(name: str) -> Callable[[], Any]:
    def build() -> Any:
        library = require("torchao.quantization", EXTRA)
        return require("transformers", "models").TorchAoConfig(getattr(library, name)())

    return build


def _torchao_int4() -> Any:
    # torchao's own Int4WeightOnlyConfig needs kernels that are not in its wheel; this one unpacks in plain torch.
    # Groups of 32, because widths that are no multiple of 64 or 128 are common in small models.
    torch, library = require("torch", "models"), require("torchao.quantization", EXTRA)
    settings = library.IntxWeightOnlyConfig(weight_dtype=torch.int4, granularity=library.PerGroup(32))
    return require("transformers", "models").TorchAoConfig(settings)


_CPU_GPU = ("cpu", "cuda", "xpu")

SCHEMES = {
    "nf4": Scheme("bitsandbytes", 4, "normal float in blocks of 64 (QLoRA)", _CPU_GPU, _four_bits("nf4")),
    "nf4-double": Scheme("bitsandbytes", 4, "nf4, its scales in 8 bits too", _CPU_GPU, _four_bits("nf4", nested=True)),
    "fp4": Scheme("bitsandbytes", 4, "4-bit float in blocks of 64", _CPU_GPU, _four_bits("fp4")),
    "int8": Scheme(
        "bitsandbytes",
        8,
        "LLM.int8(): features with outliers apart, chosen over all tokens of a pass",
        _CPU_GPU,
        _bitsandbytes(load_in_8bit=True),
        alone=True,
    ),
    "int8-vectorwise": Scheme(
        "bitsandbytes",
        8,
        "int8 weights and activations, outliers included: tokens stay independent",
        _CPU_GPU,
        _bitsandbytes(load_in_8bit=True, llm_int8_threshold=0.0),
    ),
    "torchao-int8": Scheme("torchao", 8, "int8 weights", _CPU_GPU, _torchao("Int8WeightOnlyConfig")),
    "torchao-int8-dynamic": Scheme(
        "torchao",
        8,
        "int8 weights and activations",
        _CPU_GPU,
        _torchao("Int8DynamicActivationInt8WeightConfig"),
        alone=True,  # another shape of the pass rounds otherwise here and there, and the blocks amplify it
    ),
    "torchao-int4": Scheme("torchao", 4, "int4 weights in groups of 32", _CPU_GPU, _torchao_int4),
    "torchao-float8": Scheme("torchao", 8, "float8 (e4m3) weights", _CPU_GPU, _torchao("Float8WeightOnlyConfig")),
    "quanto-int8": Scheme("optimum-quanto", 8, "int8 weights", (*_CPU_GPU, "mps"), _quanto("int8")),
    "quanto-int4": Scheme("optimum-quanto", 4, "int4 weights in groups", (*_CPU_GPU, "mps"), _quanto("int4")),
    "quanto-int2": Scheme("optimum-quanto", 2, "int2 weights in groups", (*_CPU_GPU, "mps"), _quanto("int2")),
    "quanto-float8": Scheme("optimum-quanto", 8, "float8 (e4m3) weights", (*_CPU_GPU, "mps"), _quanto("float8")),
}

# The weights are chosen with the help of texts, so only who made the checkpoint can make it.
CALIBRATED = {"gptq": "gptqmodel and optimum", "awq": "gptqmodel"}

NAMES = (*SCHEMES, *CALIBRATED, "gguf")

# Known by name so that the answer is a reason, not "choose one of".
NOT_OFFERED = {"hqq": "transformers 5 (as of 5.23) lists it but cannot quantise with it while loading"}


def quantization_config(
    scheme: Any,
    *,
    source: str | PathLike[str],
    device: str = "cpu",
    dtype: "torch.dtype | None" = None,
    source_config: Any = None,
) -> Any:
    """transformers' configuration for ``from_pretrained(quantization_config=...)``, or the reason why there is none.

    Reads no weights.

    Parameters
    ----------
    scheme : str, transformers quantisation config, or None
        A name of ``NAMES``, or an object such as ``transformers.BitsAndBytesConfig(...)``. None asks for nothing, and only
        checks that a checkpoint which is quantised already can run here.
    source : str or path
        What is to be loaded, for the sentences; a path that ends in ``.gguf`` counts as a GGUF file.
    device : str
        Where the network will run, e.g. ``"cpu"`` or ``"cuda:0"``.
    dtype : torch.dtype, optional
        Precision of what stays unquantised, if it was asked for; float32 is assumed where it matters.
    source_config : transformers config, optional
        ``AutoConfig`` of the source; tells whether its weights are quantised already.

    Returns
    -------
    transformers quantisation config, or None
        None if nothing was asked for, or the checkpoint is already quantised in just this way: it needs no argument.

    Raises
    ------
    DepthscopeError
        Unknown name; library missing; a device it does not run on; a checkpoint that is quantised otherwise; a scheme
        that needs calibration; GGUF and something else mixed.
    """
    hush()
    present = scheme_of(source_config)
    if present is not None and scheme is None:
        _check_environment(source_config.quantization_config, present, device, pre_quantized=True)
    if scheme is None:
        return None
    packed_file = Path(source).suffix.lower() == ".gguf"
    if isinstance(scheme, str):
        if scheme in NOT_OFFERED:
            raise DepthscopeError(f"quantization={scheme!r}: {NOT_OFFERED[scheme]}; choose one of {', '.join(SCHEMES)}")
        check_choice("quantization", scheme, NAMES)
    asked = scheme if isinstance(scheme, str) else _name(_settings_of(scheme))
    if asked is None:
        raise DepthscopeError(
            f"quantization={type(scheme).__name__}: give one of {', '.join(NAMES)}, or a transformers quantisation config"
        )
    if asked == "gguf" or packed_file:
        return _gguf(asked, source, device, packed_file)
    if present is not None:
        if present == asked:
            return quantization_config(None, source=source, device=device, source_config=source_config)
        raise DepthscopeError(
            f"{source}: its weights are already quantised ({present}), so quantization={asked!r} cannot be had of it; "
            "leave the argument out, or load a checkpoint in full precision"
        )
    if asked in CALIBRATED:
        raise DepthscopeError(
            f"{source}: {asked} needs calibration on texts, which is not done while loading; load a checkpoint that is "
            f"already quantised with it, without quantization= (it needs {CALIBRATED[asked]})"
        )
    chosen = _build(asked, device) if isinstance(scheme, str) else scheme
    _check_environment(chosen, asked, device)
    _try_torchao(chosen, asked, device, dtype)
    return chosen


def scheme_of(config: Any) -> str | None:
    """Name of the scheme in which a network with this config holds its weights; None if they are plain.

    The names of :data:`SCHEMES` where there is one, else transformers' own, e.g. ``"gptq"`` or ``"torchao-fp8..."``.
    """
    if config is None:
        return None
    text = config.get_text_config(decoder=True) if hasattr(config, "get_text_config") else None
    found = getattr(config, "quantization_config", None) or getattr(text, "quantization_config", None)
    return _name(_settings_of(found)) if found else None


def settle(network: "nn.Module") -> None:
    """Keep bitsandbytes' 4-bit weights as they were loaded; to be called before the first forward pass.

    On processors with AVX512-BF16 the first pass repacks them, rounds their scales to bfloat16 and computes in it, so
    that results depend on the processor; widths that are no multiple of 64 fail; and ``state_dict()`` after it destroys the
    weights (0.50). Without the repacking the layers unpack and compute in their input's precision, as elsewhere.
    """
    for module in network.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False  # type: ignore[assignment]


def gradless(network: "nn.Module") -> AbstractContextManager[None]:
    """No gradients, in the strictest way that the weights stand.

    quanto's packed weights (int4, int2) cannot be used in torch's inference mode.
    """
    torch = require("torch", "models")
    name = scheme_of(getattr(network, "config", None)) or ""
    context: AbstractContextManager[None] = torch.no_grad() if name.startswith("quanto") else torch.inference_mode()
    return context


def confirm(network: "nn.Module", scheme: Any, name: str) -> None:
    """Refuse a network whose weights are as they were although ``scheme`` was asked for.

    transformers only warns when it finds no layer to quantise (quanto and torchao take ``nn.Linear`` alone, which GPT-2
    has not), and unpacks a GGUF file where there is no kernel for it.
    """
    from depthscope.model.footprint import is_packed

    if not is_packed(network):
        asked = scheme if isinstance(scheme, str) else _name(_settings_of(scheme))
        raise DepthscopeError(
            f"{name}: transformers quantised nothing of {type(network).__name__} with {asked}; choose another scheme "
            "(nf4 and int8 know more kinds of layers), or leave quantization= out"
        )


def _gguf(asked: str, source: str | PathLike[str], device: str, packed_file: bool) -> Any:
    transformers = require("transformers", "models")
    if not packed_file:
        raise DepthscopeError(
            f"{source}: quantization='gguf' keeps the weights of a .gguf file packed, and this is none; choose one of "
            f"{', '.join(SCHEMES)}"
        )
    if asked != "gguf":
        raise DepthscopeError(
            f"{source}: a .gguf file is already quantised, so quantization={asked!r} cannot be had of it; leave the "
            "argument out (its weights are unpacked), or save the unpacked network to a folder and quantise that"
        )
    if not hasattr(transformers, "GgufConfig"):
        raise DepthscopeError(
            f"{source}: transformers {transformers.__version__} cannot keep GGUF weights packed; update it, or leave "
            "quantization= out"
        )
    if device.split(":")[0] == "cpu":
        raise DepthscopeError(
            f"{source}: transformers has no kernel for packed GGUF weights on the CPU and would unpack them; leave "
            "quantization= out, which does that too, or choose a GPU"
        )
    if find_spec("kernels") is None:
        raise DepthscopeError(
            f"{source}: packed GGUF weights need the library kernels (and a model hub to fetch the kernel from): "
            "pip install kernels, or leave quantization= out"
        )
    return transformers.GgufConfig()


def _build(name: str, device: str) -> Any:
    scheme = SCHEMES[name]
    kind = device.split(":")[0]
    if kind not in scheme.devices:
        able = [other for other, rival in SCHEMES.items() if kind in rival.devices]
        way_out = f"choose one of {', '.join(able)}" if able else "leave quantization= out"
        raise DepthscopeError(
            f"quantization={name!r} runs on {' or '.join(scheme.devices)}, not on {device}; {way_out}"
        )
    try:
        metadata.version(scheme.library)
    except metadata.PackageNotFoundError:
        raise DepthscopeError(
            f"quantization={name!r} needs {scheme.library}, which is not installed: pip install 'depthscope[{EXTRA}]'"
        ) from None
    return scheme.build()


def _check_environment(config: Any, name: str, device: str, pre_quantized: bool = False) -> None:
    """transformers' own check of hardware and libraries, which otherwise comes after the download."""
    auto = require("transformers.quantizers.auto", "models")
    try:
        quantizer = auto.AutoHfQuantizer.from_config(config, pre_quantized=pre_quantized)
        quantizer.validate_environment(device_map={"": device}, weights_only=True)
        if not pre_quantized:  # transformers 5 raises here for what it lists but has not ported yet
            getattr(quantizer, "get_quantize_ops", lambda: None)()
    # a library may object in its own way
    except Exception as problem:
        reason = " ".join(str(problem).split())[:300]
        raise DepthscopeError(
            f"{name} weights do not run here; choose another quantization, or a checkpoint in full precision. transformers "
            f"says: {reason or type(problem).__name__}"
        ) from None


def _try_torchao(config: Any, name: str, device: str, dtype: "torch.dtype | None") -> None:
    """One small layer quantised and run: torchao finds out only then which kernels its wheel lacks."""
    kind = getattr(config, "quant_type", None)
    if kind is None:
        return
    torch, library = require("torch", "models"), require("torchao.quantization", EXTRA)
    trial = torch.nn.Sequential(torch.nn.Linear(256, 256, bias=False, dtype=dtype or torch.float32, device=device))
    try:
        library.quantize_(trial, kind)
        with torch.inference_mode():
            trial(torch.ones(1, 256, dtype=dtype or torch.float32, device=device))
    # a library may object in its own way
    except Exception as problem:
        reason = " ".join(str(problem).split())[:200]
        raise DepthscopeError(
            f"quantization={name!r} does not run on {device}; choose another scheme or leave it out. torchao says: "
            f"{reason or type(problem).__name__}"
        ) from None


def _settings_of(config: Any) -> dict[str, Any]:
    """The settings of a configuration object, or of the dict that a checkpoint keeps; empty for anything else."""
    if isinstance(config, dict):
        return config
    if not hasattr(config, "quant_method"):
        return {}
    # not to_dict, which turns torchao's settings into nested tables
    return dict(vars(config))


def _name(settings: dict[str, Any]) -> str | None:
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
