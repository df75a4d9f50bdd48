"""What stands in the folder of a scan: tables, each in parts, and the manifest that says which of them are finished."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from depthscope.capture.parts import Place
from depthscope.errors import DepthscopeError, listed
from depthscope.scan.job import Asked
from depthscope.store.folder import RECORD, SUMMARY
from depthscope.store.jsonable import jsonable
from depthscope.store.manifest import Entry, Manifest
from depthscope.store.names import inside
from depthscope.store.parquet import parquet_metadata
from depthscope.store.record import RunRecord

MANIFEST, BASE = "manifest.jsonl", "tokens"
# what is asked of a finished part later
ABOUT: dict[str, type] = {
    "file": str,
    "rows": int,
    "bytes": int,
    "sha256": str,
    "last": bool,
    "cuts": int,
    "empty": dict,
}


def scan_digest(record: RunRecord) -> str:
    """SHA-256 of all that decides what stands in the parts of a scan: corpus by content, model by content, settings.

    It stands in every part and in its line of the manifest, so that what belongs to another scan is found.
    """
    deciding = jsonable({"settings": record.settings, "identity": record.identity})
    return hashlib.sha256(json.dumps(deciding, sort_keys=True).encode()).hexdigest()


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
        lacking = _lacking(record)
        if lacking:
            raise DepthscopeError(
                f"{path}: damaged, {lacking}; put the file back that was there, or choose another --out"
            )
        for name in record.results.get("tables", {}):
            inside(self.path, name)
        return record

    def tables(self, present: bool = True) -> dict[str, Table]:
        """Tables of which a part was ever finished, by name, in the order in which they were begun; of their parts those whose
        files have the right size, or, if not only ``present`` ones are wanted, all.
        """
        found: dict[str, Table] = {}
        for entry in self.manifest:
            try:
                name = entry["table"]
                inside(self.path, name)
                if "part" not in entry:
                    # begun again only while it had no part
                    found[name] = Table(name, _told(entry))
                else:
                    number = _number(entry)
                    if name not in found:
                        found[name] = Table(name, self._asked(entry))
                    found[name].entries[number] = entry
            except DepthscopeError:
                raise
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

    def check(self, tables: Iterable[Table], scan: str) -> None:
        """Refuse to go on where a line names a part of another scan."""
        for table in tables:
            foreign = [entry["file"] for entry in table.entries.values() if entry.get("scan") != scan]
            if foreign:
                raise DepthscopeError(
                    f"{self.manifest.path}: parts of another scan stand there ({listed(foreign)}): of another corpus, model or "
                    "other settings; delete their lines and run again, or delete the folder"
                )

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
        about = parquet_metadata(inside(self.path, entry["file"]))
        if about is None:
            raise KeyError
        return _told(about)

    def _has(self, entry: Entry) -> bool:
        path = inside(self.path, entry["file"])
        return path.is_file() and path.stat().st_size == entry["bytes"]


NEEDED: dict[str, dict[str, type]] = {
    "settings": {"corpus": dict, "context": int},
    "resolved": {"corpus": str, "depth": int},
    "results": {"tokens": int, "cse": dict, "tables": dict, "notes": list},
}


def _lacking(record: RunRecord) -> str:
    """What the record of a scan has to say and does not, if there is something."""
    for part, names in NEEDED.items():
        held = getattr(record, part)
        for name, kind in names.items() if part != "results" or record.status == "finished" else ():
            if name not in held:
                return f"{part} hold no {name}"
            if not isinstance(held[name], kind):
                return f"{name} in its {part} is no {kind.__name__}"
    if not {"text", "split", "sha256"} <= record.settings["corpus"].keys():
        return "settings say too little of the corpus"
    tables = record.results.get("tables", {}).values()
    whole = all(isinstance(names, list) and all(isinstance(name, str) for name in names) for names in tables)
    return "" if whole else "results name measures in another way than a scan does"


def _told(about: Mapping[str, Any]) -> Asked:
    """What a table was to hold, as it was written down."""
    measures, cse = about["measures"], about["cse"]
    if (
        not isinstance(measures, list)
        or not all(isinstance(name, str) for name in measures)
        or not isinstance(cse, dict)
    ):
        raise TypeError
    return Asked(tuple(measures), cse)


def _number(entry: Entry) -> int:
    """Of a finished part, all of which is there, under its own name and no other."""
    number, following = entry["part"], Place(*entry["following"])
    if not all(type(entry[name]) is kind for name, kind in ABOUT.items()):
        raise TypeError
    if not all(type(one) is int and one >= 0 for one in (number, *following, *entry["empty"].values())):
        raise TypeError
    if entry["file"] != _file(entry["table"], number) or "/" in entry["table"]:
        raise ValueError
    return int(number)


def _file(table: str, number: int) -> str:
    return f"{table}/part-{number:06d}.parquet"
