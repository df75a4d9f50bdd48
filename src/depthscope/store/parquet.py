"""Parquet files that are whole or absent."""

import json
from pathlib import Path
from typing import Any

from depthscope.errors import DepthscopeError, reason, require
from depthscope.store.files import atomic
from depthscope.store.manifest import file_sha256

Table = Any  # pyarrow.Table; pyarrow has no static types


def write_parquet(table: Table, path: Path, dictionary: list[str] | bool = False) -> tuple[int, str]:
    """Write a table as one row group; its bytes and their SHA-256. ``dictionary``: columns of few different values."""
    parquet = _parquet()
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic(path) as scratch:
        parquet.write_table(
            table,
            scratch,
            row_group_size=max(1, len(table)),
            compression="zstd",
            use_dictionary=dictionary,
            # of lists of thousands of numbers they say nothing, and each row would carry them
            write_statistics=dictionary or False,
        )
        size, sha256 = scratch.stat().st_size, file_sha256(scratch)
    return size, sha256


def read_parquet(path: Path, columns: list[str] | None = None, sha256: str = "", rows: Any = None) -> Table:
    """The table in a file, or some of its columns, or of its ``rows`` those for which an expression of Arrow holds.

    Raises
    ------
    DepthscopeError
        The file is missing or damaged, or, where ``sha256`` is given, not the one that was written.
    """
    parquet = _parquet()
    problem = ""
    try:
        if not sha256 or file_sha256(path) == sha256:
            return parquet.read_table(path, columns=columns, filters=rows)
    except FileNotFoundError:
        pass
    except (require("pyarrow", "parquet").ArrowException, OSError) as trouble:
        problem = f" ({reason(trouble)})"
    raise DepthscopeError(f"{path}: damaged or missing{problem}; delete this one file and run the same command again")


def parquet_metadata(path: Path) -> dict[str, Any] | None:
    """What :mod:`depthscope` wrote into the file about it; None if there is no such file, or nothing of the kind in it."""
    try:
        return dict(json.loads(_parquet().read_schema(path).metadata[b"depthscope"]))
    except (require("pyarrow", "parquet").ArrowException, OSError, KeyError, TypeError, ValueError):
        return None


def _parquet() -> Any:
    require("pyarrow", "parquet")
    from pyarrow import parquet

    return parquet
