"""``depthscope compare``: folders in, words out, status 2 for what is no run."""

import shutil

import pandas as pd
import pytest

from depthscope.studies.compare.study import compare
from depthscope.studies.compare.words import answer, verdicts
from tests.running import record_of, strict_json
from tests.studies.compare.test_study import runs
from tests.studies.conftest import model

__all__ = ["model", "runs"]


def test_the_words_go_to_the_terminal_and_the_folder(depthscope, runs, tmp_path):
    out = tmp_path / "out"
    words = (
        "compare",
        runs / "tiny",
        runs / "eight",
        "--depth",
        "0.2",
        "0.8",
        "--points",
        "10",
        "--contrast",
        "complex-literal",
    )
    outcome = depthscope(*words, "--out", out)
    assert outcome.status == 0, outcome.err
    assert "complex - literal, mean over relative depth 0.2 to 0.8: higher in" in outcome.out
    assert '"Not found" is not "absent".' in outcome.out
    assert f"written: {out} (begin with report.html" in outcome.out
    settings = record_of(out)["settings"]
    assert (settings["depth"], settings["points"], settings["contrast"]) == ([0.2, 0.8], 10, "complex-literal")
    assert record_of(out)["command"].startswith("depthscope compare ")
    assert pd.read_csv(out / "models.csv")["label"].tolist() == ["tiny", "eight"]
    assert len(pd.read_csv(out / "depths.csv")) == 40


def test_without_a_folder_nothing_is_written(depthscope, runs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    outcome = depthscope("compare", runs)
    assert outcome.status == 0, outcome.err
    assert "over 2 models" in outcome.out
    assert "written:" not in outcome.out
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", [("--depth", "0.6", "0"), ("--points", "1"), ("--contrast", "a-b")])
def test_settings_that_mean_nothing_are_one_sentence(depthscope, runs, words):
    assert depthscope("compare", runs, *words).sentence


def test_what_is_no_run_is_one_sentence(depthscope, runs, tmp_path):
    assert "no such folder" in depthscope("compare", tmp_path / "nowhere").sentence
    shutil.copytree(runs / "tiny", tmp_path / "tiny")
    (tmp_path / "tiny" / "run.json").write_text("{")
    assert "run.json: not a readable run record" in depthscope("compare", tmp_path / "tiny").sentence


def test_help_names_what_can_be_asked(depthscope):
    told = depthscope("compare", "--help").out
    for word in ("RUN", "--depth LOW HIGH", "--points", "--contrast", "--out", "depthscope[mechanism]"):
        assert word in told


def test_a_comparison_for_a_program(depthscope, runs, tmp_path):
    outcome = depthscope("compare", runs, "--json")
    document = strict_json(outcome.out)
    keys = ["contrast", "depth", "answer", "claims", "notes", "pooled", "these_models", "models", "mechanism"]
    assert list(document) == [*keys, "command", "folder"]
    found = compare(runs)
    assert (document["answer"], document["claims"]) == (answer(found), verdicts(found))
    assert [f"note: {line}" for line in document["notes"]] == outcome.err.splitlines()
    assert document["pooled"]["estimate"] == found.pooled.estimate
    assert document["pooled"]["prediction_low"] is None  # two models give none
    assert [row["label"] for row in document["models"]] == ["eight", "tiny"]
    assert list(document["models"][0]) == list(found.to_dataframe())
    assert len(document["these_models"]["items"]) == len(found.joint.items)
    assert (document["depth"], document["folder"]) == ([0, 0.6], None)
    written = depthscope("compare", runs, "--json", "--out", tmp_path / "out")
    assert strict_json(written.out)["folder"] == str(tmp_path / "out")
