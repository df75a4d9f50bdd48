"""One sound explained: what was written of it, what each token and word rests on, and whether the words were heard."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from depthscope.capture.speech import Utterance, transcribe
from depthscope.errors import DepthscopeError, check_choice
from depthscope.model.load import load
from depthscope.model.model import Model
from depthscope.model.speech import SpeechModel
from depthscope.run.environment import environment
from depthscope.stimuli.sound import Sound, read_sound
from depthscope.studies.asr.attention.causal import causal_effects
from depthscope.studies.asr.attention.layered import Layers, agreement, layer_maps
from depthscope.studies.asr.attribution import Attribution, Method
from depthscope.studies.asr.calibration.calibrate import calibration_of
from depthscope.studies.asr.explained import Explained
from depthscope.studies.asr.maps import WindowMap
from depthscope.studies.asr.methods import DEFAULT, METHODS, method_of
from depthscope.studies.asr.recording import recorded
from depthscope.studies.asr.silencing.heard import VARIANTS, heard
from depthscope.studies.asr.silencing.removing import unaltered
from depthscope.studies.asr.timing import word_spans
from depthscope.studies.asr.wordwise import mean_over, top_frames, voiced_of, within, words_of

Float = NDArray[np.float64]

# seconds of sound that are silenced to see whether a word was heard: about as much as a word takes
SILENCED = 0.3
# the share of a token's mass that its start and end enclose
CORE = 0.8


@dataclass(frozen=True)
class Asked:
    """What is asked of a sound: see :func:`explain`."""

    method: str = DEFAULT
    rivals: tuple[str, ...] = ()
    heard: str | None = "sound"
    language: str | None = None
    task: str | None = None
    text: str | None = None
    causal: bool = False
    choices: dict[str, Any] = field(default_factory=dict)


def explain(
    model: SpeechModel | str,
    sound: Any,
    *,
    rate: int | None = None,
    method: str = DEFAULT,
    rivals: Sequence[str] = (),
    heard: str | None = "sound",
    language: str | None = None,
    task: str | None = None,
    text: str | None = None,
    causal: bool = False,
    **choices: Any,
) -> Explained:
    """Transcribe a sound, and find what in it each word rests on.

    Parameters
    ----------
    model : SpeechModel or str
        From :func:`depthscope.load`, or a name that it takes: any encoder-decoder over sound.
    sound : path, array (time,), (array, rate) or Sound
        wav, flac, ogg, mp3 and others that soundfile reads, of any rate and number of channels.
    rate : int, optional
        Samples a second, of an array.
    method : str
        ``"calibrated"`` (the default: heads that hear the next word), ``"leaf-x"``, ``"last-layer"``, ``"occlusion"`` ...:
        :data:`depthscope.studies.asr.methods.METHODS`.
    rivals : sequence of str
        Other methods whose maps are kept beside it.
    heard : {"sound", "states", None}
        Whether each word was heard: by silencing the 0.3 s of sound that it rests on (one pass of the encoder a word), by
        hiding the encoder's states of them from the decoder (many times as fast), or not at all.
    language, task : str, optional
        Of a multilingual model, e.g. ``"de"``, ``"translate"``.
    text : str, optional
        Explain this text in place of the model's own: why not *this* word?
    causal : bool
        Keep what each layer's cross-attention is worth to each token, in nats (columns ``causal_1`` ...), and how much of
        it lay in padding (``padding_1`` ...).
    **choices
        Settings of the method, e.g. ``tau=0.1``.

    Returns
    -------
    Explained
        ``.tokens``, ``.words``, ``.map``, ``.plot()``, ``.report()``; in a notebook a card.

    Raises
    ------
    DepthscopeError
        A sound that cannot be read, a model that reads text, a method that it lacks something for.

    Notes
    -----
    Attention is computed eagerly while it is listened to, and gives the same logits; the transcription itself is by the
    network as it is. Attribution is of the text that was chosen, so it holds for any text, however it was found.

    Examples
    --------
    >>> e = ds.explain("whisper-base", "speech.wav")         # doctest: +SKIP
    >>> e.words[["text", "start", "end", "heard"]]           # doctest: +SKIP
    """
    loaded = recogniser(model)
    asked = Asked(method, tuple(rivals), heard, language, task, text, causal, dict(choices))
    return explanation(loaded, read_sound(sound, rate=rate, to=loaded.rate), asked)


def recogniser(model: SpeechModel | str) -> SpeechModel:
    """The model, if it hears."""
    found = load(model) if isinstance(model, str) else model
    if isinstance(found, Model) or not isinstance(found, SpeechModel):
        name = getattr(found, "name", type(found).__name__)
        raise DepthscopeError(
            f"{name}: reads text and hears nothing: give a speech recogniser, e.g. whisper-tiny.en (depthscope models list)"
        )
    return found


def explanation(model: SpeechModel, sound: Sound, asked: Asked) -> Explained:
    """What :func:`explain` returns, of a sound at the model's rate."""
    if asked.heard is not None:
        check_choice("heard", asked.heard, VARIANTS)
    # what is missing is said before anything is heard
    for name in asked.rivals:
        check_choice("rivals", name, tuple(METHODS))
    chosen = {name: method_of(name, model) for name in asked.rivals if name != asked.method}
    method = method_of(asked.method, model, **asked.choices)
    parts = [
        _window(utterance, asked, method, chosen, number)
        for number, utterance in enumerate(
            transcribe(model, sound.samples, language=asked.language, task=asked.task, text=asked.text)
        )
    ]
    words_before = np.cumsum([0, *(len(one.words) for one in parts)])
    tokens = [
        one.tokens.assign(word=np.where(one.tokens["word"] >= 0, one.tokens["word"] + before, -1))
        for one, before in zip(parts, words_before, strict=False)
    ]
    return Explained(
        name=sound.name,
        seconds=sound.seconds,
        rate=sound.rate,
        language=next((one.language for one in parts if one.language), ""),
        model=model.name,
        method=asked.method,
        tokens=pd.concat(tokens, ignore_index=True),
        words=apart(pd.concat([one.words for one in parts], ignore_index=True)),
        windows=tuple(one.maps for one in parts),
        recording=recorded(sound.samples, sound.rate),
        notes=sound.notes,
        settings={"method": asked.method, "rivals": list(chosen), "heard": asked.heard, **asked.choices},
        checks=model.checks,
        environment=environment(str(model.device), torch.get_num_threads()),
    )


