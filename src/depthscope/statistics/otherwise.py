"""A contrast under the other inference: p by a bootstrap beside sign flips, or by sign flips beside a bootstrap."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from depthscope.statistics.design import design
from depthscope.statistics.effects import equivalence
from depthscope.statistics.permutation import TAILS, Inference, cluster_test

if TYPE_CHECKING:
    from depthscope.statistics.result import Contrast


@dataclass(frozen=True)
class Otherwise:
    """What the other inference says of the same clusters.

    Attributes
    ----------
    inference : {"flips", "bootstrap"}
    p : tuple of float
        Of each cluster of the contrast, in their order.
    equivalence : float
        That |dz| is below the bound at every layer measured; NaN if none was.
    """

    inference: Inference
    p: tuple[float, ...]
    equivalence: float


def otherwise(c: "Contrast") -> Otherwise:
    """The clusters of a contrast, and its equivalence, tested by the inference that it did not use."""
    other: Inference = "flips" if c.inference == "bootstrap" else "bootstrap"
    s = c.settings
    values = c.differences.transpose("item", ...).values.astype(np.float64)
    gaps = c.covariates.values
    test = cluster_test(
        values,
        covariates=gaps,
        permutations=s["permutations"],
        forming_p=s["forming_p"],
        tail=TAILS[s["alternative"]],
        seed=s["seed"],
        inference=other,
    )
    present = np.isfinite(values).all(0)
    model = design(len(values), gaps)
    draws = {"resamples": s["resamples"], "seed": s["seed"]}
    same = equivalence(values[:, present], test.t[present], model, s["bound"], other, **draws)
    return Otherwise(
        other, tuple(test.p_value(k.mass)[0] for k in c.clusters), float(same.max()) if same.size else np.nan
    )
