"""One method on the words of one sound: every metric, word by word, on the same words for all methods."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from depthscope.capture.speech import Utterance, transcribe
from depthscope.capture.spelling import Word
from depthscope.errors import DepthscopeError
from depthscope.model.speech import SpeechModel
from depthscope.studies.asr.attention.leafx import attention_map
from depthscope.studies.asr.attribution import Method
from depthscope.studies.asr.calibration.calibrate import calibration_of
from depthscope.studies.asr.methods import ATTENTION, METHODS, method_of
from depthscope.studies.asr.metrics.chance import ceiling, chance
from depthscope.studies.asr.metrics.erasure import deletion, insertion
from depthscope.studies.asr.metrics.infidelity import Perturbations, infidelity, perturbations
from depthscope.studies.asr.metrics.overlap import sharpness, spr, tloc
from depthscope.studies.asr.metrics.stability import alike, noised, shifted
from depthscope.studies.asr.silencing.removing import unaltered
from depthscope.studies.asr.truth.matching import same_words
from depthscope.studies.asr.truth.times import Spoken
from depthscope.studies.asr.wordwise import mean_over, sum_over, within, words_of

Float = NDArray[np.float64]

# rows that know nothing, and one that knows the truth: maps of words, beside those of methods
CHANCE, RANDOM, CEILING = "chance", "random map", "ceiling"
BASELINES = (CHANCE, RANDOM, CEILING)
# methods that run back through the network for every token
BACKWARD = ("gradient-input", "integrated-gradients")
# settings of methods that take passes in place of exactness
SAMPLED, STEPPED = ("lime", "kernel-shap"), ("integrated-gradients",)
# maps of chance of which a mean is taken
DRAWS = 20
# dB of noise below the speech, and seconds of the shift
SNR, SHIFT = 20.0, 0.1


@dataclass(frozen=True)
class Metric:
    """What is measured of a map. ``silenced``: it takes sounds of each word's own, so that a sample of words has to do."""

    label: str
    larger: bool = True
    silenced: bool = False


METRICS: dict[str, Metric] = {
    "tloc": Metric("mass inside the true word"),
    "d_aopc_silence": Metric("nats lost to silence at the top frames", silenced=True),
    "d_aopc_mean": Metric("nats lost to mean spectrum at the top frames", silenced=True),
    "insertion": Metric("probability with the top frames alone", silenced=True),
    "infidelity": Metric("infidelity", larger=False),
    "spr": Metric("mass of the top tenth of frames"),
    "sharpness": Metric("sharpness (1 - entropy)"),
    "stab_noise": Metric("stability in noise"),
    "stab_shift": Metric("stability under a shift"),
}


@dataclass(frozen=True)
class Effort:
    """What a measurement may cost.

    Attributes
    ----------
    metrics : tuple of str
        Of :data:`METRICS`.
    levels : tuple of float
        Shares of the frames that are removed, rising, above 0. The mean spectrum and insertion, which are to show that
        silence alone does not decide, are measured at every second of them.
    words : int
        Of each sound, drawn among those that were written as they were spoken, for metrics that silence.
    samples, perturbed, steps : int
        Sounds of LIME and KernelSHAP; of infidelity; steps of integrated gradients.
    stable : bool
        Measure stability of all methods, and not of attention alone: two further runs of each.
    said : bool
        Explain what was said in place of what the model writes: the same words in every model, whether it hears them or not.
    batch, seed : int
    """

    metrics: tuple[str, ...] = tuple(METRICS)
    levels: tuple[float, ...] = (0.05, 0.1, 0.2, 0.3, 0.5)
    words: int = 3
    samples: int = 40
    perturbed: int = 32
    steps: int = 8
    stable: bool = False
    said: bool = False
    batch: int = 4
    seed: int = 0

    @property
    def few(self) -> tuple[float, ...]:
        """0, and every second level."""
        return (0.0, *(self.levels[1::2] or self.levels))


# what is measured where time does not matter
FULL: dict[str, Any] = {"words": 10, "samples": 200, "perturbed": 128, "steps": 32, "stable": True}


