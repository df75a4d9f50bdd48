"""A GGUF file through transformers' own support, with what that leaves out."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from depthscope.errors import DepthscopeError, out_of_memory, reason, require
from depthscope.model.gguf.carried import carried, configuration
from depthscope.model.gguf.consumed import check_keys
from depthscope.model.gguf.header import UNREADABLE, Header, read_header
from depthscope.model.gguf.plausible import check_sizes, check_vocabulary
from depthscope.model.gguf.rotary import check_rotary
from depthscope.model.gguf.tensors import check_tensors
from depthscope.model.gguf.tokens import settle_tokenizer


def load_gguf(path: Path, tokenizer: Any = None, **options: Any) -> tuple[Any, Any]:
    """Network and tokenizer of a ``.gguf`` file, its weights unpacked to plain tensors (float32 unless asked).

    Every key and every tensor of the file is accounted for: read by transformers, carried over here into the
    configuration, or of no effect. ``network.config.gguf`` says what was carried over.

    Parameters
    ----------
    tokenizer : optional
        Used in place of the file's own, which is not read then.
    **options
        Passed to ``from_pretrained``.

    Raises
    ------
    DepthscopeError
        A damaged file, a part of a split one, or something in it that would not reach the network.
    """
    header = read_header(path)
    check_sizes(header)
    if tokenizer is None:
        tokenizer = _tokenizer(header)
    transformers = require("transformers", "models")
    options.setdefault("dtype", "float32")
    # Newer releases keep the weights packed unless told otherwise; older ones know only unpacking.
    if hasattr(transformers, "GgufConfig"):
        options.setdefault("quantization_config", transformers.GgufConfig(dequantize=True))
    with _in_words(path):
        settings, _ = transformers.PreTrainedConfig.get_config_dict(str(path.parent), gguf_file=path.name)
        said = carried(header, settings)
        config = options.pop("config", None) or configuration(header, said)
        check_keys(header, config)
    with _in_words(path):
        network, report = transformers.AutoModelForCausalLM.from_pretrained(
            str(path.parent),
            gguf_file=path.name,
            config=config,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # reported in our own words
            **{"trust_remote_code": False, **options},
        )
    check_tensors(header, network, report)
    check_rotary(header, network)
    network.config.__dict__.pop("model_type", None)
    network.config.gguf = summary(header, settings, said)
    return network, tokenizer


def load_gguf_tokenizer(path: Path) -> tuple[Any, Any]:
    """Tokenizer and configuration of a ``.gguf`` file, without its weights."""
    trouble = "no tokenizer can be loaded"
    return _tokenizer(read_header(path, trouble)), load_gguf_config(path, trouble)


def load_gguf_config(path: Path, trouble: str = UNREADABLE) -> Any:
    """The configuration of a ``.gguf`` file, as :func:`load_gguf` gives it to the network."""
    header = read_header(path, trouble)
    check_sizes(header)
    transformers = require("transformers", "models")
    with _in_words(path, trouble):
        settings, _ = transformers.PreTrainedConfig.get_config_dict(str(path.parent), gguf_file=path.name)
        return configuration(header, carried(header, settings))


def _tokenizer(header: Header) -> Any:
    check_vocabulary(header)
    transformers = require("transformers", "models")
    with _in_words(header.path):
        tokenizer = transformers.AutoTokenizer.from_pretrained(
            str(header.path.parent), gguf_file=header.path.name, trust_remote_code=False
        )
    settle_tokenizer(header, tokenizer)
    return tokenizer


@contextmanager
def _in_words(path: Path, trouble: str = UNREADABLE) -> Iterator[None]:
    try:
        yield
    except DepthscopeError:
        raise
    except Exception as problem:  # a file can make transformers raise anything
        if out_of_memory(problem):
            raise
        raise DepthscopeError(f"{path}: {trouble} ({reason(problem)})") from None


def summary(header: Header, settings: dict[str, Any], said: dict[str, Any]) -> str:
    """One line on what was carried over beyond transformers' own loader."""
    changed = [name for name in said if name not in settings or said[name] != settings[name]]
    added = ", ".join(f"{name}={_shown(said[name])}" for name in sorted(changed)) or "nothing"
    return (
        f"{len(header.keys)} keys and {len(header.tensors)} tensors accounted for; carried over by depthscope: {added}"
    )


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return str(value.get("rope_type", "..."))
    return f"{len(value)} values" if isinstance(value, list) else str(value)