def apart(words: pd.DataFrame) -> pd.DataFrame:
    """Words of which none goes on when the next has begun: where windows overlap, the last of one may reach into the next."""
    after = words["start"].shift(-1)
    return words.assign(end=np.where(after > words["start"], np.fmin(words["end"], after), words["end"]))


@dataclass(frozen=True, eq=False)
class _Part:
    tokens: pd.DataFrame
    words: pd.DataFrame
    maps: WindowMap
    language: str


def _window(utterance: Utterance, asked: Asked, method: Method, rivals: dict[str, Method], number: int) -> _Part:
    if not utterance.positions:
        empty, nothing = np.zeros((0, utterance.frames), np.float32), np.zeros(0)
        depth = utterance.model.depth
        layers = np.zeros((depth, 0, utterance.frames), np.float16)
        maps = WindowMap(utterance.times, empty, layers, dict.fromkeys(rivals, empty))
        return _Part(
            _tokens(utterance, None, None, nothing, number),
            _words(utterance, None, None, nothing, asked),
            maps,
            utterance.language,
        )
    found, layers_, log_p = method(utterance), layer_maps(utterance), unaltered(utterance)
    maps = WindowMap(
        utterance.times, found.map, layers_.maps, {name: rival(utterance).map for name, rival in rivals.items()}
    )
    tokens = _tokens(utterance, found, layers_, log_p, number, asked.causal)
    words = _words(utterance, found, layers_, log_p, asked)
    return _Part(tokens, words, maps, utterance.language)


