"""Which recognisers of the installed transformers can be explained: each built small, loaded, heard, and listened to."""

import inspect
import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from depthscope.capture.listening import listen
from depthscope.capture.speech import Utterance, transcribe
from depthscope.errors import DepthscopeError, listed, reason, require
from depthscope.model.hearing import hears, placeholder
from depthscope.model.load import load
from depthscope.model.miniature import Family, building_many, byte_tokenizer, miniature
from depthscope.model.speech import SpeechModel
from depthscope.progress import each
from depthscope.report.table import Column, Table, TableForm
from depthscope.store.files import write_text
from depthscope.telling import Sheet

Outcome = Literal["works", "refused", "not built"]

# their extractors lay neighbouring frames side by side
_STACKED = ("seamless_m4t", "seamless_m4t_v2")
# of the sound that each is given
SECONDS, RATE = 2.0, 16_000
# how far a row of attention may be from a distribution, and the frames from covering the sound
ROWS, COVERED = 1e-4, 0.15
# models that transformers has no feature extractor for, being made of others; a window of whole seconds
_EARS: dict[str, tuple[str, dict[str, Any]]] = {
    "moss_transcribe_diarize": ("MossTranscribeDiarizeFeatureExtractor", {"chunk_length": 5}),
    "moonshine_streaming": ("Wav2Vec2FeatureExtractor", {"do_normalize": False}),
    "qwen2_audio": ("WhisperFeatureExtractor", {"chunk_length": 5}),
    "voxtral": ("WhisperFeatureExtractor", {"chunk_length": 5}),
    "speech-encoder-decoder": ("Wav2Vec2FeatureExtractor", {}),
    "whisper": ("WhisperFeatureExtractor", {"chunk_length": 5}),
}


RECOGNISERS = TableForm(
    "",
    "",
    (
        Column("model type", "{model_type}"),
        Column("class", "{class_name}", narrow=False),
        Column("result", "{outcome}"),
        Column("hears", "{sound}", narrow=False),
        Column("frame", "{frame}"),
        Column("layers x heads", "{attention}"),
        Column("remark", "{note}"),
    ),
)
LONGEST = 160  # characters of a remark
ABOUT = (
    "Every class that transformers lists as one that hears and writes is built small (8 layers, 64 features) with random",
    "weights and put to all the checks of `depthscope.load`: where the text attends to the sound is found, eager attention",
    "gives the logits of the network's own, clicks at known times stand in the frames that have these times. Then it writes",
    "something of two seconds of sound, and its attention to the sound must be a distribution over frames that cover the",
    "sound. No class is known to depthscope by name, except to build it small. *not built*: transformers could not make a",
    "small one here, so that nothing is known of it.",
)


@dataclass(frozen=True)
class Heard:
    """What came of one class.

    Attributes
    ----------
    model_type, class_name : str
        As transformers has them.
    outcome : {"works", "refused", "not built"}
        ``"not built"``: transformers could not make a small one here, so that nothing is known of it.
    sound : str
        How it hears: ``"spectrogram"`` or ``"waveform"``.
    frame : float
        Seconds that a frame of its attention stands for; NaN if it does not work.
    layers, heads : int
        Of the attention to the sound.
    note : str
        Why it is refused.
    """

    model_type: str
    class_name: str
    outcome: Outcome
    sound: str = ""
    frame: float = float("nan")
    layers: int = 0
    heads: int = 0
    note: str = ""


def recognisers() -> list[Family]:
    """Every class in the installed transformers that hears and writes, by transformers' own tables."""
    auto = require("transformers.models.auto.modeling_auto", "models")
    ears = require("transformers.models.auto.feature_extraction_auto", "models").FEATURE_EXTRACTOR_MAPPING_NAMES
    named = dict(auto.MODEL_FOR_SPEECH_SEQ_2_SEQ_MAPPING_NAMES)
    # of all that takes more than text: what has a feature extractor of sounds
    mixed = getattr(auto, "MODEL_FOR_MULTIMODAL_LM_MAPPING_NAMES", {})
    named |= {name: kind for name, kind in mixed.items() if name in ears and name not in named}
    return [Family("encoder-decoder", name, kind) for name, kind in sorted(named.items())]


