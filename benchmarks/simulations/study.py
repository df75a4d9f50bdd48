"""What all simulations share: a row of the table, a rate over seeds, noise along depth."""

from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np

from depthscope.statistics.calibration import Rate
from depthscope.statistics.permutation import ClusterTest

LAYERS, ITEMS = 30, 60
PERMUTATIONS = 500


class Row(NamedTuple):
    """One line of the table.

    Attributes
    ----------
    claim, simulated : str
        What is claimed, and what is true.
    rate : Rate
        In how many simulated studies it was claimed.
    goal : float
        The share in which it should be, between 0 and 1.
    bound : str
        ``"at most"`` or ``"at least"``, where the goal is a limit.
    before : Rate or None
        The same studies under the rule of depthscope 0.6.0, where the rule is another one now.
    drawn : bool
        Whether the figure has it: of many rows that are alike it shows some.
    """

    claim: str
    simulated: str
    rate: Rate
    goal: float
    bound: Literal["", "at most", "at least"] = ""
    before: Rate | None = None
    drawn: bool = True


def rate(study: Callable[[np.random.Generator], bool], draws: int = 400) -> Rate:
    return Rate(sum(bool(study(np.random.default_rng(seed))) for seed in range(draws)), draws)


def found(test: ClusterTest) -> bool:
    return any(test.p_value(c.mass)[0] <= 0.05 for c in test.clusters)


def rough(generator: np.random.Generator, items: int = ITEMS) -> np.ndarray:
    """Noise that is correlated along depth, as CSE is."""
    noise = generator.normal(size=(items, LAYERS + 4))
    return sum(noise[:, i : i + LAYERS] for i in range(5)) / np.sqrt(5)