@dataclass(frozen=True, eq=False)
class Heard:
    """A sound as a model heard it, and its words that were written as they were spoken.

    Attributes
    ----------
    name : str
    number : int
        Of the sound: what is drawn for it depends on it.
    utterance : Utterance
        Of these words alone, in the whole text.
    inside : array (word, frame)
        Which share of each frame lies in the true interval.
    words : DataFrame
        ``word``, its place in what was said; ``text``; whether it is ``sampled``; ``log_p``.
    effort : Effort
    """

    name: str
    number: int
    utterance: Utterance
    inside: Float
    words: pd.DataFrame
    effort: Effort

    @cached_property
    def sampled(self) -> list[int]:
        """Rows of the words that are silenced."""
        return [int(k) for k in np.flatnonzero(self.words["sampled"])]

    @cached_property
    def silenced(self) -> Utterance:
        return only(self.utterance, self.sampled)

    @cached_property
    def noised(self) -> Utterance:
        return noised(self.utterance, SNR, seed=self.number)

    @cached_property
    def shift(self) -> int:
        """Frames."""
        return max(1, round(SHIFT / self.utterance.model.times.step))

    @cached_property
    def shifted(self) -> Utterance:
        return shifted(self.utterance, self.shift, seed=self.number)

    @cached_property
    def perturbed(self) -> Perturbations:
        """The same for all methods."""
        effort, seed = self.effort, self.effort.seed + self.number
        return perturbations(self.utterance, samples=effort.perturbed, batch=effort.batch, seed=seed)


def only(utterance: Utterance, words: Sequence[int]) -> Utterance:
    """The same sound and text, of which only some words are explained."""
    kept: list[Word] = []
    positions: list[int] = []
    pieces: list[str] = []
    for k in words:
        word = utterance.words[k]
        kept.append(replace(word, tokens=tuple(range(len(positions), len(positions) + len(word.tokens)))))
        positions += [utterance.positions[token] for token in word.tokens]
        pieces += [utterance.pieces[token] for token in word.tokens]
    return replace(utterance, positions=tuple(positions), words=tuple(kept), pieces=tuple(pieces))


def hear(model: SpeechModel, spoken: Spoken, name: str, number: int, effort: Effort) -> Heard | None:
    """What a model writes of a sound, and which of its words it has right; None if there are none.

    Which words are silenced is drawn by the place of the word in what was said, so that models differ in it as little as can
    be.
    """
    said = [str(word) for word in spoken.words["word"]]
    utterances = list(transcribe(model, spoken.sound.samples, text=" ".join(said) if effort.said else None))
    if len(utterances) != 1:
        raise DepthscopeError(f"{name}: longer than one window of {model.name}: compare methods on sentences")
    whole = utterances[0]
    pairs = same_words(said, [word.text for word in whole.words])
    if not pairs:
        return None
    order = np.random.default_rng([effort.seed, number]).permutation(len(said))
    right = {i for i, _ in pairs}
    drawn = [k for k in order if k in right][: effort.words]
    utterance = only(whole, [j for _, j in pairs])
    # nothing behind a token changes it, and a model that repeats itself writes hundreds of tokens
    utterance = replace(utterance, ids=utterance.ids[:, : max(utterance.positions) + 1])
    times = spoken.words[["start", "end"]].to_numpy(np.float64)[[i for i, _ in pairs]]
    words = pd.DataFrame(
        {
            "word": [i for i, _ in pairs],
            "text": [said[i] for i, _ in pairs],
            "sampled": [i in drawn for i, _ in pairs],
            "log_p": sum_over(words_of(utterance), unaltered(utterance)),
        }
    )
    return Heard(name, number, utterance, within(utterance, times), words, effort)


def method_for(name: str, model: SpeechModel, of: SpeechModel, effort: Effort) -> Method:
    """The method of that name; ``of``: the model as it was loaded, whose calibration holds for its shortened self too."""
    known = calibration_of(of)
    if name == "calibrated" and known is not None:
        heads = known.heads
        return lambda utterance: attention_map(utterance, name=name, heads=heads)
    options: dict[str, Any] = {}
    if name in SAMPLED:
        options = {"samples": effort.samples, "batch": effort.batch}
    if name in STEPPED:
        options = {"steps": effort.steps, "batch": effort.batch}
    return method_of(name, model, **options)


