"""A sound as a page can hold it: small, playable everywhere, and with the outline of its waveform."""

import io
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from depthscope.errors import require

# bytes of a sound in a page: 1.5 MB once they are written as text
LARGEST = 1_100_000
# without loss up to so many seconds, if that is small enough; then with loss, which takes a fifth
LOSSLESS, LONGEST = 120.0, 600.0
# points of the outline a second, and at most
OUTLINE, POINTS = 100, 12_000
# samples that are given to the encoder at a time: of Vorbis, which fails on many at once
BLOCK = 2**14
KINDS = {"flac": "audio/flac", "ogg": "audio/ogg", "wav": "audio/wav"}


@dataclass(frozen=True, eq=False)
class Recording:
    """What is played.

    Attributes
    ----------
    data : bytes
        Of a file of that ``kind``: ``"flac"``, ``"ogg"`` (Vorbis) or ``"wav"``.
    seconds : float
        How much of the sound is in it, from its beginning.
    step : float
        Seconds between two points of the outline, which is of the whole sound.
    low, high : array (point,), int8
        Least and greatest sample of each step, in 127ths of full scale.
    """

    data: bytes
    kind: str
    seconds: float
    step: float
    low: NDArray[np.int8]
    high: NDArray[np.int8]


def recorded(samples: NDArray[np.float32], rate: int) -> Recording:
    """Encode a sound (time,), mono, in [-1, 1]: without loss if it fits, with loss if not, and as much of it as fits."""
    data, kind, count = _encoded(np.clip(samples, -1, 1), rate)
    step, low, high = outline(samples, rate)
    return Recording(data, kind, count / rate, step, low, high)


def outline(samples: NDArray[np.float32], rate: int) -> tuple[float, NDArray[np.int8], NDArray[np.int8]]:
    """Least and greatest sample of each step of a sound, in 127ths; and the step, in seconds."""
    size = max(1, round(rate / OUTLINE), -(-len(samples) // POINTS))
    starts = np.arange(0, len(samples), size)
    if not len(starts):
        return size / rate, np.zeros(0, np.int8), np.zeros(0, np.int8)
    scaled = np.clip(np.round(np.asarray(samples, np.float32) * 127), -127, 127).astype(np.int8)
    return size / rate, np.minimum.reduceat(scaled, starts), np.maximum.reduceat(scaled, starts)


def _encoded(samples: NDArray[np.float32], rate: int) -> tuple[bytes, str, int]:
    """Bytes, kind, and how many samples are in them."""
    if find_spec("soundfile") is None:
        kept = samples[: LARGEST // 2]
        return _wav(kept, rate), "wav", len(kept)
    if len(samples) <= LOSSLESS * rate:
        data = _written(samples, rate, "FLAC", "PCM_16")
        if len(data) <= LARGEST:
            return data, "flac", len(samples)
    kept = samples[: round(LONGEST * rate)]
    while True:
        data = _written(kept, rate, "OGG", "VORBIS")
        if len(data) <= LARGEST:
            return data, "ogg", len(kept)
        # a little less than what would fit if every second took as much, in whole seconds
        kept = kept[: max(1, int(len(kept) * 0.97 * LARGEST / len(data) / rate)) * rate]


def _written(samples: NDArray[np.float32], rate: int, kind: str, code: str) -> bytes:
    soundfile: Any = require("soundfile", "asr")
    place = io.BytesIO()
    with soundfile.SoundFile(place, "w", samplerate=rate, channels=1, format=kind, subtype=code) as file:
        for block in _blocks(samples):
            file.write(block)
    return place.getvalue()


def _blocks(samples: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
    for start in range(0, len(samples), BLOCK):
        yield samples[start : start + BLOCK]


def _wav(samples: NDArray[np.float32], rate: int) -> bytes:
    place = io.BytesIO()
    with wave.open(place, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.round(samples * 32767).astype("<i2").tobytes())
    return place.getvalue()
