"""A study is a folder and a line: one that is made up is added so, and runs, reports and is told like all others."""

import json
import shutil

import pytest

import depthscope as ds
from depthscope.report.part import Layout, Part
from depthscope.studies.registry import WINGS, layout_of, wing
from depthscope.studies.reports import page_of, report
from tests.studies.tenth.study import run_norms
from tests.test_architecture import FILES

TENTH = "tests.studies.tenth"


@pytest.fixture
def added(monkeypatch):
    """The one line."""
    monkeypatch.setitem(WINGS, "norms", TENTH)


@pytest.fixture(scope="module")
def finished(model_folder, tmp_path_factory):
    return run_norms(str(model_folder), "We saw a shark there.", tmp_path_factory.mktemp("norms") / "run")


def test_it_has_the_files_of_a_study(added):
    for file in FILES:
        assert wing("norms", file)


def test_it_stands_in_the_help(added, depthscope):
    for words in (["run", "--help"], ["run", "norms", "--help"]):
        outcome = depthscope(*words)
        assert outcome.status == 0
        assert "how long" in outcome.out.lower()


def test_it_runs_and_reports_from_the_command_line(added, depthscope, model_folder, tmp_path):
    out = tmp_path / "run"
    outcome = depthscope("run", "norms", "--model", model_folder, "--text", "We saw a shark.", "--out", out)
    assert outcome.status == 0, outcome.err
    assert "How long are updates" in outcome.out
    assert "layer" in outcome.out
    page = (out / "report.html").read_bytes()
    (out / "report.html").unlink()
    assert depthscope("report", out).out == f"written: {out / 'report.html'}\n"
    assert (out / "report.html").read_bytes() == page
    assert ds.open_run(out).tables["layers"].columns.tolist() == ["layer", "norm"]


def test_page_and_summary_say_the_same(added, finished):
    page, summary = page_of(finished.folder), (finished.folder / "summary.md").read_text(encoding="utf-8")
    assert [section.key for section in page.sections] == ["norms", "settings"]
    (table,) = page.sections[0].tables
    assert len(table.rows) == 10
    for words in (page.title, *page.answer, *page.sections[0].words, page.sections[0].reading, table.markdown()):
        assert words in summary
    assert "![Norm of the update by layer" in summary
    assert f"| model | `{finished.record.settings['model']}` |" in summary
    record = json.loads((finished.folder / "run.json").read_text(encoding="utf-8"))
    assert "summary.md" in record["files"]


def test_a_file_that_two_studies_write_is_shown_by_each_in_its_own_way(added, finished):
    others = [
        form.file for study in ("metaphor", "quantization") for part in layout_of(study).parts for form in part.tables
    ]
    assert "clusters.csv" in others
    (section, _) = page_of(finished.folder).sections
    assert section.tables[0].caption == "Norms by layer"


def test_a_misspelt_part_is_refused_before_the_run_is_called_finished(model_folder, tmp_path):
    with pytest.raises(ValueError, match=r"do not exist: norm; the parts are .*norms"):
        run_norms(str(model_folder), "We saw a shark.", tmp_path / "run", words={"norm": ["Lost."]})
    assert json.loads((tmp_path / "run" / "run.json").read_text(encoding="utf-8"))["status"] != "finished"


@pytest.mark.parametrize("key", ["left_out", "points", "explained", "norms", "norms_reading"])
def test_words_of_every_part_and_of_every_page_are_known(key):
    Layout("x", (Part("norms", "Norms"),)).check({key: ["words"]})


def test_a_study_that_is_not_installed_is_named_and_passed_over(finished, depthscope, tmp_path):
    shutil.copytree(finished.folder, tmp_path / "one")
    outcome = depthscope("report", tmp_path)
    assert outcome.status == 2  # there is nothing else
    assert "holds no run.json" in outcome.sentence
    assert f"{tmp_path / 'one' / 'run.json'}: a study called 'norms'" in outcome.out
    with pytest.raises(ds.DepthscopeError, match="a study called 'norms'"):
        report(tmp_path / "one")


def test_beside_it_other_runs_get_their_pages(added, finished, depthscope, tmp_path):
    for name in ("one", "two"):
        shutil.copytree(finished.folder, tmp_path / name)
        (tmp_path / name / "report.html").unlink()
    record = tmp_path / "two" / "run.json"
    record.write_text(record.read_text(encoding="utf-8").replace('"norms"', '"other"', 1), encoding="utf-8")
    outcome = depthscope("report", tmp_path)
    assert outcome.status == 0
    assert (tmp_path / "one" / "report.html").is_file()
    assert not (tmp_path / "two" / "report.html").exists()
    assert "passed over" in outcome.out
    assert "'other'" in outcome.out
