"""A dictionary read from wherever it lies, whoever wrote it."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from depthscope.errors import DepthscopeError, listed
from depthscope.store.names import given
from depthscope.studies.sae.dictionary import Dictionary
from depthscope.studies.sae.formats.names import FORMATS, Format, format_of

DEPTH = 4  # folders below the one given in which dictionaries are looked for
STATE_DICTS = (".pt", ".pth")
PICKLES = (".pkl", ".pickle", ".bin", ".ckpt")


def load_sae(
    source: str | os.PathLike[str], *, format: str | None = None, device: str | torch.device | None = None
) -> Dictionary:
    """A sparse autoencoder, or transcoder, from a folder or a file on this machine; nothing is fetched, nothing is run.

    What a format does to states or activations beside its weights is folded into them, so that ``encode`` takes the states as
    the network has them, and activations and reconstructions are those that the dictionary's own library computes.

    Parameters
    ----------
    source : str or path
        A folder of ``depthscope sae train`` or SAELens (``cfg.json``, ``sae_weights.safetensors``), sparsify (``cfg.json``,
        ``sae.safetensors``), Gemma Scope (``params.safetensors`` or ``params.npz``), dictionary_learning (``ae.pt``), or a
        state dict of openai/sparse_autoencoder (a file ``.pt``, or ``.safetensors`` as ``save_sae`` writes it). A folder above
        it will do if there is but one below.
    format : {"saelens", "sparsify", "gemma_scope", "dictionary_learning", "openai"}, optional
        If it is not to be found by the names of the files.
    device : str or torch.device, optional
        Where the dictionary is to lie; the CPU by default.

    Returns
    -------
    Dictionary
        In single precision at least. ``origin`` says whose states it reads, as far as its files do.

    Raises
    ------
    DepthscopeError
        Nothing there, or several dictionaries; tensors that are lacking, do not fit or are NaN; an architecture that is not
        known; a pickle of anything but tensors.

    Examples
    --------
    >>> sae = ds.load_sae("sae/smollm/layer-15")           # doctest: +SKIP
    >>> code = sae.encode(states)                          # doctest: +SKIP
    """
    module, _, place = _found(source, format)
    try:
        where = torch.device("cpu" if device is None else device)
        torch.empty(0, device=where)  # else it would be the file that is said to be damaged
    except (RuntimeError, AssertionError, NotImplementedError):
        raise DepthscopeError(
            f"device={device!r} is none that torch has here: give cpu, or cuda where there is one"
        ) from None
    try:
        read = module.read(place, where)
        read.activation.check(read.latents)
    except DepthscopeError as problem:
        # of what is in the files, most sentences name them
        raise problem if str(place) in str(problem) else DepthscopeError(f"{place}: {problem}") from None
    return read.eval().requires_grad_(False)


def read_config(source: str | os.PathLike[str], *, format: str | None = None) -> dict[str, Any]:
    """What the files of a dictionary say of it, its weights left alone; ``format`` and ``path`` beside.

    Raises
    ------
    DepthscopeError
        As :func:`load_sae`.
    """
    module, name, place = _found(source, format)
    return {**module.settings(place), "format": name, "path": str(place)}


def dictionaries_in(folder: str | os.PathLike[str]) -> list[Path]:
    """Where dictionaries lie, in a folder and those in it; in the order of layers."""
    return [place for _, place in _below(given(folder, "a folder with dictionaries"), None)]


def _found(source: object, name: str | None) -> tuple[Format, str, Path]:
    """The module of the format, its name, and where exactly the dictionary lies."""
    path = given(source, "a folder with a dictionary")
    if name is not None:
        format_of(name)
    if not path.exists():
        hub = re.fullmatch(r"[\w.-]+/[\w.-]+", str(source)) and not path.parent.exists()
        raise DepthscopeError(
            f"{path}: there is no such folder or file"
            + (
                f"; if it is on a hub, fetch it first (huggingface_hub.snapshot_download({str(source)!r})), and give the "
                "folder that it lies in"
                if hub
                else "; give the folder of a dictionary, as depthscope sae train writes it"
            )
        )
    found = _below(path, name)
    if not found and path.is_file():
        found = [one for one in _below(path.parent, name, 0) if one[1] == path.parent]
    if not found and path.is_file() and path.suffix in STATE_DICTS and name in (None, "openai"):
        found = [("openai", path)]  # which will say what it lacks
    if len(found) > 1:
        raise DepthscopeError(
            f"{path}: holds {len(found)} dictionaries; give one of {listed((place for _, place in found), 8)}"
        )
    if not found:
        raise _nothing(path, name)
    return format_of(found[0][0]), *found[0]


def _below(path: Path, name: str | None, depth: int = DEPTH) -> list[tuple[str, Path]]:
    """Format and place of all dictionaries."""
    kinds = {one: format_of(one) for one in ([name] if name else FORMATS)}

    def kind(place: Path) -> Iterator[tuple[str, Path]]:
        for one, module in kinds.items():
            if module.holds(place):
                yield one, place
                return

    found = list(kind(path))
    if found or not path.is_dir():
        return found
    inside = sorted(path.iterdir(), key=lambda place: [int(n) if n.isdecimal() else n for n in _parts(place.name)])
    for place in inside:
        if place.is_dir() and depth and not place.is_symlink():
            found += _below(place, name, depth - 1)
        elif place.is_file():
            found += kind(place)
    return found


def _parts(name: str) -> list[str]:
    """Digits and what is between them, always in turns, so that layer 9 comes before layer 10."""
    return re.split(r"(\d+)", name)


def _nothing(path: Path, name: str | None) -> DepthscopeError:
    if path.is_file() and path.suffix in PICKLES:
        return DepthscopeError(
            f"{path}: is a pickle, which can run any code when it is read, so it is not read; where you trust it, load it and "
            "save its tensors with torch.save(sae.state_dict(), 'sae.pt')"
        )
    wanted = f"no dictionary of the format {name} ({format_of(name).FILES})" if name else "no dictionary"
    known = "" if name else f" that depthscope reads ({'; '.join(format_of(one).FILES for one in FORMATS)})"
    held = sorted(place.name for place in path.iterdir()) if path.is_dir() else []
    beside = f", but {listed(held)}" if held else "" if path.is_file() else ", and nothing else"
    return DepthscopeError(
        f"{path}: {'is' if path.is_file() else 'holds'} {wanted}{known}{beside}; give the folder of one"
    )