def _tokens(
    utterance: Utterance,
    found: Attribution | None,
    layers: Layers | None,
    log_p: Float,
    number: int,
    causal: bool = False,
) -> pd.DataFrame:
    """One row per explained token."""
    count = len(utterance.positions)
    word = np.full(count, -1)
    for k, one in enumerate(utterance.words):
        word[list(one.tokens)] = k
    if found is None or layers is None:
        nothing = np.zeros(0)
        names = ("start", "end", "log_p", "entropy", "padding", "peak")
        return pd.DataFrame(
            {"window": [], "position": [], "text": [], "word": [], **dict.fromkeys(names, nothing)}
        ).astype({"window": int, "position": int, "word": int})
    cores = np.array([core(row, utterance.times, utterance.model.times.step) for row in found.map])
    entropy = -np.where(found.map > 0, found.map * np.log(np.maximum(found.map, 1e-30)), 0).sum(-1)
    beside = {name: values for name, values in found.beside.items() if name != "padding"}
    effects = {}
    if causal:
        table = causal_effects(utterance)
        effects = {f"causal_{layer + 1}": table[:, layer] for layer in range(table.shape[1])}
        effects |= {f"padding_{layer + 1}": row for layer, row in enumerate(layers.padding)}
    return pd.DataFrame(
        {
            "window": number,
            "position": list(utterance.positions),
            "text": list(utterance.pieces),
            "word": word,
            "start": cores[:, 0],
            "end": cores[:, 1],
            "log_p": log_p,
            "entropy": entropy / math.log(max(utterance.frames, 2)),
            "padding": found.beside.get("padding", layers.padding.mean(0)),
            "peak": utterance.times[found.map.argmax(-1)],
            **beside,
            **effects,
        }
    )


def _words(
    utterance: Utterance, found: Attribution | None, layers: Layers | None, log_p: Float, asked: Asked
) -> pd.DataFrame:
    """One row per word."""
    groups = words_of(utterance)
    columns = {"text": [word.text for word in utterance.words]}
    if found is None or layers is None:
        names = ("start", "end", "log_p", "probability", "heard", "total", "concentration", "agreement")
        return pd.DataFrame({**columns, **dict.fromkeys(names, np.zeros(0))})
    known = calibration_of(utterance.model)
    # times come from the heads that hear words, whatever the method is; without calibration, from its own map
    timed = method_of("calibrated", utterance.model)(utterance).map if known and asked.method != DEFAULT else found.map
    spans = word_spans(utterance, timed, known.lag if known else 0.0)
    voiced = voiced_of(utterance)
    rows = mean_over(voiced, found.map)
    table = pd.DataFrame(
        {
            **columns,
            "start": spans[:, 0],
            "end": spans[:, 1],
            "log_p": [log_p[list(group)].sum() for group in groups],
            "probability": [math.exp(log_p[list(group)].min()) for group in groups],
            "concentration": (rows * within(utterance, spans)).sum(-1),
            "agreement": agreement(np.stack([mean_over(voiced, one) for one in layers.maps])),
        }
    )
    if asked.heard is None:
        return table
    frames = top_frames(rows, silenced_frames(utterance))
    silenced = heard(utterance, frames, variant=asked.heard)  # type: ignore[arg-type]
    return table.assign(**{name: silenced[name].to_numpy() for name in ("heard", "own", "others", "total", "peak")})


def silenced_frames(utterance: Utterance) -> int:
    """How many frames are silenced to see whether a word was heard; at most a third of the sound."""
    return max(1, min(round(SILENCED / utterance.model.times.step), utterance.frames // 3))


def core(row: NDArray[np.floating], times: Float, step: float) -> tuple[float, float]:
    """Start and end in seconds of the shortest stretch that holds :data:`CORE` of a map's mass."""
    sums = np.concatenate([[0.0], np.cumsum(row, dtype=np.float64)])
    # for every beginning the first end with enough between
    ends = np.searchsorted(sums, sums[:-1] + CORE * sums[-1] - 1e-9)
    lengths = np.where(ends < len(sums), ends - np.arange(len(row)), len(row) + 1)
    first = int(lengths.argmin())
    last = min(int(ends[first]), len(row)) - 1
    # frames at both ends may reach beyond the sound
    return max(0.0, float(times[first] - step / 2)), float(times[max(last, first)] + step / 2)
