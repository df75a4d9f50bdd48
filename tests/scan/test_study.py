"""Every token of a corpus: the rows are what measuring text by text gives, whatever the order of events."""

import json
import shutil

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow.parquet as pq
import pytest

import depthscope as ds
from depthscope.scan import plan
from depthscope.scan.verify import verify
from depthscope.store.manifest import file_sha256
from tests.scan.conftest import SMALL, overflowing, prose


def rows_of(folder, table="tokens"):
    return pq.read_table(folder / table).to_pandas()


def files_of(folder):
    return {p.relative_to(folder): file_sha256(p) for p in sorted(folder.rglob("*.parquet"))}


def stacked(column):
    return np.stack(column.to_numpy()).astype(np.float64)


@pytest.fixture(scope="module")
def scanned(network, corpus, tmp_path_factory):
    return ds.scan_corpus(str(network), corpus, tmp_path_factory.mktemp("scan") / "out", **SMALL)


def test_a_document_that_fits_a_window_is_what_trace_text_measures(embedded, tmp_path):
    text = "The lawyer is a shark, and every argument a wave that breaks upon the old wall of his silence. 日本 🙂!"
    (tmp_path / "one.txt").write_text(text, encoding="utf-8")
    measures = ["cse", "norm", "cosine", "participation", "surprisal"]
    found = rows_of(
        ds.scan_corpus(embedded, tmp_path / "one.txt", tmp_path / "out", measures=measures, progress=False).folder
    )
    traj = ds.trace_text(embedded, text, lens=0, progress=False)
    assert found["token_id"].tolist() == traj["token_id"].values.tolist()
    assert found["start"].tolist() == traj["start"].values.tolist()
    assert found["end"].tolist() == traj["end"].values.tolist()
    gram = traj["gram"].values
    norm = np.sqrt(np.diagonal(gram, axis1=1, axis2=2))
    cosine = np.diagonal(gram, 1, 1, 2) / (norm[:, 1:] * norm[:, :-1])
    np.testing.assert_allclose(stacked(found["cse"]), ds.cse(traj).values, rtol=3e-7)
    np.testing.assert_allclose(stacked(found["norm"]), norm, rtol=3e-7)
    np.testing.assert_allclose(stacked(found["cosine"])[:, 1:], cosine, atol=3e-7)
    assert np.isnan(stacked(found["cosine"])[:, 0]).all()
    np.testing.assert_allclose(stacked(found["participation"]), traj["participation"].values / 576, rtol=3e-7)
    np.testing.assert_allclose(found["surprisal"], traj["surprisal"].values, rtol=1e-4, atol=1e-4)
    assert found["surprisal"].isna().tolist() == np.isnan(traj["surprisal"].values).tolist()


def test_every_token_of_every_document_stands_there_once_in_order(scanned, corpus, tokenizer):
    rows = rows_of(scanned.folder)
    texts = {
        path.relative_to(corpus).as_posix(): path.read_text()
        for path in corpus.rglob("*")
        if path.suffix in (".txt", ".md")
    }
    for number, line in enumerate((corpus / "rows.jsonl").read_text().splitlines(), 1):
        texts[f"rows.jsonl:{number}"] = json.loads(line)["text"]
    del texts["c-blank.txt"]
    assert set(rows["document"]) == set(texts)
    for name, some in rows.groupby("document", observed=True):
        encoded = tokenizer(texts[name], add_special_tokens=False, return_offsets_mapping=True)
        assert some["token_index"].tolist() == list(range(len(some)))
        assert some["token_id"].tolist() == encoded["input_ids"]
        assert list(zip(some["start"], some["end"], strict=True)) == encoded["offset_mapping"]
        assert (some["position"] >= np.minimum(some["token_index"], SMALL["context"])).all()
        assert (some["position"] < SMALL["window"]).all()


