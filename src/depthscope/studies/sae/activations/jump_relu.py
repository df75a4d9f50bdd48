"""A threshold for each latent, learnt: Rajamanoharan et al. (2024), arXiv 2407.14435."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import torch

from depthscope.errors import DepthscopeError
from depthscope.studies.sae.activations.activation import Activation, Code
from depthscope.studies.sae.activations.checks import check_penalty
from depthscope.studies.sae.sparse import Sparse, sparsely

if TYPE_CHECKING:
    from depthscope.studies.sae.forward import Forward


@dataclass(frozen=True)
class JumpReLU(Activation):
    """``z = a H(a - theta)`` of pre-activations a, trained by the error and ``l0`` times how many fire (equations 3 and 8).

    A step has no slope, so that of a rectangle about the threshold stands in for it (equations 11 and 12): a threshold learns
    from pre-activations within half a bandwidth of it. It is learnt by its logarithm.

    Attributes
    ----------
    l0 : float
        Weight of one latent beside the error, in units of the variance: states there have the mean squared norm 1, and about
        that variance.
    warmup : float
        Share of the steps over which it rises from 0.
    bandwidth : float
        Epsilon, where the mean norm of states is sqrt(d).
    threshold : float
        Before the first step, in the same units. Both are .001 there, where the mean norm is 1: .03 for d = 900. A step changes
        the logarithm by the learning rate at most, so that from there it takes tens of thousands of steps until few latents
        fire; from ten times as much, hundreds.
    """

    l0: float = 1e-3
    warmup: float = 0.1
    bandwidth: float = 0.3
    threshold: float = 0.3
    name: ClassVar[str] = "jump_relu"

    def __post_init__(self) -> None:
        check_penalty("l0", self.l0, self.warmup)
        for name in ("bandwidth", "threshold"):
            if not 0 < getattr(self, name) < torch.inf:
                raise DepthscopeError(f"{name}={getattr(self, name)}: give a number above 0")

    def beginning(self, latents: int) -> dict[str, torch.Tensor]:
        return {"threshold": torch.full((latents,), self.threshold)}

    def learnt(self, own: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return {"log_threshold": own["threshold"].log()}

    def finished(self, learnt: Mapping[str, torch.Tensor], factor: float) -> dict[str, torch.Tensor]:
        return {"threshold": learnt["log_threshold"].exp() * factor}

    def fires(self, before: torch.Tensor, own: Mapping[str, torch.Tensor]) -> Sparse:
        return sparsely(torch.where(before > own["threshold"], before, 0).relu())

    def learns(self, forward: "Forward") -> torch.Tensor:
        before, threshold = forward.before(), forward.own["log_threshold"].exp()
        forward.notes |= {"before": before, "threshold": threshold}
        found: torch.Tensor = _Jump.apply(before, threshold, self.bandwidth)  # type: ignore[no-untyped-call]
        return found

    def loss(self, forward: "Forward", code: Code, given: torch.Tensor) -> dict[str, torch.Tensor]:
        fired = _Step.apply(forward.notes["before"].detach(), forward.notes["threshold"], self.bandwidth)  # type: ignore[no-untyped-call]
        penalty = self.l0 * forward.rising(self.warmup)
        return {"error": forward.error(given), "penalty": penalty * fired.sum() / forward.tokens}


class _Jump(torch.autograd.Function):
    """``a H(a - theta)``; slope at the threshold: equation 11."""

    @staticmethod
    def forward(ctx: Any, before: torch.Tensor, threshold: torch.Tensor, bandwidth: float) -> torch.Tensor:
        ctx.save_for_backward(before, threshold)
        ctx.bandwidth = bandwidth
        return before * (before > threshold)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, None]:
        before, threshold = ctx.saved_tensors
        (gradient,) = gradients
        near = _near(before, threshold, ctx.bandwidth)
        return gradient * (before > threshold), -threshold / ctx.bandwidth * (gradient * near).sum(0), None


class _Step(torch.autograd.Function):
    """``H(a - theta)``; slope at the threshold: equation 12."""

    @staticmethod
    def forward(ctx: Any, before: torch.Tensor, threshold: torch.Tensor, bandwidth: float) -> torch.Tensor:
        ctx.save_for_backward(before, threshold)
        ctx.bandwidth = bandwidth
        return (before > threshold).to(before.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[None, torch.Tensor, None]:
        before, threshold = ctx.saved_tensors
        (gradient,) = gradients
        return None, -(gradient * _near(before, threshold, ctx.bandwidth)).sum(0) / ctx.bandwidth, None


def _near(before: torch.Tensor, threshold: torch.Tensor, bandwidth: float) -> torch.Tensor:
    """The rectangle of width 1 at ``(a - theta) / epsilon``."""
    return (before - threshold).abs() < bandwidth / 2
