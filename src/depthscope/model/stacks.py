"""Which class of transformers reads a checkpoint, and which part of its network carries the text."""

from typing import Any, Literal, get_args

from depthscope.errors import DepthscopeError, check_choice

Stack = Literal["encoder", "decoder"]

CHOICE = "choose stack='encoder' or stack='decoder' (--stack on the command line)"


def auto_class(transformers: Any, config: Any, stack: Stack | None, name: str) -> Any:
    """The ``AutoModel...`` that loads a checkpoint of this configuration, by transformers' own tables.

    Parameters
    ----------
    config : PretrainedConfig
    stack : {"encoder", "decoder"}, optional
        Without it only models whose text runs through one causal stack are taken.
    name : str
        Of the checkpoint, for the errors.

    Raises
    ------
    DepthscopeError
        An encoder, or an encoder-decoder, without a choice of stack; a network that reads no text.
    """
    check_stack(stack)
    whole = bool(getattr(config, "is_encoder_decoder", False))
    if whole and stack is None:
        raise DepthscopeError(f"{name}: {config.model_type} is an encoder-decoder; {CHOICE}")
    if stack == "encoder":
        return transformers.AutoModel
    # AutoModelForMultimodalLM is younger than the oldest release that we support
    multimodal = "AutoModelForMultimodalLM", "AutoModelForImageTextToText"
    for kind in ("AutoModelForCausalLM", *(("AutoModelForSeq2SeqLM",) if whole else multimodal)):
        loader = getattr(transformers, kind, None)
        if loader is not None and (_knows(loader, config) or kind in getattr(config, "auto_map", {})):
            return loader
    if _knows(transformers.AutoModel, config):
        raise DepthscopeError(
            f"{name}: {config.model_type} has no language-model head that transformers knows for it; if it is an encoder "
            "of text, give stack='encoder'"
        )
    return transformers.AutoModelForCausalLM  # which says what it misses


def decoder_names(config: Any, stack: Stack | None) -> dict[str, str]:
    """How a decoder by itself finds its embeddings in the files of the whole, as ``key_mapping`` of ``from_pretrained``.

    The whole shares them between its stacks, and saves them once, beside both. Without this they would be random.
    """
    whole = stack == "decoder" and getattr(config, "is_encoder_decoder", False)
    return {r"^model\.shared\.": "model.decoder.embed_tokens."} if whole else {}


def one_stack(network: Any, stack: Stack | None, name: str) -> Any:
    """The part of a network that is chosen; the network itself, where it has but one stack."""
    check_stack(stack)
    if not getattr(getattr(network, "config", None), "is_encoder_decoder", False) or not _is_whole(network):
        return network
    if stack is None:
        raise DepthscopeError(f"{name}: {type(network).__name__} is an encoder-decoder; {CHOICE}")
    # what is given may itself be a whole, inside a model of images
    return one_stack(network.get_encoder() if stack == "encoder" else network.get_decoder(), stack, name)


def check_stack(stack: Stack | None) -> None:
    if stack is not None:
        check_choice("stack", stack, get_args(Stack))


def _is_whole(network: Any) -> bool:
    """A stack that was taken out may keep the configuration of the whole; only the whole gives two stacks."""
    try:
        parts = network.get_encoder(), network.get_decoder()
    except (AttributeError, NotImplementedError):
        return False
    return all(part is not None and part is not network for part in parts)


def _knows(loader: Any, config: Any) -> bool:
    return type(config) in loader._model_mapping
