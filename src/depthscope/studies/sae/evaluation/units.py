"""What is drawn again for an interval: the documents of a text, or its windows where there are few of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from depthscope.arrays import Float
from depthscope.capture.windows import Window
from depthscope.statistics.bootstrap import MIN_ITEMS, sums_interval
from depthscope.statistics.classify import Estimate

Over = Literal["documents", "windows", "tasks", "letters", "latents"]
Sums = Mapping[str, Float]


@dataclass(frozen=True)
class Units:
    """Which tokens stay together when a text is drawn again.

    Attributes
    ----------
    of : int array (window,)
        The unit of each window, counted from 0.
    count : int
        How many units there are.
    over : {"documents", "windows"}
        What they are: with fewer than six documents, of which resamples are too often the same, each window is one. Windows
        of a document are alike, so that intervals over them are too narrow; they say so.
    """

    of: NDArray[np.int64]
    count: int
    over: Over


def units_of(windows: Sequence[Window]) -> Units:
    """The documents of windows, if they are six or more; else the windows."""
    names = [window.document for window in windows]
    places = {name: i for i, name in enumerate(dict.fromkeys(names))}
    if len(places) >= MIN_ITEMS:
        return Units(np.array([places[name] for name in names]), len(places), "documents")
    return Units(np.arange(len(names)), len(names), "windows")


@dataclass(frozen=True)
class Totals:
    """Sums over the tokens of each unit, of which scores are made.

    Attributes
    ----------
    names : tuple of str
        Of the quantities.
    values : array (unit, quantity)
    over : {"documents", "windows", "tasks", "letters", "latents"}
        What the units are.
    """

    names: tuple[str, ...]
    values: Float
    over: Over

    def estimates(
        self, scores: Sequence[Callable[[Sums], Float]], *, resamples: int = 2000, seed: int = 0
    ) -> list[Estimate]:
        """Scores of all tokens, and their 95 % intervals over units (BCa; NaN with fewer than six).

        Parameters
        ----------
        scores : sequence of callables
            Each from the totals by name, arrays (k,), to k numbers.
        """

        def columns(totals: Float) -> Float:
            named = dict(zip(self.names, totals.T, strict=True))
            return np.stack([np.asarray(score(named), dtype=np.float64) for score in scores], axis=-1)

        with np.errstate(divide="ignore", invalid="ignore"):
            values = columns(self.values.sum(0)[None])[0]
        low, high = sums_interval(self.values, columns, resamples=resamples, seed=seed)
        return [Estimate(*map(float, ends)) for ends in zip(values, low, high, strict=True)]
