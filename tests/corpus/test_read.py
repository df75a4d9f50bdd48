"""Corpora of real files: every text in its order, none that is not there, and a sentence for what cannot be read."""

import gzip
import json
import os
import tracemalloc
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from depthscope.corpus.read import read_corpus


def texts(source: Path, **how: Any) -> dict[str, str]:
    found = [(document.name, "".join(document.chunks)) for document in read_corpus(source, **how).documents()]
    assert len({name for name, _ in found}) == len(found)
    return dict(found)


def compressed(path: Path, data: bytes) -> Path:
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(data))
    elif path.suffix == ".zst":
        with pa.CompressedOutputStream(str(path), "zstd") as stream:
            stream.write(data)
    else:
        path.write_bytes(data)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One of each kind, in folders, among things that are none."""
    (tmp_path / "b" / "c").mkdir(parents=True)
    (tmp_path / ".git").mkdir()
    (tmp_path / "z.txt").write_text("last")
    (tmp_path / "b" / "c" / "deep.md").write_text("# deep")
    (tmp_path / "b.txt").write_text("beside the folder b")
    compressed(tmp_path / "b" / "news.jsonl.gz", b'{"text": "one", "n": 1}\n\n{"text": "two"}\n')
    compressed(tmp_path / "b" / "more.text.zst", b"more")
    pq.write_table(pa.table({"text": ["p", None, "q"], "n": [1, 2, 3]}), tmp_path / "a.parquet")
    for name in (".git/x.txt", ".hidden.txt", "b/picture.png", "b/README", "a.parquet.gz", "blank.txt"):
        (tmp_path / name).write_text(" \n")
    return tmp_path


def test_a_folder_is_read_with_its_folders_in_the_order_of_names(folder: Path) -> None:
    corpus = read_corpus(folder)
    found = [(d.name, "".join(d.chunks), d.reached) for d in corpus.documents()]
    assert [row[:2] for row in found] == [
        ("a.parquet:1", "p"),
        ("a.parquet:3", "q"),
        ("b.txt", "beside the folder b"),
        ("b/c/deep.md", "# deep"),
        ("b/more.text.zst", "more"),
        ("b/news.jsonl.gz:1", "one"),
        ("b/news.jsonl.gz:3", "two"),
        ("z.txt", "last"),
    ]
    assert corpus.passed_over == ("a.parquet.gz", "b/README", "b/picture.png")
    assert corpus.blank == 2
    assert corpus.source == str(folder)
    read = ("a.parquet", "b.txt", "b/c/deep.md", "b/more.text.zst", "b/news.jsonl.gz", "blank.txt")
    before_last = sum((folder / name).stat().st_size for name in read)
    assert corpus.size == before_last + 4
    reached = [row[2] for row in found]
    assert reached == sorted(reached)
    assert reached[0] == 0
    assert reached[-1] == before_last


def test_a_corpus_can_be_read_again_and_from_any_document_on(folder: Path) -> None:
    corpus = read_corpus(folder)
    whole = [(d.name, "".join(d.chunks), d.reached) for d in corpus.documents()]
    for skip in range(len(whole) + 2):
        assert [(d.name, "".join(d.chunks), d.reached) for d in corpus.documents(skip)] == whole[skip:]
    assert corpus.blank == 2


def test_chunks_can_be_read_again_and_left_unread(folder: Path) -> None:
    first, *_ = documents = list(read_corpus(folder / "z.txt").documents())
    assert ["".join(first.chunks) for _ in range(2)] == ["last", "last"]
    assert [d.name for d in documents] == ["z.txt"]


BITS = st.lists(st.sampled_from(["a", "é", "東", "😀", " ", "\n", "\n\n", "\r\n", "\u2028", "\x85", "\x0b", "\t"]))


@given(bits=BITS, mark=st.booleans(), codec=st.sampled_from(["", ".gz", ".zst"]))
def test_plain_text_comes_as_it_is(tmp_path_factory: Any, bits: list[str], mark: bool, codec: str) -> None:
    text = "x" + "".join(bits)
    path = compressed(
        tmp_path_factory.mktemp("plain") / f"a.txt{codec}", (b"\xef\xbb\xbf" if mark else b"") + text.encode()
    )
    assert texts(path) == {path.name: text}
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    kept = {f"{path.name}:{number}": line for number, line in enumerate(lines, 1) if line.strip()}
    assert texts(path, split="line") == kept
    # oracle: a paragraph begins at a line that is not blank and has a blank one, or none, before it
    blocks: dict[str, list[str]] = {}
    for number, line in enumerate(lines, 1):
        if line.strip():
            if number == 1 or not lines[number - 2].strip():
                blocks[name := f"{path.name}:{number}"] = []
            blocks[name].append(line)
    assert texts(path, split="paragraph") == {name: "\n".join(block) for name, block in blocks.items()}


@given(rows=st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=20), max_size=8))
def test_rows_come_as_they_are_from_every_kind(tmp_path_factory: Any, rows: list[str]) -> None:
    rows = ["x", *rows]
    where = tmp_path_factory.mktemp("rows")
    data = "".join(json.dumps({"t": row, "n": 1}, ensure_ascii=len(row) % 2 == 0) + "\n" for row in rows)
    kept = [(number, row) for number, row in enumerate(rows, 1) if row.strip()]
    for name in ("a.jsonl", "a.ndjson.gz", "a.jsonl.zst"):
        path = compressed(where / name, data.encode())
        assert texts(path, text="t") == {f"{name}:{number}": row for number, row in kept}
    for kind in (pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())):
        pq.write_table(pa.table({"t": pa.array(rows, kind), "n": rows}), where / "a.parquet", row_group_size=3)
        assert texts(where / "a.parquet", text="t") == {f"a.parquet:{number}": row for number, row in kept}


@pytest.mark.parametrize("codec", ["", ".gz", ".zst"])
def test_a_character_on_the_border_of_two_blocks_is_whole(tmp_path: Path, codec: str) -> None:
    text = "a" + "😀" * 600_000
    path = compressed(tmp_path / f"a.txt{codec}", text.encode())
    (document,) = read_corpus(path).documents()
    chunks = list(document.chunks)
    assert "".join(chunks) == text
    assert len(chunks) > 2
    assert max(len(chunk.encode()) for chunk in chunks) <= 2**20 + 3


@pytest.mark.parametrize("codec", ["", ".gz"])
def test_memory_does_not_grow_with_a_file(tmp_path: Path, codec: str) -> None:
    line = b"The old wall fell down.\n"
    path = compressed(tmp_path / f"a.txt{codec}", line * 2_000_000)
    tracemalloc.start()
    total = sum(len(chunk) for document in read_corpus(path).documents() for chunk in document.chunks)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert total == len(line) * 2_000_000
    assert peak < 2**23


def test_a_blank_beginning_of_any_length_is_part_of_the_text(tmp_path: Path) -> None:
    text = " " * (2**20 + 5) + "a"
    (tmp_path / "a.txt").write_text(text)
    assert texts(tmp_path / "a.txt") == {"a.txt": text}


def test_rows_without_text_are_counted(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": null}\n{"text": " "}\n{"text": "a"}\n{"text": ""}\n')
    corpus = read_corpus(tmp_path / "a.jsonl")
    assert [d.name for d in corpus.documents()] == ["a.jsonl:3"]
    assert corpus.blank == 3


def test_the_digest_is_of_names_and_bytes(folder: Path) -> None:
    whole = read_corpus(folder).digest()
    assert read_corpus(folder, split="line").digest() == whole
    (folder / "b" / "picture.png").write_text("other")
    assert read_corpus(folder).digest() == whole
    (folder / "z.txt").write_text("lasT")
    other = read_corpus(folder).digest()
    (folder / "z.txt").rename(folder / "y.txt")
    assert len({whole, other, read_corpus(folder).digest()}) == 3


def test_a_name_that_is_no_utf8_is_spelt_out(tmp_path: Path) -> None:
    try:
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.txt")).write_text("a")
    except OSError:
        pytest.skip("this file system keeps no such name")
    assert texts(tmp_path) == {"caf\\xe9.txt": "a"}


def test_two_files_of_one_name_are_refused(tmp_path: Path, refuses: Any) -> None:
    (tmp_path / "a\\xff.txt").write_text("a")
    (tmp_path / "b.txt").write_text("b")
    try:
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/a\xff.txt")).write_text("a")
    except OSError:
        pytest.skip("this file system keeps no such name")
    with refuses(str(tmp_path), "2 files would be called a\\xff.txt", "rename"):
        read_corpus(tmp_path)


def test_what_is_no_file_is_passed_over_and_said(tmp_path: Path) -> None:
    folder, beside = tmp_path / "texts", tmp_path / "beside"
    for where in (folder / "in", folder / ".hidden", beside):
        where.mkdir(parents=True)
    (beside / "b.txt").write_text("b")
    (folder / "in" / "a.txt").write_text("a")
    (folder / "linked.txt").symlink_to(beside / "b.txt")
    (folder / "beside.txt").symlink_to(beside)
    (folder / "in" / "loop").symlink_to(folder)
    (folder / "dead.txt").symlink_to(tmp_path / "nowhere.txt")
    (folder / "in" / "round.txt").symlink_to("round.txt")
    (folder / ".dead.txt").symlink_to(tmp_path / "nowhere.txt")
    (folder / ".beside").symlink_to(beside)
    (folder / ".hidden" / "dead.txt").symlink_to(tmp_path / "nowhere.txt")
    os.mkfifo(folder / "in" / "pipe.txt")
    corpus = read_corpus(folder)
    assert [d.name for d in corpus.documents()] == ["in/a.txt", "linked.txt"]
    assert corpus.passed_over == ("beside.txt", "dead.txt", "in/loop", "in/pipe.txt", "in/round.txt")
    (tmp_path / "way").symlink_to(folder)
    assert list(texts(tmp_path / "way")) == ["in/a.txt", "linked.txt"]


def test_a_name_that_breaks_a_line_does_not_break_a_sentence(tmp_path: Path, refuses: Any) -> None:
    folder = tmp_path / "two\nlines\x1b[31m"
    folder.mkdir()
    said = "two\\nlines\\x1b[31m"
    with refuses(said, "no file of a kind"):
        read_corpus(folder)
    with refuses(said, "no such file"):
        read_corpus(folder / "a\r.txt")
    name = "a\n.jsonl"
    for content, words in (
        ('{"text": 1}', "line 1: column 'text' holds int"),
        (r'{"text": "\ud800"}', "line 1: character 0"),
        ('{"b\\ny": 1}', "(there is b\\ny)"),
        ("wave", "line 1 is not JSON"),
        (" ", "no document with a letter"),
    ):
        (folder / name).write_text(content)
        with refuses(said, words):
            texts(folder)
    (folder / name).write_bytes(b"\xff")
    with refuses(f"{said}/a\\n.jsonl: not UTF-8"):
        texts(folder)
    (folder / f"{name}.gz").write_text("no archive")
    with refuses(f"{said}/a\\n.jsonl.gz: damaged"):
        texts(folder / f"{name}.gz")
    (folder / "a\n.parquet").write_bytes(b"PAR1")
    with refuses(f"{said}/a\\n.parquet: not readable as Parquet"):
        texts(folder / "a\n.parquet")
    for path in folder.iterdir():
        path.unlink()
    (folder / "b\n.txt").write_text("b")
    (folder / "b\n.doc").write_text("b")
    assert texts(folder) == {"b\n.txt": "b"}
    assert read_corpus(folder).passed_over == ("b\\n.doc",)


def test_places_without_text_are_refused(tmp_path: Path, refuses: Any) -> None:
    with refuses("nowhere", "no such file or folder", "hf:NAME"):
        read_corpus(tmp_path / "nowhere")
    with refuses(str(tmp_path), "no file of a kind that is read", ".jsonl"):
        read_corpus(tmp_path)
    (tmp_path / "a.doc").write_text("a")
    with refuses("a.doc", "unknown kind of file '.doc'", ".txt", ".zst"):
        read_corpus(tmp_path / "a.doc")
    (tmp_path / "README").write_text("a")
    with refuses("README", "without a suffix"):
        read_corpus(tmp_path / "README")
    (tmp_path / "a.txt").write_text(" \n\n")
    for split in ("file", "line", "paragraph"):
        with refuses(str(tmp_path), "no document with a letter"):
            texts(tmp_path, split=split)
    with refuses("split='word'", "file, line, paragraph"):
        read_corpus(tmp_path, split="word")  # type: ignore[arg-type]
    with refuses("aaaaaaa...: too long for a name; give another name of a corpus"):
        read_corpus(tmp_path / ("a" * 300))


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("", "the corpus has no name"),
        (None, "the corpus is a NoneType, not a name"),
        (["a.txt"], "the corpus is a list, not a name"),
        (b"a.txt", "the corpus is a bytes, not a name"),
    ],
)
def test_what_is_no_name_of_a_corpus_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch, refuses: Any, source: Any, words: str
) -> None:
    monkeypatch.chdir(folder)
    with refuses(words, "give a file, a folder, or hf:NAME"):
        read_corpus(source)
    assert read_corpus(".").size == read_corpus(Path()).size == read_corpus(folder).size


@pytest.mark.parametrize("column", ["", None, 3, ["text"]])
def test_what_is_no_name_of_a_column_is_refused(folder: Path, refuses: Any, column: Any) -> None:
    with refuses(f"text={column!r}: no name of a column", "--text-column NAME"):
        read_corpus(folder, text=column)


@pytest.mark.parametrize("codec", ["", ".gz"])
def test_bytes_that_are_no_utf8_are_named(tmp_path: Path, refuses: Any, codec: str) -> None:
    for before in ("a", "\ufeffa", "é" * 2**19 + "x"):
        path = compressed(tmp_path / f"a.txt{codec}", before.encode() + b"\xff b")
        with refuses(path.name, f"not UTF-8 at byte {len(before.encode())}", "save the file as UTF-8"):
            texts(path)
    path = compressed(tmp_path / f"a.txt{codec}", "a€".encode()[:-1])
    with refuses("byte 1"):
        texts(path)
    path = compressed(tmp_path / f"a.txt{codec}", b"one\ntwo \xff\n")
    with refuses("byte 8", "line 2"):
        texts(path, split="line")
    path = compressed(tmp_path / f"a.jsonl{codec}", b'{"text": "one"}\n{"text": "\xff"}\n')
    with refuses("byte 26", "line 2"):
        texts(path)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{oh", ("line 2 is not JSON",)),
        ("[1]", ("line 2 is not an object",)),
        ('{"body": "b", "id": 2}', ("line 2", "no column 'text'", "body, id", "--text-column NAME")),
        ("{}", ("line 2", "no column at all")),
        ('{"text": 3}', ("line 2", "int, not text", "--text-column NAME")),
        ('{"text": ["a"]}', ("line 2", "list, not text")),
        (r'{"text": "a\ud800"}', ("line 2", "character 1", "surrogate")),
        ('{"text": ' + "[" * 100_000, ("line 2", "simplify")),
        ('{"text": "a", "n": ' + "1" * 5000 + "}", ("line 2", "simplify")),
    ],
)
def test_lines_that_are_no_rows_are_refused(tmp_path: Path, refuses: Any, line: str, words: tuple[str, ...]) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "one"}\n' + line + "\n")
    with refuses("a.jsonl", *words):
        texts(tmp_path / "a.jsonl")


def test_half_a_surrogate_pair_is_refused_and_a_whole_one_read(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(r'{"text": "\ud83e\udd88"}')
    assert texts(tmp_path / "a.jsonl") == {"a.jsonl:1": "🦈"}


@pytest.mark.parametrize("name", ["a.txt.gz", "a.txt.zst", "a.jsonl.gz", "a.jsonl.zst"])
def test_archives_that_are_not_whole_are_refused(tmp_path: Path, refuses: Any, name: str) -> None:
    data = "".join(json.dumps({"text": f"line {k}"}) + "\n" for k in range(5000)).encode()
    path = compressed(tmp_path / name, data)
    whole = path.read_bytes()
    for damaged in (whole[: len(whole) // 2], whole[:-3], b"this is no archive"):
        path.write_bytes(damaged)
        with refuses(name, "damaged", "fetch or compress it again"):
            texts(path)
    path.write_bytes(whole + whole)  # two archives one after another are one text
    assert len(texts(path, split="line")) == 10_000


@pytest.mark.parametrize("name", ["a.txt.gz", "a.txt.zst", "a.jsonl.gz", "a.jsonl.zst"])
def test_an_archive_without_a_byte_is_damaged_and_one_of_an_empty_text_is_blank(
    tmp_path: Path, refuses: Any, name: str
) -> None:
    (tmp_path / "b.txt").write_text("b")
    empty = compressed(tmp_path / name, b"")
    assert texts(tmp_path) == {"b.txt": "b"}
    whole = empty.read_bytes()
    for length in range(len(whole)):
        empty.write_bytes(whole[:length])
        with refuses(f"{name}: damaged", "fetch or compress it again"):
            texts(tmp_path)


def test_parquet_that_cannot_be_read_is_refused(tmp_path: Path, refuses: Any) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(b"PAR1 and no more")
    with refuses("a.parquet", "not readable as Parquet"):
        texts(path)
    pq.write_table(pa.table({"body": ["a"], "n": [1]}), path)
    with refuses("a.parquet", "no column 'text'", "body, n", "--text-column NAME"):
        texts(path)
    with refuses("a.parquet", "column 'n' holds int64, not text"):
        texts(path, text="n")
    pq.write_table(pa.table({"text": ["walls fall"] * 500}), path, compression="none", write_page_checksum=True)
    assert len(texts(path)) == 500
    data = path.read_bytes()
    path.write_bytes(data.replace(b"walls", b"halls", 1))
    with refuses("a.parquet", "damaged"):
        texts(path)


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())], ids=str)
def test_a_row_of_parquet_that_is_no_utf8_is_named(tmp_path: Path, refuses: Any, kind: Any) -> None:
    values = [b"a", None, *[b"wave"] * 148, b"sea \xff", b"\xff"]
    if pa.types.is_dictionary(kind):
        column = pa.array(values).dictionary_encode()
        column = pa.DictionaryArray.from_arrays(column.indices, column.dictionary.view(pa.string()))
    else:
        column = pa.array(values, pa.large_binary() if kind == pa.large_string() else pa.binary()).view(kind)
    pq.write_table(pa.table({"text": column}), tmp_path / "a.parquet", row_group_size=100)
    with refuses("a.parquet, row 151: not UTF-8 at byte 4 of the text", "write the file again"):
        texts(tmp_path / "a.parquet")


def test_a_column_of_parquet_is_known_by_its_name_alone(tmp_path: Path, refuses: Any) -> None:
    path = tmp_path / "a.parquet"
    columns = [pa.array(["a"]), pa.array(["b"]), pa.array([{"c": 1}]), pa.array(["d"])]
    pq.write_table(pa.Table.from_arrays(columns, names=["text", "text", "b", "b.c"]), path)
    with refuses("a.parquet: has 2 columns named 'text'", "rename all but one"):
        texts(path)
    # pyarrow takes b.c for the column c in b, too
    assert texts(path, text="b.c") == {"a.parquet:1": "d"}


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_file_that_may_not_be_read_is_refused(tmp_path: Path, refuses: Any) -> None:
    (tmp_path / "a.txt").write_text("a")
    (tmp_path / "a.txt").chmod(0)
    with refuses("a.txt", "cannot be read"):
        texts(tmp_path)


def test_skipping_does_not_read_what_it_skips(tmp_path: Path, refuses: Any) -> None:
    for name in "abc":
        (tmp_path / f"{name}.txt").write_bytes(b"wall " * 2**20 + b"\xff")
    (last,) = read_corpus(tmp_path).documents(skip=2)
    assert last.name == "c.txt"
    with refuses("c.txt", "not UTF-8"):
        "".join(last.chunks)
