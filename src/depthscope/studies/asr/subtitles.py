"""Words with times as subtitles: SRT, WebVTT, and the JSON of Whisper, which tools for subtitles read."""

import json
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil, exp, isfinite
from typing import TYPE_CHECKING, Any

import regex

from depthscope.errors import DepthscopeError

if TYPE_CHECKING:
    import pandas as pd

# what can be read at a glance
LINE, LINES = 42, 2  # characters, lines
LONGEST = 7.0  # seconds
PAUSE = 0.8  # seconds of silence that end a cue

_END = regex.compile(r"[.!?…。！？]['\"”’»)\]]*$")
_ABBREVIATION = regex.compile(r"^\P{L}*(?:\p{Lu}|(?i:mr|mrs|ms|dr|st|prof|jr|sr|vs|no|etc)|\p{L}(?:\.\p{L})+)\.$")
# what programs read as markup or as times in a format that has no escapes; a word joiner in it is not seen
_MARKUP = regex.compile(r"--(?=>)|<(?=[/\p{L}])|\{(?=\\)")
_JOINER = "\u2060"


@dataclass(frozen=True)
class Word:
    """A word, or a piece of one that is longer than a line. ``text`` begins with a space where one stands before it.

    Times in seconds; ``probability`` is None where it is not known.
    """

    text: str
    start: float
    end: float
    probability: float | None = None


@dataclass(frozen=True)
class Cue:
    """What is shown at one time: a line or two. Times in milliseconds; ``end`` is behind ``start``."""

    start: int
    end: int
    lines: tuple[str, ...]
    words: tuple[Word, ...]


def cues(words: "pd.DataFrame") -> list[Cue]:
    """Divide words into what is shown at one time.

    A cue ends with a sentence, before a pause of more than 0.8 s, and before it would have more than two lines of 42
    characters or last longer than 7 s. Cues follow each other in time and never overlap; none is empty.

    Parameters
    ----------
    words : DataFrame
        ``text``, ``start``, ``end`` (seconds), one row a word, in the order of the text. If some texts begin with a space,
        the others stand without one behind the word before. A word without a time (NaN), or with one that is out of order,
        shares the time between its neighbours. ``probability`` or ``log_p``, if there, is handed on.

    Raises
    ------
    DepthscopeError
        A column is missing; there are words, and none has a time.
    """
    groups: list[list[Word]] = []
    for word in _pieces(_timed(words)):
        if not groups or _begins(groups[-1], word):
            groups.append([])
        groups[-1].append(word)
    starts = [round(1000 * group[0].start) for group in groups]
    made: list[Cue] = []
    for i, group in enumerate(groups):
        # a millisecond at least, though words without a time may stand at one moment
        start = max(starts[i], made[-1].end if made else 0)
        end = max(start + 1, min(round(1000 * max(word.end for word in group)), start + round(1000 * LONGEST)))
        if i + 1 < len(groups) and starts[i + 1] > start:
            end = min(end, starts[i + 1])
        made.append(Cue(start, end, _lines(_joined(group)), tuple(group)))
    return made


def srt(words: "pd.DataFrame") -> str:
    """Words (see :func:`cues`) as SubRip: numbered cues, ``00:00:01,250 --> 00:00:03,000``.

    The format has no escapes: where a text would be read as a time or as markup, a word joiner (U+2060) stands in it.
    """
    shown = (
        (number, f"{_clock(cue.start, ',')} --> {_clock(cue.end, ',')}", _harmless(cue.lines))
        for number, cue in enumerate(cues(words), 1)
    )
    return "".join(f"{number}\n{times}\n{text}\n\n" for number, times, text in shown)


def vtt(words: "pd.DataFrame") -> str:
    """Words (see :func:`cues`) as WebVTT; ``&``, ``<`` and ``>`` are escaped."""
    shown = ((f"{_clock(cue.start, '.')} --> {_clock(cue.end, '.')}", _escaped(cue.lines)) for cue in cues(words))
    return "WEBVTT\n\n" + "".join(f"{times}\n{text}\n\n" for times, text in shown)


def whisper_json(words: "pd.DataFrame", language: str | None = "en") -> str:
    """Words (see :func:`cues`) as JSON in the form of Whisper's own: ``text``, ``segments`` with ``words``, ``language``.

    A segment is a cue; texts of words and segments begin with a space, as there. A word whose probability is not known has
    none.
    """
    segments: list[dict[str, Any]] = []
    for number, cue in enumerate(cues(words)):
        inside = []
        for word in cue.words:
            entry: dict[str, Any] = {"word": word.text, "start": round(word.start, 3), "end": round(word.end, 3)}
            if word.probability is not None:
                entry["probability"] = word.probability
            inside.append(entry)
        text = "".join(word.text for word in cue.words)
        segments.append(
            {"id": number, "start": cue.start / 1000, "end": cue.end / 1000, "text": text, "words": inside},
        )
    whole = {"text": "".join(segment["text"] for segment in segments), "segments": segments, "language": language}
    return json.dumps(whole, ensure_ascii=False, allow_nan=False, indent=1) + "\n"


