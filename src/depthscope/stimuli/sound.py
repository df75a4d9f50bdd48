"""A sound as a recogniser takes it: one channel, one rate, and a word on everything that was done to it."""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from depthscope.errors import DepthscopeError, listed, reason, require
from depthscope.stimuli.resampling import BLOCK, resampled

RATE = 16_000  # Hz: what nearly every recogniser takes
RATES = (1_000, 768_000)  # Hz
SHORTEST = 0.1  # seconds
CHANNELS = 8
SUFFIXES = (".wav", ".wave", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".aifc", ".au", ".caf", ".w64")
# what soundfile does not read, with or without pictures
OTHERS = (
    ".mp4",
    ".m4a",
    ".m4v",
    ".mkv",
    ".mka",
    ".webm",
    ".mov",
    ".avi",
    ".wmv",
    ".wma",
    ".aac",
    ".flv",
    ".3gp",
    ".ts",
)
# samples at full scale, several in a row: so many of them are worth a word
CLIPPED, IN_A_ROW = 0.001, 3
FULL = 1 - 2**-15
# floats beyond it are whole numbers in disguise; what a lossy format makes of a loud sound stays well below
LOUDEST = 8.0


@dataclass(frozen=True, eq=False)
class Sound:
    """A sound with one channel.

    Attributes
    ----------
    samples : array, shape (time,)
        float32 in [-1, 1], read-only.
    rate : int
        Samples per second (Hz).
    name : str
        Name of the file without its folders; ``"sound"`` for an array without a name.
    notes : tuple of str
        What was done to it on the way, and what is conspicuous: ``"resampled from 44,100 Hz"``.
    path : Path, optional
        The file it was read from.
    """

    samples: NDArray[np.float32] = field(repr=False)
    rate: int
    name: str = "sound"
    notes: tuple[str, ...] = ()
    path: Path | None = None

    def __post_init__(self) -> None:
        self.samples.setflags(write=False)

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return len(self.samples) / self.rate

    @cached_property
    def digest(self) -> str:
        """SHA-256 over samples and rate, whatever its name is."""
        total = hashlib.sha256(f"{self.rate} ".encode())
        total.update(np.ascontiguousarray(self.samples, "<f4").data)
        return total.hexdigest()


def read_sound(source: Any, *, rate: float | None = None, to: int = RATE, name: str | None = None) -> Sound:
    """Read a sound, mix its channels into one, and bring it to the rate that a model takes.

    Parameters
    ----------
    source : path, array, (array, rate), mapping or Sound
        A file that soundfile reads (wav, flac, ogg, mp3 and more); samples as a NumPy array, torch tensor or list, of
        shape (time,), (channel, time) or (time, channel) with at most 8 channels: floats in [-1, 1], or whole numbers that
        are scaled by their type; the same with its rate in a tuple, or as ``{"array": ..., "sampling_rate": ...}``.
    rate : float, optional
        Samples per second (Hz) of an array, 1,000 to 768,000. A file tells its own.
    to : int
        Samples per second of the result. Another rate than that of the source is resampled, without a shift in time.
    name : str, optional
        What the sound is called, in place of the name of its file.

    Raises
    ------
    DepthscopeError
        No such file, none that can be read, damaged, empty, silent, shorter than 0.1 s; samples that are no numbers; a
        rate that no sound has. One sentence, with the way out.
    """
    to = _checked_rate(to, "to")
    if isinstance(source, Sound):
        _no_rate(rate)
        if source.rate == to:
            return source
        return _assembled(iter([source.samples]), source.rate, to, name or source.name, source.path, source.notes)
    if isinstance(source, str | os.PathLike):
        _no_rate(rate)
        return _from_file(Path(source), to, name)
    if isinstance(source, dict) and "sampling_rate" in source:
        source = (source.get("array", source.get("raw")), source["sampling_rate"])
    # a list of two lists is an array with two channels, and no pair of samples and rate
    if (
        isinstance(source, tuple)
        and len(source) == 2
        and isinstance(source[1], Real)
        and not isinstance(source[0], Real)
    ):
        if rate is not None:
            raise DepthscopeError(
                f"rate={rate}: the samples come with a rate of their own ({source[1]}): give one of them"
            )
        source, rate = source
    name = name or "sound"
    if rate is None:
        raise DepthscopeError(f"{name}: samples without a rate: give rate= in Hz, such as rate=16000")
    mono, notes = _from_array(source, name)
    return _assembled(iter([mono]), _checked_rate(rate, "rate"), to, name, None, notes)


