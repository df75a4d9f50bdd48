"""Whisper's rule for long sounds: where a window ends that was written with timestamps, and what of it is kept."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Cut:
    """How many tokens of a window are kept, and how many columns of the spectrogram on the next window begins."""

    tokens: int
    offset: int


def cut_at_timestamps(ids: Sequence[int], prompt: int, first: int, columns: int) -> Cut:
    """Where the next window begins.

    Two timestamps in a row end one segment and begin another: what follows the last such pair is unfinished, and is heard
    again. A single timestamp at the end says that nothing follows.

    Parameters
    ----------
    ids : sequence of int
        All that the decoder read, without the token that ends it.
    prompt : int
        How many of them were given.
    first : int
        Id of the timestamp of 0 s; each next one is 0.02 s later.
    columns : int
        Of the spectrogram, 0.01 s each, that the window holds of the sound.
    """
    written = list(ids[prompt:])
    timed = [i >= first for i in written]
    pairs = [k + 1 for k in range(len(timed) - 1) if timed[k] and timed[k + 1]]
    if not pairs or timed[-2:] == [False, True]:
        return Cut(len(ids), columns)
    last = pairs[-1]
    return Cut(prompt + last, 2 * (written[last - 1] - first))
