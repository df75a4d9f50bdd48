"""Every word that is written of sounds with a known text, whether it is wrong, and all that might have betrayed it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from depthscope.capture.speech import Utterance, transcribe
from depthscope.errors import DepthscopeError, check_choice
from depthscope.model.speech import SpeechModel
from depthscope.stimuli.sound import Sound
from depthscope.studies.asr.attention.layered import agreement, layer_maps
from depthscope.studies.asr.attribution import Method
from depthscope.studies.asr.calibration.calibrate import calibration_of
from depthscope.studies.asr.detection.conditions import altered
from depthscope.studies.asr.explaining import silenced_frames
from depthscope.studies.asr.methods import DEFAULT, method_of
from depthscope.studies.asr.silencing.heard import VARIANTS, effects, table, without_sound
from depthscope.studies.asr.silencing.removing import unaltered
from depthscope.studies.asr.truth.spoken import TITLES, Status, plain_words, wrong_words
from depthscope.studies.asr.wordwise import mean_over, sum_over, top_frames, voiced_of, words_of

Float = NDArray[np.float64]

REAL, SYNTHETIC = "real speech", "synthesised speech"
# seconds around the peak of a map whose mass is its concentration
AROUND = 0.3

# columns of text; all others hold numbers
TEXTS = ("model", "clip", "speech", "condition", "text", "status", "verdict")


@dataclass(frozen=True, eq=False)
class Dictation:
    """A sound of which it is known what is said.

    Attributes
    ----------
    sound : Sound
    text : str
        What is said; empty: nothing is.
    speech : str
        ``"real speech"`` or ``"synthesised speech"``: the two are never pooled.
    language : str, optional
        Given to models that take one.
    """

    sound: Sound
    text: str
    speech: str = REAL
    language: str | None = None


def word_rows(
    model: SpeechModel,
    dictation: Dictation,
    condition: str = "clean",
    *,
    variants: Sequence[str] = VARIANTS,
    alike: Mapping[str, str] = TITLES,
    seed: int = 0,
) -> pd.DataFrame:
    """One row per word that the model writes of a sound.

    Parameters
    ----------
    condition : str
        One of ``conditions.CONDITIONS``; where it leaves nothing that is said, every word is wrong.
    variants : sequence of {"sound", "states"}
        How a word's own frames are silenced: ``sound`` takes one encoder pass a word.
    alike : mapping
        Words that count as others.
    seed : int
        Of the noise.

    Returns
    -------
    DataFrame
        ``model``, ``clip``, ``speech``, ``condition``, ``index``, ``text``, ``status``, ``wrong`` (0 or 1), ``start`` (seconds,
        the peak of its map), and the scores of ``results.DETECTORS``, but for variants that
        were not asked: ``log_p`` (sum over tokens) and ``least``; ``heard_*`` (own less others; own alone where there is no
        word elsewhere), ``own_*`` and ``peak_*``, and ``total``, in nats; ``concentration``: mass within 0.3 s around the peak
        of its map; ``entropy`` of that map, ``agreement`` and ``padding``, 0 to 1. Punctuation alone is no word.

    Notes
    -----
    The language share of a plain rollout is no detector: whatever is attended to, each layer hands on half of it, so that it is
    2 ** -layers of every word.
    """
    for variant in variants:
        check_choice("variants", variant, VARIANTS)
    samples = altered(dictation.sound.samples, dictation.sound.rate, condition, seed=seed)
    language = dictation.language if model.multilingual else None
    maps = method_of(DEFAULT if calibration_of(model) else "last-layer", model)
    parts = [_scores(one, maps, variants) for one in transcribe(model, samples, language=language) if one.words]
    if not parts:
        return pd.DataFrame()
    rows = pd.concat(parts, ignore_index=True)
    said = "" if condition.endswith(" alone") else dictation.text
    status = statuses(said, list(rows["text"]), alike)
    about = {"model": model.name, "clip": dictation.sound.name, "speech": dictation.speech, "condition": condition}
    wrong = np.isin(status, ("substituted", "inserted")).astype(int)
    judged = rows.assign(**about, index=np.arange(len(rows)), status=status, wrong=wrong)
    first = [*about, "index", "text", "status", "wrong"]
    judged = judged[[*first, *(name for name in judged if name not in first)]]
    spoken: pd.DataFrame = judged[judged["status"] != "blank"].reset_index(drop=True)
    return spoken


def statuses(said: str, written: Sequence[str], alike: Mapping[str, str] = TITLES) -> list[Status]:
    """As :func:`depthscope.studies.asr.truth.spoken.wrong_words`, but words are right that the text has as one, or has apart.

    "so weit" is "soweit", and "soweit" is "so weit": nobody hears which it is.
    """
    known = plain_words(said, alike)
    together = {a + b: f"{a} {b}" for a, b in pairwise(known)}
    plain = ["".join(plain_words(word, alike)) for word in written]
    joined: list[str] = []
    sizes: list[int] = []
    k = 0
    while k < len(written):
        pair = "".join(plain[k : k + 2])
        if k + 1 < len(written) and pair in known and not {plain[k], plain[k + 1]} & {*known, ""}:
            joined.append(pair)
            sizes.append(2)
        else:
            apart = plain[k] not in known and plain[k] in together
            joined.append(together[plain[k]] if apart else written[k])
            sizes.append(1)
        k += sizes[-1]
    found = wrong_words(said, joined, alike).status
    return [one for one, size in zip(found, sizes, strict=True) for _ in range(size)]


def _scores(utterance: Utterance, maps: Method, variants: Sequence[str]) -> pd.DataFrame:
    """What is known of the words of one window."""
    groups = words_of(utterance)
    texts = [word.text for word in utterance.words]
    log_p = unaltered(utterance)
    voiced = voiced_of(utterance)
    rows, layers = mean_over(voiced, maps(utterance).map), layer_maps(utterance)
    peaks = utterance.times[rows.argmax(-1)]
    near = np.abs(utterance.times - peaks[:, None]) <= AROUND / 2
    total = without_sound(utterance)
    columns: dict[str, object] = {
        "text": texts,
        "start": peaks,
        "log_p": sum_over(groups, log_p),
        "least": _each(groups, log_p, np.min),
        "total": total,
        "concentration": (rows * near).sum(-1),
        "entropy": -np.where(rows > 0, rows * np.log(np.maximum(rows, 1e-30)), 0).sum(-1)
        / np.log(max(utterance.frames, 2)),
        "agreement": agreement(np.stack([mean_over(voiced, one) for one in layers.maps])),
        "padding": _each(groups, layers.padding.mean(0), np.mean),
    }
    frames = top_frames(rows, silenced_frames(utterance))
    for variant in variants:
        matrix = effects(utterance, frames, variant=variant)  # type: ignore[arg-type]
        silenced = table(texts, matrix, frames, total)
        # a word by itself has no others to be held to
        columns[f"heard_{variant}"] = silenced["heard"].fillna(silenced["own"]).to_numpy()
        columns[f"own_{variant}"] = silenced["own"].to_numpy()
        columns[f"peak_{variant}"] = silenced["peak"].to_numpy()
    return pd.DataFrame(columns)


def _each(groups: Sequence[Sequence[int]], values: Float, reduce: Callable[[Float], float]) -> Float:
    return np.array([reduce(values[list(group)]) for group in groups])


def check_dictations(sounds: Sequence[Dictation]) -> None:
    """Refuse what gives no answer: no sound, two of one name, a text without a word."""
    if not sounds:
        raise DepthscopeError("no sound is given: detectors need sounds of which it is known what is said")
    names = [one.sound.name for one in sounds]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise DepthscopeError(f"{twice[0]}: two sounds of this name; rename one")
    for one in sounds:
        if not plain_words(one.text):
            raise DepthscopeError(f"{one.sound.name}: its text has no word; give what is said, or leave the sound out")