def coverage(names: Sequence[str] = (), *, progress: bool = True) -> Iterator[Heard]:
    """Try every recogniser, or those of the given model types, one after the other.

    One works if a network of its class, with random weights, passes all checks of :func:`depthscope.load`, writes something
    of a sound, and its attention to the sound is a distribution over frames that cover the sound.

    Raises
    ------
    DepthscopeError
        A name that the installed transformers does not know as a recogniser.
    """
    with building_many():
        known = recognisers()
        unknown = [name for name in names if name not in {family.model_type for family in known}]
        if unknown:
            raise DepthscopeError(
                f"{listed(unknown)}: no such recogniser in this transformers; leave the name out to try all"
            )
        for family in each(
            [f for f in known if not names or f.model_type in names], "recognisers", unit="class", shown=progress
        ):
            yield try_recogniser(family)


def try_recogniser(family: Family) -> Heard:
    """Build, load, let it write and listen to one."""
    row = Heard(family.model_type, family.class_name, "refused")
    try:
        network: Any = miniature(family)
        ears = extractor(family.model_type, network)
    except DepthscopeError as problem:
        return replace(row, outcome="not built", note=str(problem))
    if network.config.is_encoder_decoder and not hears(network):
        return replace(row, note="no sound enters it")
    if not network.config.is_encoder_decoder and placeholder(network) is None:
        return replace(row, note="no token of it stands for sound")
    processor = Asking(network, byte_tokenizer(), ears)
    if not network.config.is_encoder_decoder:
        try:
            processor.apply_transcription_request(voice(processor.rate))
        except Exception as problem:  # it takes more than what stands for a processor here gives
            why = f"no prompt can be made of a sound without its own processor: {reason(problem, 120)}"
            return replace(row, outcome="not built", note=why)
    try:
        model = load(network, processor)
        assert isinstance(model, SpeechModel)
        (heard,) = transcribe(model, voice(model.rate))
        note = wrong(heard)
    except DepthscopeError as problem:
        return replace(row, note=str(problem))
    if note:
        return replace(row, note=note)
    return replace(
        row,
        outcome="works",
        sound="spectrogram" if model.spectral else "waveform",
        frame=model.times.step,
        layers=model.depth,
        heads=model.crossed.heads[0],
    )


def extractor(model_type: str, network: Any) -> Any:
    """A feature extractor that gives what the network takes."""
    transformers = require("transformers", "models")
    table = require("transformers.models.auto.feature_extraction_auto", "models").FEATURE_EXTRACTOR_MAPPING_NAMES
    name, options = _EARS.get(model_type, (table.get(model_type), {}))
    bands = [part.num_mel_bins for part in _configurations(network) if hasattr(part, "num_mel_bins")]
    try:
        kind = getattr(transformers, str(name))
        made = kind(**options)
        if bands and getattr(made, "feature_size", bands[0]) != bands[0] and model_type not in _STACKED:
            made = kind(**options, feature_size=bands[0])
    except (ImportError, AttributeError, TypeError, ValueError) as problem:
        raise DepthscopeError(f"its feature extractor cannot be made: {reason(problem, 160)}") from None
    return made


def _configurations(network: Any) -> list[Any]:
    return [part.config for part in network.modules() if hasattr(part, "config")]


@dataclass
class Asking:
    """What stands for a processor: it asks for a transcription with some tokens before the sound, and some behind it."""

    network: Any
    tokenizer: Any
    feature_extractor: Any

    @property
    def rate(self) -> int:
        return int(self.feature_extractor.sampling_rate)

    def apply_transcription_request(self, audio: NDArray[np.float32]) -> dict[str, torch.Tensor]:
        made = dict(
            self.feature_extractor(audio, sampling_rate=self.rate, return_tensors="pt", return_attention_mask=True)
        )
        known = inspect.signature(self.network.forward).parameters
        mask = made.pop("attention_mask", None)
        named = next((name for name in _MASKS if name in known), None)
        if mask is not None and named is not None and named not in made:
            made[named] = mask
        made = {name: value for name, value in made.items() if name in known}
        count = self._states(made)
        ids = [*BEFORE, *[placeholder(self.network)] * count, *BEHIND]
        return {**made, "input_ids": torch.tensor([ids]), "attention_mask": torch.ones(1, len(ids), dtype=torch.long)}

    def _states(self, made: dict[str, torch.Tensor]) -> int:
        """How many tokens of sound the network makes."""
        with torch.no_grad():
            if hasattr(self.network, "get_audio_features"):
                whole = getattr(self.network, "model", self.network)
                taken = inspect.signature(whole.get_audio_features).parameters
                found = whole.get_audio_features(**{k: v for k, v in made.items() if k in taken}, return_dict=True)
                states: torch.Tensor = getattr(found, "pooler_output", found)
                return int(states.shape[:-1].numel())
            tower = self.network.get_encoder(modality="audio")
            return int(tower._get_feat_extract_output_lengths(made["feature_attention_mask"].sum(-1))[1])


