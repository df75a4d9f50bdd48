"""The files of a corpus: which there are, of which kind, and their bytes, whether or not they are compressed."""

import hashlib
import io
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, NamedTuple

from depthscope.errors import DepthscopeError, on_one_line, reason, require

Kind = Literal["text", "rows", "parquet"]
KINDS: dict[str, Kind] = {
    ".txt": "text",
    ".text": "text",
    ".md": "text",
    ".jsonl": "rows",
    ".ndjson": "rows",
    ".parquet": "parquet",
}
CODECS = {".gz": "gzip", ".zst": "zstd"}
READ = f"{', '.join(KINDS)} (all but Parquet also with {' or '.join(CODECS)})"

BLOCK = 2**20  # bytes read at once


class File(NamedTuple):
    """A file of a corpus; ``name`` is its path in the folder, with slashes, or its own name."""

    path: Path
    name: str
    kind: Kind
    codec: str | None
    size: int


def find_files(source: Path) -> tuple[list[File], tuple[str, ...]]:
    """The files to read, sorted by name, and the names of whatever else there is.

    Raises
    ------
    DepthscopeError
        Nothing there, a file of another kind, a folder without any that is read, or two files of one name.
    """
    if source.is_file():
        found = _file(source, source.name)
        if found is None:
            kind = f"unknown kind of file {source.suffix!r}" if source.suffix else "a file without a suffix"
            raise DepthscopeError(f"{source}: {kind}; use one of {READ}")
        return [found], ()
    if not source.is_dir():
        what = "neither a file nor a folder" if source.exists() else "no such file or folder"
        raise DepthscopeError(f"{source}: {what}; give a file, a folder, or hf:NAME for a Hugging Face data set")
    named = sorted((path.relative_to(source).as_posix(), path) for path in _walk(source))
    pairs = [(name, _file(path, _printable(name))) for name, path in named]
    files = [file for _, file in pairs if file is not None]
    if not files:
        raise DepthscopeError(f"{source}: no file of a kind that is read; use one of {READ}")
    _check_names(source, files)
    return files, tuple(on_one_line(_printable(name)) for name, file in pairs if file is None)


def _check_names(source: Path, files: list[File]) -> None:
    """No two documents may have one name: one that is spelt out can be that of another file."""
    name, count = Counter(file.name for file in files).most_common(1)[0]
    if count > 1:
        raise DepthscopeError(
            f"{source}: {count} files would be called {name}, since a name that is not UTF-8 is spelt out; "
            "rename all but one"
        )


def _walk(folder: Path) -> Iterator[Path]:
    """All that is in the folder and below and is not hidden, but for the folders themselves, if they are no links."""

    def refuse(problem: OSError) -> None:
        raise _unreadable(problem.filename, problem)

    for where, folders, files in os.walk(folder, onerror=refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(where, name) for name in files if not name.startswith("."))
        # os.walk names a linked folder and does not go into it: it may lead back to where it lies
        yield from (path for name in folders if (path := Path(where, name)).is_symlink())


def _file(path: Path, name: str) -> File | None:
    """Of a kind that is read; not so a folder, a dead link or a pipe, whatever its name."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    codec = CODECS.get(suffixes.pop()) if suffixes and suffixes[-1] in CODECS else None
    kind = KINDS.get(suffixes[-1]) if suffixes else None
    if kind is None or (kind == "parquet" and codec is not None):
        return None
    with reading(path):
        return File(path, name, kind, codec, path.stat().st_size) if path.is_file() else None


def _printable(name: str) -> str:
    """A name that is no UTF-8, with its bytes spelt out: it goes into tables."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


@contextmanager
def opened(file: File) -> Iterator[tuple[io.BufferedReader, Callable[[], int]]]:
    """The bytes of the text in the file, and how many bytes on disk have been read for them."""
    with reading(file.path), io.FileIO(file.path) as raw:
        if file.codec is None:
            yield io.BufferedReader(raw, BLOCK), raw.tell
            return
        if os.fstat(raw.fileno()).st_size == 0:
            # an archive of an empty text has a head; pyarrow takes no bytes for one all the same
            raise OSError("no bytes at all")
        pyarrow = require("pyarrow", "parquet")
        # pyarrow decompresses several frames one after another, and notices when the last is not whole
        with pyarrow.CompressedInputStream(raw, file.codec) as stream:
            yield io.BufferedReader(stream, BLOCK), raw.tell


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """What the system or a decompressor objects to, in a sentence."""
    try:
        yield
    except OSError as problem:
        if problem.strerror is not None:
            raise _unreadable(path, problem) from None
        raise DepthscopeError(
            f"{path}: damaged ({reason(problem)}); fetch or compress it again, or move it away"
        ) from None


def _unreadable(path: Path | str, problem: OSError) -> DepthscopeError:
    return DepthscopeError(f"{path}: cannot be read ({problem.strerror}); allow it, or move it away")


def digest_files(files: list[File]) -> str:
    """SHA-256 over names and bytes, as they are on disk."""
    total = hashlib.sha256()
    for file in files:
        total.update(f"{len(file.name)} {file.name} {file.size} ".encode())
        with reading(file.path), file.path.open("rb") as stream:
            total.update(hashlib.file_digest(stream, "sha256").digest())
    return total.hexdigest()
