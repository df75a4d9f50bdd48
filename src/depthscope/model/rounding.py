"""What one rounding does in a network: the measure of differences that nothing but rounding may make."""

from collections.abc import Collection, Sequence
from typing import Any

import torch

from depthscope.model.model import Model, measuring
from depthscope.model.stream import to_stream

PASSES = 4  # at most, with other random numbers each: what one rounding does in a deep network has a long tail


class Rounding:
    """A pass over ``inputs``, again and again, in which states are changed in their last digit as they go by.

    Each number of each state of ``numbers`` is multiplied by ``1 + eps r``, r between -1 and 1 at random, and rounded: it
    moves by one unit in the last place, or by none. The network acts on what that does, so that what it makes large is large
    here too. Nothing runs before something is compared.

    Parameters
    ----------
    plain : sequence of Tensor
        What the pass gives when nothing is changed: states 0 .. L as they lie in memory, or the answer alone.
    numbers : collection of int
        Of the states that are changed.
    """

    def __init__(
        self, model: Model, inputs: dict[str, Any], plain: Sequence[torch.Tensor], numbers: Collection[int]
    ) -> None:
        self.model, self.inputs, self.plain, self.numbers = model, inputs, plain, numbers
        self._noise: torch.Tensor | None = None
        self._made = 0

    def times(self, apart: torch.Tensor, enough: float) -> float:
        """The largest of differences (L + 1, B, T), or (1, B, T), in units of what a rounding does at the same place.

        Of the first B and T. If it is beyond ``enough``, the largest of several passes is the unit.
        """
        while self._made < PASSES:
            if self._noise is not None and (found := self._ratio(apart)) <= enough:
                return found
            noise = self._pass()
            self._noise = noise if self._noise is None else torch.maximum(self._noise, noise)
        return self._ratio(apart)

    def share(self) -> float:
        """What a rounding does to the states after each layer, as a share of the update that led to them: the median."""
        if self._noise is None:
            self._noise = self._pass()
        updates = apart(self.model, self.plain[1:], self.plain[:-1])
        return float((self._noise[1:] / updates.clamp(min=torch.finfo(torch.float64).tiny)).median())

    def _ratio(self, apart: torch.Tensor) -> float:
        assert self._noise is not None
        noise = self._noise[:, : apart.shape[1], : apart.shape[2]]
        return float(torch.where(apart > 0, apart / noise, torch.zeros_like(apart)).nan_to_num(nan=torch.inf).max())

    def _pass(self) -> torch.Tensor:
        generator = torch.Generator().manual_seed(self._made)
        self._made += 1

        def jitter(_: int, stream: torch.Tensor) -> None:
            step = 2 * torch.rand(stream.shape, generator=generator, dtype=torch.float64) - 1
            stream.copy_(stream.double() * (1 + torch.finfo(stream.dtype).eps * step.to(stream.device)))

        chain, network = self.model.chain, self.model.network
        moved: dict[int, torch.Tensor] = {}
        with (
            measuring(network),
            chain.editing(network, jitter, self.numbers),
            chain.listening(network, lambda i, state: moved.update({i: state.clone()}), raw=True),
        ):
            given = answer_of(network(**self.inputs))
        if len(self.plain) > 1:
            return apart(self.model, [moved[i] for i in range(len(self.plain))], self.plain)
        (plain,) = self.plain
        assert given is not None
        # the answer is rounded as well
        return torch.maximum(root_mean_square(given, plain), _last_digit(plain))[None]


def answer_of(output: Any) -> torch.Tensor | None:
    """What a network says in the end: logits; without a head, its last hidden state."""
    found = getattr(output, "logits", None)
    return found if found is not None else getattr(output, "last_hidden_state", None)


def apart(model: Model, some: Sequence[torch.Tensor], others: Sequence[torch.Tensor]) -> torch.Tensor:
    """Root mean square, over the features, of the differences of states: (states, B, T), on the CPU; of the tokens of both."""
    found = []
    for pair in zip(some, others, strict=True):
        a, b = (to_stream(state, model.chain.layout) for state in pair)
        tokens = min(a.shape[1], b.shape[1])
        found.append(root_mean_square(a[:, :tokens], b[:, :tokens]))
    return torch.stack(found)


def root_mean_square(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return (a.double().cpu() - b.double().cpu()).square().mean(-1).sqrt()


def _last_digit(values: torch.Tensor) -> torch.Tensor:
    return torch.finfo(values.dtype).eps / 2 * root_mean_square(values, torch.zeros_like(values))
