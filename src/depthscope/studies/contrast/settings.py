"""What is asked of a run, and every check of it that needs no model."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from depthscope.capture.labels import check_covariates
from depthscope.capture.tokens import Subtoken
from depthscope.capture.trace import Keep
from depthscope.capture.word import Surprisal
from depthscope.errors import DepthscopeError, check_choice, listed
from depthscope.instrument.cse import cse
from depthscope.model.model import Model
from depthscope.statistics.contrast import contrast
from depthscope.statistics.terms import Terms, parse_terms
from depthscope.stimuli.builtin import BUILTIN
from depthscope.stimuli.covariates import with_covariates, with_length
from depthscope.stimuli.families import by_family
from depthscope.stimuli.frequency import COLUMN
from depthscope.stimuli.language import targets_language
from depthscope.stimuli.numbers import finite, no_numbers
from depthscope.stimuli.read import read_stimuli
from depthscope.stimuli.sample import sample_items
from depthscope.studies.contrast.confounds import CONFOUNDS
from depthscope.studies.contrast.contrasts import check_pairs
from depthscope.studies.contrast.gathering import EFFORTS, Level
from depthscope.studies.contrast.mixed import check_crossed


@dataclass(frozen=True)
class Settings:
    """Everything that is asked of a run: ``load``, ``cse`` and ``contrast`` hold keywords of those functions, ``table`` some of
    :func:`read_stimuli`.
    """

    model: str = "embedded"
    stimuli: str = "builtin"
    folder: str | None = None
    sample: int | None = None
    language: str | None = None
    contrasts: tuple[str, ...] = ("metaphor-literal",)
    evidence: Level = "quick"
    confounds: tuple[str, ...] = CONFOUNDS
    reliability: dict[str, float] = field(default_factory=dict)
    crossed: tuple[str, ...] = ()
    cluster_by: str | None = None
    subtoken: Subtoken = "last"
    surprisal: Surprisal = "tokens"
    keep: Keep = "gram"
    token_budget: int | None = None
    threads: int | None = None
    table: dict[str, Any] = field(default_factory=dict)
    load: dict[str, Any] = field(default_factory=dict)
    cse: dict[str, Any] = field(default_factory=dict)
    contrast: dict[str, Any] = field(default_factory=dict)


def prepare(settings: Settings) -> tuple[pd.DataFrame, list[Terms]]:
    """The stimuli and the contrasts of a run, or the first thing that is wrong with them: all that needs no model."""
    table = _read(settings)
    check_covariates(table)
    conditions = list(dict.fromkeys(table["condition"]))
    terms = [parse_terms(text, conditions) for text in settings.contrasts]
    _check_names(terms)
    for one in terms:
        check_pairs(table, one)
    check_choice("evidence", settings.evidence, EFFORTS)
    _check_confounds(settings, table)
    _check_mixed(settings, table, terms[0])
    _check_statistics(settings)
    # last: what is asked for must not hide what is wrong
    language = _language(settings, table) if settings.language is None else settings.language
    return with_length(table) if language is None else with_covariates(table, language), terms


def settled(settings: Settings) -> Settings:
    """The settings with the language that the texts are found to be in, if none is given and it is certain."""
    if settings.language is not None:
        return settings
    try:
        return replace(settings, language=_language(settings, _read(settings)))
    except DepthscopeError:  # prepare says it, after all else that may be wrong
        return settings


def _read(settings: Settings) -> pd.DataFrame:
    table = read_stimuli(settings.stimuli, folder=settings.folder, **settings.table)
    table = table if settings.sample is None else sample_items(table, settings.sample)
    return table if settings.cluster_by is None else by_family(table, settings.cluster_by)


def _language(settings: Settings, table: pd.DataFrame) -> str | None:
    """Of the texts, where it was not given; None where it does not matter and is not certain."""
    if COLUMN in table:
        return None
    if settings.folder is None and settings.stimuli in BUILTIN:
        return "en"
    try:
        return targets_language(table["text"])
    except DepthscopeError:
        if EFFORTS.get(settings.evidence) is not None and COLUMN in settings.confounds:
            raise
        return None


def with_contrast(settings: Settings) -> tuple[Settings, str]:
    """The settings with a contrast, if they name none: of the two conditions of the table; and what was chosen, in words.

    Raises
    ------
    DepthscopeError
        A table with more conditions, or with one.
    """
    if settings.contrasts:
        return settings, ""
    table = read_stimuli(settings.stimuli, folder=settings.folder, **settings.table)
    conditions = list(dict.fromkeys(table["condition"]))
    if len(conditions) != 2:
        raise DepthscopeError(
            f"{settings.stimuli}: {len(conditions)} conditions ({listed(conditions, 12)}), and no contrast is named: say which "
            "two, as in --contrast A-B"
        )
    name = "-".join(conditions)
    return replace(settings, contrasts=(name,)), f"contrast: {name}, the two conditions in the order of the table"


def check_depth(model: Model, settings: Settings) -> None:
    """A dry run on as many orthogonal updates: a transform that does not fit the depth fails before the tracing."""
    cse(np.eye(model.depth), **settings.cse)


def _check_names(terms: Sequence[Terms]) -> None:
    """Tables and pages know a contrast by its name."""
    for i, one in enumerate(terms):
        same = next((other for other in terms[:i] if other.name == one.name and other != one), None)
        if same is not None:
            raise DepthscopeError(
                f"two contrasts would be called {one.name!r} ({same.left!r} minus {same.right!r}, {one.left!r} minus "
                f"{one.right!r}); rename a condition"
            )


def _check_confounds(settings: Settings, table: pd.DataFrame) -> None:
    """A covariate is measured with the target or is a column of numbers in the table; anything else is a mistake."""
    names = settings.confounds
    known = [*CONFOUNDS, *(str(c) for c in table if finite(table[c]) and c not in CONFOUNDS)]
    for name in names:
        if name not in known:
            what = no_numbers(table[name]) if name in table else "there is no such column"
            raise DepthscopeError(f"confound {name!r}: {what}; choose among {listed(known, 20)}")
    for name, value in settings.reliability.items():
        if name not in names:
            raise DepthscopeError(
                f"--reliability {name}={value:g}: it is not adjusted for; choose among {listed(names, 20)}"
            )
        if not 0 < value <= 1:
            raise DepthscopeError(f"--reliability {name}={value:g}: give a number above 0, up to 1")
    if settings.reliability and EFFORTS[settings.evidence] is None:
        raise DepthscopeError(
            "--reliability: --evidence none adjusts for nothing; ask for quick or full, or leave it out"
        )
    if tuple(names) != CONFOUNDS and EFFORTS[settings.evidence] is None:
        raise DepthscopeError(
            f"--confound {' '.join(names)}: --evidence none adjusts for nothing; ask for quick or full, or leave it out"
        )


def _check_mixed(settings: Settings, table: pd.DataFrame, main: Terms) -> None:
    """What was not named is used if it can be; what is named and cannot be used is a mistake."""
    if not settings.crossed:
        return
    effort = EFFORTS[settings.evidence]
    if effort is None or not effort.mixed:
        raise DepthscopeError(
            f"--crossed {' '.join(settings.crossed)}: mixed models are part of --evidence full; ask for that, or leave it out"
        )
    check_crossed(table, main, settings.crossed)


def _check_statistics(settings: Settings) -> None:
    """A dry run on two items without a difference: a setting that no test can take fails before the tracing."""
    labels = {"item": ["x", "y"], "condition": ["a", "b"]}
    nothing = xr.DataArray(np.zeros((2, 2, 1)), labels, dims=("item", "condition", "layer"))
    contrast(nothing, "a", "b", **settings.contrast)
