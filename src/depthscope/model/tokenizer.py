"""A model's tokenizer and context length, without its weights."""

from pathlib import Path
from typing import Any

from depthscope.errors import DepthscopeError, reason, require
from depthscope.model.gguf import load_gguf_tokenizer
from depthscope.model.hub import check_hub
from depthscope.model.pretrained import pretrained_folder


def load_tokenizer(source: str) -> tuple[Any, int | None]:
    """Fast tokenizer, and longest context in tokens if the model has one."""
    transformers = require("transformers", "models")
    path = Path(source)
    if (folder := pretrained_folder(source)) is not None:
        where = str(folder)
    elif path.suffix.lower() == ".gguf":
        tokenizer, config = load_gguf_tokenizer(path)
        check_fast(tokenizer, source)
        return tokenizer, context_length(config, tokenizer)
    else:
        if not path.is_dir():
            check_hub(source)
        where = source
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(where)
        config = transformers.AutoConfig.from_pretrained(where)
    except (OSError, ValueError) as problem:
        raise DepthscopeError(f"{source}: no tokenizer can be loaded ({reason(problem)})") from None
    check_fast(tokenizer, source)
    return tokenizer, context_length(config, tokenizer)


def check_fast(tokenizer: Any, name: str) -> None:
    """Character offsets, by which targets are found, come from fast tokenizers only."""
    if not getattr(tokenizer, "is_fast", False):
        raise DepthscopeError(
            f"{name}: {type(tokenizer).__name__} is not a fast tokenizer, and without character offsets targets cannot be "
            "found; give one that is: load(model, tokenizer=...)"
        )


def context_length(config: Any, tokenizer: Any) -> int | None:
    """Longest context in tokens, if the configuration or the tokenizer states one: the shorter, if both do.

    Where positions are counted from behind that of padding (RoBERTa, MPNet), the configuration counts two more than fit.
    """
    limit = getattr(tokenizer, "model_max_length", None)
    stated = [int(limit)] if limit is not None and limit < 10**7 else []
    text = config.get_text_config() if hasattr(config, "get_text_config") else config
    for name in ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length"):
        value = getattr(text, name, None)
        if isinstance(value, int) and value > 0:
            stated.append(value)
            break
    return min(stated, default=None)
