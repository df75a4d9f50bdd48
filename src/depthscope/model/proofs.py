"""What was proven before of a converted model: kept beside it, for exactly these bytes, libraries and this machine."""

import inspect
import json
import platform
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from depthscope.model.plain import settings
from depthscope.model.pretrained.cache import digests
from depthscope.store.files import write_text
from depthscope.version import __version__

# a converted model is proven on few machines and with few numbers of threads; older answers go
MOST = 16
# of which another version may compute in another way
LIBRARIES = ("torch", "transformers", "tokenizers", "safetensors", "accelerate", "numpy")


@dataclass(frozen=True)
class Proofs:
    """Answers of a converted model, in a file beside its folder.

    An answer is good while nothing has changed that it depends on: the digests of the model's files, versions of libraries,
    the source of this package and of the network's class, the machine, the number of threads, the settings of torch, and
    the weights as they are in memory. Otherwise the proof is run again.

    Attributes
    ----------
    folder : Path
        Of the converted model, whose files have just been found to be what they were when it was converted.
    """

    folder: Path

    @property
    def path(self) -> Path:
        return self.folder.with_name(f"{self.folder.name}.proofs.json")

    def settled(self, what: str, network: Any, weights: str, prove: Callable[[], Any]) -> Any:
        """The answer to ``what`` that was given before, else that of ``prove``, which is kept; anything that JSON holds.

        Parameters
        ----------
        weights : str
            Fingerprint of the network as it is now.
        """
        name = sha256(json.dumps([what, weights, self._depends_on(network)]).encode()).hexdigest()
        known = self._read()
        if name in known:
            return known[name]
        answer = prove()
        known[name] = answer
        with suppress(OSError):  # a cache that cannot be written: it is proven at every loading
            write_text(self.path, json.dumps(dict(list(known.items())[-MOST:]), indent=1) + "\n")
        return answer

    def _read(self) -> dict[str, Any]:
        try:
            known = json.loads(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return {}
        return known if isinstance(known, dict) else {}

    def _depends_on(self, network: Any) -> list[Any]:
        return [
            digests(self.folder),
            __version__,
            {name: _version(name) for name in LIBRARIES},
            sys.version,
            [platform.node(), platform.platform(), platform.processor()],
            [torch.backends.cpu.get_cpu_capability(), torch.get_num_threads(), settings()],
            _source(Path(__file__).parents[1]),
            _source(Path(inspect.getfile(type(network)))),
        ]


def _version(library: str) -> str:
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return ""


def _source(path: Path) -> str:
    """Digest of a module, or of all modules of a package: while it is worked on, its version stays the same."""
    files = sorted(path.rglob("*.py")) if path.is_dir() else [path]
    return sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()
