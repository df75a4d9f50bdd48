"""What a recogniser writes of a sound: windows, the tokens of each, and the encoder states that they rest on."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from depthscope.capture.pauses import pieces_of
from depthscope.capture.seeking import Cut, cut_at_timestamps
from depthscope.capture.spelling import Word, spelt
from depthscope.errors import DepthscopeError, reason, require
from depthscope.model.ears import PROMPT, EaredModel
from depthscope.model.hooks import hooks
from depthscope.model.quiet import quiet
from depthscope.model.speech import SpeechModel, encoder_of, hearing
from depthscope.model.tokenizer import context_length

# tokens a second that a recogniser without a limit of its own may write: more is a loop
TOKENS_A_SECOND, FEWEST = 6.5, 16
# seconds that a model which pads nothing is given at a time
LONGEST = 30.0
# languages that put no space between words
UNSPACED = ("zh", "ja", "th", "lo", "my", "yue", "km")

Float = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Utterance:
    """One window of a sound, and the text that is explained by it.

    Attributes
    ----------
    model : SpeechModel
    samples : array (time,)
        Of the window, at the model's rate, without padding.
    features : mapping
        What enters the network of it, the sound first, (1, ...).
    states : tensor (1, frame, feature)
        Of the encoder, frames of padding among them.
    ids : tensor (1, token)
        What the decoder reads: control tokens, then text.
    positions : tuple of int
        Where in ``ids`` the tokens are that are explained.
    start : float
        Seconds in the file at which the window begins.
    words : tuple of Word
        Which of the explained tokens make which word.
    """

    model: SpeechModel
    samples: Float
    features: Mapping[str, torch.Tensor]
    states: torch.Tensor
    ids: torch.Tensor
    positions: tuple[int, ...]
    start: float
    words: tuple[Word, ...] = ()
    pieces: tuple[str, ...] = ()
    language: str = ""

    @property
    def seconds(self) -> float:
        """Length of the sound in the window."""
        return len(self.samples) / self.model.rate

    @property
    def frames(self) -> int:
        """How many frames lie within the sound; all behind them are padding."""
        return self.model.times.within(self.seconds, self.states.shape[1])

    @property
    def times(self) -> NDArray[np.float64]:
        """Seconds in the file at which frames are centred."""
        return self.start + self.model.times.centres(self.frames)

    @property
    def text(self) -> str:
        return "".join(self.pieces).strip()

    @property
    def targets(self) -> torch.Tensor:
        """Ids of the explained tokens."""
        return self.ids[0, list(self.positions)]

    @property
    def predicting(self) -> list[int]:
        """Positions of the queries whose logits are those of the explained tokens: one before each."""
        return [position - 1 for position in self.positions]

    def log_p(self, logits: torch.Tensor) -> torch.Tensor:
        """Log probabilities (batch, explained token) out of logits (batch, token, vocabulary)."""
        places = self.predicting
        # of a text without gaps a view, for a copy of all logits takes as long as their logarithms
        whole = places == list(range(places[0], places[-1] + 1)) if places else False
        rows = logits[:, places[0] : places[-1] + 1] if whole else logits[:, places]
        found = rows.float().log_softmax(-1)
        return found.gather(-1, self.targets.expand(len(found), -1)[..., None])[..., 0]

    def decode(self, states: torch.Tensor | None = None, rows: int = 1) -> torch.Tensor:
        """Logits (batch, token, vocabulary) of the text, of other encoder states if they are given."""
        given = self.states if states is None else states
        ids = self.ids.expand(max(rows, len(given)), -1)
        return self.model.decode(given, ids, self.features)

    def encode(self, main: torch.Tensor) -> torch.Tensor:
        """States (batch, frame, feature) of another sound in this one's place: ``main`` is what enters the network."""
        name, *others = self.features
        count = len(main)
        given = {key: self.features[key].expand(count, *self.features[key].shape[1:]) for key in others}
        return self.model.encode({name: main, **given})


def transcribe(
    model: SpeechModel,
    samples: Float,
    *,
    language: str | None = None,
    task: str | None = None,
    text: str | None = None,
) -> Iterator[Utterance]:
    """What the model writes of a sound, window by window, by its own greedy decoding.

    Parameters
    ----------
    samples : array (time,)
        At the model's rate, mono.
    language, task : str, optional
        Of a multilingual model: ``"de"``, ``"transcribe"`` or ``"translate"``; by default the language is recognised.
    text : str, optional
        Explain this text and not the model's own. For sounds of one window.

    Raises
    ------
    DepthscopeError
        A language or a task that the model does not know, a text for more than one window.
    """
    check_choice_of(model, language, task)
    seconds = len(samples) / model.rate
    # one that pads divides long sounds by a rule of its own
    spans = [(0, len(samples))] if model.window is not None else pieces_of(samples, model.rate, LONGEST)
    if text is not None and (len(spans) > 1 or (model.window is not None and seconds > model.window)):
        raise DepthscopeError(
            f"a text of one's own goes with one window of sound ({model.window or LONGEST:g} s), and this is {seconds:.1f} s: "
            "cut the sound, and give each piece its text"
        )
    for begin, end in spans:
        if isinstance(model, EaredModel):
            yield _asked(model, samples[begin:end], begin / model.rate, text)
        else:
            yield from _whole(model, samples[begin:end], begin / model.rate, language, task, text)


