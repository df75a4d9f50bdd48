"""The parts of a result as a JSON document: every number of it, and a digest by which a change is noticed."""

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from depthscope.errors import DepthscopeError, reason
from depthscope.statistics.spelt import kept, restored, same, unsaved
from depthscope.store.files import write_text
from depthscope.store.names import given
from depthscope.version import __version__

SCHEMA, KIND, SUFFIX = 1, "depthscope contrast", ".json"
# what NumPy, xarray and Python raise at parts that do not fit together
BROKEN = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError)
Parts = Mapping[str, Any]
Made = TypeVar("Made")


def save_parts(parts: Callable[[], Parts], again: Callable[[Parts], Parts], path: str | Path) -> Path:
    """Write the parts of a contrast to a file that ends in ``.json``; it appears whole or not at all.

    ``again`` gives the parts of the contrast that these parts make: what would not come back as it is, is refused.
    """
    place = given(path, "a file")
    if place.suffix.lower() != SUFFIX:
        named = place.with_suffix(SUFFIX).name if place.name else f"contrast{SUFFIX}"
        raise DepthscopeError(f"{place}: a contrast is saved as JSON; call the file {named}")
    try:
        text = _text(parts(), again)
    except DepthscopeError:
        raise
    except RecursionError:
        raise DepthscopeError(
            f"{place}: the attributes or settings of the contrast hold themselves: take them out"
        ) from None
    except BROKEN as problem:
        raise unsaved("the contrast", reason(problem, 80)) from None
    try:
        write_text(place, text + "\n")
    except (OSError, ValueError) as problem:
        why = problem.strerror if isinstance(problem, OSError) else reason(problem)
        raise DepthscopeError(f"{place}: cannot be written ({why}); give another file") from None
    return place


def _text(parts: Parts, again: Callable[[Parts], Parts]) -> str:
    content = {name: kept(value, f"{name} of the contrast") for name, value in parts.items()}
    document = {
        "kind": KIND,
        "schema": SCHEMA,
        "depthscope": __version__,
        "digest": _digest(content),
        "contrast": content,
    }
    # halves of characters are spelt out, as JSON spells them: no file of UTF-8 holds them
    text = json.dumps(document, ensure_ascii=False, allow_nan=False).encode("utf-8", "backslashreplace").decode()
    come_back = again(_restored(json.loads(text)["contrast"]))
    for name, value in parts.items():
        if not same(value, come_back[name]):
            raise unsaved(f"{name} of the contrast", "it would not come back as it is")
    return text


def load_parts(make: Callable[[Parts], Made], path: str | Path) -> Made:
    """What ``make`` makes of the parts that :func:`save_parts` wrote."""
    place = given(path, "a file")
    try:
        document = json.loads(place.read_text(encoding="utf-8"))
        if document["kind"] != KIND:
            raise TypeError("it is of another kind")
        if document["schema"] != SCHEMA:
            raise DepthscopeError(
                f"{place}: written in schema {document['schema']}, this version reads {SCHEMA}; load it with the version of "
                "depthscope that saved it"
            )
        content = document["contrast"]
        if document["digest"] != _digest(content):
            raise DepthscopeError(
                f"{place}: changed since it was saved (its digest is another); compute the contrast again"
            )
        return make(_restored(content))
    except DepthscopeError:
        raise
    except OSError as problem:
        raise DepthscopeError(
            f"{place}: cannot be read ({problem.strerror}); give a file that Contrast.save wrote"
        ) from None
    except (*BROKEN, RecursionError) as problem:
        raise DepthscopeError(
            f"{place}: no contrast that was saved ({reason(problem, 80)}); give a file that Contrast.save wrote"
        ) from None


def _restored(content: Parts) -> Parts:
    return {name: restored(value) for name, value in content.items()}


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=True).encode()).hexdigest()
