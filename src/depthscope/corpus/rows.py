"""Tables of texts: JSON lines and Parquet, one document a row."""

from collections.abc import Iterator
from typing import Any

from depthscope.corpus.documents import WAY_OUT, no_column, text_of
from depthscope.corpus.files import BLOCK, File, opened, reading
from depthscope.corpus.text import lines
from depthscope.errors import DepthscopeError, reason, require
from depthscope.store.lines import json_row

BATCH = 64  # rows of Parquet in memory at once: a row may be a book


def json_texts(file: File, column: str) -> Iterator[tuple[int, str, int]]:
    """Number of the line, its text, and bytes on disk read so far."""
    with opened(file) as (stream, reached):
        for number, line in lines(file, stream):
            if not line.strip():
                continue
            row = json_row(file.path, number, line)
            where = f"{file.path}, line {number}"
            if column not in row:
                raise no_column(where, column, row)
            yield number, text_of(where, column, row[column]), reached()


def parquet_texts(file: File, column: str) -> Iterator[tuple[int, str, int]]:
    """Number of the row, from 1, its text, and bytes of the row groups before its own. No other column is read."""
    require("pyarrow", "parquet")
    import pyarrow
    import pyarrow.parquet

    with reading(file.path), file.path.open("rb") as raw:
        try:
            table = pyarrow.parquet.ParquetFile(
                raw, pre_buffer=False, buffer_size=BLOCK, page_checksum_verification=True
            )
            schema = table.schema_arrow
            _check_column(file, column, schema.names)
            _check_texts(file, column, schema.field(column).type)
            number, reached = 0, 0
            for group in range(table.num_row_groups):
                for batch in table.iter_batches(BATCH, [group], [column]):
                    for value in _values(file, number, batch.column(column)):
                        number += 1
                        yield number, text_of(f"{file.path}, row {number}", column, value), reached
                metadata = table.metadata.row_group(group)
                reached += sum(metadata.column(i).total_compressed_size for i in range(metadata.num_columns))
        except (pyarrow.ArrowException, UnicodeDecodeError) as problem:
            raise DepthscopeError(
                f"{file.path}: not readable as Parquet ({reason(problem)}); write or fetch it again"
            ) from None


def _check_column(file: File, column: str, present: list[str]) -> None:
    """It is there, and once."""
    count = present.count(column)
    if count == 0:
        raise no_column(str(file.path), column, present)
    if count > 1:
        raise DepthscopeError(
            f"{file.path}: has {count} columns named {column!r}; rename all but one and write the file again"
        )


def _values(file: File, before: int, batch: Any) -> list[object]:
    """The values of a batch, which has ``before`` rows before it; where one is not UTF-8, the sentence that says which."""
    try:
        values: list[object] = batch.to_pylist()
        return values
    except UnicodeDecodeError:
        for number, value in enumerate(batch, before + 1):
            try:
                value.as_py()
            except UnicodeDecodeError as problem:
                raise DepthscopeError(
                    f"{file.path}, row {number}: not UTF-8 at byte {problem.start} of the text; "
                    "write the file again, from text that is valid"
                ) from None
        raise


def _check_texts(file: File, column: str, kind: Any) -> None:
    from pyarrow import types

    inner = kind.value_type if types.is_dictionary(kind) else kind
    texts = (types.is_string, types.is_large_string, types.is_string_view, types.is_null)
    if not any(is_text(inner) for is_text in texts):
        raise DepthscopeError(f"{file.path}: column {column!r} holds {kind}, not text; {WAY_OUT}")
