"""``run contrast``: the study of any two conditions, under its own name."""

import pytest

from depthscope.studies.contrast.settings import Settings, with_contrast
from tests.running import QUICK, RESULTS, record_of


@pytest.fixture
def ironies(pairs, tmp_path):
    """Two conditions of other names, the second of them first in the alphabet."""
    path = tmp_path / "ironies.csv"
    pairs.assign(condition=pairs["condition"].map({"metaphor": "sincere", "literal": "ironic"})).to_csv(
        path, index=False
    )
    return path


@pytest.fixture
def contrast(depthscope, model_folder):
    def call(stimuli, out, *more):
        words = ("run", "contrast", "--model", model_folder, "--stimuli", stimuli, "--out", out)
        return depthscope(*words, *QUICK, *more)

    return call


def test_the_two_conditions_of_a_table_are_compared_in_its_order(contrast, run, depthscope, ironies, tmp_path):
    done = contrast(ironies, tmp_path / "new")
    assert done.status == 0, done.err
    assert "contrast: sincere-ironic, the two conditions in the order of the table" in done.out
    record = record_of(tmp_path / "new")
    assert record["settings"]["contrasts"] == ["sincere-ironic"]
    assert "sincere - ironic" in record["title"]
    # what 'run metaphor' finds of the same two, to the byte
    assert run(ironies, tmp_path / "old", "--contrast", "sincere-ironic").status == 0
    for name in RESULTS:
        assert (tmp_path / "new" / name).read_bytes() == (tmp_path / "old" / name).read_bytes()
    before = record_of(tmp_path / "old")
    assert {**before["settings"], **before["identity"]} == {**record["settings"], **record["identity"]}
    # either command goes on in the folder of the other, and whoever reads runs reads it
    assert contrast(ironies, tmp_path / "old").status == 0
    assert depthscope("report", tmp_path / "new").status == 0
    assert depthscope("compare", tmp_path / "new").status == 0


def test_a_contrast_that_is_named_is_taken(contrast, ironies, tmp_path):
    done = contrast(ironies, tmp_path / "out", "--contrast", "ironic-sincere")
    assert done.status == 0, done.err
    assert "in the order of the table" not in done.out
    assert record_of(tmp_path / "out")["settings"]["contrasts"] == ["ironic-sincere"]


def test_of_more_conditions_two_must_be_named(contrast, tmp_path):
    sentence = contrast("builtin", tmp_path / "out").sentence
    assert "5 conditions (" in sentence
    assert "--contrast A-B" in sentence
    assert not (tmp_path / "out").exists()


def test_what_is_named_in_the_settings_stays(ironies):
    named = Settings(stimuli=str(ironies), contrasts=("ironic-sincere",))
    assert with_contrast(named) == (named, "")


def test_help_names_it_first(depthscope):
    out = depthscope("run", "--help").out
    assert out.index("contrast") < out.index("metaphor ")
    told = " ".join(depthscope("run", "contrast", "--help").out.split())
    assert "the two of the table, if it has two" in told
    assert "default metaphor-literal" not in told


def test_without_a_folder_it_is_called_after_the_study(depthscope, model_folder, ironies, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = depthscope("run", "contrast", "--model", model_folder, "--stimuli", ironies, *QUICK)
    assert done.status == 0, done.err
    assert "run folder: runs/contrast " in done.out
    assert record_of(tmp_path / "runs" / "contrast")["status"] == "finished"
