"""A known share of an effect of .6 sd, in a control or under a null: the word that is told of it.

The right word can be known where a 95 % interval clears its borders in 80 % of studies, as the true spread tells. Elsewhere
a wrong word must be rare, and "undecided" is right.
"""

from collections.abc import Callable, Iterator

import numpy as np
from scipy import stats

from benchmarks.simulations import before
from benchmarks.simulations.study import Row
from depthscope.arrays import Float
from depthscope.statistics.calibration import Rate
from depthscope.statistics.shares import ALL, LITTLE, Word, share_of

EFFECT, ALIKE, DRAWS = 0.6, 0.7, 20
# of the noise of a null, what is common to its draws and what is each one's own
COMMON, OWN = 0.5, 0.5
STUDIES = 400
RIGHT: dict[float, tuple[Word, tuple[float, ...]]] = {
    0.0: ("too little", (LITTLE,)),
    0.3: ("a part", (0.0, 1.0)),
    0.5: ("a part", (0.0, 1.0)),
    0.8: ("a part", (0.0, 1.0)),
    1.0: ("enough", (ALL,)),
}

# (generator, share, items) -> the other effect (draw, item), the whole effect (item,)
Simulated = Callable[[np.random.Generator, float, int], tuple[Float, Float]]


def rows() -> Iterator[Row]:
    kinds = (("a control", control, 1.0, of_control), ("a null", null, COMMON, before.of_null))
    for kind, simulated, spread, old in kinds:
        for share, (word, borders) in RIGHT.items():
            for items in (20, 40, 80, 200):
                told = [words(simulated, old, share, items, seed) for seed in range(STUDIES)]
                drawn = items in (40, 200) and share in (0.0, 0.5, 1.0)
                where = f"{kind} with {100 * share:.0f} % of an effect of .6 sd, {items} items"
                if sum(missed(share, border, spread, items) for border in borders) <= 0.2:
                    now, then = (Rate(sum(one[i] == word for one in told), STUDIES) for i in (0, 1))
                    yield Row(f"the right word ('{word}')", where, now, 0.8, "at least", then, drawn)
                else:
                    now, then = (Rate(sum(one[i] not in (word, "undecided") for one in told), STUDIES) for i in (0, 1))
                    yield Row(f"a wrong word (not '{word}' or 'undecided')", where, now, 0.05, "at most", then, drawn)


def words(
    simulated: Simulated, old: Callable[[Float, Float], Word], share: float, items: int, seed: int
) -> tuple[Word, Word]:
    """The word of today and that of 0.6.0, on the same study."""
    part, whole = simulated(np.random.default_rng(seed), share, items)
    return share_of(part, whole, resamples=500).word, old(part, whole)


def control(generator: np.random.Generator, share: float, items: int) -> tuple[Float, Float]:
    """Another condition against the same baseline: as noisy, and its noise goes with that of the effect."""
    z = generator.normal(size=(2, items))
    return (share * EFFECT + alike(z))[None], EFFECT + z[0]


def null(generator: np.random.Generator, share: float, items: int) -> tuple[Float, Float]:
    z, own = generator.normal(size=(2, items)), generator.normal(size=(DRAWS, items))
    return share * EFFECT + COMMON * alike(z) + OWN * own, EFFECT + z[0]


def alike(z: Float) -> Float:
    return ALIKE * z[0] + np.sqrt(1 - ALIKE**2) * z[1]


def of_control(part: Float, whole: Float) -> Word:
    return before.of_control(part[0], whole)


def missed(share: float, border: float, spread: float, items: int) -> float:
    """How often a 95 % interval for a ratio of means reaches a border.

    It does exactly where ``part - border * whole`` does not differ from 0 (Fieller 1954, J R Stat Soc B 16:175).
    """
    deviation = np.sqrt(spread**2 - 2 * border * ALIKE * spread + border**2)
    return float(stats.norm.cdf(1.96 - abs(share - border) * EFFECT * np.sqrt(items) / deviation))
