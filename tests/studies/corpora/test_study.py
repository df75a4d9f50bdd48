"""The study over sets: on small corpora written here in the published layouts."""

import csv
import json
from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import pytest

import depthscope as ds
from depthscope.stimuli.sample import sample_items
from depthscope.studies.contrast.gathering import EFFORTS, Effort
from depthscope.studies.contrast.settings import Settings
from depthscope.studies.contrast.study import run_metaphor
from depthscope.studies.corpora.results import compare_sets
from depthscope.studies.corpora.study import BUILTIN, SETS, run_corpora
from depthscope.studies.corpora.words import intro, replications
from depthscope.telling import plain
from tests.running import OWN, columns_told, lines_of, record_of, results_of

NOUNS = ("wall", "storm", "key", "bridge", "anchor", "cage", "seed", "mirror", "engine", "river")
VERBS = ("runs", "falls", "grows", "breaks", "burns", "turns", "moves", "jumps")
# the sets of these tests: of the second, some of its pairs
TWO = {"cardillo": None, "vua": 6}
SMALL = Effort(swaps=10, surrogates=1, untrained=0, joint=0, studies=0)


@pytest.fixture(scope="module")
def corpora(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpora")
    lines = []
    for number, noun in enumerate(NOUNS):
        more = "very " * (number % 3)
        sentences = [f"Her promise was a {noun}.", f"The {more}old sailor saw a {noun}."]
        spans = [[text.index(noun), text.index(noun) + len(noun)] for text in sentences]
        pair = {"id": number, "labels": [2, 1], "sentences": sentences, "B_positions": spans, "stem": noun}
        lines.append(json.dumps(pair))
    (folder / "cardillo.jsonl").write_text("\n".join(lines), encoding="utf-8")
    rows = [("text_idx", "sentence_idx", "verb", "sentence", "verb_idx", "label")]
    for number, verb in enumerate(VERBS):
        more = "very " * (number % 2)
        rows.append(("a", number, verb, f"The {more}quiet talk {verb} on .", 3 + number % 2, 1))
        rows.append(("b", number, verb, f"A dog on the road {verb} again .", 5, 0))
    with (folder / "VUA_formatted_train.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows(rows)
    return folder


@pytest.fixture(scope="module")
def settings(model_folder, corpora):
    contrast = {"permutations": 100, "resamples": 20}
    return Settings(model=str(model_folder), folder=str(corpora), threads=1, contrast=contrast)


@pytest.fixture(scope="module", autouse=True)
def little_effort():
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(EFFORTS, "quick", SMALL)
        yield


@pytest.fixture(scope="module")
def finished(settings, tmp_path_factory):
    out = tmp_path_factory.mktemp("sets") / "run"
    return run_corpora(settings, out, sets=TWO, command="the command", progress=False)


def test_the_sets_are_ours_first_and_the_published_ones():
    assert list(SETS) == [BUILTIN, "cardillo", "impli", "vua", "mohx"]
    assert {name for name, count in SETS.items() if count} == {"vua"}
    assert SETS["vua"] == 200


def test_every_set_has_a_finished_run_of_its_own(finished, settings):
    for name, count in TWO.items():
        record = record_of(finished.folder / name)
        assert (record["study"], record["status"]) == ("metaphor", "finished")
        assert (record["settings"]["stimuli"], record["settings"]["sample"]) == (name, count)
        assert (finished.folder / name / "summary.md").is_file()
    assert finished.evidence["cardillo"].main.n == 10


def test_a_set_is_what_the_public_functions_make_of_it(finished, settings, model):
    table = sample_items(ds.read_stimuli("vua", folder=settings.folder), 6)
    h = ds.cse(ds.trace(model, table, progress=False))
    expected = ds.contrast(h, "metaphor", "literal", **settings.contrast)
    found = finished.evidence["vua"].main
    assert found.n == 6
    assert set(found.differences["item"].values) == set(table["item"])
    np.testing.assert_array_equal(found.differences, expected.differences)
    assert found.clusters == expected.clusters


def test_what_is_written_and_told_is_the_comparison(finished):
    rows = compare_sets(finished.evidence)
    assert [asdict(row) for row in finished.rows] == [asdict(row) for row in rows]
    stored = pd.read_csv(finished.folder / "sets.csv")
    written = pd.DataFrame([asdict(row) for row in rows])
    pd.testing.assert_frame_equal(stored, written, check_dtype=False, rtol=1e-15)
    text = (finished.folder / "summary.md").read_text(encoding="utf-8")
    assert replications(rows, finished.evidence) in text
    assert intro(finished.evidence) in text
    assert "the command" in text
    told = plain(finished.told)
    assert replications(rows, finished.evidence) in told
    groups = list(dict.fromkeys(row.group for row in rows))
    assert [line for line in told.splitlines() if line in groups] == groups
    assert told.endswith(f"run folder: {finished.folder} (begin with report.html)")


def test_the_folder_holds_the_comparison_beside_the_sets(finished):
    names = {path.name for path in finished.folder.iterdir()}
    assert names == {".lock", "run.json", "sets.csv", "codebook.csv", "summary.md", "report.html", "figures", *TWO}
    assert lines_of("corpora") == columns_told(finished.folder, "corpora") - OWN
    assert {path.name for path in (finished.folder / "figures").iterdir()} == {"forest.svg"}
    record = record_of(finished.folder)
    assert (record["study"], record["status"], record["command"]) == ("corpora", "finished", "the command")
    assert record["settings"]["sets"] == TWO
    assert list(record["timings"]) == ["load", *TWO, "report"]


@pytest.mark.thorough  # that of models goes the same way
def test_a_run_that_was_stopped_between_sets_goes_on_to_the_same_bytes(finished, settings, tmp_path, refuses):
    out = tmp_path / "run"
    stranger = out / "vua" / "notes.txt"

    def stopped():
        with refuses("vua", "holds other files (notes.txt)"):
            run_corpora(settings, out, sets=TWO, command="the command", progress=False)

    # the second set cannot be begun
    out.mkdir()
    (out / "run.json").write_bytes((finished.folder / "run.json").read_bytes())
    stranger.parent.mkdir()
    stranger.write_text("mine")
    stopped()
    assert record_of(out)["status"] == "running"
    assert record_of(out / "cardillo")["status"] == "finished"
    chunk = out / "cardillo" / "trajectories.zarr" / "gram" / "0.0.0"
    stamp = chunk.stat().st_mtime_ns

    stranger.unlink()
    run_corpora(settings, out, sets=TWO, command="the command", progress=False)
    assert chunk.stat().st_mtime_ns == stamp
    for name in ("sets.csv", "summary.md", "figures/forest.svg"):
        assert (out / name).read_bytes() == (finished.folder / name).read_bytes(), name
    for name in TWO:
        assert results_of(out / name) == results_of(finished.folder / name)
    assert record_of(out)["status"] == "finished"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"folder": "nowhere"}, ["set cardillo", "nowhere: no such folder"]),
        ({"contrasts": ("metaphor-paraphrase",)}, ["set cardillo", "metaphor-paraphrase", "metaphor, literal"]),
        ({"confounds": ("stem",)}, ["set cardillo", "confound 'stem'", "not a column of numbers"]),
        ({"language": "tlh"}, ["set cardillo", "language='tlh'"]),
        ({"evidence": "none"}, ["nothing to compare sets by", "quick or full"]),
        ({"contrast": {"permutations": 0}}, ["set cardillo", "permutations must be at least 1"]),
    ],
)
def test_what_is_wrong_with_any_set_is_said_before_the_model_is_loaded(settings, tmp_path, refuses, change, words):
    out = tmp_path / "run"
    with refuses(*words):
        run_corpora(replace(settings, model="no/such-model", **change), out, sets=TWO, progress=False)
    assert not out.exists()


