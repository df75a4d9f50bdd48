"""What a finished scan is checked for, and what is said when it is not so."""

import json
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import depthscope as ds
from depthscope.scan.verify import verify
from depthscope.store.manifest import file_sha256
from depthscope.store.record import RunRecord
from depthscope.store.sealed import describe
from tests.scan.conftest import SMALL


@pytest.fixture(scope="module")
def finished(network, corpus, tmp_path_factory) -> Path:
    """Two tables, and a corpus that stands beside them and may be changed."""
    place = tmp_path_factory.mktemp("finished")
    texts = shutil.copytree(corpus, place / "texts")
    ds.scan_corpus(str(network), texts, place / "out", **SMALL)
    return ds.scan_corpus(str(network), texts, place / "out", measures=["surprisal"], **SMALL).folder


@pytest.fixture
def out(finished, tmp_path) -> Path:
    return shutil.copytree(finished, tmp_path / "out")


def told(out: Path) -> list[str]:
    return verify(out, progress=False)


def known(out: Path) -> None:
    """The record knows the manifest as it is now."""
    record = RunRecord.read(out / "run.json")
    record.files = describe(out, ["manifest.jsonl"])
    record.write(out / "run.json")


def part(out: Path, number: int, table: str = "tokens") -> Path:
    return out / table / f"part-{number:06d}.parquet"


def rewritten(out: Path, number: int, rows: pa.Table) -> None:
    """Another table in the place of a part, and a manifest that knows it."""
    path, manifest = part(out, number), out / "manifest.jsonl"
    pq.write_table(rows, path)
    entries = [json.loads(line) for line in manifest.read_text().splitlines()]
    for entry in entries:
        if entry.get("file") == f"tokens/{path.name}":
            entry |= {"bytes": path.stat().st_size, "sha256": file_sha256(path)}
    manifest.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    known(out)


def test_all_that_is_right_is_told(finished):
    rows = json.loads((finished / "run.json").read_text())["results"]["tokens"]
    files = len(list((finished / "tokens").iterdir()))
    assert told(finished) == [
        f"tokens: {files} files, {rows:,} rows, checksums and order right",
        f"tokens-surprisal: {files} files, {rows:,} rows, checksums and order right",
        f"corpus: {finished.parent / 'texts'} is the one that was scanned",
    ]


def test_verifying_changes_nothing(out):
    before = {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in out.rglob("*")}
    told(out)
    assert {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in out.rglob("*")} == before


def test_every_file_that_is_damaged_or_missing_is_named(out, refuses):
    part(out, 0).unlink()
    part(out, 2).write_bytes(part(out, 1).read_bytes())
    flipped = bytearray(part(out, 4).read_bytes())
    flipped[50] ^= 4
    part(out, 4).write_bytes(flipped)
    with refuses(
        f"{out / 'tokens'}: damaged or missing: part-000000.parquet, part-000002.parquet, part-000004.parquet;",
        "delete these files and run the scan again",
    ):
        told(out)


def test_the_last_file_and_another_table_are_looked_at_too(out, refuses):
    last = max((out / "tokens-surprisal").iterdir())
    last.write_bytes(last.read_bytes() + b"\0")
    with refuses(f"{out / 'tokens-surprisal'}: damaged or missing: {last.name};"):
        told(out)


def test_the_first_few_of_many_are_named(out, refuses):
    for path in (out / "tokens").iterdir():
        path.unlink()
    with refuses("part-000004.parquet and ", "more"):
        told(out)


@pytest.mark.parametrize("missing", [0, 3, -1])
def test_a_manifest_without_an_entry_is_no_whole_scan(out, refuses, missing):
    manifest = out / "manifest.jsonl"
    lines = manifest.read_text().splitlines(keepends=True)
    parts = [line for line in lines if json.loads(line).get("table") == "tokens" and "part" in json.loads(line)]
    lines.remove(parts[missing])
    manifest.write_text("".join(lines))
    with refuses("manifest.jsonl: changed since the run wrote it"):
        told(out)
    known(out)
    name = json.loads(parts[missing])["file"].split("/")[1] if missing != -1 else "the parts after the last"
    with refuses("tokens: damaged or missing", name):
        told(out)


