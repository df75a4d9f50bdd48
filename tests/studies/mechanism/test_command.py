"""``depthscope run mechanism``: the cost first, the result last, bad input in one sentence."""

import shlex

import pandas as pd
import pytest

from depthscope.console.output import jsonable
from tests.cli.test_cli import HEAVY, python
from tests.running import FEW, record_of, strict_json

PROBES = {"metaphor": "Nobody could do a thing about it.", "literal": "We took a picture of it."}

BAD = {
    "negative": (("--patch-items", "-3"), ("--patch-items -3", "0 for none")),
    "one": (("--patch-items", "1"), ("--patch-items 1", "at least 2")),
    "contrast": (("--contrast", "a-b"), ("contrast 'a-b'", "which has metaphor, literal")),
    "signal": (("--scales", "1"), ("--scales 1", "from 2 to 512")),
    "budget": (("--token-budget", "0"), ("--token-budget 0", "at least 1")),
    "model": (("--model", "gone.gguf"), ("gone.gguf: no such file",)),
}


@pytest.fixture
def mechanism(depthscope, model_folder, table_file, tmp_path):
    """A quick run of the study over four items with probes; into ``run``."""
    table = pd.read_csv(table_file)
    table.assign(probe=table["condition"].map(PROBES)).to_csv(table_file, index=False)
    words = ("run", "mechanism", "--model", model_folder, "--stimuli", table_file, "--out", tmp_path / "run", *FEW)

    def call(*more):
        return depthscope(*words, *more)

    return call


def test_the_cost_is_told_first_then_what_was_found_then_where_it_is(mechanism, tmp_path):
    outcome = mechanism("--patch-items", "3", "--wavelet", "haar")
    assert outcome.status == 0, outcome.err
    first, *lines = outcome.out.splitlines()
    assert first.startswith("ahead: ")
    assert "with a state exchanged" in first
    assert lines[0].startswith("metaphor - literal: ")
    assert any("exchanging the target's state" in line.lower() for line in lines)
    assert lines[-1] == f"run folder: {tmp_path / 'run'} (begin with report.html)"
    assert "**" not in outcome.out
    record = record_of(tmp_path / "run")
    assert (record["settings"]["patch_items"], record["settings"]["cse"]["wavelet"]) == (3, "haar")
    assert shlex.split(record["command"])[:3] == ["depthscope", "run", "mechanism"]
    assert f"{record['command']}\n```" in (tmp_path / "run" / "summary.md").read_text(encoding="utf-8")
    assert set(pd.read_csv(tmp_path / "run" / "patching.csv")["n"]) == {3}
    refused = mechanism("--wavelet", "haar")
    assert "patch_items (3, now None)" in refused.sentence


def test_a_table_without_probes_is_a_run_all_the_same(mechanism, table_file, tmp_path):
    pd.read_csv(table_file).drop(columns="probe").to_csv(table_file, index=False)
    outcome = mechanism()
    assert outcome.status == 0, outcome.err
    assert "with a state exchanged" not in outcome.out
    assert "No states were exchanged: stimuli: no column 'probe'" in outcome.out
    assert not (tmp_path / "run" / "patching.csv").exists()
    assert not (tmp_path / "run" / "patching.zarr").exists()
    again = mechanism("--json")
    # parts that a test has no p for are NaN in the record
    assert strict_json(again.out) == jsonable({**record_of(tmp_path / "run"), "folder": str(tmp_path / "run")})
    assert again.err.startswith("ahead: ")


@pytest.mark.parametrize("name", BAD)
def test_bad_options_are_one_sentence_and_leave_no_folder(name, mechanism, tmp_path):
    options, words = BAD[name]
    sentence = mechanism(*options).sentence
    assert all(word in sentence for word in words), sentence
    if name != "budget":  # that one is asked when the work begins
        assert not (tmp_path / "run").exists() or not list((tmp_path / "run").glob("*.zarr"))


def test_a_difference_of_differences_is_no_question_for_it(mechanism, table_file, tmp_path):
    table = pd.read_csv(table_file)
    more = [table, *(table.replace({"metaphor": a, "literal": b}) for a, b in (("c", "d"),))]
    pd.concat(more).to_csv(table_file, index=False)
    sentence = mechanism("--contrast", "(metaphor-literal)-(c-d)").sentence
    assert "this study compares two conditions: give a contrast like a-b" in sentence
    assert not (tmp_path / "run").exists()


def test_evidence_is_no_option_of_it(mechanism):
    outcome = mechanism("--evidence", "full")
    assert outcome.status == 2
    assert "unrecognized arguments" in outcome.err


def test_help_names_its_option_and_imports_no_heavy_library():
    *shown, loaded = python(
        "import sys\nfrom depthscope.cli.main import main\n"
        "try:\n    main(['run', 'mechanism', '--help'])\nexcept SystemExit:\n    pass\n"
        f"print()\nprint(*{{name.split('.')[0] for name in sys.modules}} & {HEAVY!r})"
    ).splitlines()
    assert loaded == ""
    assert any("--patch-items N" in line for line in shown)
