"""What stands in the folder of a scan: tables, each in parts, and the manifest that says which of them are finished."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from depthscope.errors import DepthscopeError
from depthscope.scan.job import Asked
from depthscope.scan.parts import Place
from depthscope.store.folder import RECORD, SUMMARY
from depthscope.store.jsonable import jsonable
from depthscope.store.manifest import Entry, Manifest
from depthscope.store.parquet import parquet_metadata
from depthscope.store.record import RunRecord

MANIFEST, BASE = "manifest.jsonl", "tokens"
# what is asked of a finished part later
ABOUT = {"file", "rows", "bytes", "sha256", "last", "cuts", "empty"}


@dataclass
class Table:
    """Measures that were asked for together: the same rows as in every other table, in the same parts.

    Attributes
    ----------
    name : str
        Of its folder.
    asked : Asked
    entries : dict
        What the manifest says of each part, by its number.
    """

    name: str
    asked: Asked
    entries: dict[int, Entry] = field(default_factory=dict)

    @property
    def whole(self) -> bool:
        """Every part is there, up to the last."""
        return any(entry["last"] for entry in self.entries.values()) and self.missing()[0] == len(self.entries)

    def missing(self) -> tuple[int, Place]:
        """The first part that is not finished, and where in the corpus it begins."""
        number, place = 0, Place()
        while (entry := self.entries.get(number)) is not None:
            number, place = number + 1, Place(*entry["following"])
        return number, place


class Folder:
    """The folder ``path``; one process at a time writes there."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.manifest = Manifest(path / MANIFEST)

    def record(self) -> RunRecord | None:
        """The record of the scan that stands here, if there is one.

        Raises
        ------
        DepthscopeError
            It is damaged, or not that of a scan.
        """
        path = self.path / RECORD
        if not path.is_file():
            return None
        record = RunRecord.read(path)
        if record.study != "scan":
            raise DepthscopeError(f"{self.path}: holds a run of {record.study}, not a scan; give the folder of a scan")
        parts: dict[str, tuple[str, ...]] = {"settings": ("corpus", "context"), "resolved": ("corpus", "depth")}
        parts |= {"results": ("tokens", "cse", "tables", "notes")} if record.status == "finished" else {}
        for part, names in parts.items():
            lacking = [name for name in names if name not in getattr(record, part)]
            if lacking:
                raise DepthscopeError(
                    f"{path}: damaged, {part} hold no {lacking[0]}; put the file back that was there, or choose another --out"
                )
        return record

    def tables(self, present: bool = True) -> dict[str, Table]:
        """Tables of which a part was ever finished, by name, in the order in which they were begun; of their parts those whose
        files have the right size, or, if not only ``present`` ones are wanted, all.
        """
        found: dict[str, Table] = {}
        for entry in self.manifest:
            try:
                name = str(entry["table"])
                if "part" not in entry:
                    # begun anew only while it had no part
                    found[name] = Table(name, Asked(tuple(entry["measures"]), entry["cse"]))
                else:
                    if name not in found:
                        found[name] = Table(name, self._asked(entry))
                    found[name].entries[_number(entry)] = entry
            except (KeyError, TypeError, ValueError):
                raise DepthscopeError(
                    f"{self.manifest.path}: an entry is not one of a scan; delete the folder, or choose another --out"
                ) from None
        found = {name: table for name, table in found.items() if table.entries}
        for table in found.values() if present else ():
            table.entries = {n: entry for n, entry in table.entries.items() if self._has(entry)}
        return found

    def wanted(self, asked: Asked, found: dict[str, Table]) -> list[Table]:
        """Tables that hold all that is asked: those that are there, and one for the measures that no table has.

        Raises
        ------
        DepthscopeError
            A measure is there with other settings.
        """
        tables, missing = [], list(asked.measures)
        for table in found.values():
            both = [name for name in table.asked.measures if name in missing]
            if "cse" in both and jsonable(table.asked.cse) != jsonable(asked.cse):
                now, before = jsonable(asked.cse), jsonable(table.asked.cse)
                odd = [f"{k} ({before.get(k)}, now {now[k]})" for k in now if before.get(k) != now[k]]
                raise DepthscopeError(
                    f"{self.path}: holds cse with other settings: {', '.join(odd)}; choose another --out"
                )
            # one that is not whole is finished, whatever is asked now
            if both or not table.whole:
                tables.append(table)
            missing = [name for name in missing if name not in both]
        if missing:
            name = "-".join([BASE, *missing]) if found else BASE
            options = dict(asked.cse) if "cse" in missing else {}
            tables.append(Table(name, Asked(tuple(missing), options)))
        return tables

    def begin(self, table: Table) -> None:
        """Write down what a new table is to hold."""
        if not table.entries:
            asked = {"measures": list(table.asked.measures), "cse": jsonable(dict(table.asked.cse))}
            self.manifest.add({"table": table.name, **asked})

    def finish(self, table: Table, number: int, about: Entry) -> None:
        """Write down that a part is on the disk."""
        entry = {"table": table.name, "part": number, "file": _file(table.name, number), **about}
        self.manifest.add(entry)
        table.entries[number] = entry

    def part(self, table: Table, number: int) -> Path:
        return self.path / _file(table.name, number)

    def summary(self, table: Table) -> Path:
        return self.path / SUMMARY / table.name

    def summarised(self, table: Table) -> bool:
        """Its summary is there, all of it."""
        return all(path.is_file() for path in self.summaries(table))

    def summaries(self, table: Table) -> list[Path]:
        """The files of its summary."""
        return [self.summary(table) / f"{name}.parquet" for name in ("layers", "bins", "types")]

    def strays(self, tables: Mapping[str, Table]) -> Iterator[Path]:
        """Files in the folders of tables that no entry names: what a kill left half written."""
        for table in tables.values():
            known = {self.path / entry["file"] for entry in table.entries.values()}
            yield from (path for path in sorted((self.path / table.name).glob("*")) if path not in known)

    def _asked(self, entry: Entry) -> Asked:
        """What a table was to hold, from one of its files: its line in the manifest is gone."""
        about = parquet_metadata(self.path / str(entry["file"]))
        if about is None:
            raise KeyError
        return Asked(tuple(about["measures"]), about["cse"])

    def _has(self, entry: Entry) -> bool:
        path = self.path / str(entry["file"])
        return path.is_file() and path.stat().st_size == entry["bytes"]


def _number(entry: Entry) -> int:
    """Of a finished part, all of which is there."""
    if not entry.keys() >= ABOUT:
        raise KeyError
    Place(*entry["following"])
    return int(entry["part"])


def _file(table: str, number: int) -> str:
    return f"{table}/part-{number:06d}.parquet"
