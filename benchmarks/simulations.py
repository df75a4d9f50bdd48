"""Simulated studies with a known answer: ``python -m benchmarks.simulations``; prints the table of docs/simulations.md.

Every row is a share of simulated studies in which something was claimed, with its 95 % interval, beside what it should be.
"""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from statsmodels.stats.power import TTestPower

import depthscope as ds
from depthscope.drawing.style import COLOURS, INK, PAGE, inches, look
from depthscope.errors import require
from depthscope.instrument.surrogates import surrogate
from depthscope.statistics.balance import balanced_subset
from depthscope.statistics.calibration import Rate
from depthscope.statistics.curve import joint_curve
from depthscope.statistics.effects import equivalence_p
from depthscope.statistics.permutation import ClusterTest, cluster_test
from depthscope.statistics.power import power_curve
from depthscope.statistics.shares import share_of

LAYERS, ITEMS, WIDTH = 30, 60, 64
PERMUTATIONS = 500

Row = tuple[str, str, Rate, float]


def main() -> None:
    start = time.perf_counter()
    rows = [
        row for study in (nulls, confounds, curved, families, shares, equivalence, curves, powers) for row in study()
    ]
    print("| claim | simulated | claimed in | 95 % interval | should be |\n|---|---|---|---|---|")
    for claim, simulated, rate, goal in rows:
        low, high = rate.interval
        interval = f"{100 * low:.1f} to {100 * high:.1f} %"
        print(f"| {claim} | {simulated} | {100 * rate.share:.1f} % of {rate.draws} | {interval} | {100 * goal:.0f} % |")
    print(f"\n{len(rows)} simulations in {time.perf_counter() - start:.0f} s.")
    draw(rows, Path("docs/images/simulations.png"))


def rate(study: Callable[[np.random.Generator], bool], draws: int = 400) -> Rate:
    return Rate(sum(bool(study(np.random.default_rng(seed))) for seed in range(draws)), draws)


def found(test: ClusterTest) -> bool:
    return any(test.p_value(c.mass)[0] <= 0.05 for c in test.clusters)


def rough(generator: np.random.Generator, items: int = ITEMS) -> np.ndarray:
    """Noise that is correlated along depth, as CSE is."""
    noise = generator.normal(size=(items, LAYERS + 4))
    return sum(noise[:, i : i + LAYERS] for i in range(5)) / np.sqrt(5)


def trajectories(generator: np.random.Generator, pairs: int = 30) -> xr.Dataset:
    """Updates with a common course along depth; the conditions differ in nothing."""
    course = generator.normal(size=(1, LAYERS, WIDTH)).cumsum(1) / 3
    updates = course + generator.normal(size=(2 * pairs, LAYERS, WIDTH))
    updates *= np.exp(generator.normal(size=(2 * pairs, LAYERS, 1)) / 3)
    gram = updates @ updates.transpose(0, 2, 1)
    start = np.ones(2 * pairs)
    return xr.Dataset(
        {
            "gram": (("stimulus", "layer", "other_layer"), gram),
            "initial_dot": (("stimulus", "layer"), np.zeros((2 * pairs, LAYERS))),
            "state_norm": (("stimulus", "state"), np.tile(start[:, None], (1, LAYERS + 1))),
        },
        {
            "item": ("stimulus", np.repeat([f"i{i}" for i in range(pairs)], 2).astype(object)),
            "condition": ("stimulus", np.tile(np.array(["a", "b"], dtype=object), pairs)),
            "layer": np.arange(1, LAYERS + 1),
        },
        {"width": WIDTH},
    )


def nulls() -> Iterator[Row]:
    """The whole pipeline, from trajectories to p, where there is nothing to find."""

    def pipeline(change: Callable[[xr.Dataset, int], xr.Dataset]) -> Callable[[np.random.Generator], bool]:
        def study(generator: np.random.Generator) -> bool:
            traj = change(trajectories(generator), int(generator.integers(2**31)))
            h = ds.cse(traj)
            return bool(ds.contrast(h, "a", "b", permutations=PERMUTATIONS, resamples=1).significant())

        return study

    claim = "a difference, from trajectories to p"
    yield claim, "two conditions from one population", rate(pipeline(lambda traj, _: traj)), 0.05
    for kind in ("order", "walk", "rotation"):
        yield (
            claim,
            f"the same, surrogate '{kind}'",
            rate(pipeline(lambda t, s, kind=kind: surrogate(t, kind, s))),
            0.05,
        )