def measure(heard: Heard, name: str, method: Method | None) -> tuple[pd.DataFrame, float]:
    """Every metric that was asked for, one row a word, NaN where it was not measured; and passes of the network a token.

    Parameters
    ----------
    method : callable, optional
        None for the rows of :data:`BASELINES`.
    """
    effort = heard.effort
    rows = heard.sampled if name in BACKWARD else list(range(len(heard.words)))
    utterance = only(heard.utterance, rows)
    table = heard.words.iloc[rows].reset_index(drop=True)
    if method is None:
        maps, passes = _baseline(heard, name), 0.0
    else:
        found = method(utterance)
        maps = mean_over(words_of(utterance), found.map)
        budget = found.budget.per_token(len(utterance.positions))
        passes = budget.encoder + budget.decoder + budget.backward
    # what is drawn is drawn often where that costs nothing, and once where every draw would be heard
    drawn = [_baseline(heard, name, k) for k in range(DRAWS)] if name in (CHANCE, RANDOM) else [maps]
    values = _placed(drawn, heard.inside[rows])
    if method is not None and (effort.stable or METHODS[name].place == ATTENTION):
        values |= _stability(heard, rows, method, maps, effort.metrics)
    if "infidelity" in effort.metrics:
        drops = sum_over(words_of(heard.utterance), heard.perturbed.drops)[:, rows]
        values["infidelity"] = np.mean([infidelity(one, heard.perturbed.masks, drops) for one in drawn], 0)
    here = [k for k, row in enumerate(rows) if row in heard.sampled]
    for metric, found_ in _silenced(heard.silenced, maps[here], effort).items():
        values[metric] = np.full(len(rows), np.nan)
        values[metric][here] = found_
    return table.assign(
        **{metric: values.get(metric, np.nan) for metric in METRICS if metric in effort.metrics}
    ), passes


def _placed(maps: Sequence[Float], inside: Float) -> dict[str, Float]:
    """Metrics of maps alone, means over draws."""
    measured = {"tloc": lambda one: tloc(one, inside), "spr": spr, "sharpness": sharpness}
    return {name: np.mean([by(one) for one in maps], 0) for name, by in measured.items()}


def _baseline(heard: Heard, name: str, draw: int = 0) -> Float:
    if name == CEILING:
        return ceiling(heard.inside).astype(np.float64)
    kind = "gaussian" if name == CHANCE else "random"
    drawn = chance(heard.utterance, len(heard.words), seed=heard.effort.seed + heard.number + 1000 * draw)
    return drawn[kind].astype(np.float64)


def _stability(heard: Heard, rows: list[int], method: Method, maps: Float, metrics: Sequence[str]) -> dict[str, Float]:
    def maps_of(utterance: Utterance) -> Float:
        part = only(utterance, rows)
        return mean_over(words_of(part), method(part).map)

    found = {}
    if "stab_noise" in metrics:
        found["stab_noise"] = alike(maps, maps_of(heard.noised)).overlap
    if "stab_shift" in metrics:
        found["stab_shift"] = alike(maps, maps_of(heard.shifted)[:, heard.shift :]).overlap
    return found


def _silenced(utterance: Utterance, maps: Float, effort: Effort) -> dict[str, Float]:
    """Metrics for which each word has sounds of its own."""
    if not len(maps):
        return {}
    curves: dict[str, Callable[[], Float]] = {
        "d_aopc_silence": lambda: deletion(utterance, maps, levels=(0.0, *effort.levels), **options).nats,
        "d_aopc_mean": lambda: deletion(utterance, maps, levels=effort.few, fill="mean", **options).nats,
        "insertion": lambda: insertion(utterance, maps, levels=effort.few, **options).probability,
    }
    options: dict[str, Any] = {"groups": words_of(utterance), "batch": effort.batch, "seed": effort.seed}
    return {name: made() for name, made in curves.items() if name in effort.metrics}
