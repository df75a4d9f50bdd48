"""A run of the wing over files: what is left out, what is refused, and what is the same again."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from depthscope.model.speech import SpeechModel
from depthscope.studies.asr.study import run_asr
from tests.speech_models import RATE, voice, whisper

# what random weights write is in every script there is
pytestmark = pytest.mark.filterwarnings("ignore:No installed font")


@pytest.fixture(scope="module")
def model() -> SpeechModel:
    return whisper()


def spoken(place: Path, seed: int = 0) -> Path:
    place.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(place, voice(1.0, seed), RATE)
    return place


def run(model: SpeechModel, audio: list[Path], out: Path) -> Any:
    return run_asr(model, audio, out, method="raw", rivals=(), heard=None, progress=False)


def test_bad_sounds_among_good_ones_are_named_and_left_out(model: SpeechModel, tmp_path: Path) -> None:
    folder = tmp_path / "sounds"
    spoken(folder / "one" / "clip.wav")
    spoken(folder / "two" / "clip.wav", seed=1)
    soundfile.write(folder / "silent.wav", np.zeros(RATE, np.float32), RATE)
    (folder / "text.wav").write_text("hello")
    found = run(model, [folder], tmp_path / "run")
    assert [one.name for one in found.explanations] == ["clip.wav", "clip.wav"]
    assert sorted(one.name for one in (tmp_path / "run" / "sounds").iterdir()) == ["clip", "clip-2"]
    left = " ".join(found.record.words["left_out"])
    assert "silent.wav" in left
    assert "text.wav" in left


def test_where_no_sound_can_be_read_the_first_says_why(model: SpeechModel, tmp_path: Path, refuses: Any) -> None:
    for name in ("a.wav", "b.wav"):
        (tmp_path / name).write_text("hello")
    refuses(lambda: run(model, [tmp_path / "a.wav", tmp_path / "b.wav"], tmp_path / "run"), "no sound can be read")


def test_a_run_within_the_folder_that_it_hears_does_not_hear_itself(model: SpeechModel, tmp_path: Path) -> None:
    spoken(tmp_path / "clip.wav")
    first = run(model, [tmp_path], tmp_path / "run")
    again = run(model, [tmp_path], tmp_path / "run")
    assert len(list(first.explanations)) == len(list(again.explanations)) == 1


def test_another_sound_of_the_same_name_is_another_run(model: SpeechModel, tmp_path: Path, refuses: Any) -> None:
    run(model, [spoken(tmp_path / "clip.wav")], tmp_path / "run")
    refuses(lambda: run(model, [spoken(tmp_path / "clip.wav", seed=5)], tmp_path / "run"), "sound clip")


def test_a_sound_left_undone_is_done_to_the_same_bytes(model: SpeechModel, tmp_path: Path) -> None:
    audio = [spoken(tmp_path / f"{k}.wav", seed=k) for k in range(2)]
    run(model, audio, tmp_path / "run")
    undone = tmp_path / "run" / "sounds" / "1"
    before = {file.name: file.read_bytes() for file in undone.iterdir()}
    (undone / "sound.json").unlink()  # which is written last
    (undone / "words.srt").write_text("half of")
    run(model, audio, tmp_path / "run")
    assert {file.name: file.read_bytes() for file in undone.iterdir()} == before