DISORDER = {
    "two rows changed": lambda t: t.take([1, 0, *range(2, len(t))]),
    "a row twice": lambda t: pa.concat_tables([t.slice(0, 5), t.slice(4, len(t) - 5)]).combine_chunks(),
    "a row gone inside": lambda t: pa.concat_tables([t.slice(0, 7), t.slice(8)]).combine_chunks(),
    "the first row gone": lambda t: t.slice(1),
    "the last row gone": lambda t: t.slice(0, len(t) - 1),
    "backwards": lambda t: t.take(list(range(len(t)))[::-1]),
    "none": lambda t: t.slice(0, 0),
}


@pytest.mark.parametrize("how", DISORDER)
@pytest.mark.parametrize("number", [0, 1, 3])
def test_rows_that_are_not_in_order_are_found_even_if_the_checksum_says_nothing(out, refuses, how, number):
    rewritten(out, number, DISORDER[how](pq.read_table(part(out, number))))
    with refuses(part(out, number).name, "rows are not those of the manifest"):
        told(out)


def test_a_part_in_the_place_of_another_is_found(out, refuses):
    entry = [json.loads(line) for line in (out / "manifest.jsonl").read_text().splitlines()]
    rows = {one["part"]: one["rows"] for one in entry if one.get("table") == "tokens" and "part" in one}
    other = next(n for n in rows if n > 1 and rows[n] == rows[1])  # as many rows, of other tokens
    rewritten(out, 1, pq.read_table(part(out, other)))
    with refuses("rows are not those of the manifest"):
        told(out)


@pytest.fixture(scope="module")
def foreign(network, corpus, tmp_path_factory) -> Path:
    """A scan of another corpus, whose parts hold the same documents with as many tokens: only its digest differs."""
    place = tmp_path_factory.mktemp("foreign")
    texts = shutil.copytree(corpus, place / "texts")
    (texts / "z-more.txt").write_text("And one document more.")
    return ds.scan_corpus(str(network), texts, place / "out", **SMALL).folder


def lines_of(out: Path) -> list[dict]:
    return [json.loads(line) for line in (out / "manifest.jsonl").read_text().splitlines()]


def test_a_part_of_another_corpus_is_found_whatever_came_with_it(out, foreign, refuses):
    theirs = next(entry for entry in lines_of(foreign) if entry.get("part") == 0)
    mine = next(entry for entry in lines_of(out) if entry.get("part") == 0)
    assert {**theirs, "scan": "", "sha256": "", "bytes": 0} == {**mine, "scan": "", "sha256": "", "bytes": 0}
    shutil.copy(part(foreign, 0), part(out, 0))
    with refuses("tokens: damaged or missing: part-000000.parquet"):
        told(out)
    entries = [theirs if (one.get("table"), one.get("part")) == ("tokens", 0) else one for one in lines_of(out)]
    manifest = out / "manifest.jsonl"
    manifest.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    with refuses("manifest.jsonl: changed since the run wrote it"):
        told(out)
    known(out)
    with refuses("manifest.jsonl: parts of another scan stand there (tokens/part-000000.parquet)"):
        told(out)
    theirs["scan"] = mine["scan"]
    manifest.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    known(out)
    with refuses("part-000000.parquet: is a part of another scan, though the manifest says otherwise"):
        told(out)


