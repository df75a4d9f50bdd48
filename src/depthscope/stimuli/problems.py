"""All that is wrong with a table, in one sentence and in a list."""

from collections.abc import Sequence
from dataclasses import dataclass

from depthscope.errors import DepthscopeError

SHOWN = 3


@dataclass(frozen=True)
class Problem:
    """What is wrong with one row, or, without a number, with the table.

    Attributes
    ----------
    row : int or None
        Counted from 1, without the header.
    where : str
        The item and the condition, in words.
    reason : str
        What is wrong, and the way out.
    """

    row: int | None
    where: str
    reason: str

    @property
    def sentence(self) -> str:
        return f"{self.where}: {self.reason}" if self.where else self.reason


class StimuliError(DepthscopeError):
    """A table that cannot be used: the first few reasons in one sentence, all of them in ``problems``."""

    def __init__(self, source: str, problems: Sequence[Problem]) -> None:
        self.source = source
        self.problems = list(problems)
        told = "; ".join(problem.sentence for problem in problems[:SHOWN])
        count = f"{len(problems)} problems: " if len(problems) > 1 else ""
        left = len(problems) - SHOWN
        more = f"; and {left} more, which 'depthscope stimuli check' lists" if left > 0 else ""
        super().__init__(f"{source}: {count}{told}{more}")
