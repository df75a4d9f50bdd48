"""A model on paper: its sizes from its configuration alone, before any weight is read."""

import copy
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from torch import nn

from depthscope.errors import DepthscopeError, require
from depthscope.model.foreign import one_sentence
from depthscope.model.gguf import load_gguf_config
from depthscope.model.hub import check_hub
from depthscope.model.pretrained import pretrained_folder
from depthscope.model.quiet import quiet
from depthscope.model.settings import read_settings
from depthscope.model.stacks import Stack, auto_class, one_stack
from depthscope.model.tokenizer import context_length
from depthscope.model.trust import code_of
from depthscope.model.turns import BUILDING


@dataclass(frozen=True)
class Paper:
    """What a configuration says of a network.

    Attributes
    ----------
    architecture : str
        Class of the network, e.g. ``"LlamaForCausalLM"``.
    path : str
        Where its blocks stand.
    depth, width, vocabulary : int
        Blocks, features of the stream, tokens with an embedding.
    parameters, trunk_parameters : int
        All of them, and those without the language-model head; what is shared counts once.
    bytes : int
        Of parameters and buffers in ``dtype``; weights that the checkpoint holds in fewer bits count as unpacked.
    dtype : str
        Precision of the weights.
    context : int or None
        Longest text in tokens, if the configuration states one.
    activations : int
        Values per token that the largest block writes on its way, as far as its matrices show.
    quantization : str or None
        Scheme in which the checkpoint holds its weights.
    """

    architecture: str
    path: str
    depth: int
    width: int
    vocabulary: int
    parameters: int
    trunk_parameters: int
    bytes: int
    dtype: str
    context: int | None
    activations: int
    quantization: str | None = None


def read_config(source: str | PathLike[str], trust_remote_code: bool = False) -> Any:
    """The configuration of a model, and nothing of its weights.

    Parameters
    ----------
    source : str or path
        A Hugging Face id, a name of ``depthscope models list`` that is here, a local folder, a ``.gguf`` file, or a
        configuration by itself (a ``.json`` file).
    trust_remote_code : bool, default False
        Run Python code that the model brings.

    Returns
    -------
    PretrainedConfig

    Raises
    ------
    DepthscopeError
        No such model, no configuration that transformers knows, or one that contradicts itself.
    """
    transformers = require("transformers", "models")
    path, name = Path(source), str(source)
    options: dict[str, Any] = {"trust_remote_code": trust_remote_code}
    where: str | Path = name
    if (folder := pretrained_folder(name)) is not None:
        where = folder
    elif path.suffix.lower() in (".gguf", ".json"):
        if not path.is_file():
            raise DepthscopeError(f"{name}: no such file")
        if path.suffix.lower() == ".gguf":
            with quiet(transformers):
                return load_gguf_config(path, "transformers knows no such configuration")
    elif path.is_file():
        raise DepthscopeError(f"{name}: give a configuration (config.json), the model's folder, or a .gguf file")
    elif path.is_dir() and not (path / "config.json").is_file():
        raise DepthscopeError(f"{name}: the folder holds no model (no config.json)")
    elif not path.is_dir():
        check_hub(name)
    with (
        quiet(transformers),
        one_sentence(name, "transformers knows no such configuration", "check the name or the file"),
    ):
        return read_settings(str(where), **options)[1]


def on_paper(
    config: Any, dtype: str | None = None, stack: Stack | None = None, trust_remote_code: bool = False
) -> Paper:
    """Sizes of the network that a configuration describes, built without memory for its weights.

    Parameters
    ----------
    config : PretrainedConfig
        From :func:`read_config`, or of your own.
    dtype : str, optional
        Precision of the weights; by default the one in which :func:`depthscope.load` would load them.
    stack : {"encoder", "decoder"}, optional
        As in :func:`depthscope.load`.
    trust_remote_code : bool, default False
        Run Python code that the model brings.

    Raises
    ------
    DepthscopeError
        No class of transformers belongs to it, the class cannot be built from it, or no list of blocks is as long as the
        configuration says.
    """
    kind = chosen_precision(config, dtype)
    with torch.device("meta"):
        network = build(config, kind, stack, trust_remote_code)
    path = block_path(network, config, stack)
    blocks = list(network.get_submodule(path).children())
    embeddings = network.get_input_embeddings().weight
    held = {id(t): t for t in (*network.parameters(), *network.buffers())}
    quantised = getattr(config, "quantization_config", None)
    return Paper(
        architecture=type(network).__name__,
        path=path,
        depth=len(blocks),
        width=int(getattr(_text(config, stack), "hidden_size", None) or embeddings.shape[1]),
        vocabulary=int(embeddings.shape[0]),
        parameters=sum(p.numel() for p in network.parameters()),
        trunk_parameters=sum(p.numel() for p in network.parameters()) - _head_alone(network),
        bytes=sum(t.numel() * t.itemsize for t in held.values()),
        dtype=str(kind).removeprefix("torch."),
        context=context_length(config, None),
        activations=max(map(_written, blocks)),
        quantization=None if quantised is None else _method(quantised),
    )


