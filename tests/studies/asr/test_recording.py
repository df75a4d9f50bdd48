"""What is played is the sound: the same samples, in their place in time, in bounded bytes."""

import io

import numpy as np
import pytest
import soundfile

from depthscope.studies.asr import recording
from depthscope.studies.asr.recording import outline, recorded
from tests.studies.asr.made import RATE, tone


def test_a_short_sound_is_kept_without_loss():
    samples = tone(2)
    one = recorded(samples, RATE)
    assert (one.kind, one.seconds) == ("flac", 2.0)
    back, rate = soundfile.read(io.BytesIO(one.data))
    assert rate == RATE
    np.testing.assert_allclose(back, samples, atol=2**-15)


def test_a_long_sound_is_kept_with_loss_and_in_its_place():
    rng = np.random.default_rng(0)
    samples = (0.2 * rng.normal(size=70 * RATE)).astype(np.float32)
    samples[30 * RATE : 30 * RATE + 40] = 1  # a click
    samples[RATE * 29 : RATE * 30] = samples[RATE * 30 + 40 : RATE * 31] = 0
    one = recorded(samples, RATE)
    assert one.kind == "ogg"
    assert len(one.data) <= recording.LARGEST
    back, _ = soundfile.read(io.BytesIO(one.data))
    assert abs(len(back) - one.seconds * RATE) < 1
    assert np.argmax(np.abs(back[29 * RATE + 1000 : 31 * RATE - 1000])) / RATE == pytest.approx(
        1 - 1000 / RATE, abs=0.005
    )


def test_of_one_that_does_not_fit_only_the_beginning_is_kept(monkeypatch):
    monkeypatch.setattr(recording, "LARGEST", 40_000)
    samples = np.tile(tone(1, seed=1), 30)
    one = recorded(samples, RATE)
    assert len(one.data) <= 40_000
    assert 1 <= one.seconds < 30
    assert one.seconds == int(one.seconds)
    # the outline is of the whole
    assert len(one.low) * one.step == pytest.approx(30)


def test_without_soundfile_it_is_a_plain_wav(monkeypatch):
    monkeypatch.setattr(recording, "find_spec", lambda name: None)
    samples = tone(1)
    one = recorded(samples, RATE)
    back, rate = soundfile.read(io.BytesIO(one.data))
    assert (one.kind, rate) == ("wav", RATE)
    np.testing.assert_allclose(back, samples, atol=2**-14)


def test_the_outline_holds_the_extremes_of_every_step():
    samples = tone(3)
    step, low, high = outline(samples, RATE)
    assert step == 0.01
    blocks = samples.reshape(-1, 160)
    np.testing.assert_allclose(low / 127, blocks.min(1), atol=0.5 / 127 + 1e-6)
    np.testing.assert_allclose(high / 127, blocks.max(1), atol=0.5 / 127 + 1e-6)
    step, low, _ = outline(np.tile(samples, 200), RATE)
    assert len(low) <= recording.POINTS
    assert len(low) * step == pytest.approx(600, abs=step)
    assert outline(samples[:0], RATE)[1].size == 0
