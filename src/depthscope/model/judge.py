"""Whether two passes of a network differ by rounding alone."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from depthscope.model.model import Model
from depthscope.model.rounding import Rounding, apart, root_mean_square
from depthscope.model.stream import to_stream
from depthscope.model.widened import HALF

# Recomputing the same numbers in the same shapes leaves only the noise of non-deterministic kernels.
TOLERANCE = {torch.float64: 1e-10, torch.float32: 1e-5, torch.bfloat16: 2e-2, torch.float16: 2e-3}

# Roundings by which a pass may differ from another: in the same shape, where mostly nothing differs (experts that take
# tokens in groups of other sizes), and in another, where every sum may be made in another order. Seen: 0.8 and 1.8.
# A small leak is no larger than a rounding of half precision: in the same shape, what differs at all runs again in float32.
SAME_SHAPE, OTHER_SHAPE = 2.0, 8.0

# Kernels for packed weights are free to add up in another order in another shape.
PACKED = 1e-3


class DoubtError(Exception):
    """A difference that may be a leak or rounding."""


@dataclass(frozen=True)
class Judge:
    """Whether two passes differ by rounding alone.

    In float32 and wider, and for packed weights, a fixed bound on the largest difference is mostly enough; where it is not,
    and in half precision always, the bound is what one rounding does at the same place in this very network. Below it, half
    precision cannot tell: in the same shape, any difference is in doubt.
    """

    model: Model
    rounding: Rounding
    dtype: torch.dtype

    @property
    def half(self) -> bool:
        return self.dtype in HALF and self.model.quantization is None

    @property
    def tolerance(self) -> float:
        return max(TOLERANCE.get(self.dtype, 1e-2), 0.0 if self.model.quantization is None else PACKED)

    def states(self, some: Sequence[torch.Tensor], others: Sequence[torch.Tensor], most: float) -> tuple[bool, str]:
        """Whether they are the same to ``most`` roundings, and by how much they differ, in words."""
        worst = max(largest_apart(self.model, a, b) for a, b in zip(some, others, strict=True))
        return self._judged(worst, apart(self.model, some, others), most)

    def answers(self, given: torch.Tensor, plain: torch.Tensor, most: float) -> tuple[bool, str]:
        return self._judged(largest(given, plain), root_mean_square(given, plain)[None], most)

    def _judged(self, worst: float, differences: torch.Tensor, most: float) -> tuple[bool, str]:
        said = f"{worst:.1g}"
        if worst <= self.tolerance and not self.half:
            return True, said
        if worst == 0 or not math.isfinite(worst):
            return worst == 0, said
        times = self.rounding.times(differences, most)
        if self.half and times <= most == SAME_SHAPE:
            raise DoubtError(said)
        return times <= most, f"{said}, {times:.2g} times what one rounding does"


def largest_apart(model: Model, a: torch.Tensor, b: torch.Tensor) -> float:
    return largest(*(to_stream(state, model.chain.layout) for state in (a, b)))


def largest(a: torch.Tensor, b: torch.Tensor) -> float:
    """Largest absolute difference over the largest absolute value."""
    a, b = a.double().cpu(), b.double().cpu()
    scale = float(b.abs().max())
    return float((a - b).abs().max()) / scale if scale else float((a - b).abs().max())
