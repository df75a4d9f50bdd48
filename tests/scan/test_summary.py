"""The tables of a scan: what pandas finds in the tokens themselves, the same bits on resume, read by anybody."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from depthscope.capture.kinds import KINDS, kinds
from depthscope.scan import summary as module
from depthscope.scan.summary import Summary

TOKENS = ["<s>", " the", " shark", "ning", "42", ",", "\n", " never", "$"]
MEASURES = {"cse": 4, "surprisal": 0}
Part = tuple[np.ndarray, dict[str, np.ndarray]]


def made(seed: int, n: int) -> Part:
    """A part of n tokens: bits that depend on type and layer, some missing, as a worker hands it over."""
    rng = np.random.default_rng(seed)
    ids = rng.choice([0, 1, 2, 3, 4, 5, 6, 8], n, p=[0.01, 0.4, 0.2, 0.1, 0.1, 0.1, 0.08, 0.01])
    cse = (rng.normal(size=(n, 4)) + ids[:, None] + np.arange(4)).astype(np.float32)
    cse[rng.random((n, 4)) < 0.05] = np.nan
    cse[ids == 6, 0] = np.nan  # a type without a single value in a layer
    return ids, {"cse": cse, "surprisal": rng.exponential(3, n).astype(np.float32)}


@pytest.fixture(scope="module")
def parts() -> list[Part]:
    return [made(seed, n) for seed, n in enumerate([700, 1, 0, 1200])]


@pytest.fixture
def whole(parts: list[Part]) -> Summary:
    return fed(parts)


def fed(parts: Any) -> Summary:
    summary = Summary(MEASURES, TOKENS)
    for ids, columns in parts:
        summary.add(ids, columns)
    return summary


def long(parts: list[Part]) -> pd.DataFrame:
    """Every value in a row of its own: the oracle's way, which no scan could afford."""
    rows = []
    for ids, columns in parts:
        kind = np.array(KINDS)[kinds(TOKENS)[ids]]
        for layer in range(4):
            rows.append(
                pd.DataFrame(
                    {"id": ids, "kind": kind, "measure": "cse", "layer": layer + 1, "x": columns["cse"][:, layer]}
                )
            )
        rows.append(
            pd.DataFrame({"id": ids, "kind": kind, "measure": "surprisal", "layer": 0, "x": columns["surprisal"]})
        )
    return pd.concat(rows).astype({"x": float})


def groups(parts: list[Part]) -> Iterator[tuple[tuple[str, str, int], pd.Series]]:
    table = long(parts)
    for one in (table, table.assign(kind="all")):
        for (measure, kind, layer), rows in one.groupby(["measure", "kind", "layer"]):
            yield (measure, kind, layer), rows["x"]


def test_the_table_of_layers_is_what_pandas_finds_in_the_tokens(whole: Summary, parts: list[Part]) -> None:
    table = whole.layers().to_pandas()
    assert len(table) == (len(KINDS) + 1) * (4 + 1)
    table["layer"] = table["layer"].fillna(0).astype(int)
    rows = table.set_index(["measure", "kind", "layer"])
    found = 0
    for key, x in groups(parts):
        row = rows.loc[key]
        assert (row["count"], row["missing"]) == (x.notna().sum(), x.isna().sum())
        assert row["mean"] == pytest.approx(x.mean(), nan_ok=True)
        assert row["variance"] == pytest.approx(x.var(), nan_ok=True)
        for column, q in {"q05": 0.05, "q25": 0.25, "q50": 0.5, "q75": 0.75, "q95": 0.95}.items():
            assert row[column] == pytest.approx(x.quantile(q, interpolation="lower"), rel=0.00101, nan_ok=True)
        found += 1
    assert found == len(table)


def test_the_table_of_types_has_those_that_occurred(whole: Summary, parts: list[Part]) -> None:
    table = whole.types().to_pandas()
    assert table["token"].tolist() == [token for token in TOKENS if token != " never"]
    assert table["kind"].tolist() == [KINDS[number] for number in np.delete(kinds(TOKENS), 7)]
    values = long(parts)
    for row in table.rename(columns={"count": "tokens"}).itertuples():
        own = values[values["id"] == row.token_id]
        surprisal = own.loc[own["measure"] == "surprisal", "x"]
        by_layer = own[own["measure"] == "cse"].groupby("layer")["x"]
        assert row.tokens == len(surprisal)
        assert row.surprisal_mean == pytest.approx(surprisal.mean())
        assert row.surprisal_variance == pytest.approx(surprisal.var())
        assert row.cse_mean.astype(float) == pytest.approx(by_layer.mean().to_numpy(), nan_ok=True)
        assert row.cse_variance.astype(float) == pytest.approx(by_layer.var().to_numpy(), nan_ok=True)
    assert table["count"].sum() == sum(len(ids) for ids, _ in parts)
    assert np.isnan(table.loc[table["token"] == "\n", "cse_mean"].item()[0])


