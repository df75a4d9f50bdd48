"""The five ways to transformers' own layout."""

from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from depthscope.errors import require
from depthscope.model.gguf import load_gguf
from depthscope.model.pretrained.entry import Pretrained
from depthscope.model.quiet import quiet


def convert(entry: Pretrained, files: Mapping[str, Path], folder: Path, progress: bool) -> None:
    """Write the model into ``folder``: configuration, safetensors, fast tokenizer, whatever its kind needs beside them.

    Parameters
    ----------
    files : mapping
        The assembled files by name, the weights first.
    """
    transformers = require("transformers", "models")
    with nullcontext() if progress else quiet(transformers):
        for part in _read(entry, files):
            part.save_pretrained(folder)


def _read(entry: Pretrained, files: Mapping[str, Path]) -> tuple[Any, ...]:
    """Network, tokenizer and the like: all that can save itself."""
    if entry.conversion == "gguf":
        return load_gguf(next(iter(files.values())))
    if entry.conversion == "llama2c":
        from depthscope.model.pretrained.llama2c import read_network
        from depthscope.model.pretrained.sentencepiece import read_tokenizer

        return read_network(files["model.bin"]), read_tokenizer(files["tokenizer.bin"])
    if entry.conversion == "whisper":
        from depthscope.model.pretrained.whisper import read_whisper

        return read_whisper(files["model.bin"], files["config.json"], files["tokenizer.json"])
    if entry.conversion == "moonshine":
        from depthscope.model.pretrained.moonshine import read_moonshine

        return read_moonshine(
            *(files[name] for name in ("encoder_model.ort", "decoder_model_merged.ort", "tokenizer.bin"))
        )
    transformers = require("transformers", "models")
    from depthscope.model.fit import whole

    where = str(files["config.json"].parent)
    safe = {"trust_remote_code": False}
    network, info = transformers.AutoModel.from_pretrained(
        where, use_safetensors=True, output_loading_info=True, ignore_mismatched_sizes=True, **safe
    )
    return whole(network, info, entry.name), transformers.AutoTokenizer.from_pretrained(where, **safe)
