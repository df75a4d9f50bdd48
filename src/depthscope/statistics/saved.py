"""A contrast as a JSON document: every number of it, and a digest by which a change is noticed."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from depthscope.errors import DepthscopeError, reason
from depthscope.statistics.result import Cluster, Contrast
from depthscope.statistics.spelt import kept, restored, same, unsaved
from depthscope.statistics.terms import Terms
from depthscope.store.files import write_text
from depthscope.store.names import given
from depthscope.version import __version__

SCHEMA, KIND, SUFFIX = 1, "depthscope contrast", ".json"
# what NumPy, xarray and Python raise at parts that do not fit together
BROKEN = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError)


def save_contrast(found: Contrast, path: str | Path) -> Path:
    """Write a contrast to a file that ends in ``.json``; it appears whole or not at all. Read it with :func:`load_contrast`."""
    place = given(path, "a file")
    if place.suffix.lower() != SUFFIX:
        named = place.with_suffix(SUFFIX).name if place.name else f"contrast{SUFFIX}"
        raise DepthscopeError(f"{place}: a contrast is saved as JSON; call the file {named}")
    try:
        text = _text(found)
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


def _text(found: Contrast) -> str:
    """The document; what would not come back from it as it is is refused."""
    content = {name: kept(value, f"{name} of the contrast") for name, value in _plain(found).items()}
    document = {
        "kind": KIND,
        "schema": SCHEMA,
        "depthscope": __version__,
        "digest": _digest(content),
        "contrast": content,
    }
    # halves of characters are spelt out, as JSON spells them: no file of UTF-8 holds them
    text = json.dumps(document, ensure_ascii=False, allow_nan=False).encode("utf-8", "backslashreplace").decode()
    again = _plain(_contrast(json.loads(text)["contrast"]))
    for name, value in _plain(found).items():
        if not same(value, again[name]):
            raise unsaved(f"{name} of the contrast", "it would not come back as it is")
    return text


def _plain(found: Contrast) -> dict[str, Any]:
    """Its parts, with none of our own classes among them."""
    parts = {field.name: getattr(found, field.name) for field in fields(Contrast)}
    terms = {"left": list(found.terms.left), "right": list(found.terms.right)}
    clusters = [{**vars(one), "periods": list(one.periods) if one.periods else None} for one in found.clusters]
    return {**parts, "terms": terms, "clusters": clusters}


def load_contrast(path: str | Path) -> Contrast:
    """The contrast that :func:`save_contrast` wrote."""
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
        return _contrast(content)
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


def _contrast(content: Mapping[str, Any]) -> Contrast:
    # what a contrast of an earlier version does not say has its default
    optional = {"partial", "thin_layers"} - content.keys()
    given = {field.name: restored(content[field.name]) for field in fields(Contrast) if field.name not in optional}
    terms = Terms(*(tuple(side) for side in (given["terms"]["left"], given["terms"]["right"])))
    clusters = tuple(
        Cluster(**{**one, "periods": tuple(one["periods"]) if one["periods"] else None}) for one in given["clusters"]
    )
    return Contrast(**{**given, "terms": terms, "clusters": clusters})


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=True).encode()).hexdigest()
