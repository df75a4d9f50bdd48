"""What the script of a page draws a sound from: its outline, its words, and their maps in as many bytes as there is room."""

from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from depthscope.report.page.coded import coded
from depthscope.studies.asr.depth import inside, rows_of
from depthscope.studies.asr.results import SOUND, VERDICTS, Explanation

# bytes of the maps of one sound, one a frame
ROOM = 1_200_000
# frames that are put together at most; what would take more is left out
COARSEST = 25
LEVELS = 255
# numbers of a word that are told, and of its tokens
OF_WORD = ("log_p", "probability", "heard", "total", "concentration", "agreement")
OF_TOKEN = ("log_p", "entropy", "padding", "peak")


@dataclass(frozen=True)
class Steps:
    """How many frames are put together: of the map, of the maps by layer and by other methods; 0: those are left out."""

    own: int
    others: int


def shown_words(one: Explanation) -> list[int]:
    """Rows of the words that have a time, and begin within what is played, if anything is."""
    played = np.inf if one.recording is None else one.recording.seconds
    times = one.words[["start", "end"]].to_numpy(np.float64)
    return [k for k, (start, end) in enumerate(times) if start <= played and np.isfinite(end)]


def data_of(one: Explanation, room: int = ROOM) -> dict[str, Any]:
    """All of it, as JSON can hold it; words and tokens are text there, and nothing else."""
    words = shown_words(one)
    places = {word: rows_of(one, word) for word in words}
    steps = steps_for(one, [number for number, rows in places.values() if len(rows)], room)
    return {
        "seconds": _number(one.seconds),
        "verdicts": list(VERDICTS),
        "rivals": list(one.rivals) if steps.others else [],
        "depth": one.depth if steps.others else 0,
        "outline": _outline(one),
        "words": [_word(one, word, places[word]) for word in words],
        "windows": [
            _window(one, number, [word for word in words if places[word][0] == number and len(places[word][1])], steps)
            for number in range(len(one.windows))
        ],
    }


def steps_for(one: Explanation, owners: list[int], room: int) -> Steps:
    """So many frames together that the maps of words, each in its window, fit; the map itself is kept finest."""
    frames = sum(len(one.windows[number].times) for number in owners)
    others = frames * (one.depth + len(one.rivals))
    own = max(1, ceil(frames / (room / 2 if others else room)))
    left = room - frames / own
    step = max(own, ceil(others / left)) if others else own
    return Steps(own, step if step <= COARSEST else 0)


def _outline(one: Explanation) -> dict[str, Any] | None:
    played = one.recording
    if played is None:
        return None
    low, high = (coded(values, np.int8) for values in (played.low, played.high))
    return {"step": played.step, "low": low, "high": high, "played": _number(played.seconds)}


def _word(one: Explanation, word: int, place: tuple[int, NDArray[np.int64]]) -> dict[str, Any]:
    row = one.words.iloc[word]
    own = one.tokens[one.tokens["word"] == word]
    numbers = {name: _number(row[name]) for name in OF_WORD if name in one.words}
    number, rows = place
    found: dict[str, Any] = {
        "text": str(row["text"]),
        "start": _number(row["start"]),
        "end": _number(row["end"]),
        "verdict": VERDICTS.index(row["verdict"]),
        "numbers": {name: value for name, value in numbers.items() if value is not None},
        "tokens": [[str(token["text"]), *(_number(token[name]) for name in OF_TOKEN)] for _, token in own.iterrows()],
    }
    if len(rows):
        window = one.windows[number]
        where = (window, float(row["start"]), float(row["end"]))
        found |= {"window": number, "inside": _number(float(inside(_mean(window.map, rows), *where)))}
        if window.layers is not None:
            found["by_layer"] = [_number(float(v)) for v in inside(_mean(window.layers, rows), *where)]
        found["by_rival"] = [_number(float(inside(_mean(window.rivals[r], rows), *where))) for r in one.rivals]
    return found


def _window(one: Explanation, number: int, words: list[int], steps: Steps) -> dict[str, Any] | None:
    """Maps (word, frame), by layer (word, layer, frame) and of rivals (rival, word, frame), as roots in 255ths of ``tops``."""
    window = one.windows[number]
    if not words:
        return None
    step = float(np.median(np.diff(window.times))) if len(window.times) > 1 else 1.0
    rows = [rows_of(one, word)[1] for word in words]
    found: dict[str, Any] = {
        "from": _number(float(window.times[0]) - step / 2),
        "step": step * steps.own,
        **_levels("map", _of_words(window.map, rows), steps.own),
    }
    if steps.others:
        found["coarse"] = step * steps.others
        if window.layers is not None:
            found |= _levels("layers", np.moveaxis(_of_words(window.layers[: one.depth], rows), 1, 0), steps.others)
        if one.rivals:
            maps = np.stack([_of_words(window.rivals[name], rows) for name in one.rivals])
            found |= _levels("rivals", np.moveaxis(maps, 1, 0), steps.others)
    return found


def _levels(name: str, values: NDArray[np.floating], step: int) -> dict[str, Any]:
    """Maps (word, ..., frame) of so many frames together, and of each word the largest value."""
    behind = -values.shape[-1] % step
    padded = np.pad(values.astype(np.float64), [(0, 0)] * (values.ndim - 1) + [(0, behind)])
    pooled = padded.reshape(*values.shape[:-1], -1, step).sum(-1)
    tops = np.maximum(pooled.reshape(len(pooled), -1).max(-1), np.finfo(np.float32).tiny)
    scaled = pooled / tops.reshape(-1, *[1] * (pooled.ndim - 1))
    # roots: what is small beside the top is still told apart
    levels = np.round(np.sqrt(np.clip(scaled, 0, 1)) * LEVELS)
    return {
        name: coded(levels, np.uint8),
        f"{name}_tops": [_number(float(top)) for top in tops],
        f"{name}_count": pooled.shape[-1],
    }


def _of_words(values: NDArray[np.floating], rows: list[NDArray[np.int64]]) -> NDArray[np.float64]:
    """Maps (..., token, frame) as those of words (..., word, frame)."""
    return np.stack([_mean(values, own) for own in rows], axis=-2)


def _mean(values: NDArray[np.floating], rows: NDArray[np.int64]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = values[..., rows, :].astype(np.float64).mean(-2)
    return found


def _number(value: Any) -> float | None:
    """Six digits, or nothing, which JSON has for what is no number."""
    number = float(value)
    return float(f"{number:.6g}") if np.isfinite(number) else None


def marks(one: Explanation) -> list[dict[str, Any]]:
    """The words that are shown, with the kind of mark that each has, for whoever reads them without a script."""
    words = one.words.iloc[shown_words(one)]
    kinds = ("rests", "unsure", "nothing", "unknown")
    return [
        {"text": str(text), "kind": kinds[VERDICTS.index(verdict)], "verdict": "" if verdict == SOUND else verdict}
        for text, verdict in zip(words["text"], words["verdict"], strict=True)
    ]
