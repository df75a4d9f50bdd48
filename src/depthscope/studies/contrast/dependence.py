"""Whether the items of a contrast are independent of each other, as its test takes them to be."""

from dataclasses import dataclass

import pandas as pd

from depthscope.statistics.icc import Intraclass, intraclass
from depthscope.statistics.result import Contrast
from depthscope.stimuli.families import families
from depthscope.words import ALPHA

# an intraclass correlation that changes p so little is not worth a warning: the variance of the mean grows by a twentieth
NOTICED = 1.05


@dataclass(frozen=True)
class Dependence:
    """How similar the differences of items are that have a label in common.

    Attributes
    ----------
    column : str
        Of the stimuli, which holds the labels.
    items : int
        Items that have a label.
    alike : Intraclass
        The intraclass correlation of their differences, averaged over the window.
    """

    column: str
    items: int
    alike: Intraclass

    @property
    def found(self) -> bool:
        """The items depend on each other so much that p of the test is too small."""
        return self.alike.p <= ALPHA and self.alike.design_effect > NOTICED


def dependence(main: Contrast, table: pd.DataFrame) -> list[Dependence]:
    """Of everything that several items share, how similar that makes their differences."""
    values = main.over_items(*main.window).dropna()
    shared = []
    for column, labels in families(table).items():
        known = [str(item) for item in values.index if str(item) in labels]
        alike = intraclass(values.loc[known].to_numpy(), [labels[item] for item in known])
        if alike.size > 1:
            shared.append(Dependence(column, len(known), alike))
    return shared
