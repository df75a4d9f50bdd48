"""``depthscope run quantization``: options reach the study, bad ones cost nothing."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.running import FEW, strict_json

BAD = {
    "unknown": (("--schemes", "nf5"), ("nf5", "choose one of")),
    "calibrated": (("--schemes", "awq"), ("awq", "needs calibration")),
    "device": (("--schemes", "nf4", "--device", "mps"), ("nf4", "not on mps")),
    "share": (("--share", "-1"), ("--share -1", "positive")),
    "text": (("--text", "none.txt"), ("none.txt", "cannot be read")),
    "contrast": (("--contrast", "a-b"), ("a",)),
    "perplexity": (("--max-perplexity", "1.05%"), ("--max-perplexity 1.05%", "1.05x")),
    "agreement": (("--min-agreement", "95"), ("--min-agreement 95", ".95")),
    "drift": (("--max-drift", "-1"), ("--max-drift -1", "0 or more")),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_options_are_one_sentence(
    name: str, depthscope: Any, model_folder: Path, table_file: Path, tmp_path: Path
) -> None:
    options, words = BAD[name]
    out = tmp_path / "run"
    outcome = depthscope(
        "run", "quantization", "--model", model_folder, "--stimuli", table_file, "--out", out, *FEW, *options
    )
    assert all(word in outcome.sentence for word in words)
    assert not out.exists()


def test_a_quantised_model_goes_through_the_metaphor_study(run: Any, table_file: Path, tmp_path: Path) -> None:
    assert run(table_file, tmp_path / "run", "--quantization", "torchao-int8").status == 0
    outcome = run(table_file, tmp_path / "other", "--quantization", "int9")
    assert "--quantization int9" in outcome.sentence


def test_evidence_is_no_option_of_it(depthscope: Any, tmp_path: Path) -> None:
    outcome = depthscope("run", "quantization", "--out", tmp_path / "run", "--evidence", "full")
    assert outcome.status == 2
    assert "unrecognized arguments" in outcome.err


def test_a_study_in_processes_of_its_own_prints_one_document_and_tells_steps_and_broken_limits(
    depthscope: Any, model_folder: Path, table_file: Path, tmp_path: Path
) -> None:
    text = tmp_path / "text.txt"
    text.write_text("The old sailor saw a wall and a small grey cat. " * 6, encoding="utf-8")
    words = ["run", "quantization", "--model", model_folder, "--stimuli", table_file, "--out", tmp_path / "run"]
    words += ["--schemes", "torchao-int8", "--text", text, *(word for word in FEW if word != "--no-progress")]
    limits = ["--max-perplexity", "2x", "--max-drift", "1e-9"]
    command = [sys.executable, "-m", "depthscope", *map(str, words), *limits, "--json"]
    broken = subprocess.run(command, capture_output=True, text=True)
    assert broken.returncode == 1, broken.stderr
    document = strict_json(broken.stdout)
    assert document["folder"] == str(tmp_path / "run")
    assert document["results"]["none"]["cluster"] == ""
    assert (tmp_path / "run" / "report.html").is_file()
    steps = [line.removeprefix("step: ") for line in broken.stderr.splitlines() if line.startswith("step: ")]
    each = ["{0}", "{0}: load", "{0}: perplexity of the passage", "{0}: speed", "{0}: trace 8 texts"]
    assert steps == [*(line.format(name) for name in ("none", "torchao-int8") for line in each), "compare"]

    told = depthscope(*words, *limits, "--no-progress")
    assert told.status == 1
    assert "torchao-int8 breaks a limit: drift of CSE over its spread" in told.out
    kept = depthscope(*words, *limits[:2], "--json", "--no-progress")
    assert kept.status == 0, kept.err
    assert "step:" not in kept.err
    document = strict_json(kept.out)
    assert document["recommended"] is None  # random weights show no effect to keep
    assert document["broken"] == {}
    assert document["resolved"]["limits"] == ["perplexity at most 2 times the original's"]
    assert document["status"] == "finished"