def test_a_token_of_a_later_window_is_measured_in_its_context(scanned, network, corpus, tokenizer):
    rows = rows_of(scanned.folder)
    some = rows[rows["document"] == "a-long.txt"]
    ids = some["token_id"].to_numpy()
    model = ds.load(str(network))
    for index in (0, 47, 48, 60, 500, len(some) - 1):
        one = some.iloc[index]
        text = (corpus / "a-long.txt").read_text()
        first = index - one["position"]
        # the very characters of its window, up to the token
        traj = ds.trace_text(model, text[some.iloc[first]["start"] : one["end"]], lens=0, progress=False)
        if traj["token_id"].values.tolist() == ids[first : index + 1].tolist():
            np.testing.assert_allclose(one["cse"], ds.cse(traj).values[-1], rtol=1e-5)


@pytest.mark.parametrize("budget", [1, 500])
def test_the_size_of_a_batch_changes_nothing_but_the_last_digits(scanned, network, corpus, tmp_path, budget):
    other = ds.scan_corpus(str(network), corpus, tmp_path / "out", **{**SMALL, "token_budget": budget})
    a, b = rows_of(scanned.folder), rows_of(other.folder)
    for name in ("document", "token_index", "token_id", "position"):
        assert a[name].tolist() == b[name].tolist()
    np.testing.assert_allclose(stacked(a["cse"]), stacked(b["cse"]), rtol=1e-5)
    np.testing.assert_allclose(stacked(a["norm"]), stacked(b["norm"]), rtol=1e-5)


def test_parts_are_of_the_size_asked_for_and_join_in_any_cut(scanned, network, corpus, tmp_path):
    other = ds.scan_corpus(str(network), corpus, tmp_path / "out", **{**SMALL, "part_tokens": 10**6})
    sizes = [pq.read_metadata(path).num_rows for path in sorted((scanned.folder / "tokens").glob("*"))]
    assert len(sizes) > 3
    assert all(SMALL["part_tokens"] <= size < SMALL["part_tokens"] + SMALL["window"] for size in sizes[:-1])
    assert len(list((other.folder / "tokens").glob("*"))) == 1
    a, b = rows_of(scanned.folder), rows_of(other.folder)
    assert a["token_id"].tolist() == b["token_id"].tolist()
    np.testing.assert_allclose(stacked(a["cse"]), stacked(b["cse"]), rtol=1e-5)


def test_pandas_polars_and_duckdb_read_the_table_as_it_stands(scanned):
    by_pandas = pd.read_parquet(scanned.folder / "tokens")
    by_polars = pl.read_parquet(scanned.folder / "tokens" / "*.parquet")
    by_duckdb = duckdb.sql(
        f"select count(*), avg(norm[3]), avg(cse[3]), count(cse[1]) from '{scanned.folder}/tokens/*.parquet'"
    ).fetchall()[0]
    assert len(by_pandas) == len(by_polars) == by_duckdb[0] == scanned.record.results["tokens"]
    assert by_duckdb[1] == pytest.approx(stacked(by_pandas["norm"])[:, 2].mean(), rel=1e-6)
    assert by_polars["norm"].arr.get(2).mean() == pytest.approx(by_duckdb[1], rel=1e-6)
    # a layer that the cone of influence takes away is null, not a number that spoils means
    assert by_duckdb[3] == 0
    assert by_duckdb[2] == pytest.approx(np.nanmean(stacked(by_pandas["cse"])[:, 2]), rel=1e-6)


def test_the_summary_is_that_of_the_rows(scanned):
    rows, layers = rows_of(scanned.folder), scanned.layers("norm")
    values = stacked(rows["norm"])
    np.testing.assert_allclose(layers["mean"], values.mean(0), rtol=1e-9)
    np.testing.assert_allclose(layers["variance"], values.var(0, ddof=1), rtol=1e-6)
    assert (layers["count"] == len(rows)).all()
    types = pq.read_table(scanned.folder / "summary" / "tokens" / "types.parquet").to_pandas()
    assert dict(zip(types["token_id"], types["count"], strict=True)) == rows["token_id"].value_counts().to_dict()


