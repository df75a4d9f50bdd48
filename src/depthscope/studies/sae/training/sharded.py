"""Latents shared out among processes: each has the rows of n / S latents in encoder and decoder, and their optimiser.

As Gao et al. (2024), section 5.2 and appendix D, "tensor sharding": of a batch, S processes read the same states; each finds
the largest of its own pre-activations, all see the values that all found, (N, k) numbers each, and know from the k-th largest
which of theirs stay; a reconstruction is the sum of what each decodes. Nothing of the size of the dictionary is ever sent.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch

from depthscope.errors import DepthscopeError
from depthscope.studies.sae.activations.topk import TopK
from depthscope.studies.sae.forward import Forward
from depthscope.studies.sae.kernels import CELLS
from depthscope.studies.sae.sparse import Sparse
from depthscope.studies.sae.training.plan import Plan
from depthscope.training.ranks import ALONE, Ranks

# parameters with a row for each latent; the others are the same in all shards
ROWS = ("encoder", "latent_bias", "decoder")


def check(plan: Plan, shards: int) -> None:
    """Refuse what cannot be shared out.

    Raises
    ------
    DepthscopeError
        Another activation than TopK, or a number of latents that is no multiple.
    """
    if shards > 1 and not isinstance(plan.activation, TopK):
        raise DepthscopeError(
            f"shards={shards}: latents are shared out for topk alone, and {plan.name} is of another activation; leave --shards "
            "out, so that each process has all latents"
        )
    if plan.latents % shards:
        raise DepthscopeError(
            f"shards={shards}: {plan.latents} latents cannot be shared out evenly; give a multiple of {shards}"
        )


def mine(latents: int, shards: Ranks) -> slice:
    """The rows of this process."""
    each = latents // shards.count
    return slice(shards.rank * each, (shards.rank + 1) * each)


def whole(held: Mapping[str, torch.Tensor], shards: Ranks) -> dict[str, torch.Tensor]:
    """Parameters with the rows of all processes, in the memory of the processor, where there is room for them."""
    if shards.count == 1:
        return dict(held)
    return {name: shards.gathered(value.cpu()) if name in ROWS else value.cpu() for name, value in held.items()}


def length(slopes: Mapping[str, torch.Tensor], shards: Ranks) -> torch.Tensor:
    """The norm of a gradient, whose parts are given by the names of parameters: over all latents."""
    norms = torch.stack(torch._foreach_norm(list(slopes.values())))
    if shards.count > 1:
        rows = torch.tensor([name in ROWS for name in slopes], device=norms.device)
        norms = torch.stack([shards.sum_(norms[rows].square().sum()).sqrt(), torch.linalg.vector_norm(norms[~rows])])
    found: torch.Tensor = torch.linalg.vector_norm(norms)
    return found


def forward(shards: Ranks) -> Callable[..., Forward]:
    """What makes a :class:`Forward`."""
    return Forward if shards.count == 1 else partial(ShardedForward, shards=shards)


@dataclass
class ShardedForward(Forward):
    """Of a dictionary the latents of this process, and of the result all of it.

    Attributes
    ----------
    shards : Ranks
        The processes that share the latents; they read the same states.
    """

    shards: Ranks = ALONE
    read: list[torch.Tensor] = field(default_factory=list)

    @property
    def read_bias(self) -> torch.Tensor:
        if not self.read:
            self.read.append(_Everywhere.apply(self.dictionary.bias, self.shards))  # type: ignore[no-untyped-call]
        return self.read[0]

    def over_shards(self, count: int) -> int:
        return int(self.shards.sum_(torch.tensor(count)))

    def topk(self, k: int, among: torch.Tensor | None = None) -> Sparse:
        there = self.dictionary.latents if among is None else len(among)
        values, indices = self.best(min(k, there), among) if there else self._none()
        kept = winners(values, k, self.shards)
        found = self.learning(values, indices)
        return found._replace(values=torch.where(kept, found.values, 0).relu())

    def written(self, code: Sparse | torch.Tensor, decoder: torch.Tensor) -> torch.Tensor:
        nothing = isinstance(code, Sparse) and not code.values.shape[1]
        part = torch.zeros_like(self.target) if nothing else super().written(code, decoder)
        found: torch.Tensor = _Added.apply(part, self.shards)  # type: ignore[no-untyped-call]
        return found

    def _none(self) -> tuple[torch.Tensor, torch.Tensor]:
        empty = self.states.new_zeros((len(self.states), 0))
        return empty, empty.long()


def winners(values: torch.Tensor, k: int, shards: Ranks) -> torch.Tensor:
    """Which of the values (N, K), found by this process in K <= k of its latents, are among the k largest of all processes.

    Exactly k of each row are, over all processes: of values that are equal, those of the first process that has them. bool
    (N, K).
    """
    rows = max(1, CELLS // (k * shards.count))
    return torch.cat([_winners(some, k, shards) for some in torch.split(values, rows)])


def _winners(values: torch.Tensor, k: int, shards: Ranks) -> torch.Tensor:
    count, width = values.shape
    filled = torch.nn.functional.pad(values, (0, k - width), value=-torch.inf)
    every = shards.gathered(filled).reshape(shards.count, count, k)
    flat = every.transpose(0, 1).reshape(count, shards.count * k)
    limit = flat.topk(k, sorted=False).values.amin(1, keepdim=True)
    left = k - (flat > limit).sum(1, keepdim=True)
    before = (every[: shards.rank] == limit).sum((0, 2))[:, None]
    equal = values == limit
    return (values > limit) | (equal & (before + equal.cumsum(1) <= left))


class _Added(torch.autograd.Function):
    """The sum over processes. Each goes on with all of it, in the same way: so the gradient of its part is that of the sum."""

    @staticmethod
    def forward(ctx: Any, part: torch.Tensor, shards: Ranks) -> torch.Tensor:
        return shards.sum_(part.clone())

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None]:
        return gradients[0], None


class _Everywhere(torch.autograd.Function):
    """A parameter that all processes have, where each does something else with it: its gradient is the sum of theirs."""

    @staticmethod
    def forward(ctx: Any, parameter: torch.Tensor, shards: Ranks) -> torch.Tensor:
        ctx.shards = shards
        return parameter.view_as(parameter)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None]:
        return ctx.shards.sum_(gradients[0].clone()), None
