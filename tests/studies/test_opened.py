"""A finished run, opened: what it returned, to the last digit, and nothing that it did not write."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import depthscope as ds
from depthscope.statistics.result import Contrast
from depthscope.store.record import RunRecord
from depthscope.store.sealed import runs_below, seal
from depthscope.studies.contrast.settings import Settings
from depthscope.studies.contrast.study import run_metaphor

pytestmark = pytest.mark.usefixtures("every_format")

CONTRASTS = ("metaphor-literal", "(metaphor-literal)-(complex-literal)")


@pytest.fixture(scope="module")
def returned(model, stimuli, tmp_path_factory):
    folder = tmp_path_factory.mktemp("opened")
    table = stimuli.rename(columns={"kind": "kind of word"})
    keep = [c for c in table if c in ("item", "condition", "text", "target", "arousal", "kind of word")]
    table[keep].to_csv(folder / "stimuli.csv", index=False)
    settings = Settings(
        model="ours", stimuli=str(folder / "stimuli.csv"), evidence="none", threads=1, contrasts=CONTRASTS,
        contrast={"permutations": 100, "resamples": 50, "seed": 5, "include_same_context": True},
    )  # fmt: skip
    return run_metaphor(settings, folder / "run", progress=False, model=model)


@pytest.fixture(scope="module")
def opened(returned):
    return ds.open_run(returned.folder)


@pytest.fixture
def copy(returned, tmp_path):
    shutil.copytree(returned.folder, tmp_path / "run")
    return tmp_path / "run"


def test_cse_is_what_the_run_returned(returned, opened):
    np.testing.assert_array_equal(opened.cse, returned.cse)
    assert opened.cse.dims == returned.cse.dims
    for name in (
        "item",
        "condition",
        "layer",
        "relative_depth",
        "valid_scales",
        "text",
        "surprisal",
        "kind of word",
        "group",
    ):
        ours, theirs = opened.cse[name], returned.cse[name]
        assert ours.dims == theirs.dims
        assert ours.dtype.kind == theirs.dtype.kind or ours.dtype.kind in "OU"
        assert (ours.values == theirs.values)[~pd.isna(theirs.values)].all(), name
    assert opened.cse.attrs["wavelet"] == returned.cse.attrs["wavelet"]


def test_contrasts_are_what_the_run_returned_to_the_last_digit(returned, opened, tmp_path):
    assert [c.name for c in opened.contrasts] == [c.name for c in returned.contrasts]
    for ours, theirs in zip(opened.contrasts, returned.contrasts, strict=True):
        pd.testing.assert_frame_equal(ours.to_dataframe(), theirs.to_dataframe(), check_exact=True)
        pd.testing.assert_frame_equal(ours.clusters_dataframe(), theirs.clusters_dataframe(), check_exact=True)
        assert ours.settings == theirs.settings
        assert str(ours) == str(theirs)
        again = Contrast.load(ours.save(tmp_path / "contrast.json"))
        pd.testing.assert_frame_equal(again.to_dataframe(), theirs.to_dataframe(), check_exact=True)
    assert opened.plot().get_xlabel()


def test_tables_figures_stores_and_words_are_those_of_the_folder(returned, opened):
    folder = returned.folder
    assert set(opened.tables) == {path.stem for path in folder.glob("*.csv")} >= {"contrasts", "clusters", "layers"}
    assert len(opened.tables["layers"]) == 4 * opened.cse.sizes["layer"]
    assert opened.tables["layers"] is opened.tables["layers"]  # read once
    np.testing.assert_array_equal(opened.tables["contrasts"]["t"][:10], opened.contrasts[0].to_dataframe()["t"])
    assert {path.stem for path in (folder / "figures").iterdir()} == set(opened.figures)
    assert set(opened.figures["cse"] if "cse" in opened.figures else next(iter(opened.figures.values()))) == {
        "svg",
        "png",
        "pdf",
    }
    xr.testing.assert_identical(ds.cse(opened.trajectories), ds.cse(opened.stores["trajectories"]))
    np.testing.assert_array_equal(ds.cse(opened.trajectories), opened.cse)
    assert opened.summary == (folder / "summary.md").read_text(encoding="utf-8")
    assert opened.answer == returned.record.answer
    assert (opened.study, opened.timings) == ("metaphor", returned.record.timings)
    assert opened.settings["contrasts"] == list(CONTRASTS)
    assert opened.remarks[: len(returned.remarks)] == returned.record.words.get("left_out", [])[: len(returned.remarks)]
    assert len(opened.runs) == 0


def test_it_shows_itself(opened):
    assert "metaphor - literal" in str(opened)
    assert "img" in opened._repr_html_()
    assert any("tables: " in str(line) and "clusters" in str(line) for line in opened.told)
    assert "clusters" in repr(opened.tables)


def test_nothing_is_read_before_it_is_asked_for(copy):
    for name in ("cse.nc", "layers.csv"):
        (copy / name).write_text("spoilt")
    run = ds.open_run(str(copy))
    assert "layers" in run.tables
    assert len(run.tables["clusters"].columns) > 3


def test_what_is_not_what_the_run_wrote_is_refused(copy, refuses):
    for name in ("cse.nc", "layers.csv", "summary.md"):
        (copy / name).write_bytes((copy / name).read_bytes()[:-1] + b"!")
    run = ds.open_run(copy)
    for ask in (lambda: run.cse, lambda: run.contrasts, lambda: run.tables["layers"], lambda: run.summary):
        with refuses("changed since the run wrote it"):
            ask()
    (copy / "layers.csv").unlink()
    assert any("layers.csv" in remark for remark in ds.open_run(copy).remarks)
    with refuses("there is no layers.csv"):
        ds.open_run(copy).tables["layers"]
    with refuses("no table called 'words'", "clusters"):
        run.tables["words"]
    (copy / "mine.csv").write_text("a\n1\n")  # what somebody added is not of the run
    assert "mine" not in ds.open_run(copy).tables


def edited(folder, change):
    """The record of a run, changed by hand."""
    record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    change(record)
    (folder / "run.json").write_text(json.dumps(record), encoding="utf-8")
    return ds.open_run(folder)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda s: s.update(contrasts="metaphor-literal"), "no list of texts"),
        (lambda s: s.update(contrasts=[["metaphor", "literal"]]), "no list of texts"),
        (lambda s: s.update(contrasts=7), "no list of texts"),
        (lambda s: s.update(contrasts=["metaphor-nothing"]), "cannot be computed"),
        (lambda s: s.pop("contrast"), "not those that a run records"),
        (lambda s: s.update(contrast=True), "not those that a run records"),
        (lambda s: s["contrast"].pop("seed"), "not those that a run records (seed)"),
        (lambda s: s["contrast"].update(h=1), "not those that a run records (h)"),
        (lambda s: s["contrast"].update(permutations="many"), "cannot be computed"),
        (lambda s: s["contrast"].update(adjust=[["a"]]), "cannot be computed"),
        (lambda s: s["contrast"].update(adjust=True), "cannot be computed"),
        (lambda s: s["contrast"].update(seed=6), "other numbers"),
        (lambda s: s["contrast"].update(permutations=99), "other numbers"),
        (lambda s: s["contrast"].update(alternative="less"), "other numbers"),
    ],
)
def test_contrasts_of_an_edited_record_are_refused(copy, change, word, refuses):
    run = edited(copy, lambda record: change(record["settings"]))
    with refuses("run.json", word, "put the original back"):
        _ = run.contrasts
    if word.startswith("not those"):
        with refuses("run.json", "contrast"):
            ds.compare(copy, contrast="metaphor-literal")


def test_a_study_that_nobody_knows_and_a_measure_that_is_gone_are_told(copy, refuses):
    with refuses("run.json", "a study called 'metafor'", "it knows metaphor, "):
        edited(copy, lambda record: record.update(study="metafor"))
    run = edited(copy, lambda record: record.update(study="metaphor"))
    (copy / "cse.nc").unlink()
    for ask in (lambda: run.cse, lambda: run.contrasts, run.plot):
        with refuses("cse.nc: not there any more", "put the file back", "run the study again"):
            ask()


def test_rows_beside_it_that_are_gone_are_told(opened, copy, refuses):
    assert set(opened.relative) == {"relative", "total", "norms", "directions", "autocorrelation"}
    (copy / "relative.nc").unlink()
    with refuses("relative.nc: not there any more", "put the file back"):
        _ = ds.open_run(copy).relative


def test_a_run_of_runs_opens_those(copy, tmp_path, refuses):
    (tmp_path / "half").mkdir()
    RunRecord("metaphor", {}).write(tmp_path / "half" / "run.json")
    record = RunRecord("models", {"contrasts": ["metaphor-literal"]}, title="all")
    (tmp_path / "models.csv").write_text("model\nours\n")
    record.status, record.files, record.digests = "finished", seal(tmp_path), runs_below(tmp_path)
    record.write(tmp_path / "run.json")
    # somebody put another finished run beside
    shutil.copytree(copy, tmp_path / "neighbour")
    whole = ds.open_run(tmp_path)
    assert list(whole.runs) == ["run"]
    assert whole.runs["run"].contrasts[0].name == "metaphor - literal"
    with refuses("holds no CSE of its own", ".runs: run"):
        _ = whole.cse
    assert "all" in whole._repr_html_()
    for name in ("half", "neighbour"):
        with refuses(f"no run called {name!r}"):
            whole.runs[name]
    edited(copy, lambda record: record["settings"].update(evidence="full"))
    with refuses("run.json: changed since the run above it was finished"):
        ds.open_run(tmp_path).runs["run"]


def test_of_a_run_of_runs_without_digests_all_are_opened(copy, tmp_path):
    RunRecord("models", {}, status="finished", title="all").write(tmp_path / "run.json")
    assert list(ds.open_run(tmp_path).runs) == ["run"]


def test_what_is_no_finished_run_is_refused(tmp_path, refuses):
    with refuses("there is no such folder", "finished run"):
        ds.open_run(tmp_path / "none")
    with refuses("no run.json"):
        ds.open_run(tmp_path)
    RunRecord("metaphor", {}).write(tmp_path / "run.json")
    with refuses("not finished"):
        ds.open_run(tmp_path)
