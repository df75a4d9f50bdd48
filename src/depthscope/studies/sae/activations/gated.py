"""Whether a latent fires and how strongly, apart: Rajamanoharan et al. (2024), arXiv 2404.16014."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch

from depthscope.studies.sae.activations.activation import Activation, Code
from depthscope.studies.sae.activations.checks import check_penalty
from depthscope.studies.sae.sparse import Sparse, sparsely

if TYPE_CHECKING:
    from depthscope.studies.sae.forward import Forward


@dataclass(frozen=True)
class Gated(Activation):
    """``z = 1[a + b_gate > 0] ReLU(exp(r) a + b_mag)``, with ``a = W_enc (x - b_pre)`` (equations 6 and 7).

    The penalty is on the gate alone, so that it does not make activations smaller; and because a gate has no slope, what it
    lets through is decoded beside, by a decoder that does not learn from that (equation 8):
    ``|x - x^|^2 + l1 |ReLU(a + b_gate)|_1 + |x - x^(ReLU(a + b_gate))|^2``.

    Attributes
    ----------
    l1 : float
        Weight of the penalty beside the squared error, where the mean norm of states is sqrt(d).
    warmup : float
        Share of the steps over which it rises from 0.
    """

    l1: float = 5.0
    warmup: float = 0.05
    name: ClassVar[str] = "gated"

    def __post_init__(self) -> None:
        check_penalty("l1", self.l1, self.warmup)

    def beginning(self, latents: int) -> dict[str, torch.Tensor]:
        return {name: torch.zeros(latents) for name in ("gate_bias", "magnitude_scale", "magnitude_bias")}

    def finished(self, learnt: Mapping[str, torch.Tensor], factor: float) -> dict[str, torch.Tensor]:
        # r is the logarithm of a ratio
        return {name: value if name == "magnitude_scale" else value * factor for name, value in learnt.items()}

    def fires(self, before: torch.Tensor, own: Mapping[str, torch.Tensor]) -> Sparse:
        return sparsely(_let_through(before, own)[1])

    def learns(self, forward: "Forward") -> torch.Tensor:
        gate, fired = _let_through(forward.before(biased=False), forward.own)
        forward.notes["gate"] = gate.relu()
        return fired

    def loss(self, forward: "Forward", code: Code, given: torch.Tensor) -> dict[str, torch.Tensor]:
        gate, penalty = forward.notes["gate"], self.l1 * forward.rising(self.warmup)
        beside = forward.decoded(gate, learning=False)
        return {
            "error": forward.error(given),
            "penalty": penalty * forward.per_token(gate),
            "gate error": forward.error(beside),
        }


def _let_through(before: torch.Tensor, own: Mapping[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    """What the gate is decided by, and the activations."""
    gate = before + own["gate_bias"]
    return gate, (gate > 0) * (before * own["magnitude_scale"].exp() + own["magnitude_bias"]).relu()
