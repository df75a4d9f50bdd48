"""All that is wrong with a table, in one sentence and in a list."""

from collections.abc import Sequence
from dataclasses import dataclass

from depthscope.errors import DepthscopeError, on_one_line

SHOWN = 3


class RowError(DepthscopeError):
    """What is wrong with one row.

    Parameters
    ----------
    row : str
        The row in words, with which the sentence begins.
    column : str
        Where the fault is, or where it can be corrected.
    reason, way_out : str
    joint : str, optional
        What is between the two in the sentence; None where the way out goes without saying, and only the list has it.
    """

    def __init__(self, row: str, column: str, reason: str, way_out: str, joint: str | None = "; ") -> None:
        self.column, self.reason, self.way_out, self.joint = column, reason, way_out, joint
        super().__init__(f"{row}: {_told(reason, way_out, joint)}")


@dataclass(frozen=True)
class Problem:
    """What is wrong with one row, or, without a number, with the table.

    Attributes
    ----------
    row : int or None
        Counted from 1, without the header.
    item, condition : str
        Of the row; empty where it has none, and where the problem is one of the table.
    column, reason, way_out, joint : str
        As of a :class:`RowError`.
    """

    row: int | None
    item: str
    condition: str
    column: str
    reason: str
    way_out: str
    joint: str | None = "; "

    @classmethod
    def of(cls, row: int, item: str, condition: str, fault: RowError) -> "Problem":
        return cls(row, item, condition, fault.column, fault.reason, fault.way_out, fault.joint)

    @property
    def where(self) -> str:
        """The item and the condition, in words; nothing if the row lacks one of them."""
        return on_one_line(f"item {self.item!r}, condition {self.condition!r}") if self.item and self.condition else ""

    @property
    def told(self) -> str:
        """What is wrong, and the way out."""
        return on_one_line(_told(self.reason, self.way_out, self.joint))

    @property
    def sentence(self) -> str:
        return f"{self.where}: {self.told}" if self.where else self.told

    @property
    def document(self) -> dict[str, str | int | None]:
        """The same for a program."""
        return {
            "row": self.row,
            "item": self.item or None,
            "condition": self.condition or None,
            "column": self.column,
            "reason": on_one_line(self.reason),
            "way_out": self.way_out,
        }


class StimuliError(DepthscopeError):
    """A table that cannot be used: the first few reasons in one sentence, all of them in ``problems``.

    ``sentence``: another one, that names all of them.
    """

    def __init__(self, source: str, problems: Sequence[Problem], sentence: str | None = None) -> None:
        self.source = source
        self.problems = list(problems)
        told = "; ".join(problem.sentence for problem in problems[:SHOWN])
        count = f"{len(problems)} problems: " if len(problems) > 1 else ""
        left = len(problems) - SHOWN
        more = f"; and {left} more, which 'depthscope stimuli check' lists" if left > 0 else ""
        super().__init__(f"{source}: {sentence or f'{count}{told}{more}'}")


def _told(reason: str, way_out: str, joint: str | None) -> str:
    return reason if joint is None else f"{reason}{joint}{way_out}"