def chosen_precision(config: Any, dtype: str | None) -> torch.dtype:
    """The precision asked for; by default the configuration's own, where transformers loads in that."""
    if dtype is None or dtype == "auto":
        text = config.get_text_config()
        own = getattr(config, "dtype", None) or getattr(text, "dtype", None)
        # older releases load float32 unless asked
        old = dtype is None and int(require("transformers", "models").__version__.split(".")[0]) < 5
        dtype = "float32" if own is None or old else str(own)
    found = getattr(torch, dtype.removeprefix("torch."), None)
    if not isinstance(found, torch.dtype) or not found.is_floating_point:
        raise DepthscopeError(
            f"dtype {dtype!r} is no precision of weights: choose float32, bfloat16, float16 or float64"
        )
    return found


def build(config: Any, dtype: torch.dtype, stack: Stack | None = None, trust_remote_code: bool = False) -> Any:
    """The network that :func:`depthscope.load` would load, from the configuration alone; it decides where it is."""
    transformers = require("transformers", "models")
    name = str(config.model_type)
    loader = auto_class(transformers, config, stack, name)
    config = copy.deepcopy(config)
    vars(config).pop("quantization_config", None)
    with (
        BUILDING,
        quiet(transformers),
        one_sentence(name, "no network can be built from this configuration", "mend it, or choose another model"),
    ):
        # a configuration that is code of the model's own was allowed to run
        trust = trust_remote_code or bool(code_of(config))
        network = loader.from_config(config, dtype=dtype, trust_remote_code=trust)
    return one_stack(network.eval(), stack, name)


def block_path(network: nn.Module, config: Any, stack: Stack | None = None) -> str:
    """Where as many modules are in a row as the configuration has layers: without a pass, that is all there is to see."""
    depth = getattr(_text(config, stack), "num_hidden_layers", None)
    lists = {
        name: len(module)
        for name, module in network.named_modules()
        if isinstance(module, nn.ModuleList | nn.Sequential) and len(module) > 1
    }
    if not isinstance(depth, int):
        depth = max(lists.values(), default=None)
    # of a network for images and text, the list that is made for the text
    inside: list[str] = [name for name, size in lists.items() if size == depth]
    named = [name for name in inside if not any(word in name for word in ("vision", "visual", "audio"))]
    if not inside:
        raise DepthscopeError(
            f"{config.model_type}: its depth is unknown: the configuration says {depth} layers, and no list of modules in "
            f"{type(network).__name__} is that long; load the model and look at model.depth"
        )
    found: str = min(named or inside, key=lambda name: name.count("."))
    return found


def _text(config: Any, stack: Stack | None) -> Any:
    """The part of a configuration that is about text."""
    if stack is not None and getattr(config, "is_encoder_decoder", False):
        return config.get_text_config(**{stack: True})
    return config.get_text_config()


def _head_alone(network: Any) -> int:
    """Parameters of the head that nothing else uses."""
    find = getattr(network, "get_output_embeddings", None)
    head = find() if find is not None else None
    if not isinstance(head, nn.Module):
        return 0
    inside = {id(module) for module in head.modules()}
    used = {
        id(p)
        for module in network.modules()
        if id(module) not in inside
        for p in module._parameters.values()
        if p is not None
    }
    return sum(p.numel() for p in head.parameters() if id(p) not in used)


def _written(block: nn.Module) -> int:
    return sum(module.out_features for module in block.modules() if isinstance(module, nn.Linear))


def _method(settings: Any) -> str:
    found = settings.get("quant_method") if isinstance(settings, dict) else getattr(settings, "quant_method", None)
    return str(getattr(found, "value", found) or "packed")
