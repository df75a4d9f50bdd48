"""Which heads of a recogniser hear the word that comes next: from speech whose word times are known."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np

from depthscope.capture.speech import Utterance, transcribe
from depthscope.errors import DepthscopeError
from depthscope.model.pretrained.cache import cache_folder
from depthscope.model.speech import SpeechModel
from depthscope.progress import each
from depthscope.store.files import write_text
from depthscope.studies.asr.attention.headmass import head_mass
from depthscope.studies.asr.attention.leafx import attention_map
from depthscope.studies.asr.calibration.roles import Clip, Roles, head_roles
from depthscope.studies.asr.timing import word_spans
from depthscope.studies.asr.truth.matching import same_words
from depthscope.studies.asr.truth.sentences import SENTENCES, VOICES
from depthscope.studies.asr.truth.times import Spoken, synthesise
from depthscope.studies.asr.wordwise import within

# sentences that are spoken for a calibration, and how many words must have been written as they were spoken
COUNT, FEWEST = 10, 20


@dataclass(frozen=True)
class Calibration:
    """What attribution takes from a calibration.

    Attributes
    ----------
    heads : tuple of (layer, head)
        Counted from 0, the best first.
    lag : float
        Seconds by which words begin later than the division of these heads' map says, in the median.
    """

    heads: tuple[tuple[int, int], ...]
    lag: float = 0.0


# measured by `depthscope asr calibrate NAME` on ten sentences of espeak-ng: docs/studies/asr.md has the tables
SHIPPED = {
    "whisper-tiny.en": Calibration(((2, 1),), 0.036),
    "whisper-base": Calibration(((3, 1), (5, 1)), 0.042),
    "moonshine-tiny": Calibration(((4, 3), (3, 6), (4, 6), (3, 0)), 0.02),
}


def calibration_of(model: SpeechModel) -> Calibration | None:
    """What is known of a model: by an earlier :func:`calibrate` on this machine, or, of those that we list, from us."""
    path = _place(model)
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        return Calibration(tuple((int(a), int(b)) for a, b in stored["heads"]), float(stored["lag"]))
    except (OSError, ValueError, LookupError, TypeError):  # never calibrated here, or a file that nobody can read
        return SHIPPED.get(model.name)


def remember(model: SpeechModel, found: Calibration) -> Path:
    """Keep a calibration for the next time that these weights are loaded."""
    path = _place(model)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(
        path, json.dumps({"model": model.name, "heads": [list(one) for one in found.heads], "lag": found.lag}) + "\n"
    )
    return path


def _place(model: SpeechModel) -> Path:
    return cache_folder() / "calibrations" / f"{sha256(model.fingerprint.encode()).hexdigest()[:24]}.json"


def calibrate(
    model: SpeechModel,
    spoken: Sequence[Spoken] | None = None,
    *,
    language: str | None = None,
    permutations: int = 999,
    seed: int = 0,
    progress: bool = True,
) -> tuple[Roles, Calibration]:
    """Give every head a role, with a null, and choose those that attribution rests on.

    Parameters
    ----------
    spoken : sequence of Spoken, optional
        Sounds with word times, e.g. your own aligned speech; by default ten sentences by espeak-ng (extra ``asr-truth``).
    language : str, optional
        Of a multilingual model.
    permutations, seed : int
        Of the null: :func:`depthscope.studies.asr.calibration.roles.head_roles`.

    Raises
    ------
    DepthscopeError
        Too few words were written as they were spoken, or no head hears the next word.
    """
    sounds = list(spoken) if spoken is not None else list(_synthesised())
    clips: list[Clip] = []
    pairs: list[tuple[Utterance, Spoken, list[tuple[int, int]]]] = []
    for one in each(sounds, "sounds", unit="sound", shown=progress):
        utterances = list(transcribe(model, one.sound.samples, language=language))
        if len(utterances) != 1:
            raise DepthscopeError(f"{one.sound.name}: longer than one window of {model.name}: calibrate with sentences")
        utterance = utterances[0]
        same = same_words([str(word) for word in one.words["word"]], [word.text for word in utterance.words])
        if len(same) < 2:
            continue
        times = one.words[["start", "end"]].to_numpy(np.float64)[[i for i, _ in same]]
        shares = within(utterance, times)
        clips.append(Clip(head_mass(utterance, shares), tuple(utterance.words[j].tokens for _, j in same)))
        pairs.append((utterance, one, same))
    words = sum(len(clip.words) for clip in clips)
    if words < FEWEST:
        raise DepthscopeError(
            f"{model.name}: of {len(sounds)} sounds it wrote {words} words as they were spoken, and {FEWEST} are needed: it "
            "does not understand them; calibrate with speech that it does (--audio and --words)"
        )
    roles = head_roles(clips, permutations=permutations, seed=seed)
    if not roles.chosen:
        raise DepthscopeError(
            f"{model.name}: no head attends to the word that comes next more than by chance; choose a method by name "
            "(--method leaf-x, last-layer ...)"
        )
    late = [
        float(
            one.words["start"].iloc[i] - word_spans(utterance, attention_map(utterance, heads=roles.chosen).map)[j, 0]
        )
        for utterance, one, same in pairs
        for i, j in same
    ]
    return roles, Calibration(roles.chosen, round(float(np.median(late)), 3))


def _synthesised() -> Iterator[Spoken]:
    for k, text in enumerate(SENTENCES[:COUNT]):
        yield synthesise(text, voice=VOICES[k % len(VOICES)])
