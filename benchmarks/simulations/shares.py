"""A known share of an effect of .6 sd in another contrast of the same items: the words that are told of it."""

from collections.abc import Iterator

import numpy as np

from benchmarks.simulations.study import Row, rate
from depthscope.statistics.shares import share_of


def rows() -> Iterator[Row]:
    def study(share: float, items: int, words: tuple[str, ...]):
        def run(generator: np.random.Generator) -> bool:
            z = generator.normal(size=(2, items))
            part = share * 0.6 + 0.5 * (0.7 * z[0] + np.sqrt(1 - 0.49) * z[1])
            return share_of(part, 0.6 + z[0], resamples=500).word in words

        return rate(run)

    right = {0.0: "too little", 0.5: "a part", 1.0: "enough"}
    for share, word in right.items():
        wrong = tuple(other for other in ("too little", "a part", "enough") if other != word)
        for items in (20, 200):
            simulated = f"{100 * share:.0f} % of an effect of .6 sd, {items} items"
            yield Row(f"a wrong word on the share (not '{word}')", simulated, study(share, items, wrong), 0.05)
    yield Row("the word 'a part'", "50 % of an effect of .6 sd, 200 items", study(0.5, 200, ("a part",)), 1.0)
