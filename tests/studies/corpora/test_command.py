"""``depthscope run corpora``: all sets, one comparison, in words and for a program."""

from depthscope.studies.corpora import study
from tests.running import FEW, record_of, strict_json
from tests.studies.corpora.test_study import TWO, corpora, little_effort

__all__ = ["corpora", "little_effort"]


def test_the_comparison_is_told_and_printed(depthscope, model_folder, corpora, tmp_path, monkeypatch):
    monkeypatch.setattr(study, "SETS", TWO)  # two of the five
    words = ("run", "corpora", "--model", model_folder, "--folder", corpora, "--out", tmp_path / "run", *FEW)
    outcome = depthscope(*words)
    assert outcome.status == 0, outcome.err
    assert outcome.out.splitlines()[0].split() == ["set", "n", "dz", "[95", "%", "interval]", "layers,", "p"]
    assert f"run folder: {tmp_path / 'run'}" in outcome.out
    again = depthscope(*words, "--json")
    assert strict_json(again.out) == {**record_of(tmp_path / "run"), "folder": str(tmp_path / "run")}
    assert again.err == ""
