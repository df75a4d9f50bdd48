"""The page of a scan: what it shows is what stands in the rows."""

import shutil
from html import unescape

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

import depthscope as ds
from depthscope.drawing.reading import short
from depthscope.scan.figures import draw_kinds
from depthscope.scan.results import TYPES
from depthscope.studies.reports import page_of, report
from tests.running import heavy_after
from tests.scan.conftest import SMALL, corpus, network, overflowing

__all__ = ["corpus", "network"]  # fixtures

MEASURES = ["cse", "norm", "surprisal"]


@pytest.fixture(scope="module")
def scanned(network, corpus, tmp_path_factory):
    out = tmp_path_factory.mktemp("scan") / "out"
    found = ds.scan_corpus(str(network), corpus, out, measures=MEASURES, **SMALL)
    assert found.report() == out / "report.html"
    return found


@pytest.fixture(scope="module")
def rows(scanned):
    """Every token, its layers side by side."""
    table = pq.read_table(scanned.folder / "tokens").to_pandas()
    for name in ("cse", "norm"):
        table[name] = list(np.stack(table[name]).astype(float))
    return table


def test_what_is_on_the_page(scanned):
    page = (scanned.folder / "report.html").read_text(encoding="utf-8")
    keys = [section.key for section in page_of(scanned.folder).sections]
    assert keys == ["tokens", "kinds", "types", "left_out", "settings"]
    for words in ("15 documents", "Conditional scale entropy (1) by layer, mean of all tokens", "it tests nothing"):
        assert words in unescape(page)
    for name in ("tokens-cse", "tokens-norm", "kinds-cse", "kinds-norm"):
        assert (scanned.folder / "figures" / f"{name}.svg").is_file()


def test_it_is_made_of_the_folder_alone_and_always_the_same(scanned, tmp_path):
    copy = shutil.copytree(scanned.folder, tmp_path / "copy")
    shutil.rmtree(copy / "tokens")
    for name in ("report.html", "layers.csv", "types.csv"):
        (copy / name).unlink()
    assert report(copy).read_bytes() == (scanned.folder / "report.html").read_bytes()


def test_neither_torch_nor_a_model_is_needed(scanned):
    assert heavy_after("report", scanned.folder) == "[] 0"


def test_entries_of_the_vocabulary_are_those_of_the_rows(scanned, rows):
    shown = pd.read_csv(scanned.folder / "types.csv", keep_default_na=False, na_values=[""])
    groups = rows.groupby("token_id")
    counts = groups.size()
    assert len(shown) == min(TYPES, len(counts))
    assert shown["count"].is_monotonic_decreasing
    assert shown["count"].tolist() == counts[shown["token_id"]].tolist()
    texts = groups["token"].first()[shown["token_id"]]
    assert shown["token"].astype(str).tolist() == [short(text) for text in texts]
    for name in MEASURES:
        values = rows[name] if name == "surprisal" else np.stack(rows[name])[:, scanned_middle(scanned, name) - 1]
        by_type = pd.Series(values, dtype=float).groupby(rows["token_id"])
        np.testing.assert_allclose(shown[f"{name}_mean"], by_type.mean()[shown["token_id"]], rtol=1e-6)
        np.testing.assert_allclose(shown[f"{name}_sd"], by_type.std()[shown["token_id"]], rtol=1e-5, atol=1e-9)


def scanned_middle(scanned, name: str) -> int:
    """The middle of the layers at which there is something."""
    layers = scanned.layers(name).query("count > 0")["layer"].tolist()
    assert f"{name} at layer {layers[len(layers) // 2]}" in run_page_words(scanned, "types")
    return layers[len(layers) // 2]


def run_page_words(scanned, key: str) -> str:
    page = unescape((scanned.folder / "report.html").read_text(encoding="utf-8"))
    return page[page.index(f'id="{key}"') :]


@pytest.mark.parametrize("name", ["cse", "norm"])
def test_lines_of_kinds_are_means_of_the_rows(scanned, rows, name):
    kinds = pd.read_parquet(scanned.folder / "summary" / "tokens" / "types.parquet").set_index("token_id")["kind"]
    lines = {line.get_label(): line.get_ydata() for line in draw_kinds(scanned.summaries, name).lines}
    forms = rows["token_id"].map(kinds)
    for kind, some in rows.groupby(forms):
        values = np.stack(some[name])
        n = np.isfinite(values).sum(0).max()
        with np.errstate(invalid="ignore"):
            expected = np.where(np.isfinite(values).any(0), np.nansum(values, 0) / np.isfinite(values).sum(0), np.nan)
        np.testing.assert_allclose(lines.pop(f"{kind} (n = {n})"), expected, rtol=1e-6)
    assert not [label for label in lines if "n =" in label]


def test_a_measure_that_is_added_is_shown_too(scanned, network, corpus, tmp_path):
    copy = shutil.copytree(scanned.folder, tmp_path / "copy")
    found = ds.scan_corpus(str(network), corpus, copy, measures=["participation"], **SMALL)
    found.report()
    assert (copy / "figures" / "kinds-participation.svg").is_file()
    assert "participation_mean" in pd.read_csv(copy / "types.csv")
    assert set(pd.read_csv(copy / "layers.csv")["measure"]) == {*MEASURES, "participation"}


def test_a_measure_without_any_value_is_named_and_not_drawn(tokenizer, corpus, tmp_path):
    found = ds.scan_corpus(overflowing(tokenizer, "Hi"), corpus / "b-one.txt", tmp_path / "out", **SMALL)
    page = unescape(found.report().read_text(encoding="utf-8"))
    assert "no token has a value" in page
    assert "1 tokens have no cse at any layer" in page
    assert not list((tmp_path / "out" / "figures").glob("*-cse.svg"))


def test_a_scan_that_is_not_finished_has_no_page(scanned, tmp_path, refuses):
    copy = shutil.copytree(scanned.folder, tmp_path / "copy")
    record = (copy / "run.json").read_text(encoding="utf-8")
    (copy / "run.json").write_text(record.replace('"finished"', '"running"'), encoding="utf-8")
    with refuses("its run is not finished"):
        report(copy)


def test_a_damaged_summary_is_named(scanned, tmp_path, refuses):
    copy = shutil.copytree(scanned.folder, tmp_path / "copy")
    path = copy / "summary" / "tokens" / "types.parquet"
    path.write_bytes(path.read_bytes()[:100])
    with refuses("types.parquet: damaged or missing", "run the same command again"):
        report(copy)


def test_a_scan_of_surprisal_alone_has_a_page_without_figures(network, corpus, tmp_path):
    found = ds.scan_corpus(str(network), corpus, tmp_path / "out", measures="surprisal", **SMALL)
    page = unescape(found.report().read_text(encoding="utf-8"))
    assert "surprisal: mean" in page.replace("<strong>", "").replace("</strong>", "")
    assert not list((tmp_path / "out" / "figures").iterdir())
