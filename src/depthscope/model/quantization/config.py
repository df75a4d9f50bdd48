"""From the name of a scheme to transformers' configuration of it, or to the reason why it cannot be had."""

from importlib import metadata
from importlib.util import find_spec
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from depthscope.errors import DepthscopeError, check_choice, reason, require
from depthscope.model.quantization.naming import name_of, scheme_of, settings_of
from depthscope.model.quantization.schemes import CALIBRATED, EXTRA, NAMES, NOT_OFFERED, SCHEMES
from depthscope.model.quiet import hush

if TYPE_CHECKING:
    import torch


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
    asked = scheme if isinstance(scheme, str) else name_of(settings_of(scheme))
    if asked is None:
        raise DepthscopeError(
            f"quantization={type(scheme).__name__}: give one of {', '.join(NAMES)}, or a transformers quantisation config"
        )
    if asked == "bitsandbytes":
        raise DepthscopeError(
            "quantization=BitsAndBytesConfig: it asks for neither 4 nor 8 bits; give load_in_4bit=True or load_in_8bit=True"
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
        raise DepthscopeError(
            f"{name} weights do not run here; choose another quantization, or a checkpoint in full precision. transformers "
            f"says: {reason(problem, 300)}"
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
        raise DepthscopeError(
            f"quantization={name!r} does not run on {device}; choose another scheme or leave it out. torchao says: "
            f"{reason(problem)}"
        ) from None
