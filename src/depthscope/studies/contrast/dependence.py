"""Whether the items of a contrast are independent of each other, as its test takes them to be."""

import pandas as pd

from depthscope.statistics.icc import Intraclass, intraclass
from depthscope.statistics.result import Contrast
from depthscope.stimuli.families import families
from depthscope.words import ALPHA

# an intraclass correlation that changes p so little is not worth a warning: the variance of the mean grows by a twentieth
NOTICED = 1.05


def dependence(main: Contrast, table: pd.DataFrame) -> list[str]:
    """A sentence for everything that items share: how alike that makes their differences, and what to do about it."""
    values = main.over_items(*main.window).dropna()
    told = []
    for column, labels in families(table).items():
        known = [str(item) for item in values.index if str(item) in labels]
        found = intraclass(values.loc[known].to_numpy(), [labels[item] for item in known])
        if found.size > 1:
            told.append(_told(column, len(known), found))
    return told


def _told(column: str, items: int, found: Intraclass) -> str:
    shared = f"{items} items share {found.families} labels of {column!r}"
    alike = f"the intraclass correlation of their differences is {found.value:.2f} [{found.low:.2f}, {found.high:.2f}]"
    if found.p <= ALPHA and found.design_effect > NOTICED:
        return (
            f"{shared}, and {alike}: items are not independent, and p is too small (the variance of the mean is "
            f"{found.design_effect:.1f} times that of independent items); test families: --cluster-by {column}."
        )
    safe = f"to be safe, test families: --cluster-by {column}"
    return f"{shared}; {alike}, which shows no dependence and does not exclude it; {safe}."