# tokens of a prompt around the sound, and what networks call the mask of a sound
BEFORE, BEHIND = (1, 70, 71), (72, 73)
_MASKS = ("input_features_mask", "feature_attention_mask", "padding_mask")


def wrong(heard: Utterance) -> str:
    """Why what it gives cannot be used; nothing if it can."""
    model = heard.model
    if not heard.positions:
        return "it writes nothing"
    rows: list[float] = []

    def receive(layer: int, weights: torch.Tensor) -> None:
        rows.append(float((weights.double().sum(-1) - 1).abs().max()))

    listen(heard, receive)
    if len(rows) != model.depth or max(rows) > ROWS:
        return "its attention is no distribution over frames"
    told, length = model.times.step * heard.states.shape[1], model.window or heard.seconds
    if abs(told / length - 1) > COVERED:
        return (
            f"its {heard.states.shape[1]} frames of {model.times.step * 1e3:.3g} ms do not cover {length:g} s of sound"
        )
    return ""


def voice(rate: int = RATE) -> NDArray[np.float32]:
    """Something like speech: noise that comes and goes, four times a second."""
    time = np.arange(round(SECONDS * rate)) / rate
    noise = np.random.default_rng(0).normal(size=len(time))
    return (0.1 * noise * np.abs(np.sin(2 * np.pi * 2 * time))).astype(np.float32)


def count(rows: Sequence[Heard]) -> str:
    """One line: how many work, how many could not be built."""
    found = Counter(row.outcome for row in rows)
    line = f"{found['works']} of {len(rows) - found['not built']} work"
    return line + (f"; {found['not built']} more could not be built small" if found["not built"] else "")


def recognisers_table(rows: Sequence[Heard]) -> Table | None:
    """A row for each class; None if there is none."""
    shown = [
        {
            **vars(row),
            "frame": f"{row.frame * 1e3:.3g} ms" if row.layers else "",
            "attention": f"{row.layers} x {row.heads}" if row.layers else "",
            "note": textwrap.shorten(row.note.removeprefix("in memory: "), LONGEST, placeholder=" ..."),
        }
        for row in rows
    ]
    return RECOGNISERS.of(pd.DataFrame(shown))


def told_coverage(
    names: Sequence[str], out: Path | None, command: str, *, progress: bool = True
) -> tuple[list[str | Sheet], dict[str, Any]]:
    """Try all, or those of ``names``; what a terminal shows, and the same as a document; the table goes into the file ``out``.

    Raises
    ------
    DepthscopeError
        No such model type, or a file that cannot be written there, before minutes are spent.
    """
    if out is not None and (out.is_dir() or not out.parent.is_dir()):
        raise DepthscopeError(f"{out}: give --out a file in a folder that is there, e.g. recognisers.md")
    rows = list(coverage(names, progress=progress))
    versions = {name: metadata.version(name) for name in ("transformers", "torch")}
    table = recognisers_table([row for row in rows if row.outcome != "works"])
    told: list[str | Sheet] = [*([table.sheet()] if table is not None else []), count(rows)]
    if out is not None:
        measured = ", ".join(f"{name} {version}" for name, version in versions.items())
        write_text(out, coverage_document(rows, measured, command))
        told.append(f"written: {out}")
    return told, {"classes": [asdict(row) for row in rows], "versions": versions, "written": out}


def coverage_document(rows: Sequence[Heard], versions: str, command: str) -> str:
    """Markdown: how it was measured, the count, the table."""
    # a reason can hold what Markdown takes for markup
    table = recognisers_table([replace(row, note=row.note.replace("<", "&lt;")) for row in rows])
    return "\n".join(
        [
            "# Which recognisers can be explained",
            "",
            f"Measured with {versions}, by",
            "",
            "<!-- not run: minutes -->",
            "```sh",
            command,
            "```",
            "",
            *ABOUT,
            "",
            f"**{count(rows)}.**",
            "",
            table.markdown() if table else "",
        ]
    )
