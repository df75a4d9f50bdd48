"""Parts that are finished in any order, taken into a summary in that of their numbers."""

from collections.abc import Sequence
from typing import Any

from depthscope.scan.folder import Folder, Table
from depthscope.scan.job import Columns, layers_of
from depthscope.scan.summary import Summary
from depthscope.scan.tables import from_table
from depthscope.store.parquet import read_parquet


class Ordered:
    """Summary of a table, kept while its parts come in; parts of an earlier run are read when it is their turn."""

    def __init__(self, folder: Folder, table: Table, depth: int, vocabulary: Sequence[str]) -> None:
        self._folder, self._table = folder, table
        self._measures = layers_of(table.asked.measures, depth)
        self._summary = Summary(self._measures, vocabulary)
        self._waiting: dict[int, tuple[Any, Columns]] = {}
        self._earlier = set(table.entries)
        self._next = 0

    def add(self, number: int, token_id: Any, columns: Columns) -> None:
        """A part that has just been computed."""
        self._waiting[number] = token_id, columns
        self._drain()

    def finish(self) -> None:
        """After the last part: write the summary."""
        self._drain()
        self._summary.write(self._folder.summary(self._table))

    def _drain(self) -> None:
        while True:
            if self._next in self._waiting:
                some = self._waiting.pop(self._next)
            elif self._next in self._earlier:
                path = self._folder.part(self._table, self._next)
                rows = read_parquet(path, ["token_id", *self._measures], self._table.entries[self._next]["sha256"])
                some = from_table(rows, list(self._measures))
            else:
                return
            self._summary.add(*some)
            self._next += 1
