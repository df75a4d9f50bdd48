"""Noise at the ratio that is asked for, shifts that can be shifted back, and words that change places exactly."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from depthscope.errors import DepthscopeError
from depthscope.stimuli.sound import Sound
from depthscope.studies.asr.silencing.degrade import (
    active,
    appended,
    floor,
    replaced_word,
    shifted,
    swapped,
    with_noise,
)
from depthscope.studies.asr.truth.times import Spoken

RATE = 16_000
NOISES = ("white", "pink", "babble")


def speech(rate=RATE, quiet=1e-4):
    """Four bursts of a buzz of different pitch and length in a quiet room: 3 seconds."""
    samples = quiet * np.random.default_rng(5).standard_normal(3 * rate)
    for k, (start, end) in enumerate(SPANS):
        times = np.arange(round((end - start) * rate)) / rate
        buzz = sum(np.sin(2 * np.pi * n * (110 + 30 * k) * times) / n for n in range(1, 20))
        samples[round(start * rate) : round(end * rate)] += 0.15 * buzz
    return samples.astype(np.float32)


SPANS = ((0.4, 0.7), (0.9, 1.3), (1.5, 1.65), (2.0, 2.5))


def spoken():
    words = pd.DataFrame(
        [(word, *span) for word, span in zip("abcd", SPANS, strict=True)], columns=["word", "start", "end"]
    )
    return Spoken(Sound(speech(), RATE, "buzz"), words)


def power(samples):
    return np.mean(np.square(samples, dtype=np.float64))


def test_speech_is_where_the_bursts_are():
    truth = np.zeros(3 * RATE, bool)
    for start, end in SPANS:
        truth[round(start * RATE) : round(end * RATE)] = True
    assert np.mean(active(speech(), RATE) == truth) > 0.99


@pytest.mark.parametrize("kind", NOISES)
@pytest.mark.parametrize("snr", [20, 10, 5.5, 0, -7])
def test_the_ratio_is_exact_where_there_is_speech(kind, snr):
    clean = speech().astype(np.float64)
    noise = with_noise(clean, snr, kind, rate=RATE) - clean
    there = active(clean, RATE)
    # the result is float32: its rounding is far below the noise
    assert 10 * np.log10(power(clean[there]) / power(noise[there])) == pytest.approx(
        snr, abs=1e-6 if snr < 15 else 1e-5
    )
    assert power(noise[~there]) > 0


def test_the_seed_decides_and_the_sound_of_the_user_stays():
    clean = speech()
    kept = clean.copy()
    first = with_noise(clean, 10, "babble", seed=1)
    np.testing.assert_array_equal(first, with_noise(clean, 10, "babble", seed=1))
    assert not np.array_equal(first, with_noise(clean, 10, "babble", seed=2))
    np.testing.assert_array_equal(clean, kept)
    assert first.dtype == np.float32


def slope(noise):
    """Of the power spectrum between 200 and 4,000 Hz: exponent of the frequency."""
    power = np.abs(np.fft.rfft(noise)) ** 2
    hertz = np.fft.rfftfreq(len(noise), 1 / RATE)
    edges = np.geomspace(200, 4000, 12)
    means = [power[(hertz >= a) & (hertz < b)].mean() for a, b in pairwise(edges)]
    return np.polyfit(np.log(np.sqrt(edges[1:] * edges[:-1])), np.log(means), 1)[0]


def test_white_is_white_and_pink_is_pink():
    clean = speech()
    assert slope(with_noise(clean, 0, "white") - clean) == pytest.approx(0, abs=0.1)
    assert slope(with_noise(clean, 0, "pink") - clean) == pytest.approx(-1, abs=0.1)


def test_babble_has_the_spectrum_of_the_speech_and_does_not_keep_its_times():
    clean = speech()
    noise = with_noise(clean, 0, "babble", seed=3) - clean
    bands = np.geomspace(100, 6000, 12)
    hertz = np.fft.rfftfreq(len(clean), 1 / RATE)

    def spectrum(samples):
        power = np.abs(np.fft.rfft(samples)) ** 2
        return np.log([power[(hertz >= a) & (hertz < b)].mean() for a, b in pairwise(bands)])

    assert np.corrcoef(spectrum(noise), spectrum(clean))[0, 1] > 0.9
    assert np.abs(np.corrcoef(noise, clean)[0, 1]) < 0.05
    assert power(noise[~active(clean, RATE)]) > 0.1 * power(noise)


@pytest.mark.parametrize("seconds", [0.1, -0.1, 0.5])
def test_a_shift_can_be_shifted_back(seconds):
    clean = speech()
    count = round(abs(seconds) * RATE)
    moved = shifted(clean, RATE, seconds)
    assert len(moved) == len(clean)
    if seconds > 0:
        np.testing.assert_array_equal(moved[count:], clean[:-count])
        fresh = moved[:count]
    else:
        np.testing.assert_array_equal(moved[:-count], clean[count:])
        fresh = moved[-count:]
    # as quiet as the room
    assert np.sqrt(power(fresh)) == pytest.approx(1e-4, rel=0.15)
    np.testing.assert_array_equal(shifted(clean, RATE, 0), clean)
    with pytest.raises(DepthscopeError, match=r"lasts 3\.00 s"):
        shifted(clean, RATE, 3)


def test_a_recording_with_digital_silence_gets_a_floor_far_below_its_speech():
    clean = speech(quiet=0)
    assert 20 * np.log10(floor(clean, RATE) / np.sqrt(power(clean[active(clean, RATE)]))) == pytest.approx(
        -60, abs=0.01
    )
    assert 0 < np.abs(shifted(clean, RATE, 0.1)[:1600]).max() < 1e-3


@pytest.mark.parametrize("kind", ["silence", "noise", "music"])
def test_what_is_appended_stands_behind_the_sound(kind):
    clean = speech()
    longer = appended(clean, RATE, 2, kind)
    np.testing.assert_array_equal(longer[: len(clean)], clean)
    tail = longer[len(clean) :]
    assert len(tail) == 2 * RATE
    below = 10 * np.log10(power(tail) / power(clean[active(clean, RATE)]))
    assert below < -50 if kind == "silence" else below == pytest.approx(-10, abs=0.2)
    np.testing.assert_array_equal(longer, appended(clean, RATE, 2, kind))
    assert not np.array_equal(longer, appended(clean, RATE, 2, kind, seed=1))


def test_music_is_made_of_notes():
    tail = appended(speech(), RATE, 4, "music")[3 * RATE :]
    power = np.abs(np.fft.rfft(tail * np.hanning(len(tail)))) ** 2
    hertz = np.fft.rfftfreq(len(tail), 1 / RATE)
    loudest = hertz[1:][np.argsort(power[1:])[-20:]]
    steps = 12 * np.log2(loudest / 220)
    assert np.abs(steps - np.round(steps)).max() < 0.5
    assert set(np.round(steps) % 12) <= {0, 2, 4, 7, 9}
    # a few tones hold nearly everything, where noise would spread
    assert np.sort(power)[-len(power) // 20 :].sum() > 0.9 * power.sum()


@pytest.mark.parametrize("kind", ["noise", "silence"])
def test_a_word_is_replaced_and_nothing_else(kind):
    sound = spoken().sound
    start, end = SPANS[1]
    a, b = round(start * RATE), round(end * RATE)
    other = replaced_word(sound, start, end, kind)
    np.testing.assert_array_equal(other.samples[:a], sound.samples[:a])
    np.testing.assert_array_equal(other.samples[b:], sound.samples[b:])
    assert abs(np.corrcoef(other.samples[a:b], sound.samples[a:b])[0, 1]) < 0.1
    wanted = power(sound.samples[a:b]) if kind == "noise" else 1e-8
    assert power(other.samples[a:b]) == pytest.approx(wanted, rel=0.05 if kind == "noise" else 0.15)
    assert other.notes == (f"{kind} from 0.90 to 1.30 s",)
    assert other.digest != sound.digest


@pytest.mark.parametrize(("i", "j"), [(0, 1), (1, 3), (3, 0), (1, 2)])
def test_words_change_places_and_their_times_with_them(i, j):
    before = spoken()
    after = swapped(before, i, j)
    order = list("abcd")
    order[i], order[j] = order[j], order[i]
    assert list(after.words.word) == order
    assert len(after.sound.samples) == len(before.sound.samples)
    old = before.words.set_index("word")
    fade = round(0.005 * RATE)
    for word, start, end in after.words.itertuples(index=False):
        a, b = round(start * RATE), round(end * RATE)
        c, d = round(old.start[word] * RATE), round(old.end[word] * RATE)
        assert b - a == d - c
        inside = slice(fade, -fade)
        np.testing.assert_allclose(after.sound.samples[a:b][inside], before.sound.samples[c:d][inside], atol=1e-6)
    first, last = min(SPANS[i][0], SPANS[j][0]), max(SPANS[i][1], SPANS[j][1])
    for place in (slice(0, round(first * RATE)), slice(round(last * RATE), None)):
        np.testing.assert_array_equal(after.sound.samples[place], before.sound.samples[place])


def test_what_is_no_part_of_the_sound_is_told():
    with pytest.raises(DepthscopeError, match="from 2 to 1 s is no part"):
        replaced_word(spoken().sound, 2, 1)
    with pytest.raises(DepthscopeError, match="there are 4 words"):
        swapped(spoken(), 0, 4)
    with pytest.raises(DepthscopeError, match="give two words"):
        swapped(spoken(), 1, 1)
    with pytest.raises(DepthscopeError, match="kind='brown'"):
        with_noise(speech(), 0, "brown")
    with pytest.raises(DepthscopeError, match="finite number"):
        with_noise(speech(), float("nan"))
    with pytest.raises(DepthscopeError, match="empty, silent"):
        with_noise(np.zeros(100, np.float32), 0)
    with pytest.raises(DepthscopeError, match="append 0 s"):
        appended(speech(), RATE, 0)