def test_what_is_not_there_is_null_and_not_a_number_that_readers_would_count(whole: Summary) -> None:
    layers = whole.layers()
    assert layers["layer"].null_count == len(KINDS) + 1
    blank = layers.to_pandas().query("kind == 'blank' and layer == 1")
    assert (blank["count"].item(), blank["missing"].item() > 0) == (0, True)
    assert layers["mean"].null_count == layers["variance"].null_count == layers["q50"].null_count == 1
    assert whole.types()["cse_mean"].combine_chunks().flatten().null_count == 1


def test_bins_add_up_to_the_counts_and_hold_their_values(whole: Summary, parts: list[Part]) -> None:
    bins = whole.bins().to_pandas().assign(layer=lambda t: t["layer"].fillna(0).astype(int))
    for (measure, kind, layer), x in groups(parts):
        own = bins[(bins["measure"] == measure) & (bins["kind"] == kind) & (bins["layer"] == layer)]
        assert own["count"].sum() == x.notna().sum()
        assert (own["count"] > 0).all()
        upper, lower = own[own["low"] > 0], own[own["high"] < 0]
        assert upper["count"].sum() == (x > 0).sum()
        assert [((x >= b.low) & (x < b.high)).sum() for b in upper.itertuples()] == upper["count"].tolist()
        assert [((x > b.low) & (x <= b.high)).sum() for b in lower.itertuples()] == lower["count"].tolist()
        assert lower["count"].sum() == (x < 0).sum()


def test_parts_read_again_give_the_same_bits(parts: list[Part], whole: Summary, tmp_path: Path) -> None:
    """As a resumed scan does: finished parts come from their files, the others from the model."""
    for number, (ids, columns) in enumerate(parts[:3]):
        flat = pa.array(columns["cse"].reshape(-1))
        stored = {"token_id": ids, "cse": pa.FixedSizeListArray.from_arrays(flat, 4), "surprisal": columns["surprisal"]}
        pq.write_table(pa.table(stored), tmp_path / f"{number}.parquet")

    def again() -> Iterator[Part]:
        for number in range(3):
            table = pq.read_table(tmp_path / f"{number}.parquet")
            cse = table["cse"].combine_chunks().flatten().to_numpy(zero_copy_only=False).reshape(-1, 4)
            yield table["token_id"].to_numpy(), {"cse": cse, "surprisal": table["surprisal"].to_numpy()}
        yield parts[3]

    resumed = fed(again())
    whole.write(tmp_path / "one")
    resumed.write(tmp_path / "two")
    for name in ("layers", "types", "bins"):
        assert getattr(whole, name)().equals(getattr(resumed, name)())
        one, two = ((tmp_path / folder / f"{name}.parquet").read_bytes() for folder in ("one", "two"))
        assert one == two


def test_merged_summaries_are_those_of_all_parts(parts: list[Part], whole: Summary) -> None:
    merged = fed(parts[:1])
    merged.merge(fed(parts[1:]))
    assert merged.bins().equals(whole.bins())
    assert merged.types().select(["token_id", "count"]).equals(whole.types().select(["token_id", "count"]))
    one, other = (each.layers().to_pandas() for each in (merged, whole))
    pd.testing.assert_frame_equal(one, other, rtol=1e-12)
    flat = [each.types()["cse_variance"].combine_chunks().flatten().to_pylist() for each in (merged, whole)]
    assert flat[0] == pytest.approx(flat[1])


def test_what_a_kill_left_of_a_table_is_swept_away(whole: Summary, tmp_path: Path) -> None:
    for name in ("layers", "types", "bins"):
        (tmp_path / f".{name}.parquet.0123abcd").write_bytes(b"half")
    whole.write(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"layers.parquet", "types.parquet", "bins.parquet"}