def confounds() -> Iterator[Row]:
    """Covariates that differ between conditions, correlate with each other, and carry all of the effect."""

    def study(adjust: bool, correlation: float, effect: float = 0.0, skewed: bool = False):
        def run(generator: np.random.Generator) -> bool:
            covariates = generator.multivariate_normal([1.0, 0.5], [[1, correlation], [correlation, 1]], size=ITEMS)
            carried = covariates @ np.array([[0.5], [0.3]]) * np.sin(np.linspace(0, np.pi, LAYERS))
            noise = rough(generator)
            if skewed:
                noise = np.sign(noise) * noise**2
            differences = carried + noise
            differences[:, 10:20] += effect
            return found(
                cluster_test(differences, covariates=covariates if adjust else None, permutations=PERMUTATIONS)
            )

        return rate(run, 1000)

    yield "a difference, unadjusted", "a confound carries all of it", study(False, 0.0), 1.0
    for correlation in (0.0, 0.5, 0.9):
        words = f"the same, covariates correlate at {correlation:g}"
        yield "a difference, adjusted (Freedman-Lane)", words, study(True, correlation), 0.05
    words = "the same, heavy-tailed errors"
    yield "a difference, adjusted (Freedman-Lane)", words, study(True, 0.5, skewed=True), 0.05
    words = "a confound and an effect of 1 sd beside it"
    yield "a difference, adjusted (Freedman-Lane)", words, study(True, 0.5, effect=1.0), 1.0

    def matched(generator: np.random.Generator) -> bool:
        covariate = generator.normal(0.4, 1.0, size=(200, 1))
        differences = 0.5 * covariate + rough(generator, 200)
        return found(cluster_test(differences[balanced_subset(covariate, 0.1)], permutations=PERMUTATIONS))

    words = "a confound of 0.4 sd carries all; matching leaves up to 0.1 sd"
    yield "a difference, matched items", words, rate(matched, 1000), 0.05


def curved() -> Iterator[Row]:
    """A covariate that carries all of a difference through a curve, and whose conditions differ in spread too."""
    shapes = {
        "U-shaped": lambda x: 0.4 * x**2,
        "a step": lambda x: 1.5 * (x > 1),
        "exponential": lambda x: 0.4 * np.exp(0.6 * x),
    }

    def study(shape: Callable[[np.ndarray], np.ndarray], splines: int, items: int = 200):
        def run(generator: np.random.Generator) -> bool:
            levels = generator.normal(size=(items, 2)) * np.array([1.6, 0.7]) + np.array([0.4, 0.0])
            values = shape(levels)[:, :, None] + generator.normal(size=(items, 2, 6))
            coords = {"condition": ["a", "b"], "x": (("item", "condition"), levels)}
            h = xr.DataArray(values, coords, ("item", "condition", "layer"), name="cse")
            options = {"permutations": 200, "resamples": 1, "splines": splines}
            return bool(ds.contrast(h, "a", "b", adjust=["x"], **options).significant())

        return rate(run)

    for name, shape in shapes.items():
        for words, splines in (("a line", 0), ("natural splines", 5)):
            claim = f"a difference, adjusted along {words}"
            yield claim, f"{name} dependence on a confound carries all of it, 200 items", study(shape, splines), 0.05


def families() -> Iterator[Row]:
    """Fifty families of four items whose differences correlate at .3 within a family."""

    def study(averaged: bool):
        def run(generator: np.random.Generator) -> bool:
            shared = np.sqrt(0.3) * generator.normal(size=(50, 1, 1))
            differences = shared + np.sqrt(0.7) * rough(generator, 200).reshape(50, 4, LAYERS)
            values = differences.mean(1) if averaged else differences.reshape(200, LAYERS)
            return found(cluster_test(values, permutations=PERMUTATIONS))

        return rate(run)

    words = "nothing; 50 families of 4 items, intraclass correlation .3"
    yield "a difference, items tested", words, study(False), 0.05
    yield "a difference, families tested (--cluster-by)", words, study(True), 0.05


