"""Long tables of what belongs to latents, as short ones with the first few of each."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from depthscope.studies.sae.features.shelf import Around


def ranked(
    latents: int, most: int, latent: NDArray[Any], key: NDArray[Any], *columns: NDArray[Any]
) -> list[NDArray[Any]]:
    """Columns (M,) as tables (n, most), the highest keys of each latent first; -1 or NaN where there are no more.

    Between equals the lowest value of the first column goes first.
    """
    order = np.lexsort((columns[0], -key, latent))
    place = np.arange(len(order)) - np.searchsorted(latent[order], latent[order])
    order, place = order[place < most], place[place < most]
    tables = []
    for column in columns:
        table = np.full((latents, most), -1 if column.dtype.kind in "iu" else np.nan, column.dtype)
        table[latent[order], place] = column[order]
        tables.append(table)
    return tables


def by_value(kept: Around) -> Around:
    """Occurrences (n, places), the strongest of each latent first."""
    order = np.argsort(-kept.value, axis=1, kind="stable")
    return kept.at((np.arange(len(order))[:, None], order))


def evenly(kept: Around, count: int) -> Around:
    """Of occurrences (n, places) that stand in order, ``count`` of each latent, evenly over those that there are."""
    there = (kept.value > 0).sum(1)[:, None]
    steps = np.arange(count)
    spread = np.rint(steps * (there - 1) / max(count - 1, 1)).astype(np.int64)
    # all of them, where there are so few
    chosen = np.where(there <= count, steps, spread)
    return kept.at((np.arange(len(chosen))[:, None], chosen))
