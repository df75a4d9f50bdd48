"""Some layers against the others: is an effect larger where something else is?"""

from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import NDArray

from depthscope.arrays import Float
from depthscope.errors import DepthscopeError
from depthscope.statistics.effects import Effect, mean_effect

CELLS = 2**22  # drawn sets of layers held at a time


@dataclass(frozen=True)
class LayerComparison:
    """An effect at chosen layers, at the others, and how special the choice is.

    Attributes
    ----------
    inside, outside, excess : Effect
        Mean over the chosen layers, over the others, and their difference; items are the units.
    p_sets : float
        Share of sets of equally many layers, of all that there are, whose mean effect is at least as large.
    p_windows : float
        The same among sets of neighbouring layers only. Effects of neighbours are alike, so that sets drawn at random have
        too little spread and ``p_sets`` is too small; this one is not, but knows few alternatives.
    rank, windows : int
        The place of the chosen layers among the windows (1: largest), and how many windows there are; 0 where the chosen
        layers are not neighbours.
    exact : bool
        All sets were enumerated.
    """

    inside: Effect
    outside: Effect
    excess: Effect
    p_sets: float
    p_windows: float
    rank: int
    windows: int
    exact: bool


def compare_layers(
    effects: Float, chosen: NDArray[np.bool_], *, permutations: int = 10_000, resamples: int = 2000, seed: int = 0
) -> LayerComparison:
    """Compare the mean effect over ``chosen`` layers with that over as many others.

    Parameters
    ----------
    effects : array (item, layer)
    chosen : bool array (layer,)
    permutations : int
        Sets of layers drawn (all of them if there are fewer), and sign flips of items.

    Raises
    ------
    DepthscopeError
        No layer is chosen, or all are; effects that are missing.
    """
    count, depth = int(chosen.sum()), len(chosen)
    if not 0 < count < depth:
        raise DepthscopeError(f"{count} of {depth} layers are chosen: nothing is left to compare them with")
    missing = np.flatnonzero(~np.isfinite(effects).all(0))
    if missing.size:
        raise DepthscopeError(
            f"effects of layer {missing[0] + 1} are missing or infinite: leave it out of the comparison"
        )
    inside, outside = effects[:, chosen].mean(1), effects[:, ~chosen].mean(1)
    profile = effects.mean(0)
    observed = float(profile[chosen].mean())
    reached = observed - 1e-12 * max(1.0, float(np.abs(profile).max()))
    exact = comb(depth, count) <= permutations
    drawn = _all_sets(profile, count) if exact else _drawn_sets(profile, count, permutations, seed)
    beyond = int((drawn >= reached).sum())
    p_sets = beyond / len(drawn) if exact else (1 + beyond) / (1 + len(drawn))
    rank = windows = 0
    p_windows = float("nan")
    if np.ptp(np.flatnonzero(chosen)) == count - 1:
        means = np.convolve(profile, np.ones(count) / count, mode="valid")
        rank, windows = int((means > observed + (observed - reached)).sum()) + 1, len(means)
        p_windows = float((means >= reached).mean())

    def effect(values: Float) -> Effect:
        return mean_effect(values, permutations=permutations, resamples=resamples, seed=seed)

    return LayerComparison(
        inside=effect(inside),
        outside=effect(outside),
        excess=effect(inside - outside),
        p_sets=p_sets,
        p_windows=p_windows,
        rank=rank,
        windows=windows,
        exact=exact,
    )


def _all_sets(profile: Float, count: int) -> Float:
    return np.array([np.mean(some) for some in combinations(profile, count)])


def _drawn_sets(profile: Float, count: int, permutations: int, seed: int) -> Float:
    rng = np.random.default_rng(seed)
    step = max(1, CELLS // len(profile))
    means = []
    for start in range(0, permutations, step):
        order = rng.random((min(step, permutations - start), len(profile))).argsort(1)[:, :count]
        means.append(profile[order].mean(1))
    return np.concatenate(means)