def check_choice_of(model: SpeechModel, language: str | None, task: str | None) -> None:
    """Refuse a language or a task that a model cannot take."""
    settings: Any = model.network.generation_config
    if (language or task) and not model.multilingual:
        raise DepthscopeError(
            f"{model.name}: takes neither a language nor a task; leave them out, or take a multilingual model"
        )
    known = sorted(name[2:-2] for name in getattr(settings, "lang_to_id", None) or {})
    if language is not None and known and language not in known:
        raise DepthscopeError(f"language={language!r}: {model.name} knows {', '.join(known)}")
    tasks = sorted(getattr(settings, "task_to_id", None) or ())
    if task is not None and task not in tasks:
        raise DepthscopeError(f"task={task!r}: {model.name} knows {', '.join(tasks)}")


@dataclass
class _Heard:
    """What one pass of the encoder was followed by; of a long sound its states are not kept, for there may be hundreds."""

    main: torch.Tensor
    states: torch.Tensor | None
    prompt: list[int] = field(default_factory=list)
    ids: list[int] = field(default_factory=list)


@contextmanager
def _overhearing(model: SpeechModel, heard: list[_Heard], keep: bool) -> Iterator[None]:
    """Write down what the encoder was given and gave, and every token that the decoder was fed."""
    encoder = encoder_of(model.network)

    def leave(module: Any, args: Any, output: Any) -> None:
        heard.append(_Heard(entered.pop(), output[0].clone() if keep else None))  # decoders may write into it

    entered: list[torch.Tensor] = []

    def enter(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        names = [name for name in ("input_features", "input_values") if name in kwargs]
        entered.append(args[0] if args else kwargs[names[0]])

    def feed(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        pending.append(kwargs)

    pending: list[dict[str, Any]] = []

    def fed(module: Any, args: Any, output: Any) -> None:
        kwargs = pending.pop()
        ids = kwargs["decoder_input_ids"][0].tolist()
        known = [value.get_seq_length() for value in kwargs.values() if hasattr(value, "get_seq_length")]
        one = heard[-1]
        # the cache holds what was fed before, and now this too
        if len(ids) == 1 and one.ids and known and known[0] > 1:
            one.ids += ids
        else:
            one.prompt, one.ids = ids, list(ids)

    with hooks(model.network) as placed:
        placed.before(encoder, enter)
        placed.after(encoder, leave)
        placed.before(model.network, feed)
        placed.after(model.network, fed)
        yield


def _whole(
    model: SpeechModel, samples: Float, start: float, language: str | None, task: str | None, text: str | None
) -> Iterator[Utterance]:
    """One sound that is given to the model as it is; it divides it itself if it is longer than its window."""
    settings: Any = model.network.generation_config
    seconds = len(samples) / model.rate
    long = model.window is not None and seconds > model.window
    timed = getattr(settings, "no_timestamps_token_id", None) is not None
    if long and not timed:
        raise DepthscopeError(
            f"{model.name}: hears {model.window:g} s and has no rule for longer sounds: cut this one ({seconds:.1f} s)"
        )
    features = model.listening_to(samples, **({"truncation": False, "padding": "longest"} if long else {}))
    options: dict[str, Any] = {"num_beams": 1, "do_sample": False}
    if timed:
        options["return_timestamps"] = long
    else:
        options["max_new_tokens"] = _most(model, seconds)
    if model.multilingual:
        # without a task a model that has none in its settings is asked for none, and babbles
        options |= {"language": language, "task": task or "transcribe"}
    heard: list[_Heard] = []
    with hearing(model.network), quiet(require("transformers", "models")), _overhearing(model, heard, not long):
        try:
            network: Any = model.network
            given = network.generate(**features, **options)
        except (ValueError, RuntimeError, IndexError) as problem:
            raise DepthscopeError(
                f"{model.name}: its own transcription fails on this sound ({reason(problem, 160)}); try another model"
            ) from None
    # to recognise the language a multilingual model listens once more, to one token
    heard = [one for one in heard if one.ids and not (model.multilingual and len(one.prompt) == 1)]
    last = given[0] if isinstance(given, torch.Tensor) else given["sequences"][0]
    seek = 0
    for one in heard:
        ids, shown = list(one.ids), len(one.main[0, 0]) if long else 0
        cut = Cut(len(ids), shown)
        if long:
            left = features[next(iter(features))].shape[-1] - seek
            cut = cut_at_timestamps(ids, len(one.prompt), int(settings.no_timestamps_token_id) + 1, min(left, shown))
        elif len(last) and int(last[-1]) not in (ids[-1], *_ends(settings)):
            ids.append(int(last[-1]))  # cut off at the limit: the last token was not read any more
        hop = model.window / one.main.shape[-1] if long and model.window else 0.0
        own = (
            samples[round(seek * hop * model.rate) : round((seek * hop + (model.window or 0)) * model.rate)]
            if long
            else samples
        )
        yield _utterance(
            model, own, one, ids[: max(cut.tokens, len(one.prompt))], features, start + seek * hop, text, language
        )
        seek += cut.offset


def _asked(model: EaredModel, samples: Float, start: float, text: str | None) -> Utterance:
    """One sound that a language model is asked to write down."""
    features = model.listening_to(samples)
    prompt = model.prompt(features)[0].tolist()
    network: Any = model.network
    most = max(FEWEST, round(TOKENS_A_SECOND * len(samples) / model.rate))
    with hearing(network), quiet(require("transformers", "models")):
        states = model.encode(features)
        try:
            given = network.generate(**features, num_beams=1, do_sample=False, max_new_tokens=most)
        except (ValueError, RuntimeError, IndexError) as problem:
            raise DepthscopeError(
                f"{model.name}: its own transcription fails on this sound ({reason(problem, 160)}); try another model"
            ) from None
    written = given[0, features[PROMPT].shape[1] :].tolist()
    one = _Heard(features[next(iter(features))], states, prompt, [*prompt, *written])
    return _utterance(model, samples, one, one.ids, features, start, text, None)


def _most(model: SpeechModel, seconds: float) -> int:
    """Tokens that a recogniser without a limit of its own may write: as many as are spoken, and as it has positions for."""
    wanted = max(FEWEST, round(TOKENS_A_SECOND * seconds))
    there = context_length(model.network.config, None)
    return wanted if there is None else max(1, min(wanted, there - 1))


def _ends(settings: Any) -> Sequence[int]:
    end = settings.eos_token_id
    return end if isinstance(end, list) else [end]


def _utterance(
    model: SpeechModel,
    samples: Float,
    one: _Heard,
    ids: list[int],
    features: Mapping[str, torch.Tensor],
    start: float,
    text: str | None,
    language: str | None,
) -> Utterance:
    first = len(one.prompt)
    if text is not None:
        ids = [*ids[:first], *_ids_of(model, text, [i for i in ids[first:] if i not in model.special])]
    name, *others = features
    made = {name: one.main, **{key: features[key] for key in others}}
    states = one.states
    if states is None:
        with hearing(model.network):
            states = model.encode(made)
    positions = tuple(k for k in range(first, len(ids)) if ids[k] not in model.special)
    found = language or _language(model, one.prompt)
    pieces, words = spelt(model.tokenizer, [ids[k] for k in positions], found in UNSPACED)
    return Utterance(
        model=model,
        samples=np.ascontiguousarray(samples, np.float32),
        features=made,
        states=states,
        ids=torch.tensor([ids], device=model.device),
        positions=positions,
        start=start,
        words=words,
        pieces=pieces,
        language=found,
    )


def _language(model: SpeechModel, prompt: Sequence[int]) -> str:
    known = getattr(model.network.generation_config, "lang_to_id", None) or {}
    return next((name[2:-2] for name, number in known.items() if number in prompt), "")


def _ids_of(model: SpeechModel, text: str, own: Sequence[int]) -> list[int]:
    """Tokens of a text of the user's, begun as the model begins its own: with a space, or without."""
    if not text.strip():
        raise DepthscopeError("the text is empty: give the words that are to be explained, or leave the text out")

    def encoded(words: str) -> list[int]:
        return [int(i) for i in model.tokenizer(words, add_special_tokens=False)["input_ids"]]

    written = model.tokenizer.decode(list(own)).strip()
    plain, spaced = encoded(written), encoded(f" {written}")
    begun = f" {text.strip()}" if written and spaced == list(own) and plain != list(own) else text.strip()
    ids = encoded(begun)
    if any(i in model.special for i in ids):
        raise DepthscopeError("the text holds control tokens of the model, which carry no words; leave them out")
    return ids
