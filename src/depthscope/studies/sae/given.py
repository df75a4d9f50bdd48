"""Dictionaries that the user names, and the model that they belong to."""

from collections.abc import Mapping
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from depthscope.errors import DepthscopeError, listed
from depthscope.model.load import load_text
from depthscope.model.model import Model
from depthscope.studies.sae.dictionary import Dictionary
from depthscope.studies.sae.formats.load import dictionaries_in, load_sae

# of how the model was loaded for the training, what a file may decide
FROM_FILES = ("dtype", "quantization", "blocks", "stack")


def dictionaries_of(folder: str | PathLike[str], name: str = "folder") -> dict[str, Dictionary]:
    """All dictionaries of a folder, by where they lie in it; or the one that a file or folder is."""
    top = Path(folder)
    places = dictionaries_in(top) if top.is_dir() else []
    if len(places) < 2:
        return {(places or [top])[0].name: load_sae(top)}
    return {place.relative_to(top).as_posix(): load_sae(place) for place in places}


def model_name(dictionaries: Mapping[str, Dictionary], model: str | PathLike[str] | None) -> str:
    """The model that is named, or that the files of all dictionaries say.

    Raises
    ------
    DepthscopeError
        No file says it, or they say different ones.
    """
    if model is not None:
        return fspath(model)
    names = sorted({one.origin.model for one in dictionaries.values()} - {""})
    if len(names) != 1:
        said = f"their files say {listed(names)}" if names else "no file says it"
        raise DepthscopeError(f"{listed(dictionaries, 3)}: of which model? {said}; name it with --model")
    return names[0]


def loading(dictionaries: Mapping[str, Dictionary], load: Mapping[str, Any] | None) -> dict[str, Any]:
    """How the model is to be loaded: as when the dictionaries were trained, but for what is asked for now.

    What lets a model run code or read pickles is for the user alone to allow: a file is not asked.
    """
    first = next(iter(dictionaries.values()))
    before = first.origin.more.get("load")
    said = before if isinstance(before, dict) else {}
    return {**{key: said[key] for key in FROM_FILES if isinstance(said.get(key), str)}, **(load or {})}


def model_of(dictionaries: Mapping[str, Dictionary], name: str, load: Mapping[str, Any] | None) -> Model:
    """The model, loaded."""
    return load_text(name, **loading(dictionaries, load))


def other_weights(dictionaries: Mapping[str, Dictionary], model: Model) -> list[str]:
    """Of dictionaries that were trained on other weights than the model now has, a sentence."""
    other = [name for name, one in dictionaries.items() if one.origin.fingerprint not in ("", model.fingerprint)]
    if not other:
        return []
    return [
        f"{listed(other, 3)}: trained on states of other weights than those that {model.name} has here ({model.dtype}); "
        "another precision is enough for that, and then the numbers differ little."
    ]


def learnt_from(dictionaries: Mapping[str, Dictionary], corpus: str) -> list[str]:
    """Of dictionaries that were trained on the very corpus of this digest, a sentence."""
    same = [name for name, one in dictionaries.items() if one.origin.more.get("corpus") == corpus]
    if not same:
        return []
    return [f"**The text was not held out**: {listed(same, 3)} learnt from it, and do better on it than on any other."]
