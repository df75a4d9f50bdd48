"""Which items and which layers take part where some measurements are missing."""

import numpy as np
from numpy.typing import NDArray

# a layer that more than this share of the items lack is left out; an item that lacks any other layer is left out
THIN = 0.1

Mask = NDArray[np.bool_]


def complete(there: Mask) -> tuple[Mask, Mask]:
    """The items and the cells between which nothing is missing, by one rule.

    A cell (a layer, or a scale at a layer) that more than a tenth of the items lack is left out; then every item that lacks one
    of the others. So a few items that were cut short cost those items, and not the layers of all; and layers that hardly any
    item reaches cost no items.

    Parameters
    ----------
    there : bool array (item, ...)
        What was measured.

    Returns
    -------
    items (item,), cells (...) : bool arrays
        What takes part.
    """
    cells: Mask = np.asarray(there.mean(0) >= 1 - THIN)
    items: Mask = np.asarray(there[:, cells].all(1))
    return items, cells


def thin(there: Mask, cells: Mask) -> Mask:
    """Cells that some items have and that are left out all the same."""
    return there.any(0) & ~cells
