"""Detectors of wrong words: rows by hand, a planted detector that never fails, a run that is killed and goes on."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from depthscope.errors import DepthscopeError
from depthscope.stimuli.sound import read_sound
from depthscope.studies.asr.detection import study
from depthscope.studies.asr.detection.conditions import CONDITIONS, SECONDS, altered, group_of
from depthscope.studies.asr.detection.dictations import read_dictations
from depthscope.studies.asr.detection.results import (
    DETECTORS,
    TOGETHER,
    detectors_table,
    judged,
    thresholds_table,
    verdicts_table,
)
from depthscope.studies.asr.detection.sentences import answer, detector_words, verdict_words
from depthscope.studies.asr.detection.study import CELLS, cell, run_doubts
from depthscope.studies.asr.detection.words import REAL, SYNTHETIC, Dictation, check_dictations, statuses, word_rows
from depthscope.studies.asr.results import LITTLE, NOTHING
from depthscope.studies.asr.silencing.degrade import active
from tests.speech_models import RATE, moonshine, voice, whisper


def dictation(name: str = "one", seconds: float = 1.0, seed: int = 0, text: str = "go on", **more: Any) -> Dictation:
    return Dictation(replace(read_sound(voice(seconds, seed), rate=RATE), name=name), text, **more)


def planted(clips: int = 12, seed: int = 0) -> pd.DataFrame:
    """Words of two kinds of sounds: total tells wrong from right, log p hardly, agreement not at all, padding is constant."""
    rng = np.random.default_rng(seed)
    rows = []
    for clip in range(clips):
        for index in range(10):
            wrong = int(rng.random() < 0.3)
            rows.append(
                {
                    "model": "toy", "clip": f"clip {clip}", "speech": REAL,
                    "condition": "clean" if clip % 2 else "white 0 dB", "index": index, "text": "word",
                    "status": "substituted" if wrong else "correct", "wrong": wrong,
                    "log_p": rng.normal(-0.3 * wrong), "least": rng.normal(-0.3 * wrong),
                    "total": rng.uniform(0, 0.4) if wrong else rng.uniform(3, 9), "heard_sound": rng.normal(4),
                    "agreement": rng.random(), "padding": 0.0,
                }
            )  # fmt: skip
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("said", "written", "status"),
    [
        ("bald ist es soweit", "Bald ist es so weit.", "c c c c c"),
        ("bald ist es so weit", "Bald ist es soweit.", "c c c c"),
        ("so weit ist es", "so weit ist er", "c c c s"),  # both parts are words of the text
        ("a b", "c - d", "s b s"),
        ("", "thank you", "i i"),
        ("he was not", "he is not so", "c s c i"),
    ],
)
def test_words_written_apart_or_together_are_the_same(said: str, written: str, status: str) -> None:
    names = {"c": "correct", "s": "substituted", "i": "inserted", "b": "blank"}
    assert statuses(said, written.split()) == [names[one] for one in status.split()]


def test_conditions_are_what_they_say() -> None:
    samples = voice(1.0)
    assert altered(samples, RATE, "clean") is samples
    speech = active(samples, RATE)
    for level in (20, 0):
        noise = altered(samples, RATE, f"babble {level} dB")[speech] - samples[speech]
        ratio = 10 * np.log10(np.mean(samples[speech].astype(float) ** 2) / np.mean(noise.astype(float) ** 2))
        assert ratio == pytest.approx(level, abs=0.05)
    whole, alone = (altered(samples, RATE, f"music {how}") for how in ("appended", "alone"))
    assert len(alone) == round(SECONDS * RATE)
    np.testing.assert_array_equal(whole, np.concatenate([samples, alone]))
    assert {group_of(one) for one in CONDITIONS} == {"clean", "20 dB", "10 dB", "5 dB", "0 dB", "with a tail"}
    with pytest.raises(DepthscopeError, match="condition"):
        altered(samples, RATE, "white 7 dB")


@pytest.mark.parametrize("make", [whisper, moonshine])
def test_a_row_is_what_an_explanation_says_of_the_word(make: Any) -> None:
    from depthscope.studies.asr.explaining import explain

    model, one = make(), dictation()
    rows = word_rows(model, one)
    e = explain(model, one.sound, method="last-layer")
    kept = e.words[[any(map(str.isalnum, text)) for text in e.words["text"]]].reset_index(drop=True)
    assert rows["text"].tolist() == kept["text"].tolist()
    for mine, theirs in (("log_p", "log_p"), ("total", "total"), ("own_sound", "own"), ("agreement", "agreement")):
        np.testing.assert_allclose(rows[mine], kept[theirs], atol=1e-4)
    np.testing.assert_allclose(np.exp(rows["least"]), kept["probability"], atol=1e-4)
    # what is wrong is what the alignment says; of a sound in which nothing is said, everything
    assert rows["wrong"].tolist() == [int(one in ("substituted", "inserted")) for one in rows["status"]]
    alone = word_rows(model, one, "noise alone", variants=())
    assert alone["wrong"].all()
    assert not {"heard_sound", "heard_states"} & set(alone)


def test_a_planted_detector_never_fails_and_a_constant_is_none() -> None:
    words = planted()
    table = detectors_table(words, resamples=200)
    assert set(table["condition"]) == {"clean", "0 dB", "all"}
    found = table[table["condition"] == "all"].set_index("detector")
    assert found.loc["total", ["auc", "low", "high"]].tolist() == [1, 1, 1]
    assert found.loc["total", "difference"] == pytest.approx(1 - found.loc["log p", "auc"])
    assert found.loc["total", "gain_low"] > 0
    assert found.loc["agreement", "low"] < 0.5 < found.loc["agreement", "high"]
    assert "padding" not in found.index
    assert (found["wrong"] == words["wrong"].sum()).all()
    assert (found["words"] == len(words)).all()
    assert (found["over"] == "clips").all()
    # orientation: a score turned round is turned round
    turned = detectors_table(words.assign(total=-words["total"]), resamples=50).set_index(["condition", "detector"])
    assert turned.loc[("all", "total"), "auc"] == 0


def test_shares_below_a_threshold_are_counted() -> None:
    words = planted()
    rates = thresholds_table(words, (0.0, 0.5, 100.0), resamples=50)
    mine = rates[(rates["score"] == "total") & (rates["condition"] == "all")].set_index("nats")
    assert mine["wrong"].tolist() == [0, 1, 1]
    assert mine["right"].tolist() == [0, 0, 1]
    said = verdicts_table(words, resamples=50)
    nothing = said[(said["verdict"] == NOTHING) & (said["condition"] == "all")].iloc[0]
    by_hand = words["total"] < LITTLE
    assert nothing["wrong"] == pytest.approx(by_hand[words["wrong"] == 1].mean())
    assert nothing["right"] == pytest.approx(by_hand[words["wrong"] == 0].mean())
    assert [one == NOTHING for one in judged(words)] == by_hand.tolist()


def test_sentences_say_whether_it_adds_anything() -> None:
    words = planted()
    table = detectors_table(words, resamples=200)
    told = " ".join(answer(words, table))
    assert f"{words['wrong'].sum()} of 120 words are wrong, of 12 sounds" in told
    assert "best other score, total, 1.00 [1.00, 1.00], is better" in told
    assert "Added to it, total helps" in told
    useless = words.assign(total=words["agreement"])
    table = detectors_table(useless, resamples=200)
    assert "none of them helps beyond doubt" in " ".join(answer(useless, table))
    assert "in no single condition" in " ".join(detector_words(table))
    assert "rests on nothing" in verdict_words(verdicts_table(words, resamples=50))[0]
    tails = words.assign(condition=["noise alone" if wrong else "music appended" for wrong in words["wrong"]])
    told = answer(tails, detectors_table(tails, resamples=50))
    assert "with a tail or that alone" in told[-1]
    assert "total 1.00 [1.00, 1.00], which is better" in told[-1]
    assert "with a tail or that alone" in " ".join(verdict_words(verdicts_table(tails, resamples=50)))
    few = words.assign(wrong=0)
    assert "Too few are wrong" in answer(few, detectors_table(few))[-1]


def test_a_run_that_was_killed_goes_on_and_ends_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sounds = [dictation(f"sound {k}", 0.6 + 0.2 * k, k, speech=REAL if k else SYNTHETIC) for k in range(2)]
    asked: dict[str, Any] = {
        "conditions": ("clean", "white 0 dB", "noise alone"), "variants": ("states",), "resamples": 50, "progress": False,
    }  # fmt: skip
    whole = run_doubts([whisper()], sounds, tmp_path / "whole", **asked)
    assert len(list((whole.folder / CELLS).rglob("*.csv"))) == 6

    heard = []

    def dying(*given: Any, **more: Any) -> pd.DataFrame:
        if len(heard) == 4:
            raise KeyboardInterrupt
        heard.append(given)
        return word_rows(*given, **more)

    with monkeypatch.context() as patch:
        patch.setattr(study, "word_rows", dying)
        with pytest.raises(KeyboardInterrupt):
            run_doubts([whisper()], sounds, tmp_path / "killed", **asked)
    cells = {path: path.stat().st_mtime_ns for path in (tmp_path / "killed" / CELLS).rglob("*.csv")}
    assert len(cells) == 4
    again = run_doubts([whisper()], sounds, tmp_path / "killed", **asked)
    assert {path: path.stat().st_mtime_ns for path in cells} == cells  # none was heard twice
    assert (again.folder / "doubted.csv").read_bytes() == (whole.folder / "doubted.csv").read_bytes()
    pd.testing.assert_frame_equal(again.words, whole.words)
    record = json.loads((again.folder / "run.json").read_text(encoding="utf-8"))
    assert (record["study"], record["status"]) == ("asr", "finished")
    assert record["results"]["words"] == len(whole.words)
    with pytest.raises(DepthscopeError, match="other settings"):
        run_doubts([whisper()], sounds, tmp_path / "killed", **{**asked, "seed": 1})


def test_a_finished_run_has_its_tables_and_figures_on_its_page(tmp_path: Path) -> None:
    """What a random network writes is right where it is given as the text, and wrong where another text is."""
    model = moonshine()
    sounds = [dictation(f"sound {k}", 0.5 + 0.1 * k, k) for k in range(12)]
    texts = [" ".join(word_rows(model, one, variants=())["text"]) for one in sounds[::2]]
    sounds[::2] = [replace(one, text=text) for one, text in zip(sounds[::2], texts, strict=True)]
    run = run_doubts([model], sounds, tmp_path / "run", conditions=("clean",), resamples=50, progress=False)
    assert run.words["wrong"].tolist() == [
        int(name not in {one.sound.name for one in sounds[::2]}) for name in run.words["clip"]
    ]
    assert set(run.table["detector"]) <= {*DETECTORS, TOGETHER}
    page = (run.folder / "report.html").read_text(encoding="utf-8")
    assert "Which words are wrong?" in page
    assert "What tells wrong words from right ones" in page
    assert (run.folder / "figures" / "detectors-1.svg").is_file()
    summary = (run.folder / "summary.md").read_text(encoding="utf-8")
    assert "less that of log p" in summary
    assert run.plot().get_xlabel() == "AUC"
    assert any("AUC" in str(line) for line in run.told)


def test_what_was_written_is_kept_to_the_letter(tmp_path: Path) -> None:
    from depthscope.store.tables import write_csv

    words = planted(2).assign(text=["NA", "=1+1", "-7", "1.50", "null", "", "nan", "a\rx", "'=", '"'] * 2)
    write_csv(tmp_path / "one.csv", words)
    pd.testing.assert_frame_equal(cell(tmp_path / "one.csv"), words, check_dtype=False, check_exact=True)
    write_csv(tmp_path / "none.csv", pd.DataFrame().assign(model="toy"))
    assert len(cell(tmp_path / "none.csv")) == 0


def test_sounds_find_their_texts_by_name(tmp_path: Path) -> None:
    import soundfile

    for name in ("a.wav", "b.flac", "c.wav"):
        soundfile.write(tmp_path / name, voice(0.5), RATE)
    text = tmp_path / "texts.txt"
    text.write_text("﻿a\tone two\n\nb.flac\tthree\n", encoding="utf-8")
    found = read_dictations(tmp_path, text, language="en")
    assert [one.text for one in found] == ["one two", "three"]
    assert {(one.speech, one.language) for one in found} == {(REAL, "en")}
    for content, said in (
        ("a one two\n", "line 1: no tabulator"),
        ("z\tone\n", "names none of"),
        ("a\t...\n", "no word"),
    ):
        text.write_text(content, encoding="utf-8")
        with pytest.raises(DepthscopeError, match=said):
            read_dictations(tmp_path, text)
    with pytest.raises(DepthscopeError, match="cannot be read"):
        read_dictations(tmp_path, tmp_path / "absent.txt")


def test_sounds_that_give_no_answer_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DepthscopeError, match="no sound"):
        check_dictations([])
    with pytest.raises(DepthscopeError, match="two sounds of this name"):
        check_dictations([dictation(), dictation()])
    with pytest.raises(DepthscopeError, match="each once"):
        run_doubts(["a", "a"], [dictation()], tmp_path / "run")
    with pytest.raises(DepthscopeError, match="conditions"):
        run_doubts(["a"], [dictation()], tmp_path / "run", conditions=("loud",))
    assert not (tmp_path / "run").exists()
