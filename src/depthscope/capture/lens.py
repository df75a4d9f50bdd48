"""The logit lens: what the model would predict if each state were its last."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from depthscope.model.model import Model

CHUNK = 128  # states that the head sees at a time: 128 MiB of logits for the largest vocabularies
EXACT = 32  # of these, how many are in float64 at a time: 64 MiB for the largest vocabularies


@dataclass(frozen=True)
class Readout:
    """What N states say of the next token, with K readings each.

    Attributes
    ----------
    bits : Tensor (N,), float64
        Entropy of the distribution over the whole vocabulary, 0 to log2 of its size.
    ids : int Tensor (N, K)
        The likeliest tokens, the likeliest first.
    probability : Tensor (N, K), float64
        Of these, among the whole vocabulary.
    """

    bits: torch.Tensor
    ids: torch.Tensor
    probability: torch.Tensor


def lens_entropy(model: Model, states: torch.Tensor) -> torch.Tensor:
    """Entropy of the next token as the model's own final norm and head read it from each state, in bits.

    Parameters
    ----------
    states : Tensor (B, S, d)

    Returns
    -------
    Tensor (B, S), float64
        0 to log2 of the vocabulary.
    """
    flat = states.reshape(-1, states.shape[-1])
    return torch.cat([readout(logits).bits for logits in Lens(model, len(flat)).read(flat)]).reshape(states.shape[:2])


def readout(logits: torch.Tensor, top: int = 0) -> Readout:
    """Entropy, and the ``top`` likeliest tokens, of logits (N, vocabulary)."""
    parts = [_readout(part, top) for part in torch.split(logits, EXACT)]
    bits, ids, probability = (torch.cat(column) for column in zip(*parts, strict=True))
    return Readout(bits, ids, probability)


def _readout(logits: torch.Tensor, top: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    logs = logits.double().log_softmax(-1)
    ids = logits.topk(top, dim=-1).indices
    probability = logs.gather(-1, ids).exp()
    bits: torch.Tensor = -(logs.exp() * logs).sum(-1) / np.log(2)
    return bits, ids, probability


class Lens:
    """The model's own final norm and head, put before any states.

    Every state is put in the place of what the last block gives, so that whatever is behind it (norm, head, logit
    scale, soft-capping) acts as the network defines it. nostalgebraist (2020), "interpreting GPT: the logit lens".

    Parameters
    ----------
    count : int
        How many states there will be: not more of them are in one pass.
    """

    def __init__(self, model: Model, count: int) -> None:
        self.model = model
        # they are in one text, which must not be too long for the model
        self.size = max(1, min(CHUNK, count, model.max_length or CHUNK))
        self._more = count > self.size
        self._outputs: list[Any] = []
        self._stands_in = False

    def read(self, states: torch.Tensor) -> Iterator[torch.Tensor]:
        """Logits (n, vocabulary) of states (N, d), some at a time and in order."""
        for some in torch.split(states, self.size):
            yield self.logits(some)

    def logits(self, states: torch.Tensor) -> torch.Tensor:
        """Logits (n, vocabulary) of states (n, d), at most :attr:`size` of them."""
        if not self._outputs:
            with self.model.chain.recording(self.model.network, self._outputs):
                logits = self._pass(states)
            # what was written down are the blocks' own outputs, without these states, which the pass put in afterwards
            self._stands_in = self._more and self._agrees(states, logits)
            return logits
        return self._headed(states) if self._stands_in else self._pass(states)

    def _agrees(self, states: torch.Tensor, logits: torch.Tensor) -> bool:
        """Whether blocks that do not compute, since nothing of them is used, change nothing."""
        try:
            return torch.equal(self._headed(states), logits)
        except Exception:  # foreign code misses what the blocks left out would have made
            return False

    def _headed(self, states: torch.Tensor) -> torch.Tensor:
        with self.model.chain.standing_in(self.model.network, self._outputs):
            return self._pass(states)

    def _pass(self, states: torch.Tensor) -> torch.Tensor:
        # what is behind the last block treats tokens one by one, so that any text will carry them
        ids = torch.zeros(1, self.size, dtype=torch.long, device=self.model.device)
        count = len(states)

        def put(_: int, stream: torch.Tensor) -> None:
            stream[0, :count] = states.to(stream)

        with self.model.editing(put, (self.model.depth,)):
            rows = torch.zeros(count, dtype=torch.long)
            return self.model.run(ids, torch.ones_like(ids), rows, torch.arange(count))
