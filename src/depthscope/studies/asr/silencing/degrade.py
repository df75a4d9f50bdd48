"""Sounds made worse in known ways: what a measure of hearing must notice, and what a recogniser makes words up from."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from depthscope.errors import DepthscopeError, check_choice, check_count
from depthscope.stimuli.sound import Sound

if TYPE_CHECKING:
    from depthscope.studies.asr.truth.times import Spoken

Samples = NDArray[np.float32]
Noise = Literal["white", "pink", "babble"]
Tail = Literal["silence", "noise", "music"]

FRAME = 0.02  # seconds, over which loudness is taken
ACTIVE = 40.0  # dB below the loudest frame: what is quieter is no speech
QUIET = -60.0  # dB below the speech, where a recording has no floor of its own
FADE = 0.005  # seconds at a cut, so that the cut itself is not heard


def active(samples: Samples, rate: int) -> NDArray[np.bool_]:
    """Which samples are speech: those in frames of 20 ms within 40 dB of the loudest one."""
    energy = _energies(samples, rate)
    there = energy >= energy.max() * 10 ** (-ACTIVE / 10)
    return np.repeat(there, _frame(rate))[: len(samples)]


def floor(samples: Samples, rate: int) -> float:
    """Root mean square of the recording where nobody speaks: the quietest tenth of its frames.

    A recording whose silence is digital has none: then 60 dB below its speech.
    """
    energy = _energies(samples, rate)
    quiet = float(np.quantile(energy, 0.1))
    return float(np.sqrt(quiet if quiet > 0 else _power(samples[active(samples, rate)]) * 10 ** (QUIET / 10)))


def with_noise(samples: Samples, snr_db: float, kind: Noise = "white", *, rate: int = 16_000, seed: int = 0) -> Samples:
    """Noise under the whole sound, at an exact ratio of speech to noise.

    Parameters
    ----------
    samples : array, shape (time,)
    snr_db : float
        Power of the sound over that of the noise, both taken where there is speech (see :func:`active`), in dB. The result
        may leave [-1, 1]: it is not scaled, so that the speech stays what it was.
    kind : {"white", "pink", "babble"}
        Equal power in every Hz; in every octave; or a crowd: noise with the spectrum of this very sound, as loud and as
        silent as eight talkers at once.
    rate : int
        Hz.
    seed : int
        Of the generator.
    """
    _check(samples)
    check_choice("kind", kind, _NOISES)
    if not np.isfinite(snr_db):
        raise DepthscopeError(f"snr_db={snr_db}: give a finite number of decibels")
    noise = _NOISES[kind](samples, rate, _generator(seed))
    speech = active(samples, rate)
    wanted = _power(samples[speech]) * 10 ** (-snr_db / 10)
    scale = np.sqrt(wanted / _power(noise[speech]))
    return np.asarray(samples + scale * noise, np.float32)


def shifted(samples: Samples, rate: int, seconds: float, *, seed: int = 0) -> Samples:
    """The same sound later (or earlier, if ``seconds`` is negative), as long as before.

    What comes in is noise as loud as the recording's own floor (see :func:`floor`), and what goes out at the other end is
    lost. The shift is a whole number of samples.
    """
    _check(samples)
    count = round(seconds * rate)
    if abs(count) >= len(samples):
        raise DepthscopeError(
            f"shift by {seconds:g} s: the sound lasts {len(samples) / rate:.2f} s, give less than that"
        )
    if count == 0:
        return samples.copy()
    quiet = _quiet(samples, rate, abs(count), seed)
    return np.concatenate([quiet, samples[:-count]]) if count > 0 else np.concatenate([samples[-count:], quiet])


def appended(samples: Samples, rate: int, seconds: float, kind: Tail = "silence", *, seed: int = 0) -> Samples:
    """The sound, and behind it some seconds without a word: what recognisers write there is made up.

    Parameters
    ----------
    seconds : float
        How much is appended.
    kind : {"silence", "noise", "music"}
        Noise as loud as the floor of the recording; white noise, or chords of four notes with overtones that change twice a
        second, both 10 dB below the speech.
    """
    _check(samples)
    check_choice("kind", kind, ("silence", "noise", "music"))
    count = round(seconds * rate)
    if not 0 < count <= 3600 * rate:
        raise DepthscopeError(f"append {seconds:g} s: give more than 0 seconds, and at most an hour")
    if kind == "silence":
        return np.concatenate([samples, _quiet(samples, rate, count, seed)])
    tail = _generator(seed).standard_normal(count) if kind == "noise" else _music(count, rate, _generator(seed))
    loudness = np.sqrt(_power(samples[active(samples, rate)]) * 10 ** (-10 / 10) / _power(tail))
    return np.concatenate([samples, np.asarray(loudness * tail * _faded(count, rate), np.float32)])


def replaced_word(
    sound: Sound, start: float, end: float, kind: Literal["noise", "silence"] = "noise", *, seed: int = 0
) -> Sound:
    """The sound with something else from ``start`` to ``end`` (seconds): noise as loud as what was there, or the floor.

    Every sample outside stays what it was.
    """
    check_choice("kind", kind, ("noise", "silence"))
    a, b = _span(sound, start, end)
    samples = sound.samples.copy()
    length = b - a
    if kind == "silence":
        samples[a:b] = _quiet(sound.samples, sound.rate, length, seed)
    else:
        noise = _generator(seed).standard_normal(length) * _faded(length, sound.rate)
        samples[a:b] = np.sqrt(_power(samples[a:b]) / _power(noise)) * noise
    np.clip(samples, -1, 1, out=samples)
    return replace(sound, samples=samples, notes=(*sound.notes, f"{kind} from {start:.2f} to {end:.2f} s"))


def swapped(spoken: "Spoken", i: int, j: int) -> "Spoken":
    """Two words changed for each other in time, and the table with them; what stands between moves by what one is longer.

    Parameters
    ----------
    spoken : Spoken
    i, j : int
        Rows of ``spoken.words``, counted from 0.

    Returns
    -------
    Spoken
        As long as before: the same samples in another order, faded for 5 ms at each cut. Its words are in the order of time.
    """
    from depthscope.studies.asr.truth.times import Spoken

    words, sound = spoken.words, spoken.sound
    for name, row in (("i", i), ("j", j)):
        check_count(name, row, 0)
        if row >= len(words):
            raise DepthscopeError(f"{name}={row}: there are {len(words)} words, counted from 0")
    i, j = sorted((i, j))
    if i == j:
        raise DepthscopeError(f"i=j={i}: give two words")
    (a, b), (c, d) = (_span(sound, words.start.iloc[row], words.end.iloc[row]) for row in (i, j))
    if b > c:
        raise DepthscopeError(f"words {i} and {j} overlap in time: give two that do not")
    whole = sound.samples
    order = [whole[:a], whole[c:d], whole[b:c], whole[a:b], whole[d:]]
    parts = [part * _faded(len(part), sound.rate) if k in (1, 2, 3) else part for k, part in enumerate(order)]
    rows = words.reset_index(drop=True).copy()
    rows.loc[i + 1 : j - 1, ["start", "end"]] += ((d - c) - (b - a)) / sound.rate  # both ends count
    rows.loc[i, ["start", "end"]] = [(d - (b - a)) / sound.rate, d / sound.rate]
    rows.loc[j, ["start", "end"]] = [a / sound.rate, (a + d - c) / sound.rate]
    rows = rows.sort_values("start", kind="stable", ignore_index=True)
    samples = np.concatenate(parts).astype(np.float32)
    return Spoken(replace(sound, samples=samples, notes=(*sound.notes, f"words {i} and {j} swapped")), rows)


def _white(samples: Samples, rate: int, generator: np.random.Generator) -> NDArray[np.float64]:
    return generator.standard_normal(len(samples))


def _pink(samples: Samples, rate: int, generator: np.random.Generator) -> NDArray[np.float64]:
    """Power falls with frequency; below 20 Hz, where nothing is heard, there is none."""
    spectrum = np.fft.rfft(generator.standard_normal(len(samples)))
    hertz = np.fft.rfftfreq(len(samples), 1 / rate)
    shape = np.where(hertz >= 20, 1 / np.sqrt(np.maximum(hertz, 20)), 0)
    return np.fft.irfft(spectrum * shape, len(samples))


def _babble(samples: Samples, rate: int, generator: np.random.Generator) -> NDArray[np.float64]:
    """Eight talkers: each is noise with the spectrum of the sound, loud when the sound was, at another moment."""
    count = len(samples)
    spectrum = np.abs(np.fft.rfft(samples))
    width = max(1, round(50 * count / rate))  # smoothed over 50 Hz: no voice of its own remains
    spectrum = np.sqrt(np.convolve(spectrum**2, np.ones(width) / width, "same"))
    frame = _frame(rate)
    loud = np.sqrt(_energies(samples, rate))
    total = np.zeros(count)
    for _ in range(8):
        noise = np.fft.irfft(np.fft.rfft(generator.standard_normal(count)) * spectrum, count)
        moved = np.roll(loud, int(generator.integers(len(loud))))
        total += noise * np.interp(np.arange(count), (np.arange(len(loud)) + 0.5) * frame, moved)
    return total


_NOISES: dict[str, Callable[[Samples, int, np.random.Generator], NDArray[np.float64]]] = {
    "white": _white,
    "pink": _pink,
    "babble": _babble,
}


def _music(count: int, rate: int, generator: np.random.Generator) -> NDArray[np.float64]:
    """Chords on the notes of a pentatonic scale, half a second each, struck and fading."""
    scale = np.array([0, 2, 4, 7, 9])
    step = rate // 2
    times = np.arange(step) / rate
    made = np.zeros(count + step)
    for at in range(0, count, step):
        notes = generator.choice(scale, 3, replace=False) + 12 * generator.integers(0, 2, 3)
        for note in (*notes, notes[0] - 12):
            pitch = 220 * 2 ** (note / 12)
            made[at : at + step] += sum(np.sin(2 * np.pi * k * pitch * times) / k**1.5 for k in range(1, 5)) * np.exp(
                -3 * times
            )
    return made[:count]


def _quiet(samples: Samples, rate: int, count: int, seed: int) -> Samples:
    return np.asarray(floor(samples, rate) * _generator(seed).standard_normal(count), np.float32)


def _energies(samples: Samples, rate: int) -> NDArray[np.float64]:
    """Mean square of each frame; the last one may be shorter."""
    frame = _frame(rate)
    starts = np.arange(0, len(samples), frame)
    sums = np.add.reduceat(np.square(samples, dtype=np.float64), starts)
    return np.asarray(sums / np.minimum(frame, len(samples) - starts))


def _frame(rate: int) -> int:
    return max(1, round(FRAME * rate))


def _power(samples: NDArray[np.floating]) -> float:
    return float(np.mean(np.square(samples, dtype=np.float64)))


def _faded(count: int, rate: int) -> NDArray[np.float64]:
    """1, but rising from 0 at the beginning and falling to it at the end."""
    edge = np.minimum(np.arange(count) + 0.5, np.arange(count)[::-1] + 0.5) / max(1.0, FADE * rate)
    return np.asarray(np.minimum(1.0, edge))


def _span(sound: Sound, start: float, end: float) -> tuple[int, int]:
    a, b = round(start * sound.rate), min(round(end * sound.rate), len(sound.samples))
    if not 0 <= a < b:
        raise DepthscopeError(
            f"{sound.name}: from {start:g} to {end:g} s is no part of a sound of {sound.seconds:.2f} s: give start < end in it"
        )
    return a, b


def _generator(seed: int) -> np.random.Generator:
    check_count("seed", seed, 0)
    return np.random.default_rng(seed)


def _check(samples: Samples) -> None:
    if np.ndim(samples) != 1 or not len(samples) or not np.any(samples):
        raise DepthscopeError(
            "the sound is empty, silent or has several channels: give samples of shape (time,), as read_sound does"
        )
