"""Was this word heard? How much less likely it is without its own sound, beside as much of the sound of other words."""

from typing import Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from depthscope.capture.speech import Utterance
from depthscope.errors import DepthscopeError, check_choice, check_count
from depthscope.model.speech import hearing
from depthscope.studies.asr.silencing.hiding import hiding
from depthscope.studies.asr.silencing.removing import Fill, rehear, unaltered
from depthscope.studies.asr.wordwise import sum_over, words_of

Variant = Literal["sound", "states"]
VARIANTS: tuple[str, ...] = get_args(Variant)
# two places of which more than this share is common are not two places
COMMON = 0.5

Float = NDArray[np.float64]
Frames = NDArray[np.bool_]


def effects(
    utterance: Utterance,
    frames: Frames,
    *,
    variant: Variant = "sound",
    fill: Fill = "silence",
    batch: int = 8,
    seed: int = 0,
) -> Float:
    """By how much the NLL of each word rises, in nats, when the frames of each are gone: (word whose frames, word).

    Parameters
    ----------
    frames : bool array (word, frame)
        Where each word is: its true interval, or the frames of most mass of its map
        (:func:`depthscope.studies.asr.wordwise.top_frames`).
    variant : {"sound", "states"}
        ``sound``: the frames are removed from the sound, one encoder pass a word. ``states``: the encoder's states of these
        frames are hidden from all cross-attention; decoder passes alone, so that it is many times as fast, but what the
        encoder has carried to other frames is still there.
    fill, batch, seed
        As in :func:`depthscope.studies.asr.silencing.removing.rehear`.
    """
    check_choice("variant", variant, VARIANTS)
    check_count("batch", batch)
    words = len(utterance.words)
    if frames.shape != (words, utterance.frames):
        raise DepthscopeError(
            f"frames of shape {frames.shape}: give (word, frame), {words} words and the {utterance.frames} frames within "
            "the sound"
        )
    if variant == "sound":
        log_p = rehear(utterance, frames, fill, batch=batch, seed=seed)
    else:
        rows = []
        for k in range(0, words, batch):
            part = frames[k : k + batch]
            with hearing(utterance.model.network), hiding(utterance, part):
                rows.append(utterance.log_p(utterance.decode(rows=len(part))).double().cpu().numpy())
        log_p = np.concatenate(rows) if rows else np.empty((0, len(utterance.positions)))
    groups = words_of(utterance)
    return sum_over(groups, unaltered(utterance) - log_p)


def without_sound(utterance: Utterance, fill: Fill = "silence", *, seed: int = 0) -> Float:
    """By how much the NLL of each word rises when the whole sound is removed, (word,); one encoder pass."""
    everything = np.ones((1, utterance.frames), bool)
    return sum_over(words_of(utterance), unaltered(utterance) - rehear(utterance, everything, fill, seed=seed)[0])


def heard(
    utterance: Utterance,
    frames: Frames,
    *,
    variant: Variant = "sound",
    fill: Fill = "silence",
    batch: int = 8,
    seed: int = 0,
) -> pd.DataFrame:
    """How much each word rests on its own sound.

    Parameters
    ----------
    frames, variant, fill, batch, seed
        As in :func:`effects`. For a fair comparison all words should have as many frames.

    Returns
    -------
    DataFrame, one row a word, in nats of its NLL
        ``word``; ``total``: its rise when the whole sound is removed; ``own``: when its own frames are; ``others``: when
        those of another word are, the mean over the words that have less than half of their frames in common with it (NaN
        if there is none); ``heard``: own - others; ``peak``: the most that the frames of any word do.
    """
    matrix = effects(utterance, frames, variant=variant, fill=fill, batch=batch, seed=seed)
    return table([word.text for word in utterance.words], matrix, frames, without_sound(utterance, fill, seed=seed))


def table(words: list[str], matrix: Float, frames: Frames, total: Float) -> pd.DataFrame:
    """The table of :func:`heard` out of the effects (word whose frames, word)."""
    own, others = np.diag(matrix), _others(matrix, frames)
    peak = matrix.max(0, initial=-np.inf)
    columns = {"word": words, "total": total, "own": own, "others": others, "heard": own - others, "peak": peak}
    return pd.DataFrame(columns)


def _others(matrix: Float, frames: Frames) -> Float:
    """Mean effect on each word of the frames of words elsewhere."""
    given = frames.astype(np.int64)
    common = given @ given.T
    sizes = np.maximum(np.minimum.outer(given.sum(-1), given.sum(-1)), 1)
    elsewhere = common / sizes < COMMON
    np.fill_diagonal(elsewhere, False)
    counts = elsewhere.sum(0)
    found: Float = np.divide((matrix * elsewhere).sum(0), counts, out=np.full(len(matrix), np.nan), where=counts > 0)
    return found
