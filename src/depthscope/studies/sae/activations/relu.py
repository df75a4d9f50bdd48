"""ReLU under an L1 penalty: Bricken et al. (2023), as Anthropic's update of April 2024 has it (Conerly et al., "How we train
SAEs").
"""

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
class ReLU(Activation):
    """``z = ReLU(W_enc (x - b_pre) + b_enc)``, trained by ``|x - x^|^2 + l1 sum_i z_i |d_i|``, a mean over tokens.

    The update weighs each activation by the norm of its direction, so that a longer one is no way around the penalty. Here
    directions have length 1, as they have in all dictionaries: the same penalty.

    Attributes
    ----------
    l1 : float
        Weight of the penalty beside the squared error, where the mean norm of states is sqrt(d): 5 there.
    warmup : float
        Share of the steps over which it rises from 0: 5 % there.
    """

    l1: float = 5.0
    warmup: float = 0.05
    name: ClassVar[str] = "relu"

    def __post_init__(self) -> None:
        check_penalty("l1", self.l1, self.warmup)

    def fires(self, before: torch.Tensor, own: Mapping[str, torch.Tensor]) -> Sparse:
        return sparsely(before.relu())

    def learns(self, forward: "Forward") -> torch.Tensor:
        return forward.before().relu()

    def loss(self, forward: "Forward", code: Code, given: torch.Tensor) -> dict[str, torch.Tensor]:
        assert isinstance(code, torch.Tensor)
        penalty = self.l1 * forward.rising(self.warmup)
        return {"error": forward.error(given), "penalty": penalty * forward.per_token(code)}
