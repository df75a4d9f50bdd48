"""What several of the questions ask of."""

import numpy as np

from tests.studies.contrast.planted import NOTHING, measure

# in no relation to anything
IDLE = np.tile([1.0, -1.0, -1.0, 1.0], 6)


def two(planted, items=24, **coords):
    return measure({"a": planted, "b": NOTHING}, items=items, **coords)


def covariates(items=24, **gaps):
    """Coordinates over item and condition; ``gaps`` are differences between a and b, a number or one per item."""
    base = np.random.default_rng(3).normal(size=items)
    return {
        name: (("item", "condition"), np.column_stack([base + np.broadcast_to(gap, items), base]))
        for name, gap in gaps.items()
    }