@pytest.fixture
def written(whole: Summary, tmp_path: Path) -> Path:
    whole.write(tmp_path / "new" / "summary")
    return tmp_path / "new" / "summary"


def test_pandas_reads_the_tables(written: Path, whole: Summary) -> None:
    assert sorted(path.name for path in written.iterdir()) == ["bins.parquet", "layers.parquet", "types.parquet"]
    for name in ("layers", "types", "bins"):
        pd.testing.assert_frame_equal(pd.read_parquet(written / f"{name}.parquet"), getattr(whole, name)().to_pandas())


def test_polars_reads_the_tables(written: Path, whole: Summary) -> None:
    pl = pytest.importorskip("polars")
    types = pl.read_parquet(written / "types.parquet")
    assert types.schema["cse_mean"] == pl.Array(pl.Float64, 4)
    assert types["cse_mean"].to_list() == whole.types()["cse_mean"].to_pylist()
    for name in ("layers", "bins"):
        assert pl.read_parquet(written / f"{name}.parquet").to_dicts() == getattr(whole, name)().to_pylist()


def test_duckdb_asks_of_the_tables(written: Path, whole: Summary) -> None:
    duckdb = pytest.importorskip("duckdb")
    asked = f"select token, cse_mean[2] from '{written}/types.parquet' where count > 100 order by token_id"
    expected = [(row["token"], row["cse_mean"][1]) for row in whole.types().to_pylist() if row["count"] > 100]
    assert duckdb.sql(asked).fetchall() == expected
    assert len(expected) > 3
    asked = f"select layer, mean from '{written}/layers.parquet' where kind = 'all' and measure = 'cse' order by layer"
    assert [layer for layer, _ in duckdb.sql(asked).fetchall()] == [1, 2, 3, 4]
    asked = f"select sum(count) from '{written}/bins.parquet' where kind = 'all' and measure = 'surprisal'"
    assert duckdb.sql(asked).fetchall() == [(whole.count.sum(),)]


def test_tables_take_the_place_of_older_ones_only_when_they_are_whole(written: Path, tmp_path: Path) -> None:
    """Whoever reads the older ones goes on doing so: another name of theirs tells whether they were written to."""
    older = {path.name: path.read_bytes() for path in written.iterdir()}
    for name in older:
        (tmp_path / name).hardlink_to(written / name)
    fed([made(8, 50)]).write(written)
    assert {name: (tmp_path / name).read_bytes() for name in older} == older
    assert all((written / name).read_bytes() != older[name] for name in older)
    assert sorted(path.name for path in written.iterdir()) == sorted(older)


def test_tables_are_compressed(written: Path) -> None:
    for path in written.iterdir():
        assert pq.read_metadata(path).row_group(0).column(0).compression == "ZSTD"


def test_types_are_written_block_by_block(whole: Summary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK", 3)
    whole.write(tmp_path)
    assert pq.ParquetFile(tmp_path / "types.parquet").num_row_groups == 3
    assert pq.read_table(tmp_path / "types.parquet").equals(whole.types())


def test_a_summary_of_nothing_is_tables_of_nothing(tmp_path: Path) -> None:
    Summary(MEASURES, TOKENS).write(tmp_path)
    sizes = {path.stem: pq.read_metadata(path).num_rows for path in tmp_path.iterdir()}
    assert sizes == {"layers": 35, "types": 0, "bins": 0}
    assert pd.read_parquet(tmp_path / "layers.parquet")["count"].sum() == 0


def test_a_part_that_is_not_of_this_scan_is_refused(refuses: Any) -> None:
    summary = Summary(MEASURES, TOKENS)
    ids, columns = made(9, 20)
    with refuses("cse", "surprisal"):
        summary.add(ids, {"cse": columns["cse"]})
    with refuses("cse, norm, surprisal", "cse, surprisal"):
        summary.add(ids, {**columns, "norm": columns["cse"]})
    with refuses("tokenizer", "9"):
        summary.add(ids + 5, columns)
    with refuses("tokenizer", "-1"):
        summary.add(np.full(20, -1), columns)
    with refuses("(N, 4)"):
        summary.add(ids, {**columns, "cse": columns["cse"][:, :3]})
    with refuses("make both with the same"):
        summary.merge(Summary(MEASURES, [*TOKENS, "more"]))
    with refuses("make both with the same"):
        summary.merge(Summary({**MEASURES, "norm": 4}, TOKENS))
    assert summary.count.sum() == 0
