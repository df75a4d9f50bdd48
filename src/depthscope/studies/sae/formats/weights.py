"""Tensors and settings of foreign files, read as data: what is lacking, does not fit or is no number is named."""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any
from zipfile import BadZipFile, is_zipfile

import torch

from depthscope.errors import DepthscopeError, listed, reason, require
from depthscope.store.files import atomic

ANY = -1  # a length that a tensor may have whatever it is


@dataclass(frozen=True)
class Weights:
    """The tensors of one file, each of which is taken once.

    Attributes
    ----------
    path : Path
        Of the file.
    tensors : dict of str to Tensor
        Those that have not been taken.
    beside : dict of str to Any
        What the file holds that is no tensor.
    """

    path: Path
    tensors: dict[str, torch.Tensor]
    beside: dict[str, Any]

    def __contains__(self, name: str) -> bool:
        return name in self.tensors

    def need(self, *names: str) -> None:
        """Refuse a file that lacks some of these tensors, and name them."""
        lacking = [name for name in names if name not in self.tensors]
        if lacking:
            held = f"it holds {listed(self.tensors, 8)}" if self.tensors else "it holds no tensor"
            raise DepthscopeError(
                f"{self.path}: lacks {listed(lacking, 8)} ({held}); it was not saved whole, or is of another format: get it "
                "anew, or say which with format="
            )

    def take(self, name: str, *shape: int) -> torch.Tensor:
        """A tensor of real numbers in single precision at least; of a ``shape`` in which :data:`ANY` fits whatever is there.

        Raises
        ------
        DepthscopeError
            It is not there, has another shape, or holds NaN or infinity.
        """
        self.need(name)
        tensor = self.tensors.pop(name)
        found = tuple(tensor.shape)
        if len(found) != len(shape) or any(want not in (ANY, have) for want, have in zip(shape, found, strict=True)):
            wanted = tuple("any" if want == ANY else want for want in shape)
            raise DepthscopeError(
                f"{self.path}: {name} has the shape {found}, and the other tensors and the settings want "
                f"({', '.join(map(str, wanted))}): it belongs to another dictionary, or was saved by another version"
            )
        if not tensor.is_floating_point():
            raise DepthscopeError(
                f"{self.path}: {name} holds numbers of the kind {tensor.dtype}, which are no weights by themselves; get the "
                "dictionary unpacked"
            )
        # narrower numbers lose nothing in single precision, and without it processors are slow or imprecise
        tensor = tensor.contiguous() if tensor.dtype == torch.float64 else tensor.float().contiguous()
        if not torch.isfinite(tensor).all():
            raise DepthscopeError(
                f"{self.path}: {name} has NaN or infinity; its training went wrong, or it was damaged: get it anew"
            )
        return tensor

    def drop(self, *names: str) -> None:
        """What says nothing of what the dictionary computes."""
        for name in names:
            self.tensors.pop(name, None)

    def over(self) -> None:
        """Refuse tensors that nobody has taken: they may change what the dictionary computes."""
        if self.tensors:
            raise DepthscopeError(
                f"{self.path}: holds {listed(self.tensors, 8)} beside what is known, which may change what the dictionary "
                "computes, so it is not read; if you know that it does not, save the folder without"
            )


def read_safetensors(path: Path, device: torch.device) -> Weights:
    """All tensors of a file of safetensors, and its metadata; on the device ``meta`` their shapes alone."""
    shapes_only = device.type == "meta"
    where = "cpu" if shapes_only else str(device)
    with _readable(path), require("safetensors", "models").safe_open(path, framework="pt", device=where) as file:
        names = file.keys()
        if shapes_only:
            tensors = {name: torch.empty(file.get_slice(name).get_shape(), device="meta") for name in names}
        else:
            tensors = {name: file.get_tensor(name) for name in names}
        return Weights(path, tensors, dict(file.metadata() or {}))


