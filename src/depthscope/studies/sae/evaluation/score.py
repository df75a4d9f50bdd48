"""One number that says how good a dictionary is, with its interval, its unit, and what it is without a dictionary."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import isfinite, nan
from typing import Literal, NamedTuple

from depthscope.arrays import Float
from depthscope.statistics.classify import Estimate
from depthscope.studies.sae.evaluation.units import Sums, Totals

Better = Literal["higher", "lower", "neither"]
NOTHING = Estimate(nan, nan, nan)


@dataclass(frozen=True)
class Score:
    """A number of a dictionary.

    Attributes
    ----------
    name : str
        Of what is measured.
    value : Estimate
        With its 95 % interval over documents; NaN where an interval cannot be given.
    unit : str
        In words.
    better : {"higher", "lower", "neither"}
        Which way a good dictionary lies; ``"neither"``: it describes, or is best at one value.
    control : str
        What the number was taken of as well; empty if of nothing.
    beside : Estimate
        The number there.
    """

    name: str
    value: Estimate
    unit: str
    better: Better = "neither"
    control: str = ""
    beside: Estimate = NOTHING

    @property
    def beats_control(self) -> bool | None:
        """Whether the whole interval lies on the better side of the control's value; None where that cannot be asked."""
        ends = (self.value.low, self.value.high, self.beside.value)
        if self.better == "neither" or not all(map(isfinite, ends)):
            return None
        return self.value.low > self.beside.value if self.better == "higher" else self.value.high < self.beside.value

    def against(self, control: str, other: "Score") -> "Score":
        """The same number beside that of a control."""
        return replace(self, control=control, beside=other.value)


class Made(NamedTuple):
    """How a score is made of sums over tokens."""

    name: str
    unit: str
    better: Better
    of: Callable[[Sums], Float]


def scored(made: Sequence[Made], totals: Totals, seed: int = 0) -> list[Score]:
    """Scores of the same sums, with their intervals."""
    values = totals.estimates([one.of for one in made], seed=seed)
    return [Score(one.name, value, one.unit, one.better) for one, value in zip(made, values, strict=True)]
