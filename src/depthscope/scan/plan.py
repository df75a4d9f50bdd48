"""A scan that has been checked, and how it is carried out: part by part, into a folder that a killed scan goes on with."""

import sys
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from depthscope.capture.parts import Cut, Part
from depthscope.capture.pieces import decoded
from depthscope.capture.record import check_vocabulary
from depthscope.capture.windows import Window
from depthscope.corpus.documents import Corpus
from depthscope.errors import DepthscopeError
from depthscope.progress import BYTES, bar
from depthscope.run.clock import Clock
from depthscope.run.environment import environment
from depthscope.scan.apart import apart, first_long
from depthscope.scan.engines import Where, engine
from depthscope.scan.folder import MANIFEST, Folder, Table, scan_digest
from depthscope.scan.job import About, Asked, Columns, Engine, Job, check_asked
from depthscope.scan.ordered import Ordered
from depthscope.scan.tables import REPEATED, to_table
from depthscope.scan.words import answer, notes, reading, title
from depthscope.scan.worker import Recipe
from depthscope.store.folder import RECORD, enter, run_folder
from depthscope.store.manifest import file_sha256
from depthscope.store.parquet import write_parquet
from depthscope.store.record import RunRecord
from depthscope.store.sealed import describe


@dataclass(frozen=True)
class Plan:
    """A scan that has been checked as far as it can be without its model."""

    corpus: Corpus
    tokenizer: Any
    cut: Cut
    asked: Asked
    recipe: Recipe
    where: Where
    progress: bool

    def carry_out(self, out: Path, record: RunRecord) -> RunRecord:
        """Into a folder, from wherever it was left; the record of the finished scan."""
        with run_folder(out, record):
            folder, clock = Folder(out), Clock(self.progress)
            tables = folder.wanted(self.asked, folder.tables())
            before = folder.record()
            vocabulary = _Vocabulary(self.tokenizer)
            whole = all(table.whole and folder.summarised(table) for table in tables)
            finished = before if whole and before is not None and before.status == "finished" else None
            if finished is None:
                with clock("reading"):
                    self._read()
            with ExitStack() as hold:
                with clock("loading"):
                    workers = hold.enter_context(engine(self.recipe, self.where))
                    for table in tables:
                        check_asked(table.asked, workers.about)
                    if finished is not None:
                        self._same(out, finished, workers.about)
                        return finished
                    self._prove(out, record, before, workers.about)
                    scan = scan_digest(record)
                    folder.check(tables, scan)
                if self.recipe.roll:
                    with clock("comparing"):
                        self._compare(out, record, before, workers)
                with clock("measuring"):
                    computed = sum(self._fill(folder, table, workers, vocabulary, scan) for table in tables)
            self._unchanged(out, record)
            record.timings = clock.seconds
            return self._conclude(folder, tables, record, computed)

    def _read(self) -> None:
        """All of the corpus once, which takes little beside the network: what is wrong in it is said before anything is
        computed, and can still be mended. A data set that comes through a network is read only once.
        """
        total = self.corpus.size
        if total is None:
            return
        with bar(total, "reading the corpus", unit=BYTES, shown=self.progress) as advance:
            reached = 0
            for document in self.corpus.documents():
                deque(document.chunks, maxlen=0)
                advance(max(0, document.reached - reached))
                reached = max(reached, document.reached)

    def _unchanged(self, out: Path, record: RunRecord) -> None:
        """Refuse a corpus that has changed: its tables would be of two corpora."""
        if self.corpus.digest() != record.settings["corpus"]["sha256"]:
            # not the digest of the old text, if that comes back
            record.settings["corpus"]["sha256"] = "changed during the scan"
            record.write(out / RECORD)
            raise DepthscopeError(
                f"{self.corpus.source}: changed while it was scanned, so that rows may be of the old text and of the new; "
                f"delete {out}, and scan it again"
            )

    def _same(self, out: Path, before: RunRecord, about: About) -> None:
        """What is finished may be read with other libraries and on another machine, but not as the work of another model."""
        if before.identity.get("model") != about.fingerprint:
            raise DepthscopeError(
                f"{out}: holds a scan by a model with other weights ({before.identity.get('model')}, now {about.fingerprint}); "
                "choose another --out, or delete the folder"
            )

    def _prove(self, out: Path, record: RunRecord, before: RunRecord | None, about: About) -> None:
        """Nothing is added to what another model, or one that computes other bits, has begun."""
        record.checks = dict(about.checks)
        record.identity = {"model": about.fingerprint, "bits": about.bits}
        record.environment = environment(about.device, about.threads)
        # the bits are compared themselves: they need not depend on threads, nor on the machine
        record.resolved = {"threads": record.environment.pop("threads"), "depth": about.depth, "width": about.width}
        record.resolved |= {"dtype": about.dtype, "quantization": about.quantization, "causal": about.causal}
        record.resolved["corpus"] = self.corpus.source
        if self.recipe.roll:
            record.identity["reach"] = str(about.reach)
            record.resolved |= {"sinks": about.sinks, "reach": about.reach}
        if before is not None:
            enter(before, record, out)
        record.write(out / RECORD)

    def _compare(self, out: Path, record: RunRecord, before: RunRecord | None, workers: Engine) -> None:
        """Say, before the scan takes its time, how far it will be from one by windows."""
        known: dict[str, Any] = dict(before.resolved.get("apart", {})) if before else {}
        missing = tuple(name for name in self.asked.measures if name not in known)
        if missing:
            part = next(self.cut.parts(self.corpus, self.tokenizer), None)
            windows = first_long(part.windows) if part else []
            _check_ids(workers.about, windows)
            known |= apart(workers, windows, replace(self.asked, measures=missing))
            record.resolved["compared"] = sum(len(window.start) for window in windows[1:])
        else:
            record.resolved["compared"] = before.resolved.get("compared", 0) if before else 0
        record.resolved["apart"] = known
        record.write(out / RECORD)

    def _conclude(self, folder: Folder, tables: Sequence[Table], record: RunRecord, computed: int) -> RunRecord:
        """Write the record of a scan whose ``tables`` are whole, of which so many tokens were ``computed`` this time."""
        # those that were not asked for this time stand there too
        others = {name: table for name, table in folder.tables().items() if table.whole}
        if not computed:
            # only a summary was missing: nobody has read the corpus to its end, and counted
            deque(self.corpus.documents(sys.maxsize), maxlen=0)
        tables = list((others | {table.name: table for table in tables}).values())
        first = tables[0]
        entries = [first.entries[i] for i in range(len(first.entries))]
        cuts = sum(entry["cuts"] for entry in entries)
        tokens = sum(entry["rows"] for entry in entries)
        documents = entries[-1]["following"][0] + 1  # nothing follows: that is a window after the last one
        record.status = "finished"
        record.title = title(record, self.corpus.source)
        record.answer = answer(
            tokens, documents, record.settings["context"], [name for table in tables for name in table.asked.measures]
        )
        record.results = {
            "tokens": tokens,
            "documents": documents,
            "parts": len(entries),
            "bytes": sum(entry["bytes"] for table in tables for entry in table.entries.values()),
            "computed": computed,
            "cse": next((dict(table.asked.cse) for table in tables if table.asked.cse), {}),
            "tables": {table.name: list(table.asked.measures) for table in tables},
            "notes": [*notes(self.corpus, cuts, _without_value(tables)), *reading(record)],
        }
        summaries = [path for table in tables for path in folder.summaries(table)]
        record.digests = {str(path.relative_to(folder.path)): file_sha256(path) for path in summaries}
        # the manifest says of every part what it is
        record.files = describe(folder.path, [MANIFEST])
        record.write(folder.path / RECORD)
        return record

    def _fill(self, folder: Folder, table: Table, workers: Engine, vocabulary: "_Vocabulary", scan: str) -> int:
        """Compute the parts of a table that are missing; how many tokens these were."""
        if table.whole and folder.summarised(table):
            return 0
        folder.begin(table)
        underway: dict[int, Part] = {}
        ordered = Ordered(folder, table, workers.about.depth, vocabulary.texts)
        total = self.corpus.size or 0
        with bar(total, f"scanning {', '.join(table.asked.measures)}", unit=BYTES, shown=self.progress) as advance:
            reached = computed = 0
            # of a table that is whole only the summary is missing
            jobs = iter(()) if table.whole else self._jobs(table, workers.about, underway)
            for job, columns in workers.run(jobs):
                part = underway.pop(job.number)
                known = {"model": workers.about.name, "scan": scan, **_settings(table.asked)}
                rows = to_table(job, columns, vocabulary.texts, known)
                size, sha256 = write_parquet(rows, folder.part(table, job.number), REPEATED)
                about = {
                    "rows": len(rows),
                    "bytes": size,
                    "sha256": sha256,
                    "following": list(part.following),
                    "scan": scan,
                }
                about |= {"last": part.last, "cuts": part.cuts, "empty": _empty(columns)}
                folder.finish(table, job.number, about)
                computed += len(rows)
                ordered.add(job.number, rows["token_id"].to_numpy(), columns)
                advance(max(0, part.reached - reached))
                reached = max(reached, part.reached)
        ordered.finish()
        return computed

    def _jobs(self, table: Table, about: About, underway: dict[int, Part]) -> Iterator[Job]:
        number, place = table.missing()
        some = False
        for part in self.cut.parts(self.corpus, self.tokenizer, number, place):
            some = True
            if part.number in table.entries:
                continue
            _check_ids(about, part.windows)
            underway[part.number] = part
            yield Job(part.number, part.windows, table.asked, self.recipe.roll is not None)
        if not some and number == 0:
            raise DepthscopeError(
                f"{self.corpus.source}: the tokenizer of {about.name} makes no token of it; give another corpus"
            )


def _check_ids(about: About, windows: Sequence[Window]) -> None:
    check_vocabulary(about.name, about.vocabulary, max((int(window.ids.max()) for window in windows), default=0))


class _Vocabulary:
    """Every entry as the tokenizer decodes it, which takes a while and is not always wanted."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._texts: list[str] = []

    @property
    def texts(self) -> list[str]:
        if not self._texts:
            self._texts = list(decoded(self._tokenizer, range(len(self._tokenizer))).values())
        return self._texts


def _empty(columns: Columns) -> dict[str, int]:
    """Tokens that have no value at any layer, of measures where there are some."""
    counts = {name: int(np.isnan(v).reshape(len(v), -1).all(1).sum()) for name, v in columns.items()}
    return {name: count for name, count in counts.items() if count}


def _settings(asked: Asked) -> dict[str, Any]:
    return {"measures": list(asked.measures), "cse": dict(asked.cse)}


def _without_value(tables: Sequence[Table]) -> dict[str, int]:
    """Tokens that have no value at any layer, by measure."""
    return {name: sum(e["empty"].get(name, 0) for e in t.entries.values()) for t in tables for name in t.asked.measures}
