"""Where sums over the tokens of a batch are taken, if several processes share it."""

from typing import Protocol

import torch


class Ranks(Protocol):
    """Every sum over tokens that decides anything goes through here: gradients, who fired, what is left over."""

    def sum_(self, tensor: torch.Tensor) -> torch.Tensor:
        """The tensor, with those of all ranks added to it, in place."""


class Alone:
    """One process has the whole batch."""

    def sum_(self, tensor: torch.Tensor) -> torch.Tensor:
        return tensor


ALONE = Alone()
