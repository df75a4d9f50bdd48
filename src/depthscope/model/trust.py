"""What a model's files may do beyond being read: nothing, unless the user says so; and what they did."""

import sys
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

# the package into which transformers copies code of models
_REMOTE = "transformers_modules"


@dataclass(frozen=True)
class Trust:
    """What the user allows.

    Attributes
    ----------
    code : bool
        Python code that the model brings may run.
    pickles : bool
        Weights may come from pickles, through the reader of torch that builds nothing but tensors.
    """

    code: bool = False
    pickles: bool = False


def code_of(*things: Any) -> dict[str, str]:
    """SHA-256 of every file of code, by its name, that classes of ``things`` brought with them and that was run."""
    packages = {
        kind.__module__.rpartition(".")[0]
        for thing in things
        for kind in type(thing).__mro__
        if kind.__module__.partition(".")[0] == _REMOTE
    }
    found: dict[str, str] = {}
    for name, module in sorted(sys.modules.items()):
        path = getattr(module, "__file__", None)
        if path and any(name.startswith(f"{package}.") for package in packages) and Path(path).name != "__init__.py":
            found[Path(path).name] = sha256(Path(path).read_bytes()).hexdigest()
    return found
