"""Some of the items, drawn by a stated rule."""

import numpy as np
import pandas as pd

from depthscope.errors import DepthscopeError


def sample_items(table: pd.DataFrame, count: int, seed: int = 0) -> pd.DataFrame:
    """All rows of ``count`` items: the items in the order of their names, shuffled by the seed, the first ones taken.

    The draw looks at nothing but the names, so that it does not depend on the order of the rows, and a smaller draw with the
    same seed is part of a larger one. Rows keep their order.
    """
    items = sorted(table["item"].unique())
    if not 1 <= count <= len(items):
        raise DepthscopeError(f"sample={count}: the table has {len(items)} items; give a number from 1 to that")
    drawn = {items[i] for i in np.random.default_rng(seed).permutation(len(items))[:count]}
    return table[table["item"].isin(drawn)].reset_index(drop=True)