def test_the_second_set_is_looked_at_before_the_first_is_traced(settings, tmp_path, refuses):
    with refuses("set vua", "sample=60", "8 items"):
        run_corpora(settings, tmp_path / "run", sets={"cardillo": None, "vua": 60}, progress=False)
    with refuses("set mohx", "MOH-X_formatted_svo_cleaned.csv"):
        run_corpora(settings, tmp_path / "run", sets={"cardillo": None, "mohx": None}, progress=False)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("change", "word"), [({"model": "no/such-model"}, "no/such-model"), ({"cse": {"periods": (2, 40)}}, "depth of 10")]
)
def test_a_model_that_does_not_do_leaves_no_folder(settings, tmp_path, refuses, change, word):
    with refuses(word):
        run_corpora(replace(settings, **change), tmp_path / "run", sets=TWO, progress=False)
    assert not (tmp_path / "run").exists()


def test_other_settings_or_another_study_do_not_share_the_folder(finished, settings, refuses):
    with refuses("holds a run with other settings", "evidence (quick, now full)"):
        run_corpora(replace(settings, evidence="full"), finished.folder, sets=TWO, progress=False)
    with refuses("study (corpora, now metaphor)"):
        run_metaphor(replace(settings, stimuli="cardillo"), finished.folder, progress=False)
    with refuses("study (metaphor, now corpora)"):
        run_corpora(settings, finished.folder / "vua", sets=TWO, progress=False)
