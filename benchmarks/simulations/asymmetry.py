"""Differences that are not symmetric: sign flips (the rule of 0.6.0) beside a bootstrap, and the test that tells of it."""

from collections.abc import Iterator

import numpy as np

from benchmarks.simulations.study import Row, found, rate, rough
from depthscope.statistics.calibration import Rate
from depthscope.statistics.design import design
from depthscope.statistics.effects import equivalence_p
from depthscope.statistics.permutation import cluster_test
from depthscope.statistics.resampling import resampled_equivalence
from depthscope.statistics.symmetry import symmetry_test

DRAWS = 300
SIZES = (6, 10, 20, 40, 100)
# of standard deviation 1 or about, and mean 0
SHAPES = {
    "normal": lambda z, _: z,
    "t with 3 degrees": lambda z, generator: z / np.sqrt(generator.chisquare(3, size=(len(z), 1)) / 3),
    "lognormal": lambda z, _: np.exp(z) - np.exp(0.5),
    "lognormal of skewness 1.75": lambda z, _: np.exp(0.5 * z) - np.exp(0.125),
}


def differences(shape: str, generator: np.random.Generator, items: int) -> np.ndarray:
    return SHAPES[shape](rough(generator, items), generator)


def rows() -> Iterator[Row]:
    for shape in SHAPES:
        for items in SIZES:
            flips, now = (false_positives(shape, items, name) for name in ("flips", "bootstrap"))
            words = f"none; {shape}, {items} items"
            yield Row("a difference, by a bootstrap", words, now, 0.05, "at most", flips, drawn=items in (10, 40))
    flips, now = (false_positives("lognormal", 40, name, -1) for name in ("flips", "bootstrap"))
    yield Row("a difference, by a bootstrap", "none; lognormal, tail downwards, 40 items", now, 0.05, "at most", flips)
    flips, now = (adjusted(name) for name in ("flips", "bootstrap"))
    simulated = "none; a confound carries all of it, lognormal errors, 40 items"
    yield Row("a difference, adjusted, by a bootstrap", simulated, now, 0.05, "at most", flips)
    flips, now = (power(name) for name in ("flips", "bootstrap"))
    yield Row("a difference, by a bootstrap", ".5 sd at 10 layers; normal, 40 items", now, flips.share, before=flips)
    for shape in SHAPES:
        goal = 1.0 if shape.startswith("lognormal") else 0.05
        for items in SIZES[1:]:
            words = f"{shape}, an effect of .5, {items} items"
            yield Row("differences are skewed", words, called_skewed(shape, items), goal, drawn=items == 40)
    for sign, tail in ((1, "upwards"), (-1, "downwards, against the effect")):
        for items in (100, 200, 400):
            normal, now = (equivalent(sign, items, bootstrap) for bootstrap in (False, True))
            words = f"the effect is exactly 0.2; lognormal, tail {tail}, {items} items"
            yield Row(
                "equivalence within dz 0.2, by a bootstrap", words, now, 0.05, "at most", normal, drawn=items == 200
            )


def false_positives(shape: str, items: int, inference: str, sign: int = 1) -> Rate:
    def run(generator: np.random.Generator) -> bool:
        values = sign * differences(shape, generator, items)
        seed = int(generator.integers(2**31))
        return found(cluster_test(values, permutations=300, seed=seed, inference=inference))

    return rate(run, DRAWS)


def adjusted(inference: str) -> Rate:
    def run(generator: np.random.Generator) -> bool:
        covariates = generator.normal([1.0, 0.5], 1.0, size=(40, 2))
        values = 0.4 * covariates.sum(1, keepdims=True) + differences("lognormal", generator, 40)
        seed = int(generator.integers(2**31))
        return found(cluster_test(values, covariates=covariates, permutations=300, seed=seed, inference=inference))

    return rate(run, DRAWS)


def power(inference: str) -> Rate:
    def run(generator: np.random.Generator) -> bool:
        values = rough(generator, 40)
        values[:, 10:20] += 0.5
        seed = int(generator.integers(2**31))
        return found(cluster_test(values, permutations=300, seed=seed, inference=inference))

    return rate(run, DRAWS)


def called_skewed(shape: str, items: int) -> Rate:
    return rate(lambda generator: symmetry_test(differences(shape, generator, items) + 0.5).p <= 0.05, DRAWS)


def equivalent(sign: int, items: int, bootstrap: bool) -> Rate:
    def run(generator: np.random.Generator) -> bool:
        x = 0.2 + sign * (generator.lognormal(size=(items, 1)) - np.exp(0.5)) / np.sqrt((np.e - 1) * np.e)
        model = design(items)
        if bootstrap:
            return bool(resampled_equivalence(model, x, 0.2, 500, int(generator.integers(2**31)))[0] <= 0.05)
        return bool(equivalence_p(model.t(x), items - 1, np.sqrt(items), 0.2)[0] <= 0.05)

    return rate(run, 1000)
