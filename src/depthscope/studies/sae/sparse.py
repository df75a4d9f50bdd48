"""Codes with few entries: which latents fire at each token, and how strongly."""

from typing import NamedTuple

import torch


class Sparse(NamedTuple):
    """Activations of tokens (...,), K entries each; an entry of value 0 is none.

    Attributes
    ----------
    values : Tensor (..., K)
        In the units of the states, 0 or more.
    indices : int Tensor (..., K)
        Of latents, no two of one token the same where their values are not 0.
    latents : int
        How many there are, n.
    """

    values: torch.Tensor
    indices: torch.Tensor
    latents: int

    def dense(self) -> torch.Tensor:
        """All activations, (..., n)."""
        whole = self.values.new_zeros((*self.values.shape[:-1], self.latents))
        # added, not written: what fills up a token points at latent 0, with a value of 0
        return whole.scatter_add(-1, self.indices, self.values)

    def of(self, latent: int) -> torch.Tensor:
        """The activation of one latent, (...,)."""
        return (self.values * (self.indices == latent)).sum(-1)

    @property
    def active(self) -> torch.Tensor:
        """How many latents fire at each token, (...,): L0."""
        return (self.values != 0).sum(-1)


def sparsely(dense: torch.Tensor) -> Sparse:
    """What is not 0 in activations (..., n), the strongest first; as many entries as the busiest token needs."""
    most = int((dense != 0).sum(-1).max()) if dense.numel() else 0
    values, indices = dense.topk(max(most, 1), dim=-1)
    return Sparse(values, indices, dense.shape[-1])
