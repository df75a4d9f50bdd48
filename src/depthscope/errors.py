"""What a user did, and what to do instead."""

import errno
import unicodedata
from collections.abc import Iterable
from importlib import import_module
from numbers import Integral
from types import ModuleType

UNSEEN = {"Cc", "Cs", "Zl", "Zp"}  # control characters, halves of characters, ends of lines and paragraphs


class DepthscopeError(ValueError):
    """Bad input: one sentence that names the item, the reason and the way out.

    The command line prints the sentence and exits with status 2. Names with control characters do not break its line.
    """

    def __init__(self, sentence: str) -> None:
        super().__init__(on_one_line(sentence))


class ToldElsewhereError(DepthscopeError):
    """What another process of the same work has told already: the command line ends in the same way, and is silent."""


class DepthscopeWarning(UserWarning):
    """What should be known of a result that stands. The command line prints it as a note."""


def on_one_line(text: str) -> str:
    """What would break the line or cannot be printed is written as in Python."""
    return "".join(repr(char)[1:-1] if unicodedata.category(char) in UNSEEN else char for char in text)


# the extra that brings an optional library, for imports that have no better word
EXTRAS = {
    **dict.fromkeys(("torch", "transformers", "accelerate", "gguf", "wordfreq", "zarr"), "models"),
    **dict.fromkeys(("jinja2", "markupsafe"), "report"),
    **dict.fromkeys(("sklearn", "statsmodels"), "mechanism"),
    **dict.fromkeys(("bitsandbytes", "torchao", "optimum"), "quantization"),
    **dict.fromkeys(("espeakng_loader", "pocketsphinx"), "asr-truth"),
    **{"soundfile": "asr", "matplotlib": "figures", "pyarrow": "parquet", "ray": "ray", "datasets": "hub"},
}


def require(module: str, extra: str) -> ModuleType:
    """Import an optional library, or name the extra that brings it."""
    try:
        return import_module(module)
    except ModuleNotFoundError as missing:
        if missing.name == module.split(".")[0]:
            raise _needed(missing.name, extra) from None
        lacking = without(missing)
        if lacking is None:
            raise
        raise lacking from None


def without(missing: ModuleNotFoundError) -> DepthscopeError | None:
    """The sentence for an optional library that is not installed; None for a module of another kind."""
    name = (missing.name or "").split(".")[0]
    return _needed(name, EXTRAS[name]) if name in EXTRAS else None


def _needed(name: str, extra: str) -> DepthscopeError:
    return DepthscopeError(f"this needs {name}, which is not installed: pip install 'depthscope[{extra}]'")


def check_choice(name: str, value: object, allowed: Iterable[object]) -> None:
    """Refuse a value that is not among the ``allowed`` ones, and name them."""
    allowed = list(allowed)
    if value not in allowed:
        raise DepthscopeError(f"{name}={value!r}: choose one of {', '.join(map(str, allowed))}")


def check_count(name: str, value: object, least: int = 1) -> None:
    """Refuse what is no whole number, or one below ``least``; None stands for a default."""
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise DepthscopeError(f"{name}={value!r}: give a whole number")
    if value < least:
        raise DepthscopeError(f"{name}={value}: give at least {least}")


def check_flag(name: str, value: object, means: str = "") -> None:
    """Refuse what is neither True nor False: any other word would count as True. ``means``: what True stands for."""
    if getattr(value, "shape", ()) != () or isinstance(value, str) or value not in (True, False):
        raise DepthscopeError(f"{name}={value!r}: give True{f' ({means})' if means else ''} or False")


def reason(problem: BaseException, limit: int = 200) -> str:
    """What a library objected to, in one line: its first ``limit`` characters, or the kind of error if it said nothing."""
    return " ".join(str(problem).split())[:limit] or type(problem).__name__


def out_of_memory(problem: BaseException) -> bool:
    """Whether there was not enough memory, on a GPU or on the host, by what Python, torch and the system call it."""
    if isinstance(problem, OSError):
        return problem.errno == errno.ENOMEM
    said = ("can't allocate memory", "cannot allocate memory", "not enough memory", "out of memory")
    return isinstance(problem, MemoryError) or (
        isinstance(problem, RuntimeError) and any(words in str(problem).lower() for words in said)
    )


def listed(names: Iterable[object], limit: int = 5) -> str:
    """Names for a sentence: the first few, then how many more."""
    shown = [str(name) for name in names]
    more = f" and {len(shown) - limit} more" if len(shown) > limit else ""
    return ", ".join(shown[:limit]) + more
