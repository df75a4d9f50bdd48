"""Which module reads which format; imported when it is asked for."""

from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, cast

import torch

from depthscope.errors import check_choice
from depthscope.studies.sae.dictionary import Dictionary

_HERE = "depthscope.studies.sae.formats"
FORMATS = {
    "saelens": f"{_HERE}.saelens",
    "sparsify": f"{_HERE}.sparsify",
    "gemma_scope": f"{_HERE}.gemma_scope",
    "dictionary_learning": f"{_HERE}.dictionary_learning",
    "openai": f"{_HERE}.openai",
}
WRITTEN = ("saelens", "sparsify", "openai")


class Format(Protocol):
    """What the module of a format has."""

    FILES: str  # what makes a dictionary of this format, in words

    def holds(self, path: Path) -> bool:
        """Whether a dictionary of this format lies at the path: in the folder itself, or as the file."""

    def settings(self, path: Path) -> dict[str, Any]:
        """What the files say of the dictionary, without its weights."""

    def read(self, path: Path, device: torch.device) -> Dictionary:
        """The dictionary."""


class Written(Format, Protocol):
    """One that is written, too."""

    def write(self, dictionary: Dictionary, path: Path) -> None:
        """Write the dictionary into a folder, or the file, of that name."""


def format_of(name: str) -> Format:
    check_choice("format", name, FORMATS)
    return cast(Format, import_module(FORMATS[name]))


def written_format(name: str) -> Written:
    check_choice("format", name, WRITTEN)
    return cast(Written, import_module(FORMATS[name]))
