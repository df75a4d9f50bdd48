"""The largest in a batch: Bussmann, Leask and Nanda (2024), arXiv 2412.06410."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch

from depthscope.errors import DepthscopeError
from depthscope.studies.sae.activations.activation import Activation, Code
from depthscope.studies.sae.activations.checks import check_k
from depthscope.studies.sae.kernels import largest
from depthscope.studies.sae.sparse import Sparse, sparsely

if TYPE_CHECKING:
    from depthscope.studies.sae.forward import Forward

WIDE = 4  # times k: how many of a token are looked at before it is known whether more are needed
PAST = 0.99  # share of the past in the average of the threshold


@dataclass(frozen=True)
class BatchTopK(Activation):
    """Of all pre-activations of a batch of N tokens, the k N largest fire (equation 5 there); the loss is that of TopK.

    A finished dictionary reads each token by itself: what is above a threshold fires, which is the mean, over batches, of the
    smallest activation (equation 7). Here the mean is an exponential one, that of the first batch until the second: after any
    number of steps it stands for batches that were seen.

    Attributes
    ----------
    k : float
        Latents that fire at a token, on average.
    """

    k: float
    name: ClassVar[str] = "batch_topk"

    def __post_init__(self) -> None:
        if not isinstance(self.k, int | float) or not 0 < self.k < math.inf:
            raise DepthscopeError(f"k={self.k!r}: give a number above 0")

    def check(self, latents: int) -> None:
        check_k(self.k, latents)

    def beginning(self, latents: int) -> dict[str, torch.Tensor]:
        return {"threshold": torch.zeros(latents)}

    def fires(self, before: torch.Tensor, own: Mapping[str, torch.Tensor]) -> Sparse:
        return sparsely(torch.where(before > own["threshold"], before, 0).relu())

    def learns(self, forward: "Forward") -> Sparse:
        values, indices = largest_of_all(forward, self.k)
        found = forward.learning(values, indices)
        self._note(forward, values)
        # what only fills up a row is 0 here, and gets no gradient
        return found._replace(values=torch.where(values > 0, found.values, 0))

    def loss(self, forward: "Forward", code: Code, given: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"error": forward.error(given), "auxk": forward.auxk(given)}

    def _note(self, forward: "Forward", values: torch.Tensor) -> None:
        """Take the smallest activation of the batch into the threshold."""
        with torch.no_grad():
            threshold, positive = forward.own["threshold"], values[values > 0]
            smallest = forward.ranks.gathered(positive.min().reshape(1) if len(positive) else positive)
            if len(smallest):
                threshold.lerp_(smallest.min().expand_as(threshold), 1.0 if forward.step == 0 else 1 - PAST)


def largest_of_all(forward: "Forward", k: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Of the pre-activations of all states (N, n) the ``k N`` largest, as far as they are above 0.

    Exactly these, though they are never all held: at each state a few are looked at, and twice as many where the last of them
    is still among the largest of all.

    Returns
    -------
    values, indices : Tensor (N, K)
        As many columns as the busiest state needs; the rest of a row is 0.
    """
    count, latents = round(k * forward.tokens), forward.dictionary.latents
    wide = min(latents, WIDE * math.ceil(k))
    values, indices = forward.looked_at(lambda before: largest(before, wide))
    while True:
        # of the states of all ranks
        every = forward.ranks.gathered(values.reshape(-1))
        limit = every.kthvalue(len(every) - count + 1).values.clamp(min=0)
        more = (values.amin(1) > limit).nonzero()[:, 0]
        if wide == latents or not forward.ranks.sum_(torch.tensor(len(more))):
            break
        added, wide = wide, min(latents, 2 * wide)
        added = wide - added
        values = torch.nn.functional.pad(values, (0, added), value=-math.inf)
        indices = torch.nn.functional.pad(indices, (0, added))
        values[more], indices[more] = forward.looked_at(lambda before: largest(before, wide), more)  # noqa: B023 - called at once
    values = torch.where((values >= limit) & (values > 0), values, 0)
    busiest = max(1, int((values > 0).sum(1).max())) if len(values) else 1
    values, places = values.topk(busiest)
    return values, indices.gather(1, places)
