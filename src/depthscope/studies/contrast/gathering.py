"""Everything that can be asked of one contrast: controls, confounds, nulls, specification curve, power, mixed models."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd
import xarray as xr

from depthscope.errors import DepthscopeError
from depthscope.instrument.cse import cse
from depthscope.statistics.balance import describe_covariates
from depthscope.statistics.calibration import Rate, false_positive_rate
from depthscope.statistics.contrast import contrast
from depthscope.statistics.mixed import Mixed
from depthscope.statistics.permutation import TAILS
from depthscope.statistics.power import power_curve
from depthscope.statistics.result import Contrast
from depthscope.studies.contrast.confounds import confounding
from depthscope.studies.contrast.contrasts import control_terms
from depthscope.studies.contrast.curve import specification_curve
from depthscope.studies.contrast.mixed import mixed_models
from depthscope.studies.contrast.nulls import surrogate_nulls, untrained_null
from depthscope.studies.contrast.results import Control, Evidence
from depthscope.studies.contrast.tables import texts_table

Level = Literal["none", "quick", "full"]


@dataclass(frozen=True)
class Effort:
    """How much is computed.

    Attributes
    ----------
    swaps : int
        Labellings by coin, for the false-positive rate.
    surrogates : int
        Draws of each null that needs no model.
    untrained : int
        Networks with random weights.
    joint : int
        Joint permutations of the specification curve; 0 for no curve.
    studies : int
        Drawn studies per point of the power curve; 0 for none.
    mixed : int
        1 for mixed models beside the cluster test; 0 for none.
    """

    swaps: int
    surrogates: int
    untrained: int
    joint: int
    studies: int
    mixed: int = 0


EFFORTS: dict[Level, Effort | None] = {
    "none": None,
    "quick": Effort(swaps=200, surrogates=10, untrained=0, joint=0, studies=0),
    "full": Effort(swaps=1000, surrogates=100, untrained=3, joint=1000, studies=200, mixed=1),
}

Stage = Callable[[str], AbstractContextManager[None]]


@dataclass(frozen=True)
class Sources:
    """What the evidence is made of; what costs forward passes is asked for only when it is needed.

    Attributes
    ----------
    table : DataFrame
        The stimuli.
    traj : Dataset
    h : DataArray (item, condition, layer)
    target_tokens : callable
        Trajectories for each choice of the token that stands for the target.
    untrained : callable
        Seed -> trajectories of a network with random weights.
    """

    table: pd.DataFrame
    traj: xr.Dataset
    h: xr.DataArray
    target_tokens: Callable[[], Mapping[str, xr.Dataset]]
    untrained: Callable[[int], xr.Dataset]


def gather(
    main: Contrast,
    sources: Sources,
    effort: Effort,
    *,
    confounds: tuple[str, ...],
    reliability: Mapping[str, float] | None = None,
    crossed: tuple[str, ...] = (),
    measure: dict[str, Any],
    options: dict[str, Any],
    clock: Stage,
    progress: bool,
) -> Evidence:
    """Ask everything of ``main``; ``measure`` holds keywords of cse, ``options`` keywords of contrast."""
    h, traj = sources.h, sources.traj
    with clock("controls"):
        controls, no_controls = [], {}
        for c, (alone, excess) in control_terms(main.terms, sources.table).items():
            try:
                controls.append(Control(c, contrast(h, alone, **options), contrast(h, excess, **options)))
            except DepthscopeError as problem:  # the main contrast was possible, and goes on
                no_controls[c] = str(problem)
    with clock("confounds"):
        names = [name for name in confounds if name in h.coords]
        held = [confounding(h, main, names, options, each=True, reliability=reliability)]
        held += [
            confounding(h, control.excess, names, options, each=False, reliability=reliability) for control in controls
        ]
    with clock("nulls"):
        swapped = _swapped(main, effort, progress)
        nulls = surrogate_nulls(traj, h, main, measure, effort.surrogates, progress) if effort.surrogates else []
        random, no_untrained = _untrained(sources, effort.untrained, measure)
        if random:
            nulls.append(untrained_null(random, h, main))
    curve = power = None
    with clock("specifications"):
        if effort.joint:
            layers = measure.get("layers")
            curve = specification_curve(
                sources.target_tokens(),
                main,
                layers=layers,
                permutations=effort.joint,
                progress=progress,
                beside=True,
            )
    with clock("power"):
        if effort.studies:
            power = _power(main, effort, progress)
    models: list[Mixed] = []
    no_mixed: list[str] = []
    with clock("mixed"):
        if effort.mixed:
            texts, window = texts_table(traj, h, main), main.window
            models, no_mixed = mixed_models(texts, main.terms, window, crossed)
    return Evidence(
        main=main,
        controls=controls,
        no_controls=no_controls,
        covariates=describe_covariates(h, names),
        confounding=held,
        swapped=swapped,
        nulls=nulls,
        untrained=[contrast(one, main.terms, **options) for one in random],
        no_untrained=no_untrained,
        curve=curve,
        power=power,
        mixed=models,
        no_mixed=no_mixed,
    )


def _untrained(sources: Sources, count: int, measure: dict[str, Any]) -> tuple[list[xr.DataArray], str]:
    """The measure on networks with random weights; or none, and the reason: not every class can be built afresh."""
    try:
        return [cse(sources.untrained(seed), **measure) for seed in range(count)], ""
    except DepthscopeError as problem:
        return [], str(problem)


def _swapped(main: Contrast, effort: Effort, progress: bool) -> Rate | None:
    if not effort.swaps:
        return None
    s = main.settings
    return false_positive_rate(
        main.differences.transpose("item", "layer").values,
        draws=effort.swaps,
        forming_p=s["forming_p"],
        tail=TAILS[s["alternative"]],
        seed=s["seed"],
        progress=progress,
        inference=main.inference,
    )


def _power(main: Contrast, effort: Effort, progress: bool) -> xr.Dataset | None:
    try:
        return power_curve(
            main.differences.transpose("item", "layer").values,
            layers=[int(layer) for layer in main.differences["layer"]],
            draws=effort.studies,
            forming_p=main.settings["forming_p"],
            seed=main.settings["seed"],
            progress=progress,
        )
    except DepthscopeError:  # nothing there whose detection could be asked about
        return None
