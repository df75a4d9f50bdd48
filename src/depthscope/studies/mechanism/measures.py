"""CSE beside simpler measures: the same contrast, each at equal others, correlations, a classifier."""

from collections.abc import Mapping, Sequence
from typing import Any

import xarray as xr

from depthscope.errors import DepthscopeError
from depthscope.instrument.baselines import MEASURES, baselines
from depthscope.statistics.association import correlations
from depthscope.statistics.balance import imbalance
from depthscope.statistics.classify import Classification, Feed, classify
from depthscope.statistics.contrast import contrast
from depthscope.statistics.result import Contrast
from depthscope.statistics.terms import Terms
from depthscope.studies.mechanism.baselines import ALL, CSE, SIMPLE, Baselines

FEEDS: tuple[Feed, ...] = ("layers", "window")
# a covariate of a table is not likely to be called so
MEAN = "mean {}"
MISSING = "the trajectories do not hold it"


def compare_measures(
    traj: xr.Dataset,
    h: xr.DataArray,
    main: Contrast,
    window: tuple[int, int],
    options: Mapping[str, Any],
    *,
    seed: int = 0,
    progress: bool = False,
    classifier: Mapping[str, Any] | None = None,
) -> Baselines:
    """Ask of simpler measures what was asked of CSE, and of CSE what is left of it beside them.

    Parameters
    ----------
    traj : Dataset from ``trace``
    h : DataArray (item, condition, layer)
        CSE of ``traj``.
    main : Contrast
        Of ``h``.
    window : (first, last)
        Layers at which measures are compared: those of the strongest cluster of ``main``.
    options : mapping
        Keywords of :func:`depthscope.contrast`, those of ``main``.
    seed : int
        Of the partitions of the classifier and of the bootstraps.
    progress : bool
        Show a bar if it takes longer than a second.
    classifier : mapping, optional
        Further keywords of :func:`depthscope.statistics.classify.classify`: repeats, copies, resamples.
    """
    simple = baselines(traj)
    names = [str(name) for name in simple]
    terms = main.terms
    measures = {name: contrast(simple[name], terms, **options) for name in names}
    held = _with_means(h, {CSE: h, **simple}, window)
    beyond, given_cse, unadjusted = {}, {}, {}
    usable = []
    for name in names:
        try:
            beyond[name] = _adjusted(held, terms, [name], options)
            given_cse[name] = _adjusted(_with_means(simple[name], {CSE: h}, window), terms, [CSE], options)
            usable.append(name)
        except DepthscopeError as problem:  # not measured in the window, or a difference that is the same in every item
            unadjusted[name] = str(problem)
    if usable:
        try:
            beyond["all"] = _adjusted(held, terms, usable, options)
        except DepthscopeError as problem:
            unadjusted["all together"] = str(problem)
    every = {CSE: h, **{name: simple[name] for name in names}}
    context = {"include_same_context": main.settings["include_same_context"]}
    further = {**context, "seed": seed, "progress": progress, **(classifier or {})}
    classified, unclassified = _classified(every, terms, window, further)
    return Baselines(
        main=main,
        window=window,
        measures=measures,
        labels={name: MEASURES[name][0] for name in names},
        units={name: MEASURES[name][1] for name in names},
        missing={MEASURES[name][0]: MISSING for name in MEASURES if name not in names},
        beyond=beyond,
        given_cse=given_cse,
        unadjusted=unadjusted,
        overlap=_overlap(held, terms, usable),
        correlations=correlations(every, terms, window, seed=seed, **context),
        classified=classified,
        unclassified=unclassified,
    )


def _with_means(h: xr.DataArray, others: Mapping[Any, xr.DataArray], window: tuple[int, int]) -> xr.DataArray:
    """``h`` with the means of other measures over the window as covariates."""
    means = {}
    for name, other in others.items():
        mean = other.sel(layer=slice(*window)).mean("layer").sel(item=h["item"], condition=h["condition"])
        means[MEAN.format(name)] = (("item", "condition"), mean.transpose("item", "condition").values)
    return h.assign_coords(means)


def _adjusted(h: xr.DataArray, terms: Terms, names: Sequence[str], options: Mapping[str, Any]) -> Contrast:
    adjust = [*options.get("adjust", ()), *(MEAN.format(name) for name in names)]
    return contrast(h, terms, **{**options, "adjust": adjust})


def _overlap(h: xr.DataArray, terms: Terms, names: Sequence[str]) -> dict[str, float]:
    """Share of items on the rarer side of no difference, of CSE too."""
    shares = {}
    for name in (CSE, *names):
        try:
            shares[name] = float(imbalance(h, terms, [MEAN.format(name)])["overlap"].iloc[0])
        except DepthscopeError:  # CSE itself is not measured in the window
            continue
    return shares


def _classified(
    measures: Mapping[str, xr.DataArray],
    terms: Terms,
    window: tuple[int, int],
    further: Mapping[str, Any],
) -> tuple[dict[str, Classification], str]:
    """By feed; or none, and the reason: four conditions, too few items, no scikit-learn."""
    simple = [name for name in measures if name != CSE]
    sets = {"CSE": [CSE], **{MEASURES[name][0]: [name] for name in simple}, SIMPLE: simple, ALL: [*simple, CSE]}
    gains = [(ALL, SIMPLE), (ALL, "CSE")]
    done: dict[str, Classification] = {}
    for feed in FEEDS:
        try:
            done[feed] = classify(
                measures, terms, sets, gains, against_copies=gains[:1], feed=feed, window=window, **further
            )
        except DepthscopeError as problem:
            return done, str(problem)
    return done, ""
