"""A recogniser of random weights in which four heads are told where to attend, so that the right map is known."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from depthscope.capture.speech import transcribe
from depthscope.model.speech import SpeechModel
from tests.speech_models import voice, whisper

TEXT = "ab cd ef gh ij kl"
# (layer, head), counted from 0: of the word that comes next, of the one just read, of padding
NEXT, READ, SINK = (1, 2), (0, 1), (0, 3)
WIDTH, LOUD = 8, 400.0


def codes(places: torch.Tensor, frames: int) -> torch.Tensor:
    """A code of a frame in the features of one head: that of the same frame is nearest to it by far."""
    turns = 2 * torch.pi * places[:, None].double() / frames * torch.tensor([1.0, 3.0, 9.0, 27.0])
    return (LOUD**0.5 * torch.cat([turns.cos(), turns.sin()], -1)).float()


class Planted:
    """Words are spoken at random places, and the planted heads know them.

    Attributes
    ----------
    model : SpeechModel
    heard : Utterance
    at : array (token,)
        The frame of each token.
    times : array (word, 2)
        Start and end of each word, seconds.
    """

    def __init__(self, seed: int = 0, text: str = TEXT, seconds: float = 2.0) -> None:
        self.model: SpeechModel = whisper(seed)
        (self.heard,) = transcribe(self.model, voice(seconds, seed), text=text)
        heard, step = self.heard, self.model.times.step
        words = len(heard.words)
        starts = np.linspace(0.1, seconds - 0.3, words) + np.random.default_rng(seed).uniform(-0.05, 0.05, words)
        self.times = np.stack([starts, starts + 0.16], 1)
        self.at = np.zeros(len(heard.positions), int)
        for word, (start, end) in zip(heard.words, self.times, strict=True):
            places = start + (np.arange(len(word.tokens)) + 0.5) / len(word.tokens) * (end - start)
            self.at[list(word.tokens)] = np.round((places - self.model.times.first) / step)
        self._plant(self.model.crossed.modules(self.model.network))

    def _plant(self, attention: list[Any]) -> None:
        heard = self.heard
        count, all_frames = heard.ids.shape[1], heard.states.shape[1]
        where = {NEXT: torch.zeros(count, dtype=torch.long), READ: torch.zeros(count, dtype=torch.long)}
        for shift, head in ((1, NEXT), (0, READ)):
            for position, frame in zip(heard.positions, self.at, strict=True):
                where[head][position - shift] = int(frame)
        for (layer, head), places in where.items():
            _say(attention[layer].q_proj, head, codes(places, all_frames))
            _say(attention[layer].k_proj, head, codes(torch.arange(all_frames), all_frames))
        layer, head = SINK
        behind = (torch.arange(all_frames) >= heard.frames).float()[:, None].expand(-1, WIDTH)
        _say(attention[layer].q_proj, head, torch.ones(count, WIDTH))
        _say(attention[layer].k_proj, head, LOUD**0.5 * behind)


def _say(projection: torch.nn.Module, head: int, said: torch.Tensor) -> None:
    """Overwrite what a projection gives for one head, row by row."""
    mine = slice(head * WIDTH, (head + 1) * WIDTH)

    def instead(module: Any, args: Any, output: torch.Tensor) -> torch.Tensor:
        changed = output.clone()
        # a row of the batch has them as (row, feature); keys may stand in one long list
        shaped = changed.view(-1, len(said), changed.shape[-1])
        shaped[:, :, mine] = said
        return changed

    hook: Callable[..., Any] = instead
    projection.register_forward_hook(hook)
