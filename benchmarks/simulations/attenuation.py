"""How much of an effect is left with covariates held equal, where it is known: with errors, or an idle one among them."""

from collections.abc import Iterator, Set

import numpy as np
from scipy import stats

from benchmarks.simulations.study import Row, rate
from depthscope.statistics.attenuation import left_adjusted
from depthscope.statistics.design import design
from depthscope.statistics.effects import equivalence_p
from depthscope.statistics.reliability import calibrated
from depthscope.studies.contrast.levels import rest_of

SIGNS = np.array([1.0, -1.0])
KNOTS = 5
# what is left, as `rest_of` says it
NOTHING, MOST, PART, SOME, ALL = "No", "At most in part", "In part", "At least in part", "Yes"
# an effect of dz .55: the conditions differ by 1 sd in the covariate
EFFECT, NOISE = 0.6, 0.7
RIGHT = {0.0: {NOTHING, MOST}, 0.5: {PART, SOME, MOST}, 1.0: {ALL, SOME}}
LEFT = {PART, SOME, ALL}


def rows() -> Iterator[Row]:
    for items in (80, 200):
        simulated = f"a confound of reliability .7 carries all of it, {items} items"
        before = rate(lambda g, n=items: _old(*drawn(g, n, reliability=0.7)) not in ("No", "Undecided"))
        yield Row("something is left, not corrected", simulated, _told(items, LEFT, 0.7, 1.0), 0.05, "at most", before)
        yield Row("something is left, corrected for .7", simulated, _told(items, LEFT, 0.7, 0.7), 0.05, "at most")
    for items in (80, 200):
        simulated = f"a confound carries all of it, an irrelevant covariate beside it, {items} items"
        before = rate(lambda g, n=items: _old(*drawn(g, n, covariates=2)) == "No")
        told = _told(items, {NOTHING, MOST}, covariates=2)
        yield Row("nothing or at most a part is left", simulated, told, 0.8, "at least", before)
        yield Row(
            "nothing that matters is left ('No')", simulated, _told(items, {NOTHING}, covariates=2), 0.8, "", before
        )
    for share, right in RIGHT.items():
        for items in (80, 200):
            simulated = f"{100 * share:.0f} % is left, reliability .7, corrected for it, {items} items"
            wrong = {NOTHING, MOST, PART, SOME, ALL} - right
            told = {"share": share, "reliability": 0.7, "corrected": 0.7}
            shown = {"drawn": items == 200}
            yield Row("a wrong word on what is left", simulated, _told(items, wrong, **told), 0.05, "at most", **shown)
            claim = "a right word on it (else 'undecided')"
            yield Row(claim, simulated, _told(items, right, **told), 0.8, "at least", **shown)


def drawn(
    generator: np.random.Generator, items: int, *, share: float = 0.0, reliability: float = 1.0, covariates: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Differences (item,), and levels of covariates (item, condition, covariate): the first carries what is not left."""
    levels = generator.normal(size=(items, 2, covariates))
    levels[:, 0, 0] += 1.0
    d = EFFECT * (share + (1 - share) * (levels[:, 0, 0] - levels[:, 1, 0])) + NOISE * generator.normal(size=items)
    return d, levels + np.sqrt((1 - reliability) / reliability) * generator.normal(size=levels.shape)


def _told(
    items: int,
    words: Set[str],
    reliability: float = 1.0,
    corrected: float = 1.0,
    *,
    share: float = 0.0,
    covariates: int = 1,
):
    def run(generator: np.random.Generator) -> bool:
        d, levels = drawn(generator, items, share=share, reliability=reliability, covariates=covariates)
        found = calibrated(levels, SIGNS, KNOTS, np.full(covariates, corrected))
        return rest_of(left_adjusted(d, found.columns, found.centres, resamples=500).share) in words

    return rate(run)


def _old(d: np.ndarray, levels: np.ndarray) -> str:
    """The answer of 0.6.0 at one layer: straight lines, each covariate alone and all together, the least favourable."""
    gaps = levels[:, 0] - levels[:, 1]
    sets = [gaps] if gaps.shape[1] == 1 else [*(gaps[:, [k]] for k in range(gaps.shape[1])), gaps]
    fates = {_fate(d, one) for one in sets}
    if "lost" in fates:
        return "No" if fates == {"lost"} else "Not in every way"
    return "Undecided" if fates == {"undecided"} else "Undecided in part" if "undecided" in fates else "Yes"


def _fate(d: np.ndarray, gaps: np.ndarray) -> str:
    model = design(len(d), gaps)
    (effect,), (sigma,) = model.fit(d[:, None])
    error = sigma / model.leverage
    p = 2 * stats.t.sf(abs(effect / error), model.degrees)
    if p <= 0.05:
        return "survived" if effect * d.mean() > 0 else "lost"
    same = equivalence_p(np.array([effect / error]), model.degrees, model.leverage, 0.2)[0]
    most = np.sign(d.mean()) * effect + stats.t.isf(0.025, model.degrees) * error
    return "undecided" if same > 0.05 and most >= abs(d.mean()) else "lost"
