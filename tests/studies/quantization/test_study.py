"""The study of schemes: real quantisation of a small network, resumed, refused, and told."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from depthscope.studies.contrast.settings import Settings
from depthscope.studies.quantization.study import Quantized, run_quantization
from tests.running import OWN, columns_told, lines_of
from tests.studies.contrast.planted import rows_of

SCHEMES = ("nf4", "torchao-int8")


@pytest.fixture(scope="module")
def settings(model_folder: Path, stimuli: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    path = tmp_path_factory.mktemp("table") / "items.csv"
    stimuli.to_csv(path, index=False)
    fast = {"permutations": 200, "resamples": 100}
    return Settings(model=str(model_folder), stimuli=str(path), threads=1, contrast=fast)


@pytest.fixture(scope="module")
def finished(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Quantized:
    out = tmp_path_factory.mktemp("quantization") / "run"
    return run_quantization(settings, out, schemes=SCHEMES, command="the command", progress=False)


def test_every_scheme_has_its_row(finished: Quantized) -> None:
    rows = {row.scheme: row for row in finished.rows}
    assert list(rows) == ["none", *SCHEMES]
    assert not any(row.failed for row in rows.values())
    assert rows["none"].state_error == 0
    assert rows["none"].agreement == 1
    for name in SCHEMES:
        assert rows[name].weight_bytes < rows["none"].weight_bytes
        assert 0 < rows[name].state_error < 1
        assert rows[name].cse_drift > 0
    # 8 bits are nearer to the original than 4
    assert rows["torchao-int8"].state_error < rows["nf4"].state_error
    assert rows["torchao-int8"].cse_drift < rows["nf4"].cse_drift
    assert all(row.prefill > 0 and row.decode > 0 and row.load_seconds > 0 for row in rows.values())


def test_what_it_leaves(finished: Quantized) -> None:
    table = pd.read_csv(finished.folder / "schemes.csv", keep_default_na=False)
    assert list(table["scheme"]) == ["none", *SCHEMES]
    layers = pd.read_csv(finished.folder / "layers.csv")
    assert set(layers["scheme"]) == set(SCHEMES)
    np.testing.assert_allclose(layers["ratio"], layers["drift"] / layers["spread"])
    assert lines_of("quantization") == columns_told(finished.folder, "quantization") - OWN
    summary = (finished.folder / "summary.md").read_text()
    assert "the command" in summary
    assert all(f"| {name} |" in summary for name in ("none", *SCHEMES))
    assert (finished.folder / "figures" / "schemes.svg").stat().st_size > 10_000
    record = json.loads((finished.folder / "run.json").read_text())
    assert record["status"] == "finished"
    assert record["resolved"] == {"schemes": list(SCHEMES), "share": 0.2}


def test_what_is_finished_is_not_measured_again(settings: Settings, finished: Quantized) -> None:
    before = {p: p.stat().st_mtime_ns for p in finished.folder.glob("*/run.json")}
    again = run_quantization(settings, finished.folder, schemes=SCHEMES, progress=False)
    assert {p: p.stat().st_mtime_ns for p in before} == before
    assert repr(again.rows) == repr(finished.rows)  # NaN is not equal to itself


def test_a_scheme_can_be_added_later_and_one_that_fails_leaves_the_others(
    settings: Settings, finished: Quantized
) -> None:
    before = {name: (finished.folder / name / "run.json").stat().st_mtime_ns for name in ("none", "nf4")}
    damaged = finished.folder / "quanto-int8"
    damaged.mkdir()
    (damaged / "stranger.txt").write_text("not ours")
    more = run_quantization(settings, finished.folder, schemes=("nf4", "quanto-int8"), progress=False)
    assert [row.scheme for row in more.rows] == ["none", "nf4", "quanto-int8"]
    assert "holds other files" in more.rows[-1].failed
    assert {name: (finished.folder / name / "run.json").stat().st_mtime_ns for name in before} == before
    summary = (finished.folder / "summary.md").read_text()
    (row,) = [row for row in rows_of(summary) if row[0] == "quanto-int8" and row[-1]]
    assert "holds other files" in row[-1]


@pytest.mark.parametrize(
    ("schemes", "words"),
    [
        (("nf5",), ("nf5", "choose one of")),
        (("gptq",), ("gptq", "needs calibration")),
        (("hqq",), ("hqq", "cannot quantise")),
        (("gguf",), ("gguf", "this is none")),
    ],
)
def test_a_scheme_that_cannot_run_is_refused_before_anything_is_made(
    schemes: tuple[str, ...], words: tuple[str, ...], settings: Settings, tmp_path: Path, refuses: Any
) -> None:
    with refuses(*words):
        run_quantization(settings, tmp_path / "run", schemes=schemes, progress=False)
    assert not (tmp_path / "run").exists()


def test_limits_are_recorded_and_change_nothing_that_was_measured(settings: Settings, finished: Quantized) -> None:
    assert (finished.broken, finished.recommended) == ({}, "torchao-int8")
    given = {"max_perplexity": "1x", "min_agreement": 0.01, "max_drift": 1e-9}
    again = run_quantization(settings, finished.folder, schemes=SCHEMES, progress=False, **given)
    assert repr(again.rows) == repr(finished.rows)
    assert set(again.broken) == set(SCHEMES)
    assert again.recommended is None
    assert all("drift" in found[-1] for found in again.broken.values())
    record = json.loads((finished.folder / "run.json").read_text())
    assert record["status"] == "finished"
    assert record["resolved"]["broken"] == again.broken
    assert len(record["resolved"]["limits"]) == 3
    summary = (finished.folder / "summary.md").read_text()
    assert "## Limits" in summary
    assert "nf4 breaks a limit: drift of CSE" in summary
    # none asked for, none left
    run_quantization(settings, finished.folder, schemes=SCHEMES, progress=False)
    assert "broken" not in json.loads((finished.folder / "run.json").read_text())["resolved"]


def test_limits_without_a_scheme_are_refused(settings: Settings, tmp_path: Path, refuses: Any) -> None:
    with refuses("name some with --schemes"):
        run_quantization(settings, tmp_path / "run", schemes=("none",), max_drift=1.0, progress=False)
    assert not (tmp_path / "run").exists()


def test_a_share_must_be_positive(settings: Settings, tmp_path: Path, refuses: Any) -> None:
    with refuses("share=0", "positive"):
        run_quantization(settings, tmp_path / "run", share=0, progress=False)


def test_an_original_that_cannot_be_loaded_ends_it(settings: Settings, tmp_path: Path, refuses: Any) -> None:
    from dataclasses import replace

    with refuses("no-such", "no such folder"):
        run_quantization(replace(settings, model=str(tmp_path / "no-such")), tmp_path / "run", progress=False)
