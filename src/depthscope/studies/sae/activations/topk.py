"""The k largest: Makhzani and Frey (2013), Gao et al. (2024), arXiv 2406.04093, equation 2."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch

from depthscope.studies.sae.sparse import Sparse


@dataclass(frozen=True)
class TopK:
    """``z = ReLU(TopK(W_enc (x - b_pre) + b_enc))``.

    Attributes
    ----------
    k : int
        Latents that fire at each token, at most: those of the k largest pre-activations that are above 0.
    """

    k: int
    name: ClassVar[str] = "topk"

    def beginning(self, latents: int) -> dict[str, torch.Tensor]:
        return {}

    def fires(self, before: torch.Tensor, own: Mapping[str, torch.Tensor]) -> Sparse:
        values, indices = before.topk(min(self.k, before.shape[-1]), dim=-1)
        return Sparse(values.relu(), indices, before.shape[-1])
