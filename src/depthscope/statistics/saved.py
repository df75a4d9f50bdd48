"""A contrast as a JSON document: every number of it, and a digest by which a change is noticed."""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from depthscope.errors import DepthscopeError, reason
from depthscope.statistics.result import Cluster, Contrast
from depthscope.statistics.terms import Terms
from depthscope.store.files import write_text
from depthscope.version import __version__

SCHEMA, KIND, SUFFIX = 1, "depthscope contrast", ".json"
# JSON has no word for these
ODD = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
TEXT = "text"


def save_contrast(found: Contrast, path: str | Path) -> Path:
    """Write a contrast to a file that ends in ``.json``; it appears whole or not at all. Read it with :func:`load_contrast`."""
    place = Path(path)
    if place.suffix.lower() != SUFFIX:
        raise DepthscopeError(f"{place}: a contrast is saved as JSON; call the file {place.with_suffix(SUFFIX).name}")
    content = {field.name: _kept(getattr(found, field.name)) for field in fields(Contrast)}
    document = {
        "kind": KIND,
        "schema": SCHEMA,
        "depthscope": __version__,
        "digest": _digest(content),
        "contrast": content,
    }
    try:
        write_text(place, json.dumps(document, ensure_ascii=False, allow_nan=False) + "\n")
    except OSError as problem:
        raise DepthscopeError(f"{place}: cannot be written ({problem.strerror}); give another file") from None
    return place


def load_contrast(path: str | Path) -> Contrast:
    """The contrast that :func:`save_contrast` wrote."""
    place = Path(path)
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
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as problem:
        raise DepthscopeError(
            f"{place}: no contrast that was saved ({reason(problem, 80)}); give a file that Contrast.save wrote"
        ) from None


def _contrast(content: Mapping[str, Any]) -> Contrast:
    given = {field.name: _restored(content[field.name]) for field in fields(Contrast)}
    terms = Terms(*(tuple(side) for side in (given["terms"]["left"], given["terms"]["right"])))
    clusters = tuple(
        Cluster(**{**one, "periods": tuple(one["periods"]) if one["periods"] else None}) for one in given["clusters"]
    )
    return Contrast(**{**given, "terms": terms, "clusters": clusters})


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=True).encode()).hexdigest()


def _kept(value: Any) -> Any:
    """In what JSON knows, so that :func:`_restored` gives it back."""
    if isinstance(value, xr.DataArray):
        return {"array": _kept(value.to_dataset(name="(values)")), "name": value.name}
    if isinstance(value, xr.Dataset):
        return {
            "data": {str(name): _variable(one) for name, one in value.data_vars.items()},
            "coordinates": {str(name): _variable(one) for name, one in value.coords.items()},
            "attributes": _kept(dict(value.attrs)),
        }
    if isinstance(value, Terms | Cluster):
        return _kept(asdict(value))
    if isinstance(value, Mapping):
        return {str(name): _kept(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_kept(one) for one in value]
    if isinstance(value, np.generic):
        return _kept(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return {"number": _word(value)}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise DepthscopeError(f"a {type(value).__name__} among the settings of a contrast cannot be saved: take it out")


def _word(odd: float) -> str:
    return str(odd).replace("inf", "Infinity").replace("nan", "NaN")


def _variable(one: xr.DataArray) -> dict[str, Any]:
    values = one.values
    kind = TEXT if values.dtype.kind in "OUT" else str(values.dtype)
    plain: list[Any] = [str(v) for v in values.ravel()] if kind == TEXT else values.ravel().tolist()
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        plain = [v if math.isfinite(v) else _word(v) for v in plain]
    return {
        "dims": list(map(str, one.dims)),
        "shape": list(values.shape),
        "dtype": kind,
        "values": plain,
        "attributes": _kept(dict(one.attrs)),
    }


def _restored(value: Any) -> Any:
    if isinstance(value, list):
        return [_restored(one) for one in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"number"}:
        return ODD[value["number"]]
    if set(value) == {"array", "name"}:
        return _restored(value["array"])["(values)"].rename(value["name"])
    if set(value) == {"data", "coordinates", "attributes"}:
        data, labels = ({n: _array(one) for n, one in value[part].items()} for part in ("data", "coordinates"))
        return xr.Dataset(data, labels, _restored(value["attributes"]))
    return {name: _restored(one) for name, one in value.items()}


def _array(one: Mapping[str, Any]) -> tuple[list[str], np.ndarray[Any, Any], dict[str, Any]]:
    kind, plain = one["dtype"], one["values"]
    if kind == TEXT:
        values = np.array(plain, dtype=object)
    else:
        if np.dtype(kind).kind not in "fiub":
            raise TypeError(f"{kind} is no kind of number")
        values = np.array([ODD[v] if isinstance(v, str) else v for v in plain], dtype=kind)
    return one["dims"], values.reshape(one["shape"]), _restored(one["attributes"])
