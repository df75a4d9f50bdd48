"""What every activation gives."""

from collections.abc import Mapping
from typing import Protocol

import torch

from depthscope.studies.sae.sparse import Sparse


class Activation(Protocol):
    """From pre-activations to what fires; its settings are the fields of a frozen dataclass.

    Attributes
    ----------
    name : str
        In :data:`depthscope.studies.sae.activations.names.ACTIVATIONS`.
    """

    name: str

    def beginning(self, latents: int) -> dict[str, torch.Tensor]:
        """Parameters that it has beside encoder and decoder, as they are before the first step: ``Dictionary.own``."""

    def fires(self, before: torch.Tensor, own: Mapping[str, torch.Tensor]) -> Sparse:
        """Activations from pre-activations (N, n), each token by itself, as a finished dictionary is used."""
