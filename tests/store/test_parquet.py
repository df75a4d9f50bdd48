"""A Parquet file is whole or absent, the same bytes for the same table, and read only if it is what was written."""

import errno
import hashlib
import os
import resource
import signal
import sys

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from depthscope.store.manifest import file_sha256
from depthscope.store.parquet import read_parquet, write_parquet


def table(rows: int = 500, seed: int = 0) -> pa.Table:
    draw = np.random.default_rng(seed)
    values = draw.normal(size=(rows, 4)).astype(np.float32)
    values[::7, 1] = np.nan
    flat = pa.array(values.ravel(), from_pandas=True)
    found = pa.table(
        {
            "document": pa.DictionaryArray.from_arrays(
                pa.array(np.arange(rows) // 50, pa.int32()), [f"d{i}" for i in range(rows // 50 + 1)]
            ),
            "index": np.arange(rows),
            "norm": pa.FixedSizeListArray.from_arrays(flat, 4),
            "surprisal": draw.random(rows).astype(np.float32),
        }
    )
    return found.replace_schema_metadata({"depthscope": '{"é": 1}'})


@pytest.mark.parametrize("rows", [0, 1, 500, 70_000])
def test_a_table_reads_back_as_it_was_written_with_its_metadata(tmp_path, rows):
    some, path = table(rows), tmp_path / "deep" / "er" / "a.parquet"
    size, sha256 = write_parquet(some, path, ["document"])
    found = read_parquet(path, sha256=sha256)
    assert found.equals(some)
    assert found.schema.metadata[b"depthscope"] == '{"é": 1}'.encode()
    assert size == path.stat().st_size
    assert sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert pq.read_metadata(path).num_row_groups <= 1
    assert [one.name for one in path.parent.iterdir()] == ["a.parquet"]
    assert path.stat().st_mode & 0o777 == 0o644


def test_other_readers_see_the_same_numbers(tmp_path):
    some, path = table(), tmp_path / "a.parquet"
    write_parquet(some, path, ["document"])
    expected = some["surprisal"].to_numpy()
    np.testing.assert_array_equal(pd.read_parquet(path)["surprisal"], expected)
    np.testing.assert_array_equal(pl.read_parquet(path)["surprisal"], expected)
    np.testing.assert_array_equal(duckdb.sql(f"select surprisal from '{path}'").fetchnumpy()["surprisal"], expected)
    assert duckdb.sql(f"select count(norm[2]) from '{path}'").fetchall() == [(500 - len(range(0, 500, 7)),)]


def test_only_the_columns_that_are_wanted_are_read(tmp_path):
    write_parquet(table(), tmp_path / "a.parquet")
    assert read_parquet(tmp_path / "a.parquet", ["norm", "index"]).column_names == ["norm", "index"]


@pytest.mark.parametrize("dictionary", [False, True, ["document"]])
def test_the_same_table_is_the_same_bytes(tmp_path, dictionary):
    written = {write_parquet(table(), tmp_path / name, dictionary) for name in ("a", "b")}
    assert len(written) == 1
    assert len({(tmp_path / name).read_bytes() for name in ("a", "b")}) == 1
    # columns that were put together from pieces are no other table
    pieces = pa.concat_tables([table().slice(0, 123), table().slice(123)]).unify_dictionaries().combine_chunks()
    assert write_parquet(pieces, tmp_path / "c", dictionary)[1] == file_sha256(tmp_path / "a")


def test_columns_of_few_values_and_only_they_have_dictionaries_and_statistics(tmp_path):
    write_parquet(table(), tmp_path / "a.parquet", ["document"])
    group = pq.read_metadata(tmp_path / "a.parquet").row_group(0)
    columns = {group.column(i).path_in_schema.split(".")[0]: group.column(i) for i in range(group.num_columns)}
    assert {name for name, one in columns.items() if one.has_dictionary_page} == {"document"}
    assert {name for name, one in columns.items() if one.is_stats_set} == {"document"}


@given(
    st.lists(
        st.tuples(
            st.text(st.characters(exclude_categories=["Cs"])), st.none() | st.floats(width=32), st.integers(0, 2**40)
        ),
        max_size=30,
    )
)
def test_any_texts_and_numbers_survive(tmp_path_factory, rows):
    some = pa.table(
        {
            "text": pa.array([row[0] for row in rows], pa.string()),
            "value": pa.array([row[1] for row in rows], pa.float32()),
            "index": pa.array([row[2] for row in rows], pa.int64()),
        }
    )
    path = tmp_path_factory.mktemp("p") / "a.parquet"
    _, sha256 = write_parquet(some, path, ["text"])
    found = read_parquet(path, sha256=sha256)
    assert found["text"].to_pylist() == some["text"].to_pylist()
    assert found["index"].equals(some["index"])
    a, b = (one["value"].to_numpy() for one in (found, some))
    np.testing.assert_array_equal(a, b)
    assert found["value"].null_count == some["value"].null_count


def test_any_flipped_byte_is_found_by_the_checksum(tmp_path, refuses):
    path = tmp_path / "a.parquet"
    _, sha256 = write_parquet(table(20), path)
    good = path.read_bytes()
    for i in range(0, len(good), 11):
        path.write_bytes(good[:i] + bytes([good[i] ^ 1]) + good[i + 1 :])
        with refuses("a.parquet: damaged or missing", "delete this one file"):
            read_parquet(path, sha256=sha256)


@pytest.mark.parametrize("kept", [0, 3, 100, -1])
def test_without_a_checksum_too_what_is_no_parquet_is_refused(tmp_path, refuses, kept):
    path = tmp_path / "a.parquet"
    write_parquet(table(20), path)
    path.write_bytes(path.read_bytes()[:kept])
    with refuses("a.parquet: damaged or missing (", "run the same command again"):
        read_parquet(path)
    path.unlink()
    with refuses("a.parquet: damaged or missing;"):
        read_parquet(path)
    with refuses("a.parquet: damaged or missing;"):
        read_parquet(path, sha256="0" * 64)


def forked(do) -> int:
    child = os.fork()
    if child == 0:
        try:
            os._exit(do() or 0)
        finally:
            os._exit(99)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_a_full_disk_is_told_as_such_and_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.parquet"
    _, before = write_parquet(table(20), path)

    def write() -> int:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
        try:
            write_parquet(table(20_000), path)
        except OSError as problem:
            return 7 if problem.errno == errno.EFBIG else 8
        return 9

    assert forked(write) == 7
    assert file_sha256(path) == before
    assert [one.name for one in tmp_path.iterdir()] == ["a.parquet"]


# the scratch file is opened to be made, for its digest, and for the disk
@pytest.mark.parametrize(("event", "count"), [("open", 3), ("os.rename", 1)])
def test_a_kill_before_the_end_leaves_the_old_file_or_none(tmp_path, event, count):
    path = tmp_path / "tokens" / "a.parquet"

    def killed(some: pa.Table) -> int:
        def do() -> None:
            seen = []

            def hook(name: str, given: tuple) -> None:
                if name == event and "a.parquet" in str(given[0]):
                    seen.append(name)
                    if len(seen) == count:
                        os.kill(os.getpid(), signal.SIGKILL)

            sys.addaudithook(hook)
            write_parquet(some, path)

        return forked(do)

    assert killed(table(20)) == -signal.SIGKILL
    assert not path.exists()
    _, sha256 = write_parquet(table(20), path)
    assert killed(table(30)) == -signal.SIGKILL
    assert read_parquet(path, sha256=sha256).equals(table(20))
    # what the kills left is passed over by readers of the folder
    assert len(list(path.parent.iterdir())) == 3
    assert len(pq.read_table(path.parent)) == 20


def test_a_table_that_cannot_be_written_leaves_nothing(tmp_path):
    union = pa.UnionArray.from_dense(pa.array([0], pa.int8()), pa.array([0], pa.int32()), [pa.array([1])])
    with pytest.raises((pa.ArrowException, NotImplementedError)):
        write_parquet(pa.table({"a": union}), tmp_path / "a.parquet")
    assert list(tmp_path.iterdir()) == []
