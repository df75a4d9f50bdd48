"""Is a finished scan what it was when it was written, and all of it?"""

from pathlib import Path
from typing import Any

import numpy as np

from depthscope.corpus.read import read_corpus
from depthscope.errors import DepthscopeError, listed
from depthscope.progress import each
from depthscope.scan.folder import MANIFEST, Folder, Table, scan_digest
from depthscope.store.manifest import file_sha256
from depthscope.store.parquet import parquet_metadata, read_parquet
from depthscope.store.record import RunRecord
from depthscope.store.sealed import Sealed


def verify(out: Path, *, progress: bool = True) -> list[str]:
    """Check every file against its checksum, and that each token stands in it once and in order; what was found, in words.

    Raises
    ------
    DepthscopeError
        No scan there, an unfinished one, or files that are damaged, missing or not in order; the way out is to run the
        scan again, which computes what is missing.
    """
    folder = Folder(out)
    record = folder.record()
    if record is None:
        raise DepthscopeError(f"{out}: no scan stands there; give the folder that --out named")
    tables = folder.tables(present=False)
    if not tables or record.status != "finished":
        raise DepthscopeError(f"{out}: the scan is not finished; run the same command again to continue it")
    told = []
    sealed = Sealed(out, record)
    if sealed.file(MANIFEST) is None:
        raise DepthscopeError(f"{out}: its record knows nothing of {MANIFEST}; put the record back that was there")
    for table in tables.values():
        if not table.entries:
            continue
        _check(folder, table, scan_digest(record) if record.files else "", progress)
        if not folder.summarised(table):
            raise DepthscopeError(
                f"{folder.summary(table)}: the summary is not there; run the same command again, it is made of the parts"
            )
        for path in folder.summaries(table):
            if file_sha256(path) != record.digests.get(str(path.relative_to(out))):
                raise DepthscopeError(
                    f"{path}: damaged; delete it and run the same command again, it is made of the parts"
                )
        rows = sum(entry["rows"] for entry in table.entries.values())
        told.append(f"{table.name}: {len(table.entries)} files, {rows:,} rows, checksums and order right")
    told += [
        f"{path.relative_to(out)}: not part of the scan (left by a kill); it can be deleted"
        for path in folder.strays(tables)
    ]
    return [*told, *sealed.unchecked, _corpus(record)]


def _check(folder: Folder, table: Table, scan: str, progress: bool) -> None:
    if scan:
        folder.check([table], scan)
    damaged = []
    last: tuple[str, int] | None = None
    for number in each(range(len(table.entries)), f"verifying {table.name}", unit="file", shown=progress):
        entry, path = table.entries.get(number), folder.part(table, number)
        if entry is None or not path.is_file() or file_sha256(path) != entry["sha256"]:
            damaged.append(path.name)
            last = None
            continue
        about = parquet_metadata(path) or {}
        if scan and (about.get("scan"), tuple(about.get("measures", ()))) != (scan, table.asked.measures):
            raise DepthscopeError(
                f"{path}: is a part of another scan, though the manifest says otherwise; delete it and run the scan again"
            )
        last = _in_order(path, entry, last)
    if not table.entries[max(table.entries)]["last"]:
        damaged.append("the parts after the last")
    if damaged:
        raise DepthscopeError(
            f"{folder.path / table.name}: damaged or missing: {listed(damaged)}; delete these files and run the scan again, "
            "only they are computed again"
        )


def _in_order(path: Path, entry: dict[str, Any], last: tuple[str, int] | None) -> tuple[str, int]:
    """Refuse a row that is not the next token of its document, or the first of another; the last row."""
    rows = read_parquet(path, ["document", "token_index"])
    disorder = DepthscopeError(f"{path}: its rows are not those of the manifest; delete it and run the scan again")
    if not 0 < len(rows) == entry["rows"]:
        raise disorder
    document = rows["document"].combine_chunks()
    names, which = document.dictionary.to_pylist(), document.indices.to_numpy()
    index = rows["token_index"].to_numpy()
    follows = np.diff(index) == 1
    begins = (index[1:] == 0) & (np.diff(which) != 0)
    first = names[which[0]], int(index[0])
    joined = last is None or first[1] == 0 or first == (last[0], last[1] + 1)
    if not joined or not bool((np.where(np.diff(which) == 0, follows, begins)).all()):
        raise disorder
    return names[which[-1]], int(index[-1])


def _corpus(record: RunRecord) -> str:
    asked, source = record.settings["corpus"], record.resolved["corpus"]
    try:
        same = read_corpus(source, text=asked["text"], split=asked["split"]).digest() == asked["sha256"]
    except (DepthscopeError, OSError):
        return f"corpus: {source} cannot be read from here, so it was not compared"
    return f"corpus: {source} is {'the one that was scanned' if same else 'NOT the one that was scanned any more'}"
