"""What every activation gives: what fires, and the loss that it is trained by."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Protocol

import torch

from depthscope.studies.sae.sparse import Sparse

if TYPE_CHECKING:
    from depthscope.studies.sae.forward import Forward

# what fires in training: a sparse code, or all activations (N, n) where most of them may
Code = Sparse | torch.Tensor


class Activation(Protocol):
    """From pre-activations to what fires; its settings are the fields of a frozen dataclass.

    A class that names this one as its base has to say no more than ``fires`` and ``learns``: what else there is stands for an
    activation without parameters of its own, in an autoencoder whose only aim is to give back its input.

    Attributes
    ----------
    name : str
        In :data:`depthscope.studies.sae.activations.names.ACTIVATIONS`.
    """

    name: ClassVar[str]

    def beginning(self, latents: int) -> dict[str, torch.Tensor]:
        """Parameters that it has beside encoder and decoder, as they are before the first step: ``Dictionary.own``."""
        return {}

    def fires(self, before: torch.Tensor, own: Mapping[str, torch.Tensor]) -> Sparse:
        """Activations from pre-activations (N, n), each token by itself, as a finished dictionary is used."""

    def check(self, latents: int) -> None:
        """Refuse settings that n latents do not allow, in one sentence."""

    def learns(self, forward: "Forward") -> Code:
        """What fires at the states of a batch in training, with gradients."""

    def loss(self, forward: "Forward", code: Code, given: torch.Tensor) -> dict[str, torch.Tensor]:
        """What is minimised, in terms that are added; ``given`` (N, d) is what the code is decoded to."""
        return {"error": forward.error(given)}

    def learnt(self, own: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Its parameters as they are in training, where that is another form."""
        return dict(own)

    def finished(self, learnt: Mapping[str, torch.Tensor], factor: float) -> dict[str, torch.Tensor]:
        """From those in training to ``Dictionary.own``, for pre-activations and activations that are all ``factor`` times as
        large: so the scaling of the input goes into a finished dictionary. As here, where all are in their units.
        """
        return {name: value * factor for name, value in learnt.items()}
