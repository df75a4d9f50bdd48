"""States of which it is known what they are made of."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import torch

from depthscope.capture.sites import Site

SITE = Site("resid", 3)


@dataclass
class Toy:
    """Feed of sums of planted directions: each occurs with probability ``active / count``, with a size between 1/2 and 3/2.

    Batches follow from their number alone, so that a feed may be asked again from any step.
    """

    count: int = 48
    width: int = 24
    active: float = 3.0
    batch: int = 256
    steps: int = 10
    noise: float = 0.0
    seed: int = 0
    sites: tuple[Site, ...] = (SITE,)
    directions: torch.Tensor = field(init=False)
    middle: torch.Tensor = field(init=False)

    def __post_init__(self) -> None:
        random = torch.Generator().manual_seed(self.seed)
        drawn = torch.randn(self.count, self.width, generator=random)
        self.directions = torch.nn.functional.normalize(drawn, dim=1)
        self.middle = torch.randn(self.width, generator=random)

    def states(self, number: int, count: int) -> dict[Site, torch.Tensor]:
        random = torch.Generator().manual_seed(1000 * (self.seed + 1) + number)
        there = torch.rand(count, self.count, generator=random) < self.active / self.count
        sizes = there * (0.5 + torch.rand(count, self.count, generator=random))
        found = sizes @ self.directions + self.middle
        found = found + self.noise * torch.randn(count, self.width, generator=random)
        return {site: found * (i + 1) for i, site in enumerate(self.sites)}

    def batches(self, start: int = 0) -> Iterator[dict[Site, torch.Tensor]]:
        for number in range(start, self.steps):
            yield self.states(number, self.batch)

    def sample(self, count: int) -> dict[Site, torch.Tensor]:
        return self.states(-1, min(count, 2048))
