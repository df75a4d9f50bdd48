"""The tokenizer of a GGUF file: what transformers' loader leaves out is set, what cannot be set is refused."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from depthscope.model.gguf.header import Header

_KEY = "tokenizer.ggml."
_READ = {
    f"{_KEY}{name}"
    for name in (
        "model",
        "pre",
        "tokens",
        "scores",
        "token_type",
        "merges",
        "add_bos_token",
        "add_eos_token",
        "add_space_prefix",
    )
}
# of generation and of chats; or the original tokenizer once more
_IDLE = ("_token_id", "_token_ids", "tokenizer.huggingface.json")
_NEUTRAL = {f"{_KEY}remove_extra_whitespaces": False, f"{_KEY}add_sep_token": False, f"{_KEY}token_type_count": 0}

# How text is cut before byte pairs are merged, by the names of llama.cpp that transformers' own table lacks: each
# expression cuts what the ones before it left (llama-vocab.cpp).
_GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)"
_CUTS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(
        ("smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b"), (r"\p{N}", _GPT2)
    ),
    **dict.fromkeys(
        ("gpt-2", "phi-2", "gigachat", "a.x-4.0", "mellum", "mpt", "olmo", "jais", "trillion", "exaone4"), (_GPT2,)
    ),
    "default": (r"[\p{P}\$\+<=>\^~\|]+", _GPT2, r"\p{N}+", "[0-9][0-9][0-9]"),
    "falcon": (r"[\p{P}\$\+<=>\^~\|`]+", _GPT2, "[0-9][0-9][0-9]"),
    **dict.fromkeys(("bloom", "poro-chat", "gpt3-finnish"), (r" ?[^(\s|.,!?…。，、।۔،)]+",)),
}
_LIKE = {"stablelm2": "qwen2", "hunyuan": "qwen2", "grok-2": "qwen2", "glm4": "llama-bpe", "chatglm-bpe": "llama-bpe"}
# a word that is in the vocabulary is not merged from its parts, and a text begins with the first token
_WHOLE = {"llama3", "llama-v3", "llama-bpe", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2", "tekken"}


def settle_tokenizer(header: Header, tokenizer: Any) -> None:
    """Make a tokenizer that transformers built cut text as the file says.

    Raises
    ------
    DepthscopeError
        A key of the tokenizer that nothing reads, or that the tokenizer does not follow.
    """
    keys = header.keys
    kind, pre = keys.get(f"{_KEY}model"), keys.get(f"{_KEY}pre")
    for key, value in keys.items():
        if not key.startswith("tokenizer.") or key.startswith("tokenizer.chat_template") or key in _READ:
            continue
        if not key.endswith(_IDLE) and not (key in _NEUTRAL and value == _NEUTRAL[key]):
            raise header.refuse(key, "is not read by transformers, so text could be cut into other tokens")
    if kind == "gpt2":
        _cut(header, tokenizer, pre)
        if keys.get(f"{_KEY}add_space_prefix"):
            raise header.refuse(f"{_KEY}add_space_prefix", "is not followed by byte-level tokenizers from GGUF")
    elif kind == "llama":
        _prefix(header, tokenizer)
    _ends(header, tokenizer, kind, pre)


def _cut(header: Header, tokenizer: Any, pre: Any) -> None:
    library = import_module("tokenizers")
    backend = tokenizer.backend_tokenizer
    if pre in _WHOLE:
        backend.model.ignore_merges = True
    known: Mapping[str, str] = getattr(
        import_module("transformers.integrations.gguf.gguf_tokenizer_mapping"), "GGUF_PRE_TOKENIZER_SPLITS", {}
    )
    if pre is None or pre in known:  # none is stated by the oldest files: GPT-2's, which transformers takes
        return
    cuts = _CUTS.get(str(pre)) or ((known[_LIKE[pre]],) if _LIKE.get(str(pre)) in known else None)
    if cuts is None:
        raise header.refuse(f"{_KEY}pre", "is a way to cut text that neither transformers nor depthscope knows")
    cutters = library.pre_tokenizers
    steps = [cutters.Split(library.Regex(cut), behavior="isolated") for cut in cuts]
    backend.pre_tokenizer = cutters.Sequence([*steps, cutters.ByteLevel(add_prefix_space=False, use_regex=False)])


def _prefix(header: Header, tokenizer: Any) -> None:
    """Whether a text begins with a blank that it does not have."""
    stated = header.keys.get(f"{_KEY}add_space_prefix")
    wanted = bool(stated) if stated is not None else not header.architecture.startswith("gemma")
    backend, library = tokenizer.backend_tokenizer, import_module("tokenizers")
    if _begins_blank(backend) and not wanted:
        if type(backend.pre_tokenizer).__name__ == "Metaspace":
            backend.pre_tokenizer = library.pre_tokenizers.Metaspace(
                replacement="▁", prepend_scheme="never", split=backend.pre_tokenizer.split
            )
        else:
            backend.normalizer = library.normalizers.Replace(pattern=" ", content="▁")
    if _begins_blank(backend) != wanted:
        raise header.refuse(
            f"{_KEY}add_space_prefix", "is not followed by the tokenizer that transformers makes of the file"
        )


def _begins_blank(backend: Any) -> bool:
    text = "a" if backend.normalizer is None else backend.normalizer.normalize_str("a")
    pieces = [(text, None)] if backend.pre_tokenizer is None else backend.pre_tokenizer.pre_tokenize_str(text)
    return str(pieces[0][0]).startswith("▁")


def _ends(header: Header, tokenizer: Any, kind: Any, pre: Any) -> None:
    """First and last tokens: as stated, or by llama.cpp's rules where nothing is."""
    usual = {"bos": kind == "llama" or (kind == "gpt2" and pre in _WHOLE), "eos": kind == "t5"}
    wanted: dict[str, list[int]] = {}
    for end, rule in usual.items():
        token = header.keys.get(f"{_KEY}{end}_token_id")
        stated = header.keys.get(f"{_KEY}add_{end}_token")
        own = getattr(tokenizer, f"{end}_token_id")
        if stated and own is None:
            raise header.refuse(f"{_KEY}add_{end}_token", "asks for a token that the file does not name")
        if token is not None and own != token:
            raise header.refuse(
                f"{_KEY}{end}_token_id", f"has become token {own} in the tokenizer that transformers makes"
            )
        add = bool(rule if stated is None else stated) and own is not None
        wanted[end] = [int(own)] if add else []
    plain = list(tokenizer("a", add_special_tokens=False)["input_ids"])
    right = [*wanted["bos"], *plain, *wanted["eos"]]
    if list(tokenizer("a")["input_ids"]) != right:
        tokenizer.add_bos_token, tokenizer.add_eos_token = bool(wanted["bos"]), bool(wanted["eos"])
        tokenizer.update_post_processor()
    if list(tokenizer("a")["input_ids"]) != right:
        raise header.refuse(
            f"{_KEY}add_bos_token", "is not followed by the tokenizer that transformers makes of the file"
        )
