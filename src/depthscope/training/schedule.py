"""How a learning rate changes over the steps."""

from dataclasses import dataclass

from depthscope.errors import DepthscopeError


@dataclass(frozen=True)
class Schedule:
    """Up in a line, constant, down in a line.

    Attributes
    ----------
    warmup : float
        Share of the steps over which the rate rises from 0, in [0, 1].
    decay : float
        Share of the steps, at the end, over which it falls to 0, in [0, 1].

    Raises
    ------
    DepthscopeError
        A share out of its range, or both together over 1.
    """

    warmup: float = 0.0
    decay: float = 0.0

    def __post_init__(self) -> None:
        for name, share in (("warmup", self.warmup), ("decay", self.decay)):
            if not 0 <= share <= 1:
                raise DepthscopeError(f"{name}={share}: give a share of the steps, between 0 and 1")
        if self.warmup + self.decay > 1:
            raise DepthscopeError(f"warmup={self.warmup}: together with decay={self.decay} it is more than all steps")

    def factor(self, step: int, steps: int) -> float:
        """What the rate is multiplied by in step ``step`` of ``steps``, counted from 0: never 0, at most 1."""
        rising, falling = self.warmup * steps, self.decay * steps
        up = (step + 1) / rising if rising else 1.0
        down = (steps - step) / falling if falling else 1.0
        return min(up, down, 1.0)
