"""Whatever another library raises over a file that it cannot read, as one sentence."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from depthscope.errors import DepthscopeError, out_of_memory, reason

OWN_CODE = (
    "it brings Python code of its own, which is not run unless you ask for it; read the code, then give "
    "trust_remote_code=True (--trust-remote-code on the command line)"
)
# their words alone say nothing: KeyError('factor') says "'factor'"
_TERSE = (LookupError, AttributeError, AssertionError, ArithmeticError, RecursionError, NotImplementedError)


@contextmanager
def one_sentence(
    name: str,
    what: str = "transformers cannot load this model",
    way_out: str = "check the name and the files, or use a local folder, a .gguf file or 'embedded'",
    options: Mapping[str, Any] | None = None,
) -> Iterator[None]:
    """Turn every error of other people's code within the block into a :class:`DepthscopeError`.

    Hundreds of classes check what they read in as many ways: strict dataclasses, look-ups, assertions, failing imports,
    panics of Rust. Lack of memory and interruptions stay what they are.

    Parameters
    ----------
    name : str
        Of the model, with which the sentence begins.
    what, way_out : str
        What failed, and what to do; in between stands what the library said.
    options : mapping, optional
        What else the user asked for, to be named where it is at fault.
    """
    try:
        yield
    except DepthscopeError:
        raise
    except BaseException as problem:
        panicked = type(problem).__name__ == "PanicException"  # pyo3's own, and no Exception
        if out_of_memory(problem) or not (isinstance(problem, Exception) or panicked):
            raise
        raise DepthscopeError(f"{name}: {_explained(problem, what, way_out, options or {})}") from None


def _explained(problem: BaseException, what: str, way_out: str, options: Mapping[str, Any]) -> str:
    said = reason(problem, 300)
    if "trust_remote_code" in str(problem) and isinstance(problem, ValueError):
        return OWN_CODE
    if type(problem).__name__ == "SafetensorError":
        return f"its weights are damaged ({reason(problem)}); fetch or save the model again"
    if "conversion of the weights" in said:  # the rest of their sentence points to a table that is not shown
        return (
            "its weights cannot be put together as its configuration says: some are missing, or have other shapes; fetch or "
            "save the model again"
        )
    if isinstance(problem, ImportError):
        return f"{what} without a library that is not installed; install it, or ask for something else. It says: {said}"
    if isinstance(problem, TypeError) and "unexpected keyword argument" in said:
        unknown = [option for option in options if f"'{option}'" in said]
        if unknown:
            return f"there is no option {unknown[0]!r} for this model; leave it out"
    if isinstance(problem, _TERSE):
        said = f"{type(problem).__name__}: {said}"
    return f"{what}; {way_out}. It says: {said}"