def test_a_scan_does_not_go_on_beside_parts_of_another_corpus(out, foreign, network, refuses):
    theirs = next(entry for entry in lines_of(foreign) if entry.get("part") == 0)
    shutil.copy(part(foreign, 0), part(out, 0))
    entries = [theirs if (one.get("table"), one.get("part")) == ("tokens", 0) else one for one in lines_of(out)]
    (out / "manifest.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    record = RunRecord.read(out / "run.json")
    record.status = "running"
    record.write(out / "run.json")
    shutil.rmtree(out / "summary")
    with refuses("manifest.jsonl: parts of another scan stand there", "delete their lines and run again"):
        ds.scan_corpus(str(network), record.resolved["corpus"], out, **SMALL)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("file", "../elsewhere.parquet"),
        ("file", "/etc/hostname"),
        ("file", "tokens/part-000001.parquet"),
        ("table", "../elsewhere"),
        ("table", "/tmp"),
        ("table", 7),
        ("part", -1),
        ("part", True),
        ("rows", "many"),
        ("following", ["a", "b"]),
        ("empty", {"cse": "x"}),
    ],
)
def test_a_line_names_its_own_part_and_never_a_path(out, network, refuses, name, value):
    entries = lines_of(out)
    place = next(i for i, one in enumerate(entries) if one.get("part") == 0)
    entries[place][name] = value
    (out / "manifest.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    before = sorted(out.parent.rglob("*"))
    with refuses(str(out)):
        told(out)
    record = RunRecord.read(out / "run.json")
    with refuses(str(out)):
        ds.scan_corpus(str(network), record.resolved["corpus"], out, measures=["norm", "cosine"], **SMALL)
    assert sorted(out.parent.rglob("*")) == before


def test_of_a_scan_without_digests_it_is_said_that_nothing_ties_it_together(out):
    record = RunRecord.read(out / "run.json")
    record.files = {}
    record.write(out / "run.json")
    assert "without digests of its files" in told(out)[-2]


@pytest.mark.parametrize("name", ["layers", "types", "bins"])
def test_a_summary_that_is_gone_is_told(out, refuses, name):
    (out / "summary" / "tokens-surprisal" / f"{name}.parquet").unlink()
    with refuses("summary/tokens-surprisal: the summary is not there", "run the same command again"):
        told(out)


def test_what_a_kill_left_half_written_is_told_and_is_no_fault(out):
    stray = out / "tokens" / ".part-000003.parquet.abc"
    stray.write_bytes(b"half")
    assert told(out)[2] == "tokens/.part-000003.parquet.abc: not part of the scan (left by a kill); it can be deleted"


def test_a_corpus_that_has_changed_or_is_gone_is_told(network, corpus, tmp_path):
    texts = shutil.copytree(corpus, tmp_path / "texts")
    out = ds.scan_corpus(str(network), texts / "b-one.txt", tmp_path / "out", **SMALL).folder
    assert told(out)[-1].endswith("b-one.txt is the one that was scanned")
    (texts / "b-one.txt").write_text("Ho")
    assert told(out)[-1].endswith("b-one.txt is NOT the one that was scanned any more")
    shutil.rmtree(texts)
    assert told(out)[-1].endswith("b-one.txt cannot be read from here, so it was not compared")


def test_what_is_no_finished_scan_is_refused(out, tmp_path, refuses):
    with refuses("nowhere: no scan stands there", "--out"):
        told(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with refuses("empty: no scan stands there"):
        told(tmp_path / "empty")
    record = RunRecord.read(out / "run.json")
    record.status = "running"
    record.write(out / "run.json")
    with refuses("out: the scan is not finished", "run the same command again"):
        told(out)
    RunRecord("metaphor", {}, status="finished").write(out / "run.json")
    with refuses("holds a run of metaphor, not a scan"):
        told(out)
    (out / "run.json").write_text("{")
    with refuses("run.json: not a readable run record"):
        told(out)


@pytest.mark.parametrize(
    ("gone", "instead"),
    [("part", {"part": "x"}), ("table", {}), ("following", {"following": 0}), ("last", {}), ("sha256", {})],
)
def test_entries_of_something_else_are_refused(out, refuses, gone, instead):
    manifest = out / "manifest.jsonl"
    lines = manifest.read_text().splitlines()
    entry = json.loads(lines[2])
    del entry[gone]
    lines[2] = json.dumps({**entry, **instead})
    manifest.write_text("\n".join(lines) + "\n")
    with refuses("manifest.jsonl: an entry is not one of a scan", "choose another --out"):
        told(out)


@pytest.mark.parametrize("name", ["layers", "bins", "types"])
def test_a_byte_of_a_summary_that_has_changed_is_told(out, refuses, name):
    path = out / "summary" / "tokens" / f"{name}.parquet"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with refuses(f"{name}.parquet: damaged", "delete it and run the same command again"):
        told(out)
