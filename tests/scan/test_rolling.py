"""A corpus read on the roll: the rows of windows where nothing is cut, and the same bytes whatever happens on the way."""

import json
import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest

import depthscope as ds
from depthscope.cli.main import main
from depthscope.model.miniature import byte_tokenizer, families, miniature
from depthscope.scan.estimate import estimate
from depthscope.scan.verify import verify
from tests.scan.conftest import SMALL, prose
from tests.scan.test_study import files_of, rows_of, stacked

ROLLING = {**SMALL, "reading": "rolling", "measures": ["cse", "norm", "surprisal"]}


@pytest.fixture(scope="module")
def rolled(network, corpus, tmp_path_factory):
    return ds.scan_corpus(str(network), corpus, tmp_path_factory.mktemp("rolling") / "out", **ROLLING)


@pytest.fixture(scope="module")
def windowed(network, corpus, tmp_path_factory):
    return ds.scan_corpus(
        str(network), corpus, tmp_path_factory.mktemp("windows") / "out", **{**ROLLING, "reading": "windows"}
    )


def test_where_nothing_was_cut_both_readings_are_the_same(rolled, windowed):
    a, b = rows_of(rolled.folder), rows_of(windowed.folder)
    for name in ("document", "token_index", "start", "end", "token_id", "position"):
        assert a[name].tolist() == b[name].tolist()
    first = (a["token_index"] < SMALL["window"]).to_numpy()
    assert 0.2 < first.mean() < 0.8
    for name in ("cse", "norm", "surprisal"):
        ours, theirs = (np.stack(x[name]).astype(float) if name != "surprisal" else x[name].to_numpy() for x in (a, b))
        np.testing.assert_allclose(ours[first], theirs[first], rtol=1e-4, atol=1e-6)
        later = np.abs(ours[~first] - theirs[~first])
        assert 0 < np.nanmean(later**2) < 0.1 * np.nanmean(theirs[~first] ** 2)
    # no surprisal is missing where a pass begins
    assert a["surprisal"].isna().sum() == (a["position"] == 0).sum()


def test_settings_proof_and_the_difference_from_windows_are_told_and_recorded(rolled, windowed):
    record = json.loads((rolled.folder / "run.json").read_text())
    assert record["settings"]["reading"] == "rolling"
    assert record["resolved"]["sinks"] == 1
    assert record["resolved"]["reach"] > SMALL["window"]
    assert "after a cut" in record["checks"]["rolling"]
    count = record["resolved"]["compared"]
    assert count > 100
    told = [str(line) for line in rolled.told]
    assert any(f"read on the roll: over {count} tokens it differs from windows" in line for line in told)
    # what is told is what the rows say
    a, b = (rows_of(found.folder).iloc[48 : 48 + count] for found in (rolled, windowed))
    difference = stacked(a["norm"]) - stacked(b["norm"])
    apart = record["resolved"]["apart"]["norm"]
    assert apart["rms"] == pytest.approx(np.sqrt((difference**2).mean()), rel=0.2)
    assert apart["sd"] == pytest.approx(np.sqrt(stacked(b["norm"]).var(0, ddof=1).mean()), rel=1e-3)
    assert "reading" not in json.loads((windowed.folder / "run.json").read_text())["settings"]


def test_a_scan_that_was_killed_between_parts_writes_the_same_bytes(rolled, network, corpus, tmp_path):
    out = shutil.copytree(rolled.folder, tmp_path / "out")
    before = files_of(out)
    parts = sorted((out / "tokens").glob("*.parquet"))
    assert len(parts) > 3
    # as a kill leaves it: some parts, the record of a scan under way, half a file
    record = json.loads((out / "run.json").read_text()) | {"status": "running", "results": {}}
    (out / "run.json").write_text(json.dumps(record))
    lines = (out / "manifest.jsonl").read_text().splitlines()
    (out / "manifest.jsonl").write_text("".join(f"{line}\n" for line in lines[:3]))
    parts[1].write_bytes(b"half")
    for path in parts[2:]:
        path.unlink()
    shutil.rmtree(out / "summary")
    again = ds.scan_corpus(str(network), corpus, out, **ROLLING)
    assert files_of(out) == before
    assert again.record.resolved["apart"] == rolled.record.resolved["apart"]
    assert verify(out, progress=False)


def test_readings_do_not_mix(rolled, windowed, network, corpus, refuses):
    with refuses("reading (rolling, now None)", "choose another --out"):
        ds.scan_corpus(str(network), corpus, rolled.folder, **{**ROLLING, "reading": "windows"})
    with refuses("reading (None, now rolling)", "choose another --out"):
        ds.scan_corpus(str(network), corpus, windowed.folder, **ROLLING)
    with refuses("reading='slow'", "windows, rolling"):
        ds.scan_corpus(str(network), corpus, rolled.folder, **{**ROLLING, "reading": "slow"})


def test_the_size_of_a_batch_changes_nothing_but_the_last_digits(rolled, network, corpus, tmp_path):
    other = ds.scan_corpus(str(network), corpus, tmp_path / "out", **{**ROLLING, "token_budget": 1000})
    a, b = rows_of(rolled.folder), rows_of(other.folder)
    np.testing.assert_allclose(stacked(a["norm"]), stacked(b["norm"]), rtol=1e-4)
    np.testing.assert_allclose(a["surprisal"], b["surprisal"], rtol=1e-4, atol=1e-4)


def test_learnt_positions_are_refused_before_anything_is_written(tmp_path, refuses):
    family = next(f for f in families() if f.model_type == "gpt2")
    (tmp_path / "text.txt").write_text(prose(1, 300))
    model = ds.load(miniature(family), byte_tokenizer())
    with refuses("on the roll", "absolute", "--reading windows"):
        ds.scan_corpus(model, tmp_path / "text.txt", tmp_path / "out", **ROLLING)
    assert not list((tmp_path / "out").glob("**/*.parquet"))


def test_a_corpus_of_short_documents_says_that_there_is_no_difference(network, tmp_path):
    (tmp_path / "text.txt").write_text(prose(1, 12))
    found = ds.scan_corpus(str(network), tmp_path / "text.txt", tmp_path / "out", **ROLLING)
    assert any("no document at its beginning is longer than a window" in str(line) for line in found.told)


def test_the_command_reads_on_the_roll(network, tmp_path, capsys):
    (tmp_path / "text.txt").write_text(prose(1, 200))
    sizes = ["--window", "48", "--context", "36", "--no-progress"]
    words = ["scan", "--model", str(network), "--corpus", str(tmp_path / "text.txt"), "--out", str(tmp_path / "out")]
    assert main([*words, "--reading", "rolling", *sizes]) == 0
    assert "read on the roll" in capsys.readouterr().out
    assert pq.read_table(tmp_path / "out" / "tokens").num_rows > 150


def test_an_estimate_counts_what_runs_again(network):
    given = {"window": 128, "context": 96, "device": "cpu"}
    windows, rolling = (estimate(network, reading=kind, **given) for kind in ("windows", "rolling"))
    assert windows.overlap == 4
    assert 1 < rolling.overlap < 1.05
    assert rolling.states > windows.states
