import json
import shutil

import pytest

from depthscope.cli.main import main
from tests.conftest import four_pairs
from tests.running import QUICK, heavy_after


@pytest.fixture(scope="module")
def whole(model_folder, tmp_path_factory):
    folder = tmp_path_factory.mktemp("reported")
    four_pairs().to_csv(folder / "pairs.csv", index=False)
    words = ("--model", model_folder, "--stimuli", folder / "pairs.csv", "--out", folder / "run", *QUICK)
    assert main(["run", "metaphor", *map(str, words)]) == 0
    return folder / "run"


@pytest.fixture
def finished(whole, tmp_path):
    return shutil.copytree(whole, tmp_path / "run")


def test_the_page_is_made_again_without_the_model(depthscope, finished, model_folder):
    before = (finished / "report.html").read_bytes()
    (finished / "report.html").unlink()
    outcome = depthscope("report", finished)
    assert outcome.status == 0
    assert outcome.out == f"written: {finished / 'report.html'}\n"
    assert (finished / "report.html").read_bytes() == before


def test_neither_torch_nor_transformers_is_imported(finished):
    assert heavy_after("report", finished) == "[] 0"


def test_several_and_as_json(depthscope, finished, tmp_path):
    other = shutil.copytree(finished, tmp_path / "other")
    outcome = depthscope("report", finished, other, "--json")
    assert json.loads(outcome.out) == {"reports": [str(finished / "report.html"), str(other / "report.html")]}


def test_one_bad_folder_among_others(depthscope, finished, tmp_path):
    (finished / "report.html").unlink()
    outcome = depthscope("report", tmp_path / "nothing", finished)
    assert "there is no such folder" in outcome.sentence
    assert outcome.out == f"written: {finished / 'report.html'}\n"
    assert (finished / "report.html").is_file()


def test_what_is_no_run_is_refused(depthscope, tmp_path):
    assert "there is no such folder" in depthscope("report", tmp_path / "nothing").sentence
    assert "no run folder" in depthscope("report", tmp_path).sentence


def test_a_run_in_which_all_items_are_excluded_never_begins(run, depthscope, pairs, tmp_path):
    pairs["text"] = [f"We saw a {word} there." for word in pairs["target"]]
    pairs.to_csv(tmp_path / "same.csv", index=False)
    assert "the same up to the target" in run(tmp_path / "same.csv", tmp_path / "run").sentence
    assert "there is no such folder" in depthscope("report", tmp_path / "run").sentence
