"""A model's tokenizer and context length, without its weights."""

from pathlib import Path
from typing import Any

from depthscope.errors import DepthscopeError, require
from depthscope.model.foreign import one_sentence
from depthscope.model.gguf import load_gguf_tokenizer
from depthscope.model.hub import check_hub
from depthscope.model.pretrained import pretrained_folder

_TRIAL = "A word, and another."


def load_tokenizer(source: str, trust_remote_code: bool = False) -> tuple[Any, int | None]:
    """Fast tokenizer, and longest context in tokens if the model has one."""
    transformers = require("transformers", "models")
    path = Path(source)
    options: dict[str, Any] = {"trust_remote_code": trust_remote_code}
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
    with one_sentence(source, "no tokenizer can be loaded", "check the name and the files"):
        tokenizer = read_tokenizer(where, **options)
        config = transformers.AutoConfig.from_pretrained(where, **options)
    check_fast(tokenizer, source)
    return tokenizer, context_length(config, tokenizer)


def read_tokenizer(where: str, **options: Any) -> Any:
    """What transformers makes of the files, tried on a few words: some faults show only then."""
    tokenizer = require("transformers", "models").AutoTokenizer.from_pretrained(where, **options)
    tokenizer(_TRIAL)
    return tokenizer


def check_fast(tokenizer: Any, name: str) -> None:
    """Character offsets, by which targets are found, come from fast tokenizers only."""
    if not getattr(tokenizer, "is_fast", False):
        raise DepthscopeError(
            f"{name}: {type(tokenizer).__name__} is not a fast tokenizer, and without character offsets targets cannot be "
            "found; give one that is: load(model, tokenizer=...)"
        )


def ordinary_tokens(tokenizer: Any, vocabulary: int, padding: int | None = None) -> list[int]:
    """Tokens of a network's ``vocabulary`` that a probe may hold: a special one may stand for ``padding``, or for an image.

    All of them, if every token is a special one.
    """
    special = {*getattr(tokenizer, "all_special_ids", ()), padding}
    return [i for i in range(vocabulary) if i not in special] or list(range(vocabulary))


def context_length(config: Any, tokenizer: Any) -> int | None:
    """Longest context in tokens, if the configuration or the tokenizer states one: the shorter, if both do.

    Where positions are counted from behind that of padding (RoBERTa, MPNet), the configuration counts two more than fit.
    LongRoPE ends where it would rotate by other factors: beyond, a text changes the states of all its tokens, and of the
    texts beside it in a batch.
    """
    limit = getattr(tokenizer, "model_max_length", None)
    stated = [int(limit)] if limit is not None and limit < 10**7 else []
    text = config.get_text_config() if hasattr(config, "get_text_config") else config
    for name in ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length"):
        value = getattr(text, name, None)
        if isinstance(value, int) and value > 0:
            stated.append(value)
            break
    return min([*stated, *_turning(getattr(text, "rope_parameters", None))], default=None)


def _turning(rope: Any) -> list[int]:
    """Where LongRoPE goes from its factors for short texts to those for long ones, of each kind of layer."""
    if not isinstance(rope, dict):
        return []
    if rope.get("rope_type") != "longrope":
        return [limit for kind in rope.values() for limit in _turning(kind)]
    original = rope.get("original_max_position_embeddings")
    return [original] if isinstance(original, int) and rope.get("short_factor") != rope.get("long_factor") else []