def sound_files(path: str | os.PathLike[str]) -> list[Path]:
    """The file itself, or the sounds in a folder and the folders in it, sorted, by the ends of their names.

    Hidden files and files of other kinds are passed over.

    Raises
    ------
    DepthscopeError
        No such file or folder, or no sound in it: how many files are there, and of which kinds.
    """
    place = Path(path)
    if place.is_file():
        return [place]
    if not place.is_dir():
        raise DepthscopeError(f"{place}: no such file or folder")
    files, hidden = [], 0
    for folder, folders, names in os.walk(place):
        hidden += sum(one.startswith(".") for one in names)
        folders[:] = [one for one in folders if not one.startswith(".")]
        files += [Path(folder, one) for one in names if not one.startswith(".")]
    sounds = [file for file in files if file.suffix.lower() in SUFFIXES]
    if sounds:
        return sorted(sounds, key=lambda file: file.relative_to(place).parts)
    kinds = listed(sorted({file.suffix.lower() or "no suffix" for file in files}))
    others = f"{_counted(len(files), 'file')} of other kinds ({kinds})" if files else "no files"
    others += f" and {_counted(hidden, 'hidden file')}" if hidden else ""
    way = _way_out(f"NAME{_first_other(files)}") if _first_other(files) else f"give {', '.join(SUFFIXES[:5])} or .mp3"
    raise DepthscopeError(f"{place}: no sound in this folder, only {others}; {way}")


