"""What was written of a sound and what each word rests on: tables, maps, and every decision on them."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from depthscope.errors import DepthscopeError, reason
from depthscope.store.datasets import read_netcdf, read_netcdf_dataset, write_netcdf
from depthscope.store.files import atomic, write_text
from depthscope.store.jsonable import jsonable
from depthscope.store.tables import read_csv, write_csv
from depthscope.studies.asr.maps import WindowMap, on_one_axis, restored, stored
from depthscope.studies.asr.recording import KINDS, Recording

# nats that it costs a word to silence the whole sound, as measured (docs/studies/asr.md) on LibriVox, clean, in noise and with
# tails, by `depthscope asr detection --models moonshine-tiny --audio librivox --text librivox/transcripts.txt`. Below LITTLE
# are 1.4 % [0, 2.8] of 804 right words and 91 % [82, 96] of 47 that were made up where nothing was said (tiny.en 1.3 % [0, 3.1]
# of 679, and 86 % [67, 100] of 21), but 6 % of 135 that were misheard in noise. Between LITTLE and ENOUGH are few of any kind.
LITTLE, ENOUGH = 0.5, 1.0
# what is said of a word
SOUND, UNSURE, NOTHING, UNKNOWN = "rests on the sound", "unsure", "rests on nothing", "not measured"
VERDICTS = (SOUND, UNSURE, NOTHING, UNKNOWN)

# columns that are always there; others may be
TOKENS = ("window", "position", "text", "word", "start", "end", "log_p", "entropy", "padding", "peak")
WORDS = ("text", "start", "end", "log_p", "probability")
MEASURED = ("heard", "total", "concentration", "agreement")

# columns of text; all others hold numbers
TEXTS = ("text", "verdict", "role", "sound")

# files of one explanation
ABOUT, TOKENS_FILE, WORDS_FILE, MAP_FILE, LAYERS_FILE, PLAYED = (
    "sound.json",
    "tokens.csv",
    "words.csv",
    "map.nc",
    "layers.nc",
    "sound",
)
# bytes of maps by layer in a file of NetCDF 3; larger ones are not kept
LAYERS_LARGEST = 1_500_000_000


@dataclass(frozen=True, eq=False)
class Explanation:
    """What was written of one sound, and what it rests on.

    Attributes
    ----------
    name : str
        Of the sound.
    seconds, rate : float, int
        Length of the sound; samples per second that the model was given.
    language, model, method : str
        The language may be empty.
    tokens : DataFrame
        ``window``, ``position``, ``text``, ``word`` (row of ``words``, or -1), ``start``, ``end`` (seconds, of the core of
        its map), ``log_p``, ``entropy`` (of its map, 0 to 1), ``padding`` (share of mass that lay in padding), ``peak``
        (seconds), and whatever else is known.
    words : DataFrame
        ``text``, ``start``, ``end`` (seconds), ``log_p`` (sum over its tokens), ``probability`` (least of its tokens); where
        measured ``heard`` (nats that it costs to silence where it attends, beyond as much silence elsewhere), ``total`` (to
        silence everything; see :func:`depthscope.studies.asr.silencing.heard.heard`),
        ``concentration`` (0 to 1), ``agreement`` (of its layers, 0 to 1); and ``verdict``, which is always decided here.
    windows : tuple of WindowMap
        The maps. Tokens are in the order of the windows, and rows in that of the tokens.
    recording : Recording, optional
        What is played.
    notes : tuple of str
        What was done to the sound, and what is conspicuous about it.
    settings : mapping
        What was asked.
    """

    name: str
    seconds: float
    rate: int
    language: str
    model: str
    method: str
    tokens: pd.DataFrame
    words: pd.DataFrame
    windows: tuple[WindowMap, ...]
    recording: Recording | None = None
    notes: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for called, table, columns in (("tokens", self.tokens, TOKENS), ("words", self.words, WORDS)):
            if lacking := [name for name in columns if name not in table]:
                raise ValueError(f"{called} lack {', '.join(lacking)}")
        counts = [len(one.map) for one in self.windows]
        if self.tokens["window"].tolist() != np.repeat(np.arange(len(counts)), counts).tolist():
            raise ValueError("tokens are not in the order of the windows, or windows have other rows than tokens")
        object.__setattr__(self, "tokens", self.tokens.reset_index(drop=True))
        decided = self.words.reset_index(drop=True).assign(verdict=verdicts(self.words))
        object.__setattr__(self, "words", decided)

    @property
    def text(self) -> str:
        """All that was written."""
        return "".join(str(piece) for piece in self.tokens["text"]).strip()

    @property
    def map(self) -> xr.DataArray:
        """(token, frame), float64, rows sum to 1; coordinates over frame: ``seconds`` (centre) and ``window``.

        The frames of all windows in the order of time; each belongs to one window, and is 0 for tokens of the others.

        Raises
        ------
        DepthscopeError
            It would take more than 4 GB: a very long sound has ``windows``.
        """
        return on_one_axis(self.windows, lambda one: one.map.astype(np.float64)).rename("map")

    @property
    def layers(self) -> xr.DataArray:
        """(token, layer, frame), float16: the map of each decoder layer by itself; layers count from 1.

        Raises
        ------
        DepthscopeError
            They were not kept, or would take more than 4 GB.
        """
        if not self.depth:
            raise DepthscopeError(f"{self.name}: maps by layer were not kept")
        whole = on_one_axis(self.windows, lambda one: np.moveaxis(_kept(one), 0, 1), ("layer",))
        return whole.assign_coords(layer=np.arange(1, self.depth + 1)).rename("layers")

    @property
    def depth(self) -> int:
        """Layers of which there are maps."""
        return min((0 if one.layers is None else len(one.layers) for one in self.windows), default=0)

    @property
    def rivals(self) -> tuple[str, ...]:
        """Names of other methods of which there are maps."""
        first = self.windows[0].rivals if self.windows else {}
        return tuple(name for name in first if all(name in one.rivals for one in self.windows))

    def rival(self, name: str) -> xr.DataArray:
        """The ``map`` of another method."""
        if name not in self.rivals:
            raise DepthscopeError(f"{name!r}: there are maps of {', '.join(self.rivals) or 'no other method'}")
        return on_one_axis(self.windows, lambda one: one.rivals[name]).rename("map")

    @cached_property
    def first(self) -> NDArray[np.int64]:
        """The row of ``tokens`` at which each window begins, and how many there are."""
        return np.concatenate([[0], np.cumsum([len(one.map) for one in self.windows])]).astype(np.int64)

    @property
    def nothing(self) -> pd.DataFrame:
        """The words that rest on nothing."""
        return self.words[self.words["verdict"] == NOTHING]

    @property
    def measured(self) -> bool:
        """Whether it was asked what silence costs the words."""
        return bool((self.words["verdict"] != UNKNOWN).any())

    def save(self, folder: str | Path) -> Path:
        """Write ``tokens.csv``, ``words.csv``, ``map.nc``, ``layers.nc``, ``sound.json`` and what is played into a folder.

        Raises
        ------
        DepthscopeError
            The folder cannot be written.
        """
        place = Path(folder)
        try:
            place.mkdir(parents=True, exist_ok=True)
            self._write(place)
        except OSError as problem:
            raise DepthscopeError(
                f"{place}: the explanation cannot be written there ({problem.strerror or reason(problem)}): give another folder"
            ) from None
        return place

    def _write(self, place: Path) -> None:
        write_csv(place / TOKENS_FILE, self.tokens)
        write_csv(place / WORDS_FILE, self.words)
        about: dict[str, Any] = {
            name: getattr(self, name) for name in ("name", "seconds", "rate", "language", "model", "method")
        }
        about |= {"notes": list(self.notes), "settings": dict(self.settings)}
        maps, layers = stored(self.windows) if self.windows else (None, None)
        if maps is not None:
            write_netcdf(maps, place / MAP_FILE)
        if layers is not None and 0 < layers.nbytes <= LAYERS_LARGEST:
            write_netcdf(layers, place / LAYERS_FILE)
        if (played := self.recording) is not None:
            file = f"{PLAYED}.{played.kind}"
            with atomic(place / file, sweep=True) as scratch:
                scratch.write_bytes(played.data)
            about["played"] = {
                "file": file,
                "seconds": played.seconds,
                "step": played.step,
                "low": played.low.tolist(),
                "high": played.high.tolist(),
            }
        # last: a folder that has it is complete
        write_text(place / ABOUT, json.dumps(jsonable(about), ensure_ascii=False, allow_nan=False) + "\n")

    @classmethod
    def read(cls, folder: str | Path, file: Callable[[str], Path | None] | None = None) -> "Explanation":
        """What :meth:`save` wrote; ``file`` gives the path of a name, checked, or None if there is no such file.

        Raises
        ------
        DepthscopeError
            No explanation there, or a damaged one.
        """
        place = Path(folder)
        find = file or (lambda name: place / name if (place / name).is_file() else None)
        if find(ABOUT) is None:
            raise DepthscopeError(f"{place}: no explanation there ({ABOUT} is missing); give the folder of one")
        try:
            return cls(**_read(find))
        except DepthscopeError:
            raise
        except (ValueError, LookupError, TypeError, AttributeError, OSError) as problem:
            raise DepthscopeError(
                f"{place}: damaged ({reason(problem, 80)}); delete the folder, and explain the sound again"
            ) from None


def verdicts(words: pd.DataFrame) -> list[str]:
    """What is said of each word, by what it costs to silence the whole sound, ``total``, in nats.

    It rests on nothing if that is less than ``LITTLE``: it would have been written anyway. It rests on the sound if it is
    ``ENOUGH``, which does not make it right: most wrong words are misheard, and rest on the sound as right ones do. In between
    it is unsure. What silence costs where a word attends, ``heard``, decides nothing: it told right words from wrong ones in
    no measurement. Where there is no ``total`` it stands for it.
    """
    heard, total = (
        words[name].to_numpy(np.float64) if name in words else np.full(len(words), np.nan)
        for name in ("heard", "total")
    )
    return [_verdict(cost) for cost in np.where(np.isfinite(total), total, heard)]


def _verdict(cost: float) -> str:
    if not np.isfinite(cost):
        return UNKNOWN
    if cost < LITTLE:
        return NOTHING
    return SOUND if cost >= ENOUGH else UNSURE


def together(explanations: Sequence[Explanation], table: str) -> pd.DataFrame:
    """The ``"words"`` or ``"tokens"`` of several sounds in one table, with the name of its ``sound`` before each."""
    parts = [getattr(one, table).assign(sound=one.name) for one in explanations]
    whole: pd.DataFrame = pd.concat(parts, ignore_index=True)
    return whole.reindex(columns=["sound", *(name for name in whole.columns if name != "sound")])


def _kept(one: WindowMap) -> NDArray[np.float16]:
    assert one.layers is not None
    return one.layers


def _read(find: Callable[[str], Path | None]) -> dict[str, Any]:
    """The fields of an explanation."""

    def there(name: str) -> Path:
        path = find(name)
        if path is None:
            raise LookupError(f"{name} is missing")
        return path

    about = json.loads(there(ABOUT).read_text(encoding="utf-8"))
    played = about.pop("played", None)
    tables = {name: _table(there(f"{name}.csv")) for name in ("tokens", "words")}
    windows: tuple[WindowMap, ...] = ()
    if len(tables["tokens"]) or find(MAP_FILE) is not None:
        layers = find(LAYERS_FILE)
        maps = read_netcdf_dataset(there(MAP_FILE))
        windows = restored(maps, None if layers is None else read_netcdf(layers, "layers"))
    recording = None
    if played is not None:
        path = there(played["file"])
        kind = path.suffix[1:]
        if kind not in KINDS:
            raise ValueError(f"{path.name} is not of a kind that is played")
        low, high = (np.array(played[name], np.int8) for name in ("low", "high"))
        recording = Recording(path.read_bytes(), kind, float(played["seconds"]), float(played["step"]), low, high)
    return {**about, **tables, "notes": tuple(about["notes"]), "windows": windows, "recording": recording}


def _table(path: Path) -> pd.DataFrame:
    """Numbers as they were, to the last digit; a word that is called NA is a word, and one without letters is empty."""
    table = read_csv(path, dtype=str, keep_default_na=False)
    return table.assign(**{name: _numbers(table[name]) for name in table.columns if name not in TEXTS})


def _numbers(cells: "pd.Series[str]") -> NDArray[Any]:
    if len(cells) and cells.str.fullmatch(r"-?\d+").all():
        return np.array([int(cell) for cell in cells], np.int64)
    return np.array([float(cell) if cell else np.nan for cell in cells], np.float64)
