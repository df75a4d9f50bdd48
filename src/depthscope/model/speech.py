"""A speech recogniser that can be explained: where it attends found, its frames timed, both proven."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import nn

from depthscope.errors import DepthscopeError
from depthscope.model.compiled import eagerly, uncompiled
from depthscope.model.crossing import Attending, Receive, eager, find_attention
from depthscope.model.fingerprint import fingerprint
from depthscope.model.frame_times import FrameTimes, frame_times
from depthscope.model.hearing import SOUND, sound_padding
from depthscope.model.hooks import hooks
from depthscope.model.plain import plainly
from depthscope.model.turns import alone

# seconds of the two sounds by whose frames it is seen whether the encoder pads
SHORT, LONGER = 2.0, 4.0
# how closely eager attention must give the logits of the network's own
SAME = 1e-3
# over how many frames the length of one is measured
FRAMES = 4


@dataclass(frozen=True, eq=False)
class SpeechModel:
    """What :func:`depthscope.load` returns for an encoder-decoder over sound.

    Attributes
    ----------
    network : torch.nn.Module
        The transformers model, untouched.
    tokenizer, extractor
        Of text and of sound, as transformers has them.
    name : str
        What it was loaded as.
    crossed, own, hearing : Attending
        Cross-attention of the decoder to the sound, its self-attention, and self-attention of the encoder.
    times : FrameTimes
        When the states of the encoder are.
    window : float or None
        Seconds that the encoder always sees, padded; None if it sees a sound as long as it is.
    checks : dict
        What was verified when the model was loaded, and how exactly it held.
    """

    network: nn.Module
    tokenizer: Any
    extractor: Any
    name: str
    crossed: Attending
    own: Attending
    hearing: Attending
    times: FrameTimes
    window: float | None
    checks: dict[str, str] = field(default_factory=dict)
    code: dict[str, str] = field(default_factory=dict)

    @property
    def depth(self) -> int:
        """Number of decoder layers that attend to the sound."""
        return len(self.crossed.paths)

    @property
    def rate(self) -> int:
        """Samples a second that the network hears."""
        return int(self.extractor.sampling_rate)

    @property
    def device(self) -> torch.device:
        return next(self.network.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        return next(p.dtype for p in self.network.parameters() if p.is_floating_point())

    @cached_property
    def spectral(self) -> bool:
        """Whether sound enters as a spectrogram, and not as a waveform."""
        return SOUND[0] in self.extractor.model_input_names

    @cached_property
    def padding(self) -> dict[str, Any]:
        """How a sound is made as long as the network can take, beyond what the extractor does by itself."""
        return sound_padding(self.network)

    @property
    def multilingual(self) -> bool:
        """Whether language and task can be chosen (Whisper)."""
        return bool(getattr(self.network.generation_config, "is_multilingual", False))

    @property
    def joint(self) -> bool:
        """Whether one attention goes to the sound and to the text (a language model that reads sound among its tokens)."""
        return False

    @property
    def fingerprint(self) -> str:
        """Of the weights as they are now."""
        return fingerprint(self.network, self.code)

    @property
    def special(self) -> frozenset[int]:
        """Ids of tokens that carry no words: special ones, and timestamps."""
        return special_ids(self.network, self.tokenizer)

    def listening_to(self, samples: np.ndarray, **options: Any) -> dict[str, torch.Tensor]:
        """What enters the network of a sound at its rate: keywords of its encoder, the sound first."""
        made = self.extractor(samples, sampling_rate=self.rate, return_tensors="pt", **{**self.padding, **options})
        found = {key: value for key, value in made.items() if isinstance(value, torch.Tensor)}
        main = next(name for name in SOUND if name in found)
        ordered = {main: found.pop(main), **found}
        return {
            key: value.to(self.device, self.dtype if value.is_floating_point() else None)
            for key, value in ordered.items()
        }

    def encode(self, features: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """States of the encoder (batch, frame, feature)."""
        encoder = encoder_of(self.network)
        known = inspect.signature(encoder.forward).parameters
        main, *others = features
        given = {name: features[name] for name in others if name in known}
        states: torch.Tensor = encoder(features[main], **given)[0]
        return states

    def decode(self, states: torch.Tensor, ids: torch.Tensor, features: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Logits (batch, token, vocabulary) of text ``ids`` (batch, token) that is given, of encoder states that are given."""
        _, *others = features
        given = {
            name: features[name].expand(len(ids), *features[name].shape[1:])
            for name in others
            if name in inspect.signature(uncompiled(self.network).forward).parameters
        }
        from transformers.modeling_outputs import BaseModelOutput

        # a copy, because decoders may write into it (Moonshine streaming adds its positions there)
        heard: Any = BaseModelOutput(last_hidden_state=states.expand(len(ids), -1, -1).clone())
        heard.attention_mask = None  # which encoders of waveforms give too: nothing is padded here
        logits: torch.Tensor = self.network(
            encoder_outputs=heard, decoder_input_ids=ids, use_cache=False, **given
        ).logits
        return logits

    def some_ids(self, features: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """A few tokens that a text begins with (1, token)."""
        config: Any = self.network.config
        settings: Any = self.network.generation_config
        start = getattr(config, "decoder_start_token_id", None)
        start = settings.decoder_start_token_id if start is None else start
        # more than one, and of a number that no sound has frames of
        return torch.tensor([[int(start or 0), *range(5, 11)]], device=self.device)

    def parts(
        self, features: Mapping[str, torch.Tensor], crossed: Receive | None, own: Receive | None
    ) -> list[tuple[Attending, Receive]]:
        """Whose attention is handed to whom: layer, weights (batch, head, query, key)."""
        return [(where, one) for where, one in ((self.crossed, crossed), (self.own, own)) if one is not None]

    def fits(self, tokens: int, frames: int) -> tuple[Callable[[int, int], bool], Callable[[int, int], bool]]:
        """By which (queries, keys) attention to the sound and to the text are known."""
        return (lambda q, k: (q, k) == (tokens, frames)), (lambda q, k: q == k == tokens)

    def eager(self) -> AbstractContextManager[None]:
        """Within it attention gives its weights; see :func:`depthscope.model.crossing.eager`."""
        return eager(self.network)

    def __repr__(self) -> str:
        kind, heads = type(self.network).__name__, self.crossed.heads[0]
        over = f"{self.depth} layers x {heads} heads over sound"
        return f"SpeechModel({self.name!r}: {kind}, {over}, {self.dtype}, {self.device})"


def special_ids(network: Any, tokenizer: Any) -> frozenset[int]:
    """Ids of control tokens and of timestamps."""
    known = set(getattr(tokenizer, "all_special_ids", ()))
    added = getattr(tokenizer, "added_tokens_decoder", {})
    # <|0.00|>, <|en|>, <|notimestamps|>: not all of them are called special by their tokenizer
    known |= {number for number, token in added.items() if str(token).startswith("<|") and str(token).endswith("|>")}
    begin = getattr(network.generation_config, "no_timestamps_token_id", None)
    if begin is not None:
        known |= set(range(int(begin), int(network.config.vocab_size)))
    return frozenset(known)


def encoder_of(network: Any) -> Any:
    """The encoder of an encoder-decoder."""
    return network.get_encoder() if network.config.is_encoder_decoder else network.get_encoder(modality="audio")


@contextmanager
def hearing(network: nn.Module, gradients: bool = False) -> Iterator[None]:
    """No dropout, no compiled graphs, no settings that change bits, no other thread; no gradients unless asked for."""
    with ExitStack() as stack:
        stack.enter_context(alone(network))
        stack.enter_context(plainly())
        stack.enter_context(eagerly(network))
        training = [module for module in network.modules() if module.training]
        network.eval()
        stack.enter_context(torch.enable_grad() if gradients else torch.no_grad())
        try:
            yield
        finally:
            for module in training:
                module.training = True


def accept_speech(
    network: Any, tokenizer: Any, extractor: Any, name: str, code: Mapping[str, str] | None = None
) -> SpeechModel:
    """An encoder-decoder over sound, as :func:`accept_hearing` accepts it."""
    if extractor is None:
        raise DepthscopeError(
            f"{name}: a network over sound needs its feature extractor: depthscope.load(network, processor)"
        )
    return accept_hearing(SpeechModel(network, tokenizer, extractor, name, code=dict(code or {}), **UNKNOWN))


# what is not known of a network before it is accepted
UNKNOWN: dict[str, Any] = {
    **dict.fromkeys(("crossed", "own", "hearing"), Attending((), ())),
    "times": FrameTimes(1.0, 0.0, 0.0),
    "window": None,
}


def accept_hearing(bare: SpeechModel) -> SpeechModel:
    """Find where a recogniser attends, time its frames, and prove both.

    Parameters
    ----------
    bare : SpeechModel
        Of which that is not known yet.

    Raises
    ------
    DepthscopeError
        No attention to the sound is found, clicks are not where they should be, or eager attention gives other logits.
    """
    network, name, rate = bare.network, bare.name, bare.rate
    noise = np.random.default_rng(1).normal(0, 0.01, int(LONGER * rate)).astype(np.float32)
    with hearing(network), eager(network):
        features = [bare.listening_to(noise[: int(s * rate)]) for s in (SHORT, LONGER)]
        states = bare.encode(features[0])
        counts = [states.shape[1], bare.encode(features[1]).shape[1]]
        ids = bare.some_ids(features[0])
        frames, tokens = states.shape[1], ids.shape[1]
        encoder, inside = encoder_of(network), _path_of(network, encoder_of(network))
        heard = find_attention(encoder, lambda: bare.encode(features[0]), lambda q, k: q == k > 1)
        crossed, own = (
            find_attention(network, lambda: bare.decode(states, ids, features[0]), fits)
            for fits in bare.fits(tokens, frames)
        )
        plain = bare.decode(states, ids, features[0])
    if not crossed.paths:
        raise DepthscopeError(
            f"{name}: no attention of the text to the sound is found in {type(network).__name__}, so that there is nothing to "
            "explain it by"
        )
    with hearing(network):
        difference = float((bare.decode(states, ids, features[0]) - plain).abs().max() / plain.abs().max())
    if difference > SAME:
        raise DepthscopeError(
            f"{name}: eager attention, which gives the weights, gives other logits than the network's own (by {difference:.1g})"
        )
    first_block = _first_block(encoder, heard)
    with hearing(network):
        entering = [len(_entering(bare, first_block, noise[: int(s * rate)])) for s in (SHORT, LONGER)]
        # one state of the sound may be made of several frames, behind the blocks of the encoder
        rough = rate * (LONGER - SHORT) / max(counts[1] - counts[0], 1)
        padded = _window(bare.extractor, features[0], rate) if entering[0] == entering[1] else None
        window = padded if counts[0] == counts[1] else None
        if padded is None:
            inner = _exact_step(lambda n: len(_entering(bare, first_block, noise[:n])), len(noise) // 2, rough) / rate
            thinned = round(entering[1] / counts[1])
        else:
            inner = padded / entering[0]
            thinned = round((padded / counts[0] if window else rough / rate) / inner)
        step = inner * thinned
        seen = _entering if thinned == 1 else _unmixed
        times = frame_times(lambda samples: seen(bare, first_block, samples), rate, step, name)
    paths = tuple(f"{inside}.{path}" for path in heard.paths)
    apart = f"clicks within {times.off * 1e3:.2g} ms"
    checks = {
        "frames": f"{step * 1e3:.4g} ms each, the first centred at {times.first * 1e3:.3g} ms; {apart}",
        "attention": f"{len(crossed.paths)} layers attend to the sound; eager attention agrees within {difference:.1g}",
    }
    return replace(
        bare, crossed=crossed, own=own, hearing=Attending(paths, heard.heads), times=times, window=window, checks=checks
    )


def _path_of(network: nn.Module, part: nn.Module) -> str:
    return next((path for path, module in network.named_modules() if module is part), "")


def _window(extractor: Any, features: Mapping[str, torch.Tensor], rate: int) -> float:
    """Seconds that a sound is padded to."""
    main = next(iter(features.values()))
    hop = getattr(extractor, "hop_length", None)
    return float(main.shape[-1] * hop / rate) if hop and main.ndim == 3 else float(main.shape[-1] / rate)


def _exact_step(frames: Callable[[int], int], low: int, rough: float) -> float:
    """Samples a frame of an encoder that does not pad: how many it takes for some frames more.

    ``frames``: samples -> frames. Each count begins at a certain number of samples, and those are exactly so far apart.
    """

    def next_rise(count: int) -> int:
        """Smallest number of samples above ``count`` with more frames."""
        base, bottom, top = frames(count), count, count + 2 * round(rough)
        while top - bottom > 1:
            middle = (bottom + top) // 2
            bottom, top = (middle, top) if frames(middle) == base else (bottom, middle)
        return top

    first = next_rise(low)
    last = next_rise(first + round((FRAMES - 0.5) * rough))
    return (last - first) / (frames(last) - frames(first))


def _first_block(encoder: nn.Module, heard: Attending) -> nn.Module:
    """The first element of the list of blocks that the first attention of the encoder lies in."""
    if not heard.paths:  # one that attends within windows: the longest list of modules
        lists = [part for part in encoder.modules() if isinstance(part, nn.ModuleList) and len(part)]
        if not lists:
            raise DepthscopeError(f"{type(encoder).__name__}: no blocks are found in the encoder")
        return max(lists, key=len)[0]
    path = heard.paths[0].split(".")
    for end in range(len(path), 0, -1):
        module = encoder.get_submodule(".".join(path[:end]))
        parent = encoder.get_submodule(".".join(path[: end - 1])) if end > 1 else encoder
        if isinstance(parent, nn.ModuleList):
            return module
    return encoder.get_submodule(heard.paths[0])


class _EnoughError(Exception):
    """What was wanted has been seen: the rest of the pass need not run."""


def _entering(model: SpeechModel, block: nn.Module, samples: np.ndarray) -> torch.Tensor:
    """What enters the first block of the encoder, (frame, feature)."""
    seen: list[torch.Tensor] = []

    def enter(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        seen.append(args[0] if args else kwargs["hidden_states"])
        raise _EnoughError

    with hooks(model.network) as placed, suppress(_EnoughError):
        placed.before(block, enter)
        model.encode(model.listening_to(samples))
    found = seen[0].detach()
    return found.reshape(-1, found.shape[-1]).clone()


def _unmixed(model: SpeechModel, block: nn.Module, samples: np.ndarray) -> torch.Tensor:
    """States of the encoder (frame, feature) as they would be if its blocks did nothing."""
    encoder = encoder_of(model.network)
    blocks = next((part for part in encoder.modules() if isinstance(part, nn.ModuleList) and block in part), [block])
    entered: list[torch.Tensor] = []

    def enter(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        entered.append(args[0] if args else kwargs["hidden_states"])

    def leave(module: nn.Module, args: Any, output: Any) -> Any:
        return (entered.pop(), *output[1:]) if isinstance(output, tuple) else entered.pop()

    with hooks(model.network) as placed:
        for part in blocks:
            placed.before(part, enter)
            placed.after(part, leave)
        return model.encode(model.listening_to(samples))[0].detach().clone()
