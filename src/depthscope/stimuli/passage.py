"""Running text, on which a model's predictions are judged."""

from importlib import resources
from pathlib import Path

from depthscope.errors import DepthscopeError
from depthscope.store.names import given

MIN_WORDS = 50


def read_passage(path: str | Path | None = None) -> str:
    """A plain text file in UTF-8; by default 500 words of English prose that we wrote for the purpose."""
    if path is None:
        return resources.files("depthscope.stimuli.data").joinpath("passage.txt").read_text(encoding="utf-8")
    try:
        text = given(path, "a text").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise DepthscopeError(f"{path}: cannot be read as text ({problem}); give a file in UTF-8") from None
    words = len(text.split())
    if words < MIN_WORDS:
        raise DepthscopeError(f"{path}: {words} words tell little about a model; give at least {MIN_WORDS}")
    return text
