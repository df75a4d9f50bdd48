"""What a scan found, in few words and small tables."""

import sys
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from depthscope.capture.kinds import ALL
from depthscope.corpus.documents import Corpus
from depthscope.errors import check_choice, listed, require
from depthscope.report.page.run import write_report
from depthscope.run.finish import check_finish
from depthscope.scan import apart
from depthscope.scan.folder import MANIFEST, Folder, Table
from depthscope.scan.job import SURPRISAL
from depthscope.scan.summaries import Summaries
from depthscope.store.folder import RECORD, SUMMARY
from depthscope.store.manifest import file_sha256
from depthscope.store.record import RunRecord
from depthscope.store.sealed import describe
from depthscope.telling import Sheet, Told

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Scanned:
    """A finished scan.

    Attributes
    ----------
    folder : Path
    tables : dict of str to tuple of str
        The measures of each table: the folders of Parquet files in ``folder``.
    record : RunRecord
        What stands in ``run.json``.
    """

    folder: Path
    tables: dict[str, tuple[str, ...]]
    record: RunRecord

    @cached_property
    def summaries(self) -> Summaries:
        """What is kept by layer, kind of token and entry of the vocabulary."""
        return Summaries(self.folder, self.record)

    def layers(self, measure: str, kind: str = ALL) -> pd.DataFrame:
        """Count, missing, mean, variance and five quantiles of a measure, by layer, of all tokens or of one kind."""
        return self.summaries.layers(measure, kind)

    def dataset(self, table: str = "tokens") -> Any:
        """A table as a ``pyarrow.dataset.Dataset``, of which nothing is read yet."""
        check_choice("table", table, self.tables)
        return require("pyarrow.dataset", "parquet").dataset(self.folder / table)

    def plot(self, measure: str | None = None, ax: "Axes | None" = None) -> "Axes":
        """Draw a measure along depth: mean of all tokens, and between what the middle half and nine tenths lie.

        By default the first measure that has layers.
        """
        names = self.summaries.layered
        measure = measure or next(iter(names), SURPRISAL)
        check_choice("measure", measure, names)
        return self.summaries.draw(measure, ax)

    def report(self) -> Path:
        """Write ``report.html``, ``figures/``, ``layers.csv`` and ``types.csv`` into the folder, from its summaries."""
        from depthscope.scan.page import LAYOUT

        check_finish()
        return write_report(self.folder, LAYOUT)

    def _repr_html_(self) -> str:
        from depthscope.drawing.card import card, picture

        return card(self.record.title, [*self.record.answer, str(self.folder)], picture=picture(self.plot))

    @property
    def told(self) -> Told:
        """For a terminal."""
        about = self.record.results
        seconds = self.record.timings.get("measuring")
        speed = f", {about['computed'] / seconds:,.0f} tokens/s" if seconds and about.get("computed") else ""
        took = ", ".join(f"{stage} {s:.1f} s" for stage, s in self.record.timings.items())
        files = ", ".join(f"{self.folder / name}/*.parquet" for name in self.tables)
        return [
            *self.record.answer,
            "",
            *self._sheets(),
            "",
            *(f"note: {note}" for note in about["notes"]),
            f"{took}{speed}",
            f"tables: {files}; summaries: {self.folder / SUMMARY}/",
            f"a page to look at: depthscope report {self.folder}",
        ]

    def _sheets(self) -> list[Sheet]:
        rows = []
        for measure in self.summaries.measures:
            some = self.summaries.some(measure)
            if some.empty:
                rows.append((measure, "none", *["nan"] * 5))
            # early, middle and late: of many layers three say how it goes
            for _, one in some.iterrows():
                layer = "" if pd.isna(one["layer"]) else str(int(one["layer"]))
                numbers = (one["mean"], one["variance"] ** 0.5, one["q05"], one["q50"], one["q95"])
                rows.append((measure, layer, *(f"{number:.4g}" for number in numbers)))
        columns = ("measure", "layer", "mean", "sd", "5 %", "median", "95 %")
        return [Sheet(columns, rows, title="first, middle and last layer that has a value, over all tokens")]


def conclude(
    folder: Folder, tables: Sequence[Table], record: RunRecord, corpus: Corpus, computed: int | None = None
) -> Scanned:
    """Write the record of a scan whose ``tables`` are whole; as it stands, if nothing was ``computed``."""
    if computed is None:
        return Scanned(folder.path, {name: tuple(found) for name, found in record.results["tables"].items()}, record)
    # those that were not asked for this time stand there too
    others = {name: table for name, table in folder.tables().items() if table.whole}
    if not computed:
        # only a summary was missing: nobody has read the corpus to its end, and counted
        deque(corpus.documents(sys.maxsize), maxlen=0)
    tables = list((others | {table.name: table for table in tables}).values())
    first = tables[0]
    entries = [first.entries[i] for i in range(len(first.entries))]
    tokens = sum(entry["rows"] for entry in entries)
    documents = entries[-1]["following"][0] + 1  # nothing follows: that is a window after the last one
    record.status = "finished"
    record.title = f"{record.settings['model']} over {corpus.source}"
    record.answer = [
        f"{tokens:,} tokens of {documents:,} {'document' if documents == 1 else 'documents'}, each measured once, after at "
        f"least {record.settings['context']:,} tokens of its document or all there are: "
        f"{', '.join(name for table in tables for name in table.asked.measures)}.",
    ]
    record.results = {
        "tokens": tokens,
        "documents": documents,
        "parts": len(entries),
        "bytes": sum(entry["bytes"] for table in tables for entry in table.entries.values()),
        "computed": computed,
        "cse": next((dict(table.asked.cse) for table in tables if table.asked.cse), {}),
        "tables": {table.name: list(table.asked.measures) for table in tables},
        "notes": [*_notes(tables, corpus, entries), *_reading(record)],
    }
    summaries = [path for table in tables for path in folder.summaries(table)]
    record.digests = {str(path.relative_to(folder.path)): file_sha256(path) for path in summaries}
    # the manifest says of every part what it is
    record.files = describe(folder.path, [MANIFEST])
    record.write(folder.path / RECORD)
    return Scanned(folder.path, {table.name: table.asked.measures for table in tables}, record)


def _reading(record: RunRecord) -> list[str]:
    """What is to be said of a reading on the roll."""
    if record.settings.get("reading") != "rolling":
        return []
    return [apart.told(record.resolved["apart"], record.resolved["compared"])]


def _notes(tables: Sequence[Table], corpus: Corpus, entries: Sequence[Any]) -> list[str]:
    notes = []
    if corpus.passed_over:
        notes.append(
            f"{len(corpus.passed_over)} files of other kinds, links to folders or pipes were passed over: "
            f"{listed(corpus.passed_over)}"
        )
    if corpus.blank:
        notes.append(f"{corpus.blank} documents hold no text and were passed over")
    cuts = sum(entry["cuts"] for entry in entries)
    if cuts:
        notes.append(
            f"at {cuts} places a document was too long to be tokenised at once and had no place to cut it safely: tokens "
            "beside them may differ"
        )
    empty = {
        name: sum(e["empty"].get(name, 0) for e in t.entries.values()) for t in tables for name in t.asked.measures
    }
    for name, count in empty.items():
        if count and name != "surprisal":
            notes.append(
                f"{count} tokens have no {name} at any layer: NaN or infinity in the residual stream, or no update at all "
                "(a wider --dtype may help)"
            )
    return notes
