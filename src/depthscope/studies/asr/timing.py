"""When each token is spoken, out of a map: the best division of the sound into tokens in their order, less the pauses."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from depthscope.capture.speech import Utterance
from depthscope.studies.asr.wordwise import voiced_of

Float = NDArray[np.float64]

# what the probability of a frame is at least, as a share of 1 / T: one empty frame must not forbid a division
LEAST = 0.1
# a frame is quiet if its level is nearer to the quietest tenth of the sound than to the loudest, by this share (in decibels)
QUIET = 0.2
# what it costs a word to begin in the midst of the loudest sound: words meet where it is quieter
LOUD = 8.0
# seconds that a word may reach beyond the mass of its map
AROUND = 0.4
# seconds that a pause has at least, and how far from the boundary that attention gives it may be
SHORTEST, REACH = 0.12, 0.25
# seconds of a pause that no word goes on behind: a closed mouth within a word is shorter
LONG = 0.3


def divided(rows: NDArray[np.floating], cost: Float | None = None) -> NDArray[np.int64]:
    """Frame at which each token begins, and the end: the division into consecutive spans with the largest summed log map.

    Every token has at least one frame, in the order of the text: what is spoken before is before. (Dynamic time warping of
    the map with steps of one token.)

    Parameters
    ----------
    rows : array (token, frame)
        Distributions over time; at least as many frames as tokens.
    cost : array (token, frame), optional
        What it costs a token to begin at a frame, in the units of the log of the map.

    Returns
    -------
    array (token + 1,)
    """
    count, frames = rows.shape
    if count > frames:  # more tokens than frames: they share them evenly
        return np.floor(np.linspace(0, frames, count + 1)).astype(np.int64)
    scores = np.log(np.maximum(rows.astype(np.float64) * frames, LEAST))
    sums = np.concatenate([np.zeros((count, 1)), scores.cumsum(1)], 1)
    # best[t]: of the tokens so far, the last of which ends before frame t
    best = np.full(frames + 1, -np.inf)
    best[0] = 0
    begun = np.zeros((count, frames + 1), np.int64)
    for k in range(count):
        # token k begins at b and ends before t > b: best[b] - sums[k, b] + sums[k, t]
        open_ = best - sums[k]
        if cost is not None:
            open_[:-1] -= cost[k]
        top = np.maximum.accumulate(open_)
        place = np.maximum.accumulate(np.where(open_ >= top, np.arange(frames + 1), 0))
        begun[k, 1:] = place[:-1]
        best = np.concatenate([[-np.inf], top[:-1] + sums[k, 1:]])
    ends = [frames]
    for k in reversed(range(count)):
        ends.append(int(begun[k, ends[-1]]))
    return np.array(ends[::-1])


def loudness(samples: NDArray[np.float32], rate: int, centres: Float, step: float) -> Float:
    """Level of each frame in decibels, over twice its length."""
    power = np.concatenate([[0.0], np.cumsum(samples.astype(np.float64) ** 2)])
    low, high = (np.clip(np.round((centres + side * step) * rate), 0, len(samples)).astype(int) for side in (-1, 1))
    mean = (power[high] - power[low]) / np.maximum(high - low, 1)
    found: Float = 10 * np.log10(np.maximum(mean, 1e-12))
    return found


def pauses(levels: Float, shortest: int) -> list[tuple[int, int]]:
    """(first frame, frame behind the last) of every quiet stretch of at least ``shortest`` frames."""
    low, high = np.quantile(levels, (0.1, 0.95)) if len(levels) else (0.0, 0.0)
    quiet = np.concatenate([[False], levels < low + QUIET * (high - low), [False]])
    edges = np.flatnonzero(quiet[1:] != quiet[:-1]).reshape(-1, 2)
    return [(int(a), int(b)) for a, b in edges if b - a >= shortest]


def around_pauses(edges: NDArray[np.int64], quiet: list[tuple[int, int]], reach: int) -> NDArray[np.int64]:
    """(span, 2): first frame of each span and the one behind its last, pauses left out.

    A pause that a boundary lies in, or nearest to within ``reach`` frames, is between the two spans: words meet at pauses, and
    attention tells the pause less exactly than the sound does. One at the beginning or the end is outside of all.

    Parameters
    ----------
    edges : array (span + 1,)
        Rising.
    quiet : list of (first, behind last)
    """
    spans = np.stack([edges[:-1], edges[1:]], 1)
    if not len(spans):
        return spans
    distance = {
        (k, at): max(begin - edges[at], edges[at] - end, 0)
        for k, (begin, end) in enumerate(quiet)
        for at in range(len(edges))
        if max(begin - edges[at], edges[at] - end) <= reach
    }
    used: set[int] = set()
    moved: set[int] = set()
    for k, at in sorted(distance, key=lambda one: (distance[one], one)):
        begin, end = quiet[k]
        # what lies between must not be another word's
        room = (at == 0 or begin > spans[at - 1, 0]) and (at == len(spans) or end < spans[at, 1])
        if k in used or at in moved or not room:
            continue
        used.add(k)
        moved.add(at)
        if at > 0:
            spans[at - 1, 1] = begin
        if at < len(spans):
            spans[at, 0] = end
    return spans


def near_mass(
    spans: NDArray[np.int64], rows: NDArray[np.floating], words: Sequence[Sequence[int]], around: int
) -> NDArray[np.int64]:
    """Spans that reach no farther than ``around`` frames beyond all but a fiftieth of their word's mass within them.

    Where nothing tells where a word ends (the last one, one before a noise) its map does.
    """
    found = spans.copy()
    for k, ((begin, end), tokens) in enumerate(zip(spans, words, strict=True)):
        mass = rows[list(tokens), begin:end].astype(np.float64).sum(0).cumsum()
        if not len(mass) or mass[-1] <= 0:
            continue
        first, last = np.searchsorted(mass, (0.01 * mass[-1], 0.99 * mass[-1]))
        found[k] = max(begin, begin + first - around), min(end, begin + last + 1 + around)
    return found


def before_pauses(
    spans: NDArray[np.int64], lasts: NDArray[np.int64], quiet: list[tuple[int, int]]
) -> NDArray[np.int64]:
    """Spans that end at the first long pause behind the beginning of their last token: a word does not go on behind it."""
    found = spans.copy()
    for k, last in enumerate(lasts):
        ends = [begin for begin, _ in quiet if max(last, found[k, 0]) < begin < found[k, 1]]
        found[k, 1] = min(ends, default=found[k, 1])
    return found


def _loud(levels: Float, lag: int) -> Float:
    """How loud each frame is, from 0 (the quietest tenth) to 1 (the loudest twentieth): ``lag`` frames later than it stands."""
    low, high = np.quantile(levels, (0.1, 0.95)) if len(levels) else (0.0, 0.0)
    found = np.clip((levels - low) / max(high - low, 1e-9), 0, 1)
    return found[np.clip(np.arange(len(found)) + lag, 0, len(found) - 1)]


def word_spans(utterance: Utterance, rows: NDArray[np.floating], lag: float = 0.0) -> Float:
    """Start and end of each word in seconds of the file, (word, 2), out of the map of its tokens.

    ``lag``: by how much words are later than the map says, as a calibration found; ends move with starts, and stay within the
    sound.
    """
    model = utterance.model
    step, half = model.times.step, model.times.step / 2
    levels = loudness(utterance.samples, model.rate, utterance.times - utterance.start, step)
    first = np.zeros((len(rows), 1))
    first[[word.tokens[0] for word in utterance.words[1:]]] = 1
    spans = divided(rows, first * LOUD * _loud(levels, round(lag / step)))
    edges = np.array([spans[word.tokens[0]] for word in utterance.words] + [spans[-1]], np.int64)
    if len(edges) < 2:
        return np.zeros((0, 2))
    moved = np.clip(edges + round(lag / step), 0, utterance.frames)
    # the first begins, and the last ends, where the sound does, but for pauses
    moved[0], moved[-1] = min(edges[0], moved[0]), utterance.frames
    quiet = pauses(levels, max(1, round(SHORTEST / step)))
    kept = around_pauses(np.maximum.accumulate(moved), quiet, round(REACH / step))
    voiced = voiced_of(utterance)
    long = [one for one in quiet if one[1] - one[0] >= round(LONG / step)]
    kept = before_pauses(kept, spans[[tokens[-1] for tokens in voiced]], long)
    kept = near_mass(kept, rows, voiced, round(AROUND / step))
    times = utterance.times
    starts, ends = times[np.minimum(kept[:, 0], len(times) - 1)] - half, times[np.maximum(kept[:, 1] - 1, 0)] + half
    found: Float = np.stack([starts, np.maximum(ends, starts + half)], 1)
    np.clip(found, utterance.start, utterance.start + utterance.seconds, out=found)
    return found