def _timed(table: "pd.DataFrame") -> list[Word]:
    """The words that have letters or signs, each with a time, in order."""
    missing = [name for name in ("text", "start", "end") if name not in table]
    if missing:
        raise DepthscopeError(
            f"words for subtitles: no column {', '.join(missing)}: they need text, start, end (seconds)"
        )
    texts = [regex.sub(r"[\s\p{Cc}\p{Cs}]+", " ", str(text)) for text in table["text"]]
    kept = [i for i, text in enumerate(texts) if text.strip()]
    spaced = any(texts[i].startswith(" ") for i in kept)
    if not kept:
        return []
    starts = [float(table["start"].iloc[i]) for i in kept]
    ends = [float(table["end"].iloc[i]) for i in kept]
    known = _in_order(starts, ends)
    if not known:
        raise DepthscopeError("words for subtitles: none of them has a time (start and end in seconds, from 0 on)")
    times = _filled(starts, ends, known)
    chances = _probabilities(table, kept)
    return [
        Word(
            (" " if texts[i].startswith(" ") or not spaced else "") + texts[i].strip(),
            *times[n],
            chances[n],
        )
        for n, i in enumerate(kept)
    ]


def _probabilities(table: "pd.DataFrame", kept: Sequence[int]) -> list[float | None]:
    for name in ("probability", "log_p"):
        if name in table:
            values = (float(table[name].iloc[i]) for i in kept)
            return [
                (min(1.0, exp(value)) if name == "log_p" else value) if value == value else None for value in values
            ]
    return [None] * len(kept)


def _in_order(starts: Sequence[float], ends: Sequence[float]) -> list[int]:
    """The most words whose starts rise: one word that is placed far off does not take the others with it."""
    usable = [
        i for i, (a, b) in enumerate(zip(starts, ends, strict=True)) if isfinite(a) and isfinite(b) and 0 <= a <= b
    ]
    # longest increasing subsequence: of each length, the one that ends earliest
    tails: list[float] = []
    last: list[int] = []
    before: dict[int, int | None] = {}
    for i in usable:
        length = bisect_left(tails, starts[i])
        before[i] = last[length - 1] if length else None
        tails[length : length + 1] = [starts[i]]
        last[length : length + 1] = [i]
    found: list[int] = []
    at = last[-1] if last else None
    while at is not None:
        found.append(at)
        at = before[at]
    return found[::-1]


def _filled(starts: Sequence[float], ends: Sequence[float], known: Sequence[int]) -> list[tuple[float, float]]:
    """A time for every word: those in between share what their neighbours leave."""
    times: list[tuple[float, float]] = []
    behind = starts[known[0]]  # what stands before the first word with a time has none of its own
    for at in (*known, len(starts)):
        until = starts[at] if at < len(starts) else behind
        behind, gap = min(behind, until), at - len(times)
        times += [(behind + (until - behind) * k / gap, behind + (until - behind) * (k + 1) / gap) for k in range(gap)]
        if at < len(starts):
            times.append((starts[at], ends[at]))
            behind = ends[at]
    # a word ends when the next one begins
    nexts = [start for start, _ in times[1:]] + [float("inf")]
    return [(start, max(start, min(end, later))) for (start, end), later in zip(times, nexts, strict=True)]


def _pieces(words: Iterable[Word]) -> Iterable[Word]:
    """A word that is longer than a line in pieces, which share its time."""
    for word in words:
        text = word.text.strip()
        count = ceil(len(text) / LINE)
        if count == 1:
            yield word
            continue
        each = (word.end - word.start) / count
        for k in range(count):
            part = text[k * LINE : (k + 1) * LINE]
            lead = word.text[: len(word.text) - len(text)] if k == 0 else ""
            yield Word(lead + part, word.start + k * each, word.start + (k + 1) * each, word.probability)


def _begins(group: Sequence[Word], word: Word) -> bool:
    """Whether a word begins a new cue."""
    last = group[-1]
    whole = _joined(group)[-1]
    ended = bool(_END.search(whole)) and not _ABBREVIATION.match(whole)
    return (
        (ended and word.text.startswith(" "))
        or word.start - last.end > PAUSE
        or word.end - group[0].start > LONGEST
        or len(_filled_lines(_joined([*group, word]))) > LINES
    )


def _joined(group: Iterable[Word]) -> list[str]:
    """Texts that no line divides: a word with what follows it without a space, unless that is longer than a line."""
    made: list[str] = []
    for word in group:
        text = word.text.strip()
        if made and not word.text.startswith(" ") and len(made[-1]) + len(text) <= LINE:
            made[-1] += text
        else:
            made.append(text)
    return made


def _filled_lines(texts: Sequence[str]) -> list[str]:
    lines: list[str] = []
    for text in texts:
        if lines and len(lines[-1]) + 1 + len(text) <= LINE:
            lines[-1] += f" {text}"
        else:
            lines.append(text)
    return lines


def _lines(texts: Sequence[str]) -> tuple[str, ...]:
    """One line, or two of nearly the same length."""
    lines = _filled_lines(texts)
    if len(lines) < LINES:
        return tuple(lines)
    ways = [(" ".join(texts[:k]), " ".join(texts[k:])) for k in range(1, len(texts))]
    return min(ways, key=lambda way: max(map(len, way)))


def _clock(milliseconds: int, mark: str) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}{mark}{rest:03}"


def _harmless(lines: Iterable[str]) -> str:
    return "\n".join(_MARKUP.sub(lambda found: found.group() + _JOINER, line) for line in lines)


def _escaped(lines: Iterable[str]) -> str:
    return "\n".join(line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;") for line in lines)
