"""What a scan was given, checked before anything is read or loaded."""

import os
from collections.abc import Mapping, Sequence
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from depthscope.errors import DepthscopeError
from depthscope.instrument.measures import cse_settings
from depthscope.model.model import Model
from depthscope.scan.job import Asked, check_measures
from depthscope.store.names import given


def check_given(model: Any, out: Any, load: Any, cse: Any) -> None:
    """Refuse a value of a wrong type here, where its name is known."""
    if not isinstance(model, str | PathLike | Model):
        raise DepthscopeError(
            f"model is a {type(model).__name__}: give a name, a folder, or what depthscope.load(network, tokenizer) returns"
        )
    if not isinstance(out, str | PathLike) or not fspath(out) or "\0" in fspath(out):
        raise DepthscopeError(f"out={out!r}: give the name of a folder")
    given(out, "a folder")
    for name, value in (("load", load), ("cse", cse)):
        if not isinstance(value, Mapping | None):
            raise DepthscopeError(f"{name}={value!r}: give keywords and their values, as a dict")
    if load and isinstance(model, Model):
        raise DepthscopeError(f"load={load!r}: the model is loaded already; leave it out, or give its name or folder")


def check_apart(corpus: str, out: Path) -> None:
    """Refuse to write into the corpus that is read."""
    place = Path(corpus).resolve()
    if place.is_dir() and out.resolve().is_relative_to(place):
        raise DepthscopeError(f"{out}: lies in the corpus {corpus}, and would be scanned itself; choose another --out")


def one_name(model: str | PathLike[str]) -> str:
    """A folder by one name, however its path was written."""
    name = fspath(model)
    return os.path.normpath(name) if given(name, "a model").exists() else name


def asked_for(measures: Sequence[str], cse: Mapping[str, Any]) -> Asked:
    """What is to be measured, of names that may stand there twice."""
    several = isinstance(measures, list | tuple) and all(isinstance(name, str) for name in measures)
    if not several and not isinstance(measures, str):
        raise DepthscopeError(f"measures={measures!r}: give names, as a list")
    names = tuple(dict.fromkeys([measures] if isinstance(measures, str) else measures))
    check_measures(names)
    if cse and "cse" not in names:
        raise DepthscopeError(f"{next(iter(cse))} is an option of cse, which is not asked for: add --measure cse")
    return Asked(names, cse_settings(cse) if "cse" in names else {})
