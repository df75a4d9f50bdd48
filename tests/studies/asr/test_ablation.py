"""All methods by all metrics: what is measured is written once, compared on the same words, and decided by its interval."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile

from depthscope.cli.main import main
from depthscope.model.speech import SpeechModel
from depthscope.stimuli.sound import read_sound
from depthscope.studies.asr.ablation.claims import FAILS, HOLDS, OPEN, findings, normalised_table, rivals_table
from depthscope.studies.asr.ablation.measuring import BASELINES, METRICS, Effort, hear, measure, only
from depthscope.studies.asr.ablation.shortened import shortened
from depthscope.studies.asr.ablation.study import CELLS, Asked, run_ablation
from depthscope.studies.asr.ablation.words import answer, claims_words
from depthscope.studies.asr.command import METRICS as NAMED
from depthscope.studies.asr.explaining import explain
from depthscope.studies.asr.methods import method_of
from depthscope.studies.asr.metrics.erasure import deletion
from depthscope.studies.asr.silencing.removing import unaltered
from depthscope.studies.asr.truth.times import Spoken
from depthscope.studies.asr.wordwise import mean_over, words_of
from tests import speech_models
from tests.speech_models import RATE, moonshine, voice, whisper

METHODS = ("leaf-x", "leaf-x-without-entropy", "raw", "last-layer", "occlusion", "gradient-input")
EFFORT = Effort(levels=(0.1, 0.3), words=2, samples=4, perturbed=4, steps=2, said=True)


WORDS = ("go", "on", "now")


def times() -> pd.DataFrame:
    ends = np.linspace(0.1, 0.9, len(WORDS) + 1)
    return pd.DataFrame({"word": WORDS, "start": ends[:-1], "end": ends[1:]})


@pytest.fixture(scope="module")
def model() -> SpeechModel:
    return moonshine(1)


@pytest.fixture(scope="module")
def asked(tmp_path_factory: Any) -> Asked:
    folder = tmp_path_factory.mktemp("speech")
    tables = []
    for number in range(2):
        soundfile.write(folder / f"s{number}.wav", voice(1.0, seed=number), RATE, subtype="FLOAT")
        tables.append(times().assign(file=f"s{number}.wav"))
    pd.concat(tables).to_csv(folder / "words.csv", index=False)
    return Asked(("tiny",), METHODS, 0, (str(folder),), str(folder / "words.csv"), effort=EFFORT)


@pytest.fixture(scope="module")
def done(asked: Asked, model: SpeechModel, tmp_path_factory: Any) -> Any:
    return run_ablation(asked, tmp_path_factory.mktemp("run") / "a", loader=lambda _: model, progress=False)


def test_every_method_stands_beside_chance_and_ceiling(done: Any) -> None:
    rows = done.rivals.set_index("method")
    assert set(rows.index) == {*METHODS, *BASELINES}
    assert rows.loc["ceiling", "tloc"] == pytest.approx(rows["tloc"].max())
    assert rows.loc["random map", "sharpness"] < rows.loc["ceiling", "sharpness"]
    assert rows["d_aopc_silence"].notna().all()
    assert rows.loc[["raw", "leaf-x"], "stab_noise"].between(0, 1).all()
    assert rows.loc[["occlusion"], "stab_noise"].isna().all()
    assert (rows["tloc_low"] <= rows["tloc"]).all()
    assert rows.loc["leaf-x", "passes"] > rows.loc["raw", "passes"] > 0
    page = (done.folder / "report.html").read_text(encoding="utf-8")
    assert "Which claims hold?" in page
    assert "LEAF-X is better than occlusion" in page
    assert {"rivals.csv", "claims.csv", "normalised.csv", "values.csv"} <= {one.name for one in done.folder.iterdir()}
    assert done.told


def test_what_was_killed_goes_on_and_ends_as_the_whole(
    done: Any, asked: Asked, model: SpeechModel, tmp_path: Path
) -> None:
    shutil.copytree(done.folder, tmp_path / "b")
    place = tmp_path / "b" / CELLS / "tiny"
    before = {path.name for path in place.rglob("*.json")}
    first = sorted(place.glob("own-*"))[0]
    for name in ("leaf-x", "chance"):
        (first / f"{name}.json").unlink()
    shutil.rmtree(sorted(place.glob("own-*"))[1])
    again = run_ablation(asked, tmp_path / "b", loader=lambda _: model, progress=False)
    assert {path.name for path in place.rglob("*.json")} == before
    for name in ("values.csv", "rivals.csv", "claims.csv", "normalised.csv"):
        assert (again.folder / name).read_bytes() == (done.folder / name).read_bytes()


def test_cells_of_other_weights_or_damaged_ones_are_refused(
    done: Any, asked: Asked, model: SpeechModel, tmp_path: Path, refuses: Any
) -> None:
    shutil.copytree(done.folder, tmp_path / "b")
    refuses(lambda: run_ablation(asked, tmp_path / "b", loader=lambda _: moonshine(2), progress=False), "other weights")
    cell = next((tmp_path / "b" / CELLS).rglob("raw.json"))
    cell.write_text('{"words": 3}', encoding="utf-8")
    refuses(lambda: run_ablation(asked, tmp_path / "b", loader=lambda _: model, progress=False), "measured again")


def test_what_cannot_be_measured_is_said_before_a_model_is_loaded(asked: Asked, tmp_path: Path, refuses: Any) -> None:
    def never(name: str) -> SpeechModel:
        raise AssertionError(name)

    for wrong, said in (
        (replace(asked, methods=("leafx",)), "leafx"),
        (replace(asked, times=""), "go together"),
        (replace(asked, audio=(), times=""), "clips=0"),
        (replace(asked, models=("a", "b/a")), "twice"),
        (replace(asked, effort=Effort(levels=(0.3, 0.1))), "rise"),
        (replace(asked, effort=Effort(metrics=("taloc",))), "taloc"),
    ):
        refuses(lambda wrong=wrong: run_ablation(wrong, tmp_path / "a", loader=never, progress=False), said)


def test_all_methods_are_asked_about_the_same_words(done: Any) -> None:
    values = done.values[done.values["sampled"].astype(bool)]
    words = {name: set(zip(rows["clip"], rows["word"], strict=True)) for name, rows in values.groupby("method")}
    assert len({frozenset(one) for one in words.values()}) == 1
    counts = values[values["method"] == "raw"].groupby("clip").size()
    assert (counts <= EFFORT.words).all()
    silenced = done.values.loc[~done.values["sampled"].astype(bool), "d_aopc_silence"]
    assert silenced.isna().all()


def test_a_part_of_a_text_is_explained_as_it_is_in_the_whole(model: SpeechModel) -> None:
    heard = hear(model, Spoken(read_sound(voice(1.0), rate=RATE), times()), "s", 0, EFFORT)
    assert heard is not None
    whole, last = heard.utterance, len(heard.words) - 1
    part = only(whole, [last])
    tokens = list(whole.words[last].tokens)
    np.testing.assert_allclose(unaltered(part), unaltered(whole)[tokens], atol=1e-6)
    for name in ("leaf-x", "raw", "gradient-input"):
        maps = method_of(name, model)(whole).map
        np.testing.assert_allclose(method_of(name, model)(part).map, maps[tokens], atol=1e-5)
    table, _ = measure(heard, "raw", method_of("raw", model))
    rows = mean_over(words_of(whole), method_of("raw", model)(whole).map)[heard.sampled]
    curve = deletion(heard.silenced, rows, groups=words_of(heard.silenced), levels=(0, 0.1, 0.3), batch=EFFORT.batch)
    np.testing.assert_allclose(table["d_aopc_silence"].dropna(), curve.nats, atol=1e-6)


def test_a_cut_window_hears_the_same_sound(monkeypatch: Any) -> None:
    monkeypatch.setattr(speech_models, "WINDOW", 8)
    whole = whisper()
    cut = shortened(whole, 4.2)
    assert (cut.window, whole.window) == (5, 8)
    assert cut.times.step == whole.times.step
    assert cut.times.first == pytest.approx(whole.times.first, abs=1e-6)
    assert shortened(whole, 8.0) is whole
    assert shortened(moonshine(), 1.0).window is None
    asked = {"rate": RATE, "method": "raw", "heard": None, "text": "go on"}
    short, long = (explain(one, voice(1.0), **asked) for one in (cut, whole))
    assert short.map.shape == long.map.shape
    assert np.abs(short.map.to_numpy() - long.map.to_numpy()).max() > 0  # another network


# claims, of values that are made


def planted(gains: dict[str, float], words: int = 60, clips: int = 10, noise: float = 0.02) -> pd.DataFrame:
    """Values of methods that differ by what was planted, on the same words; words of a clip have much in common."""
    rng = np.random.default_rng(0)
    clip = np.arange(words) % clips
    common = rng.normal(0.5, 0.1, clips)[clip] + rng.normal(0, 0.05, words)
    parts = []
    for method, gain in gains.items():
        values = common + gain + rng.normal(0, noise, words)
        parts.append(
            pd.DataFrame(
                {"model": "m", "clip": [f"c{k}" for k in clip], "word": np.arange(words), "method": method,
                 "sampled": True, "passes": 1.0, "tloc": values, "d_aopc_silence": 10 * values, "infidelity": -values,
                 "sharpness": values}
            )
        )  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def test_a_planted_difference_is_found_in_its_direction_and_none_is_not() -> None:
    values = planted(
        {"leaf-x": 0.1, "leaf-x-without-entropy": 0.0, "leaf-x-without-rollout": 0.2, "leaf-x-without-causal": 0.1}
    )
    found = findings(values)
    for metric in ("tloc", "d_aopc_silence", "infidelity"):
        (helps,), (harms,), (neither,) = (found.of(key, metric) for key in ("entropy", "rollout", "causal"))
        assert helps.decision == HOLDS
        assert harms.decision == FAILS
        assert neither.decision == OPEN
        assert helps.words == 60
        assert helps.over == "clips"
    assert helps.difference == pytest.approx(0.1, abs=0.02)
    assert not found.of("raw", "tloc")
    assert [claim.key for claim in found.everywhere("tloc")] == ["entropy"]


def test_methods_that_are_the_same_and_too_few_words_settle_nothing() -> None:
    same = planted({"leaf-x": 0.0, "raw": 0.0}, noise=0.0)
    assert {one.decision for one in findings(same).tested} == {OPEN}
    few = planted({"leaf-x": 1.0, "raw": 0.0}, words=5)
    assert {one.decision for one in findings(few).tested} == {OPEN}


def test_pairs_are_of_the_words_that_both_have() -> None:
    values = planted({"leaf-x": 0.1, "lime": 0.0})
    values = values[(values["method"] != "lime") | (values["word"] < 20)]
    assert {one.words for one in findings(values).of("lime", "tloc")} == {20}


def test_sharper_and_not_more_faithful_is_said() -> None:
    values = planted({"leaf-x": 0.2, "raw": 0.0})
    values.loc[values["method"] == "leaf-x", "d_aopc_silence"] -= 3.0
    found = findings(values)
    assert found.sharp_or_faithful("m") == (HOLDS, FAILS)
    said = answer(found, 60, 10)
    assert "In m LEAF-X is sharper than the plain mean of attention, and less faithful." in said
    (words,) = claims_words(found)
    assert "holds in m" in words
    assert "does not hold in m" in words


def test_the_scale_of_the_paper_is_nought_to_one_and_knows_which_way_is_better() -> None:
    table = rivals_table(planted({"leaf-x": 0.2, "raw": 0.0, "lime": 0.1, "chance": -3.0, "ceiling": 3.0}))
    assert table["method"].tolist() == ["leaf-x", "raw", "lime", "chance", "ceiling"]
    scaled = normalised_table(table).set_index("method")
    assert set(scaled.index) == {"leaf-x", "raw", "lime"}
    assert scaled.loc["leaf-x", ["tloc", "infidelity"]].tolist() == [1, 1]
    assert scaled.loc["raw", ["tloc", "infidelity"]].tolist() == [0, 0]


def test_the_command_names_the_metrics_that_there_are(capsys: Any) -> None:
    assert tuple(METRICS) == NAMED
    assert main(["asr", "ablation", "--methods", "leafx", "--json"]) != 0
    assert "leafx" in capsys.readouterr().err
