"""One layer, where the answer is a textbook's: the test is then a t test by sign flips."""

from collections.abc import Iterator

import numpy as np
from statsmodels.stats.power import TTestPower

from benchmarks.simulations.study import PERMUTATIONS, Row
from depthscope.statistics.calibration import Rate
from depthscope.statistics.power import power_curve


def rows() -> Iterator[Row]:
    generator = np.random.default_rng(0)
    values = generator.normal(size=(400, 1))
    values = (values - values.mean()) / values.std(ddof=1) + 0.4
    power = power_curve(values, sizes=(20, 40, 80), shares=(1.0,), draws=1000, permutations=PERMUTATIONS)
    for n in (20, 40, 80):
        expected = float(TTestPower().power(0.4, n, 0.05))
        share = float(power["rate"].sel(share=1.0, n=n))
        yield Row(
            "power, one layer, dz 0.4", f"{n} items (t test by the textbook)", Rate(round(1000 * share), 1000), expected
        )