def read_torch(path: Path, device: torch.device) -> Weights:
    """Tensors, numbers and text of what ``torch.save`` wrote, by the reader that builds nothing else; on the device ``meta``
    shapes alone.

    Raises
    ------
    DepthscopeError
        A pickle of anything else: it could run any code.
    """
    try:
        with _readable(path):
            # with a map, what nobody asks for is not read from the disk
            mapped = device.type == "meta" and is_zipfile(path)
            held = torch.load(path, map_location=device, weights_only=True, mmap=mapped)
    except UnpicklingError:
        raise DepthscopeError(
            f"{path}: is a pickle with more in it than tensors, which can run any code when it is read, so it is not read; "
            "where you trust it, load it and save its tensors with torch.save(sae.state_dict(), path)"
        ) from None
    if not isinstance(held, Mapping):
        raise DepthscopeError(
            f"{path}: holds a {type(held).__name__} and no dict of tensors; save sae.state_dict() with torch.save"
        )
    tensors = {str(name): value for name, value in held.items() if isinstance(value, torch.Tensor)}
    return Weights(path, tensors, {str(name): value for name, value in held.items() if str(name) not in tensors})


def read_npz(path: Path, device: torch.device) -> Weights:
    """All arrays of an archive of NumPy; pickled ones are refused."""
    import numpy as np

    with _readable(path), np.load(path, allow_pickle=False) as archive:
        return Weights(path, {name: torch.from_numpy(archive[name]).to(device) for name in archive.files}, {})


def read_settings(path: Path) -> dict[str, Any]:
    """An object of JSON."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as problem:
        raise DepthscopeError(f"{path}: is no JSON ({reason(problem)}); get the file anew") from None
    if not isinstance(found, dict):
        raise DepthscopeError(f"{path}: holds no settings by name, but {reason(ValueError(found), 40)}; get it anew")
    return found


def whole(settings: Mapping[str, Any], name: str, path: Path) -> int:
    """A setting that must be a whole number above 0."""
    value = settings.get(name)
    # some trainers write 32.0
    if isinstance(value, bool) or not isinstance(value, int | float) or not float(value).is_integer() or value < 1:
        raise DepthscopeError(f"{path}: says {name}={value!r}, which is no whole number above 0; mend the file")
    return int(value)


def write_safetensors(path: Path, tensors: Mapping[str, torch.Tensor], words: Mapping[str, str] | None = None) -> None:
    """Write tensors whole or not at all.

    Raises
    ------
    OSError
        The disk is full, say; not the library's own error, by which nobody would know.
    """
    library = require("safetensors.torch", "models")
    held = {name: tensor.detach().contiguous().cpu() for name, tensor in tensors.items()}
    with atomic(path, sweep=True) as scratch:
        try:
            library.save_file(held, scratch, metadata={"format": "pt", **(words or {})})
        except Exception as problem:
            number = re.search(r"os error (\d+)", str(problem))
            if type(problem).__name__ != "SafetensorError" or not number:
                raise
            raise OSError(int(number[1]), reason(problem), str(path)) from None


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """A damaged file is refused in a sentence; what the system does not allow stays as it is."""
    try:
        yield
    except (DepthscopeError, UnpicklingError):
        raise
    except (RuntimeError, ValueError, EOFError, KeyError, BadZipFile) as problem:
        raise _damaged(path, problem) from None
    except Exception as problem:
        if type(problem).__name__ != "SafetensorError":
            raise
        raise _damaged(path, problem) from None


def _damaged(path: Path, problem: Exception) -> DepthscopeError:
    return DepthscopeError(f"{path}: cannot be read ({reason(problem)}); it is damaged or of another kind: get it anew")


def among(found: Collection[str], path: Path, name: str, value: object) -> None:
    """Refuse a value that is none of those known, and name these."""
    if value not in found:
        raise DepthscopeError(f"{path}: {name} is {value!r}; of those, depthscope reads {', '.join(map(str, found))}")
