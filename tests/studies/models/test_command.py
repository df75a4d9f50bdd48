"""``depthscope run models``: names in, one table out, status 2 only where nothing worked."""

import shlex
import shutil

import pandas as pd
import pytest

from tests.running import QUICK, record_of, strict_json


@pytest.fixture
def broken(model_folder, tmp_path):
    folder = tmp_path / "bro,ken"
    shutil.copytree(model_folder, folder)
    (folder / "model.safetensors").write_bytes(b"no weights")
    return folder


def test_names_come_with_commas_or_one_by_one_and_one_failure_is_no_failure(
    depthscope, model_folder, broken, table_file, tmp_path
):
    copy, out = tmp_path / "copy", tmp_path / "out"
    shutil.copytree(model_folder, copy)
    words = ["run", "models", "--models", f"{model_folder}, {copy}", "--models", broken, "--stimuli", table_file]
    outcome = depthscope(*words, "--out", out, *QUICK, "--sample", "4", "--language", "en", "--wavelet", "haar")
    assert outcome.status == 0, outcome.err
    assert "metaphor - literal: higher in a cluster of layers in 0 of 2 models" in outcome.out
    assert "bro_ken was not measured: " in outcome.out
    assert list(pd.read_csv(out / "models.csv")["model"]) == [str(model_folder), str(copy), str(broken)]
    record = record_of(out)
    assert record["settings"]["models"] == {"tiny": str(model_folder), "copy": str(copy), "bro_ken": str(broken)}
    assert (record["settings"]["sample"], record["settings"]["cse"]) == (4, {"wavelet": "haar"})
    assert record_of(out / "copy")["settings"]["cse"]["wavelet"] == "haar"
    assert shlex.split(record["command"])[:4] == ["depthscope", "run", "models", "--models"]
    again = depthscope(*words, "--out", out, *QUICK, "--sample", "4", "--language", "en", "--wavelet", "haar", "--json")
    assert strict_json(again.out) == {**record_of(out), "folder": str(out)}


def test_nothing_that_works_is_status_2(depthscope, broken, table_file, tmp_path):
    outcome = depthscope(
        "run", "models", "--models", broken, "--stimuli", table_file, "--out", tmp_path / "out", *QUICK
    )
    assert "no model could be measured: bro_ken was not measured" in outcome.sentence
    assert not (tmp_path / "out").exists()


def test_models_have_to_be_named(depthscope, tmp_path):
    outcome = depthscope("run", "models", "--out", tmp_path / "out")
    assert outcome.status == 2
    assert "--models" in outcome.err
    assert "no model is named" in depthscope("run", "models", "--models", ",", "--out", tmp_path / "out").sentence
    assert "--model " not in depthscope("run", "models", "--help").out
