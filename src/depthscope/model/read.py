"""From a name, a folder or a file to a network and its tokenizer, through transformers' own loading."""

from os import PathLike
from pathlib import Path
from typing import Any

from depthscope.errors import DepthscopeError, reason, require
from depthscope.model.gguf import load_gguf
from depthscope.model.hub import check_hub
from depthscope.model.pretrained import pretrained_folder
from depthscope.model.quantization import confirm, quantization_config
from depthscope.model.quiet import quiet
from depthscope.model.stacks import Stack, auto_class

# what these options say is needed for the configuration and the tokenizer as well as for the weights
_SHARED = ("revision", "token", "trust_remote_code", "cache_dir")
_PICKLES = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt")


def read(
    source: Any, tokenizer: Any, *, stack: Stack | None, quantization: Any, device: str, options: dict[str, Any]
) -> tuple[Any, Any]:
    """Network and tokenizer; ``options`` go to ``from_pretrained``.

    A quantised network is put on ``device`` here, because its weights are packed as they arrive; any other is left to the
    caller.
    """
    transformers = require("transformers", "models")
    if not isinstance(source, str | PathLike):
        raise DepthscopeError(f"a {type(source).__name__} is not a model: give a name, a path, or (network, tokenizer)")
    path = Path(source)
    with quiet(transformers):
        folder = pretrained_folder(str(source))
        if folder is None and path.suffix.lower() == ".gguf":
            if not path.is_file():
                raise DepthscopeError(f"{path}: no such file")
            _pack(options, quantization, path, device)
            return load_gguf(path, tokenizer, **options)
        if folder is None:
            _check_place(path, str(source), options)
        return _from_pretrained(
            str(folder or source), tokenizer, stack=stack, quantization=quantization, device=device, options=options
        )


def _check_place(path: Path, name: str, options: dict[str, Any]) -> None:
    if path.is_file() and path.suffix.lower() in _PICKLES:
        raise DepthscopeError(
            f"{path}: a pickle can run any code when it is read, so it is not; save the model with "
            "save_pretrained(folder), which writes safetensors, and load the folder"
        )
    if path.is_file():
        raise DepthscopeError(f"{path}: give the model's folder, with config.json in it, or a .gguf file")
    if path.is_dir() and not (path / "config.json").is_file():
        raise DepthscopeError(f"{path}: the folder holds no model (no config.json)")
    if not path.is_dir():
        check_hub(name, options.get("revision"), options.get("cache_dir"))


def _from_pretrained(
    source: str, tokenizer: Any, *, stack: Stack | None, quantization: Any, device: str, options: dict[str, Any]
) -> tuple[Any, Any]:
    transformers = require("transformers", "models")
    damaged = require("safetensors", "models").SafetensorError
    shared = {name: options[name] for name in _SHARED if name in options}
    try:
        # a tokenizer that is given is used even where the model comes with none
        tokenizer = tokenizer or transformers.AutoTokenizer.from_pretrained(source, **shared)
        config = options.get("config") or transformers.AutoConfig.from_pretrained(source, **shared)
    except (OSError, ValueError) as problem:
        raise _unreadable(source, problem) from None
    loader = auto_class(transformers, config, stack, source)
    _pack(options, quantization, source, device, config)
    try:
        network = loader.from_pretrained(source, **options)
    except damaged as problem:
        raise DepthscopeError(
            f"{source}: its weights are damaged ({reason(problem)}); fetch or save the model again"
        ) from None
    except (OSError, ValueError) as problem:
        raise _unreadable(source, problem) from None
    if quantization is not None:
        confirm(network, quantization, source)
    return network, tokenizer


def _pack(
    options: dict[str, Any], quantization: Any, source: str | Path, device: str, source_config: Any = None
) -> None:
    """Ask transformers for the scheme, if one is asked for; refused before any weight is read."""
    dtype = options.get("dtype")
    chosen = quantization_config(
        quantization,
        source=source,
        device=device,
        dtype=None if isinstance(dtype, str) else dtype,
        source_config=source_config,
    )
    if chosen is not None:
        options["quantization_config"] = chosen
        options.setdefault("device_map", {"": device})


def _unreadable(source: str, problem: Exception) -> DepthscopeError:
    return DepthscopeError(
        f"{source}: transformers cannot load this model; check the name, or use a local folder, a .gguf file or "
        f"'embedded'. It says: {reason(problem, 300)}"
    )