def test_a_scan_draws_itself(scanned, refuses):
    ax = scanned.plot()
    np.testing.assert_allclose(ax.lines[0].get_ydata(), scanned.layers("cse")["mean"])
    assert ax.get_ylabel() == "conditional scale entropy (1)"
    assert scanned.plot("norm").get_ylabel() == "norm of the update (units of the stream)"
    assert "15 documents" in scanned._repr_html_()
    with refuses("measure='surprisal'", "cse, norm"):
        scanned.plot("surprisal")


def test_a_second_call_computes_nothing_and_says_the_same(scanned, network, corpus):
    before = {path: path.stat().st_mtime_ns for path in scanned.folder.rglob("*.parquet")}
    again = ds.scan_corpus(str(network), corpus, scanned.folder, **SMALL)
    assert {path: path.stat().st_mtime_ns for path in scanned.folder.rglob("*.parquet")} == before
    assert again.told == scanned.told


def test_a_measure_is_added_beside_what_is_there(scanned, network, corpus, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(scanned.folder, out)
    before = files_of(out)
    found = ds.scan_corpus(str(network), corpus, out, measures=["cse", "surprisal", "norm", "cosine"], **SMALL)
    after = files_of(out)
    assert {path: after[path] for path in before} == before
    assert found.tables == {"tokens": ("cse", "norm"), "tokens-surprisal-cosine": ("surprisal", "cosine")}
    joined = duckdb.sql(
        f"select count(*) from '{out}/tokens/*.parquet' join '{out}/tokens-surprisal-cosine/*.parquet' "
        "using (document, token_index, token_id)"
    ).fetchall()[0]
    assert joined[0] == scanned.record.results["tokens"]
    at_once = ds.scan_corpus(str(network), corpus, tmp_path / "once", measures=["cosine", "surprisal"], **SMALL)
    ours, theirs = rows_of(out, "tokens-surprisal-cosine"), rows_of(at_once.folder)
    np.testing.assert_array_equal(stacked(ours["cosine"]), stacked(theirs["cosine"]))
    np.testing.assert_array_equal(ours["surprisal"], theirs["surprisal"])
    assert len(found.layers("surprisal")) == 1


def test_other_settings_do_not_mix(scanned, network, corpus, tmp_path, refuses):
    with refuses("window (48, now 64)", "choose another --out"):
        ds.scan_corpus(str(network), corpus, scanned.folder, **{**SMALL, "window": 64})
    with refuses("cse with other settings", "padding (zero, now reflect)", "--out"):
        ds.scan_corpus(str(network), corpus, scanned.folder, cse={"padding": "reflect"}, **SMALL)
    changed = tmp_path / "texts"
    shutil.copytree(corpus, changed)
    out = tmp_path / "out"
    ds.scan_corpus(str(network), changed, out, **SMALL)
    (changed / "b-one.txt").write_text("Ho")
    with refuses("corpus", "now", "--out"):
        ds.scan_corpus(str(network), changed, out, **SMALL)


def test_a_finished_folder_is_not_given_out_as_the_work_of_another_model(tokenizer, corpus, tmp_path, refuses):
    from tests.conftest import tiny_llama

    first, second = (ds.load(tiny_llama(len(tokenizer), width=width), tokenizer) for width in (32, 64))
    found = ds.scan_corpus(first, corpus, tmp_path / "out", measures="norm", **SMALL)
    assert ds.scan_corpus(first, corpus, found.folder, measures="norm", **SMALL).told == found.told
    with refuses("a model with other weights", first.fingerprint, second.fingerprint, "choose another --out"):
        ds.scan_corpus(second, corpus, found.folder, measures="norm", **SMALL)


def test_a_corpus_that_changes_while_it_is_scanned_is_not_finished(network, corpus, tmp_path, refuses, monkeypatch):
    texts, out = shutil.copytree(corpus, tmp_path / "texts"), tmp_path / "out"
    write = plan.write_parquet

    def meddle(*given):
        (texts / "rows.jsonl").write_text(json.dumps({"text": prose(3, 80)}) + "\n")
        return write(*given)

    monkeypatch.setattr(plan, "write_parquet", meddle)
    with refuses("changed while it was scanned", f"delete {out}"):
        ds.scan_corpus(str(network), texts, out, **SMALL)
    with refuses("not finished"):
        verify(out, progress=False)
    monkeypatch.undo()
    shutil.copy(corpus / "rows.jsonl", texts)
    with refuses("corpus.sha256 (changed during the scan, now", "delete the folder"):
        ds.scan_corpus(str(network), texts, out, **SMALL)


def test_what_a_table_holds_is_known_without_its_line_in_the_manifest(scanned, network, corpus, tmp_path, refuses):
    out = shutil.copytree(scanned.folder, tmp_path / "out")
    manifest = out / "manifest.jsonl"
    lines = manifest.read_text(encoding="utf-8").splitlines()
    assert "part" not in json.loads(lines[0])
    manifest.write_text("".join(f"{line}\n" for line in lines[1:]), encoding="utf-8")
    found = ds.scan_corpus(str(network), corpus, out, **SMALL)
    assert found.record.results["computed"] == scanned.record.results["computed"]
    with refuses(
        "manifest.jsonl", "its digest is not the one in run.json"
    ):  # known, and yet no longer what was written
        verify(out, progress=False)


def test_loading_options_of_other_kinds_than_text_can_be_continued(network, corpus, tmp_path):
    import torch

    options = {**SMALL, "load": {"dtype": torch.float32}, "measures": ["norm"]}
    first = ds.scan_corpus(str(network), corpus, tmp_path / "out", **options)
    assert ds.scan_corpus(str(network), corpus, tmp_path / "out", **options).told == first.told


@pytest.mark.parametrize(
    ("words", "options"),
    [
        (("'wavlet'", "wavelet"), {"cse": {"wavlet": "haar"}}),
        (("normalize='no'", "True or False"), {"cse": {"normalize": "no"}}),
        (("min_scales='3'", "whole number"), {"cse": {"min_scales": "3"}}),
        (("min_scales=-1", "whole number"), {"cse": {"min_scales": -1}}),
        (("precision='single'", "double precision"), {"cse": {"precision": "single"}}),
        (("layers='2:4'", "first"), {"cse": {"layers": "2:4"}}),
        (("layers=(2,)", "first"), {"cse": {"layers": (2,)}}),
        (("cse='haar'", "dict"), {"cse": "haar"}),
        (("load='cpu'", "dict"), {"load": "cpu"}),
        (("window=64.0", "whole number"), {"window": 64.0}),
        (("window=True", "whole number"), {"window": True}),
        (("context=nan", "whole number"), {"context": float("nan")}),
        (("token_budget='96'", "whole number"), {"token_budget": "96"}),
        (("threads=1.0", "whole number"), {"threads": 1.0}),
        (("measures=None", "names"), {"measures": None}),
        (("measures=[['cse']]", "names"), {"measures": [["cse"]]}),
    ],
)
def test_what_is_of_no_kind_that_could_be_meant_is_refused(network, corpus, tmp_path, refuses, words, options):
    with refuses(*words):
        ds.scan_corpus(str(network), corpus, tmp_path / "out", **{**SMALL, **options})
    assert not (tmp_path / "out").exists()


def test_a_model_or_a_folder_that_is_none_is_refused(network, corpus, tmp_path, refuses):
    for model in (None, 3, ds.load(str(network)).network):
        with refuses("model is a", "give a name"):
            ds.scan_corpus(model, corpus, tmp_path / "out", **SMALL)
    for out in (None, "", "a\0b"):
        with refuses("out=", "a folder"):
            ds.scan_corpus(str(network), corpus, out, **SMALL)
    with refuses("load=", "loaded already"):
        ds.scan_corpus(ds.load(str(network)), corpus, tmp_path / "out", load={"dtype": "bfloat16"}, **SMALL)


def test_scales_may_be_an_array(network, corpus, tmp_path):
    scales = np.geomspace(1, 3, 6)
    given = [
        rows_of(
            ds.scan_corpus(
                str(network), corpus, tmp_path / kind, measures=["cse"], cse={"scales": one, "mask_coi": False}, **SMALL
            ).folder
        )
        for kind, one in (("array", scales), ("list", scales.tolist()))
    ]
    np.testing.assert_array_equal(*(stacked(rows["cse"]) for rows in given))


@pytest.mark.parametrize(
    ("part", "value"), [("settings", {}), ("results", {}), ("digests", None), ("resolved", []), ("words", "none")]
)
def test_a_record_that_somebody_has_changed_is_named(scanned, network, corpus, tmp_path, refuses, part, value):
    out = shutil.copytree(scanned.folder, tmp_path / "out")
    record = json.loads((out / "run.json").read_text(encoding="utf-8"))
    (out / "run.json").write_text(json.dumps(record | {part: value}), encoding="utf-8")
    with refuses(str(out), "run"):
        verify(out, progress=False)


def test_a_layer_window_keeps_every_layer_at_its_number(network, corpus, tmp_path):
    options = {"layers": (2, 6), "mask_coi": False}
    found = rows_of(
        ds.scan_corpus(str(network), corpus, tmp_path / "out", measures=["cse"], cse=options, **SMALL).folder
    )
    values = stacked(found["cse"])
    assert values.shape[1] == 6
    assert np.isnan(values[:, 0]).all()
    assert np.isfinite(values[:, 1:]).all()


def test_numbers_that_are_none_are_counted_and_told(tokenizer, corpus, tmp_path):
    model = overflowing(tokenizer, "Hi")
    found = ds.scan_corpus(model, corpus / "b-one.txt", tmp_path / "out", **SMALL)
    assert any("1 tokens have no cse at any layer" in str(line) for line in found.told)
    assert found.layers("cse")["missing"].tolist() == [1] * 6


def test_bad_questions_are_refused_before_anything_is_written(network, corpus, tmp_path, refuses):
    out = tmp_path / "out"
    for words, options in (
        (("measure 'breadth'", "cse, norm"), {"measures": ["breadth"]}),
        (("nothing to measure",), {"measures": []}),
        (("wavelet", "--measure cse"), {"measures": ["norm"], "cse": {"wavelet": "haar"}}),
        (("window=10000", "128"), {"window": 10_000}),
        (("window of 12", "context"), {"window": 12, "context": 12}),
        (("part_tokens=0",), {"part_tokens": 0}),
        (("token_budget=-5",), {"token_budget": -5}),
        (("workers=0",), {"workers": 0}),
        (("workers=2", "--engine ray"), {"workers": 2}),
        (("threads=0",), {"threads": 0}),
        (("engine='spark'",), {"engine": "spark"}),
    ):
        with refuses(*words):
            ds.scan_corpus(str(network), corpus, out, **{**SMALL, **options})
    with refuses("nowhere"):
        ds.scan_corpus(str(network), tmp_path / "nowhere", out, **SMALL)
    with refuses("does not travel"):
        ds.scan_corpus(ds.load(str(network)), corpus, out, engine="ray", **SMALL)
    assert not out.exists()


def test_a_document_longer_than_a_section_is_tokenised_as_if_at_once(network, tokenizer, tmp_path):
    text = prose(3, 70_000)
    assert len(text) > 2**18
    (tmp_path / "long.txt").write_text(text)
    out = ds.scan_corpus(
        str(network), tmp_path / "long.txt", tmp_path / "out", measures=["norm"], progress=False
    ).folder
    assert rows_of(out)["token_id"].tolist() == tokenizer(text, add_special_tokens=False)["input_ids"]
