"""The k largest: Makhzani and Frey (2013), Gao et al. (2024), arXiv 2406.04093, equation 2."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch

from depthscope.errors import check_count
from depthscope.studies.sae.activations.activation import Activation, Code
from depthscope.studies.sae.activations.checks import check_k
from depthscope.studies.sae.sparse import Sparse

if TYPE_CHECKING:
    from depthscope.studies.sae.forward import Forward


@dataclass(frozen=True)
class TopK(Activation):
    """``z = ReLU(TopK(W_enc (x - b_pre) + b_enc))``; trained by the error and AuxK (appendix A.2 there).

    Attributes
    ----------
    k : int
        Latents that fire at each token, at most: those of the k largest pre-activations that are above 0.
    """

    k: int
    name: ClassVar[str] = "topk"

    def __post_init__(self) -> None:
        check_count("k", self.k)

    def check(self, latents: int) -> None:
        check_k(self.k, latents)

    def fires(self, before: torch.Tensor, own: Mapping[str, torch.Tensor]) -> Sparse:
        values, indices = before.topk(min(self.k, before.shape[-1]), dim=-1)
        return Sparse(values.relu(), indices, before.shape[-1])

    def learns(self, forward: "Forward") -> Sparse:
        return forward.topk(self.k)

    def loss(self, forward: "Forward", code: Code, given: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"error": forward.error(given), "auxk": forward.auxk(given)}
