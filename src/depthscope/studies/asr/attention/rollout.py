"""Residual rollout through the decoder: where what stands at a position came from, layer by layer.

Every position carries a distribution over origins: the T frames of the sound, and the N positions of the text (what the
decoder was given to read, which is no sound). Before the first layer it is all its own. A layer hands it on as its residual
stream does, with equal shares for the stream and for what is added to it:

    after self-attention    R <- (R + S R) / 2
    after cross-attention   R <- (R + C) / 2

with S (position, position) and C (position, frame) the layer's maps, rows of which sum to 1. So rows of R always sum to 1, and
after one layer the part of R that lies on sound is proportional to C. The map of a token is that part, made to sum to 1. What
stayed on text is no score: every layer halves it, so it is 2^-L of every token. (Abnar & Zuidema 2020, for a decoder with two
kinds of attention; the weight of a half for the stream is theirs.)
"""

from dataclasses import dataclass, field

import torch


@dataclass
class Rollout:
    """What :func:`after_own` and :func:`after_crossed` build up.

    Attributes
    ----------
    text : tensor (..., position, position)
        Share of each position that comes from each position of the text.
    sound : list of tensors (..., position, frame)
        Share that came in from the sound, by the layer at which it did; one tensor for all, unless layers are kept apart.
    apart : bool
        Keep layers apart, so that they can be weighted by token.
    """

    text: torch.Tensor
    sound: list[torch.Tensor] = field(default_factory=list)
    apart: bool = False

    @classmethod
    def begun(cls, positions: int, like: torch.Tensor, apart: bool = False) -> "Rollout":
        """Every position is its own origin."""
        eye = torch.eye(positions, device=like.device, dtype=torch.float32)
        return cls(eye.expand(*like.shape[:-2], positions, positions), apart=apart)

    def after_own(self, own: torch.Tensor) -> None:
        """Self-attention ``own`` (..., position, position): half of each position comes from those that it attends to."""
        self.text = (self.text + own @ self.text) / 2
        self.sound = [(one + own @ one) / 2 for one in self.sound]

    def after_crossed(self, crossed: torch.Tensor) -> None:
        """Cross-attention ``crossed`` (..., position, frame): half of each position comes from these frames."""
        self.text = self.text / 2
        self.sound = [one / 2 for one in self.sound]
        if self.apart or not self.sound:
            self.sound.append(crossed / 2)
        else:
            self.sound[0] = self.sound[0] + crossed / 2

    @property
    def share_of_text(self) -> torch.Tensor:
        """(..., position): what comes from no sound; 2^-L after L layers."""
        return self.text.sum(-1)


def encoder_mixing(layers: list[torch.Tensor]) -> torch.Tensor:
    """Which input frames the states of the encoder come from: the product of ``(I + E) / 2`` over its layers.

    Parameters
    ----------
    layers : list of tensors (frame, frame)
        Self-attention of the encoder, first layer first, rows of which sum to 1.

    Returns
    -------
    tensor (frame, frame)
        Rows, one for each state, sum to 1.
    """
    found = torch.eye(len(layers[0]), dtype=layers[0].dtype, device=layers[0].device)
    for one in layers:
        found = (found + one @ found) / 2
    return found