def _from_file(path: Path, to: int, name: str | None) -> Sound:
    """A block of the file at a time: the sound in one channel and at the new rate is all that is held."""
    soundfile = require("soundfile", "asr")
    _check_readable(path)
    try:
        opened = soundfile.SoundFile(os.fspath(path))
    except (soundfile.SoundFileError, RuntimeError, TypeError) as problem:
        raise DepthscopeError(
            f"{path}: no sound that can be read ({_fault(problem)}): give {', '.join(SUFFIXES[:5])} or .mp3, or "
            f"{_way_out(path.name)}"
        ) from None
    with opened as file:
        rate = _checked_rate(file.samplerate, f"{path}: its rate")
        notes = () if file.channels == 1 else (f"{file.channels} channels mixed into one",)
        promised = file.frames
        late: list[str] = []

        def blocks() -> Iterator[NDArray[np.float32]]:
            read, size = 0, max(1, BLOCK // file.channels)
            while True:
                try:
                    block = file.read(size, dtype="float32", always_2d=True)
                except (soundfile.SoundFileError, RuntimeError) as problem:
                    raise DepthscopeError(
                        f"{path}: damaged after {read / rate:.1f} s ({_fault(problem)}): take a whole copy of it"
                    ) from None
                if not len(block):
                    break
                read += len(block)
                yield block
            # what cannot be told of a stream stands as an enormous number
            if promised < 2**62 and promised - read > SHORTEST * rate:
                late.append(f"cut off: {read / rate:.1f} of {promised / rate:.1f} seconds could be read")

        return _assembled(blocks(), rate, to, name or path.name, path, notes, late)


def _from_array(source: Any, name: str) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    """Samples as floats, (time,) or (time, channel)."""
    if hasattr(source, "detach"):  # a torch tensor; NumPy has no bfloat16
        source = source.detach().cpu()
        source = (source.float() if source.is_floating_point() else source).numpy()
    try:
        values = np.asarray(source)
    except (TypeError, ValueError):
        values = np.asarray(None)
    if values.dtype.kind not in "iuf" and values.size:
        raise DepthscopeError(
            f"{name}: neither a path nor samples, but {type(source).__name__}: give a file, an array of numbers with its "
            "rate, or (array, rate)"
        )
    if values.ndim not in (1, 2) or (values.ndim == 2 and min(values.shape) > CHANNELS):
        raise DepthscopeError(
            f"{name}: samples of shape {values.shape}: give (time,), (channel, time) or (time, channel), with at most "
            f"{CHANNELS} channels"
        )
    if values.ndim == 2 and values.shape[0] < values.shape[1]:
        values = values.T
    if values.dtype.kind in "iu":
        size = 8 * values.dtype.itemsize
        if size == 64:
            raise DepthscopeError(
                f"{name}: whole numbers of 64 bits have no full scale: give int16, int32 or floats in [-1, 1]"
            )
        half = 2.0 ** (size - 1)
        values = values / half - (1.0 if values.dtype.kind == "u" else 0.0)
    notes = (f"{values.shape[1]} channels mixed into one",) if values.ndim == 2 and values.shape[1] > 1 else ()
    with np.errstate(over="ignore"):  # beyond float32 is refused as infinite
        return values.astype(np.float32), notes


def _assembled(
    blocks: Iterator[NDArray[np.float32]],
    rate: int,
    to: int,
    name: str,
    path: Path | None,
    notes: tuple[str, ...],
    late: list[str] | None = None,
) -> Sound:
    """Mixed, resampled and looked at in passing; ``late`` are notes that come up while it is read."""
    heard = _Heard(name if path is None else str(path), rate)
    parts = list(resampled(heard.mixed(blocks), rate, to))
    heard.check()
    samples = np.concatenate(parts)
    del parts
    if heard.peak > 1:
        samples /= np.float32(heard.peak)
        notes += (f"its samples went beyond full scale: divided by {heard.peak:.2f}",)
    np.clip(samples, -1, 1, out=samples)  # the filter swings over at an edge
    if rate != to:
        notes += (f"resampled from {rate:,} Hz",)
    if heard.clipped > CLIPPED * heard.count:
        notes += (f"clipped: {100 * heard.clipped / heard.count:.1f} % of its samples stand at full scale",)
    return Sound(samples, to, name, (*notes, *(late or ())), path)


class _Heard:
    """What must be known of the samples before they are resampled, gathered as they pass."""

    def __init__(self, place: str, rate: int) -> None:
        self.place, self.rate = place, rate
        self.frames = self.count = self.clipped = 0
        self.peak = 0.0
        self.low, self.high = np.inf, -np.inf  # of the mixture
        self.alive = False  # whether anything moves in any of the channels

    def mixed(self, blocks: Iterator[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
        for block in blocks:
            if not block.size:
                continue
            if not np.isfinite(block).all():
                first = int(np.nonzero(~np.isfinite(block).reshape(len(block), -1).all(axis=1))[0][0])
                raise DepthscopeError(
                    f"{self.place}: a sample is no finite number (at {(self.frames + first) / self.rate:.3f} s): repair it, "
                    "or write the sound again as 16-bit wav"
                )
            loud = np.abs(block)
            self.peak = max(self.peak, float(loud.max()))
            if self.peak > LOUDEST:
                raise DepthscopeError(
                    f"{self.place}: samples reach {self.peak:,.0f}: give floats in [-1, 1], or whole numbers such as int16"
                )
            self.alive = self.alive or bool((block != block[:1]).any())
            self.clipped += _in_rows(loud >= FULL)
            self.count += block.size
            self.frames += len(block)
            mono = block if block.ndim == 1 else block.mean(axis=1, dtype=np.float32)
            self.low, self.high = min(self.low, float(mono.min())), max(self.high, float(mono.max()))
            yield np.ascontiguousarray(mono)

    def check(self) -> None:
        if not self.frames:
            raise DepthscopeError(f"{self.place}: empty, there is no sample in it: give a recording")
        if self.frames < SHORTEST * self.rate:
            raise DepthscopeError(
                f"{self.place}: {1000 * self.frames / self.rate:.3g} ms are too short: give at least {SHORTEST:g} s"
            )
        if self.low == self.high and self.alive:
            raise DepthscopeError(
                f"{self.place}: its channels cancel each other out when they are mixed: give one of them"
            )
        if self.low == self.high:
            raise DepthscopeError(f"{self.place}: silent, all samples are equal: give a recording with sound in it")


def _in_rows(there: NDArray[np.bool_]) -> int:
    """How many stand in a row of at least three along time: one alone is the top of a wave."""
    if not there.any():
        return 0
    columns = there.reshape(len(there), -1)
    middle = columns.copy()
    for late in range(1, IN_A_ROW):
        middle[late:] &= columns[:-late]
        middle[:late] = False
    row = middle.copy()
    for late in range(1, IN_A_ROW):
        row[:-late] |= middle[late:]
    return int(row.sum())


def _check_readable(path: Path) -> None:
    """What can be told from a file without decoding it."""
    try:
        if path.is_dir():
            raise DepthscopeError(f"{path}: a folder, where one sound is asked for: give one of the files in it")
        if path.exists() and not path.is_file():
            raise DepthscopeError(f"{path}: no file, but a device or a pipe: write the sound into a file first")
        with path.open("rb") as file:
            head = file.read(16)
    except FileNotFoundError:
        raise DepthscopeError(f"{path}: no such file") from None
    except PermissionError:
        raise DepthscopeError(f"{path}: no permission to read it: chmod u+r, or ask its owner") from None
    except OSError as problem:
        said = os.strerror(problem.errno) if problem.errno else reason(problem)
        raise DepthscopeError(f"{path}: cannot be read ({said})") from None
    except ValueError as problem:
        if isinstance(problem, DepthscopeError):
            raise
        raise DepthscopeError(f"{path}: no name that a file can have") from None
    if not head:
        raise DepthscopeError(f"{path}: an empty file (0 bytes): give a recording")
    if path.suffix.lower() in OTHERS or _is_other(head):
        raise DepthscopeError(f"{path}: a video, or a sound in a format that is not read here: {_way_out(path.name)}")


def _is_other(head: bytes) -> bool:
    """MP4 and its kin, Matroska and WebM, AVI, and AAC as a bare stream, whatever the file is called."""
    return (
        head[4:8] == b"ftyp"
        or head[:4] == b"\x1a\x45\xdf\xa3"
        or (head[:4] == b"RIFF" and head[8:12] == b"AVI ")
        or (len(head) > 1 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0)
    )


def _way_out(name: str) -> str:
    made = f"{Path(name).stem}.wav"
    made = f"{Path(name).stem}-sound.wav" if made == name else made
    return f"take the sound out first, e.g. ffmpeg -i {name} -vn -ac 1 -ar {RATE} {made}"


def _first_other(files: list[Path]) -> str:
    return next((suffix for file in sorted(files) if (suffix := file.suffix.lower()) in OTHERS), "")


def _fault(problem: BaseException) -> str:
    """The reason of libsndfile in few words."""
    said = getattr(problem, "error_string", "") or reason(problem, 80)
    return " ".join(said.split()).removeprefix("Error : ").rstrip(".")


def _no_rate(rate: float | None) -> None:
    if rate is not None:
        raise DepthscopeError(
            f"rate={rate}: a file tells its own rate: leave it out, or give to= for the rate of the result"
        )


def _checked_rate(rate: Any, name: str) -> int:
    if isinstance(rate, bool) or not isinstance(rate, Real) or not float(rate).is_integer():
        raise DepthscopeError(f"{name}={rate!r}: give a whole number of samples per second, such as 16000")
    number = int(float(rate))
    if not RATES[0] <= number <= RATES[1]:
        raise DepthscopeError(
            f"{name}={number:,}: no rate that a sound has: give {RATES[0]:,} to {RATES[1]:,} samples per second (Hz)"
        )
    return number


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
