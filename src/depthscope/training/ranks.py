"""Who shares a training: one process that has all of it, or one of several."""

from typing import Protocol, TypeVar

import torch

from depthscope.errors import DepthscopeError, check_count

T = TypeVar("T")


class Ranks(Protocol):
    """Where everything goes through that processes must agree on: each of them calls each method, in the same order."""

    @property
    def rank(self) -> int:
        """Which of them this process is, from 0: the first one writes, shows and decides."""

    @property
    def count(self) -> int:
        """How many there are."""

    @property
    def device(self) -> str | None:
        """Where this process is to work; None: where it likes."""

    def sum_(self, tensor: torch.Tensor) -> torch.Tensor:
        """The tensor, with those of all ranks added to it, in place; the same bits on each."""

    def gathered(self, tensor: torch.Tensor) -> torch.Tensor:
        """Those of all ranks behind one another, along an axis 0 that need not be of one length."""

    def shared(self, value: T) -> T:
        """What the first one says, in what JSON knows, whatever the others do."""

    def split(self, size: int) -> "tuple[Ranks, Ranks]":
        """Groups of ``size`` neighbours: the one that this process is in, and those of all groups who have its place in theirs.

        Raises
        ------
        DepthscopeError
            They make no such groups.
        """


def check_groups(count: int, size: int) -> None:
    """Refuse groups of a size that the processes cannot make."""
    check_count("shards", size)
    if count == 1 < size:
        raise DepthscopeError(
            f"shards={size}: there is one process; start {size} or a multiple with torchrun --nproc-per-node, or leave it out"
        )
    if count % size:
        raise DepthscopeError(
            f"shards={size}: {count} processes make no groups of {size}; start a multiple of {size} processes, or give another "
            "number"
        )


class Alone:
    """One process has all of it."""

    rank, count = 0, 1
    device: str | None = None

    def sum_(self, tensor: torch.Tensor) -> torch.Tensor:
        return tensor

    def gathered(self, tensor: torch.Tensor) -> torch.Tensor:
        return tensor

    def shared(self, value: T) -> T:
        return value

    def split(self, size: int) -> tuple[Ranks, Ranks]:
        check_groups(self.count, size)
        return self, self


ALONE = Alone()