def shares() -> Iterator[Row]:
    """Half of an effect of .6 sd in another contrast of the same items: the words that are told of it."""

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
            yield f"a wrong word on the share (not '{word}')", simulated, study(share, items, wrong), 0.05
    yield "the word 'a part'", "50 % of an effect of .6 sd, 200 items", study(0.5, 200, ("a part",)), 1.0


def equivalence() -> Iterator[Row]:
    def study(effect: float, items: int):
        def run(generator: np.random.Generator) -> bool:
            values = generator.normal(effect, 1.0, size=items)
            t = values.mean() / values.std(ddof=1) * np.sqrt(items)
            return bool(equivalence_p(np.array([t]), items - 1, np.sqrt(items), 0.2)[0] <= 0.05)

        return rate(run, 2000)

    yield "equivalence within dz 0.2", "the effect is exactly 0.2, 200 items", study(0.2, 200), 0.05
    yield "equivalence within dz 0.2", "no effect, 400 items", study(0.0, 400), 0.98


def curves() -> Iterator[Row]:
    """Forty specifications that share their items."""

    def study(effect: float):
        def run(generator: np.random.Generator) -> bool:
            shared = rough(generator)
            specifications = []
            for number in range(40):
                values = shared + 0.7 * rough(generator)
                values[:, 8:16] += effect
                labels = {"item": np.arange(ITEMS), "layer": np.arange(1, LAYERS + 1)}
                specifications.append(({"number": str(number)}, xr.DataArray(values, labels, ("item", "layer"))))
            curve = joint_curve(specifications, permutations=200, resamples=10)
            return curve.joint["significant"].p <= 0.05

        return rate(run, 200)

    yield "a specification curve (share significant)", "no effect in any of 40 specifications", study(0.0), 0.05
    yield "a specification curve (share significant)", "an effect of 0.6 in all of them", study(0.6), 1.0


def powers() -> Iterator[Row]:
    """One layer, where the answer is a textbook's: the test is then a t test by sign flips."""
    generator = np.random.default_rng(0)
    values = generator.normal(size=(400, 1))
    values = (values - values.mean()) / values.std(ddof=1) + 0.4
    power = power_curve(values, sizes=(20, 40, 80), shares=(1.0,), draws=1000, permutations=PERMUTATIONS)
    for n in (20, 40, 80):
        expected = float(TTestPower().power(0.4, n, 0.05))
        share = float(power["rate"].sel(share=1.0, n=n))
        yield (
            "power, one layer, dz 0.4",
            f"{n} items (t test by the textbook)",
            Rate(round(1000 * share), 1000),
            expected,
        )


def draw(rows: list[Row], path: Path) -> None:
    """Every share with its interval, and a tick where it should be."""
    plt = require("matplotlib.pyplot", "figures")
    frame = pd.DataFrame(
        [{"at": r.share, "low": r.interval[0], "high": r.interval[1], "goal": g} for _, _, r, g in rows]
    )
    with look():
        figure, ax = plt.subplots(figsize=(inches(PAGE), 0.3 * len(rows) + 1), layout="constrained")
        y = np.arange(len(rows))[::-1]
        ax.hlines(y, frame["low"], frame["high"], color=INK, lw=1.2)
        ax.plot(frame["at"], y, "o", color=INK, ms=4, label="claimed, 95 % interval")
        ax.plot(frame["goal"], y, "|", color=COLOURS[0], ms=12, mew=2, label="should be")
        ax.set_yticks(y, [f"{claim}: {simulated}" for claim, simulated, _, _ in rows], fontsize=7)
        ax.set_xlabel("share of simulated studies")
        ax.legend(loc="lower center", fontsize=7)
        figure.savefig(path, dpi=150, metadata={"Software": None})


if __name__ == "__main__":
    main()
