"""Covariates in which the conditions differ: adjusted for, and matched on."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from depthscope.errors import DepthscopeError
from depthscope.statistics.attenuation import Left
from depthscope.statistics.balance import TOLERANCE, imbalance, matched_items
from depthscope.statistics.contrast import contrast
from depthscope.statistics.pairing import group_names, pair
from depthscope.statistics.reliability import left_at
from depthscope.statistics.result import Cluster, Contrast
from depthscope.studies.contrast.results import SAME, Confounding, curved
from depthscope.words import ALPHA

# of the target: bits in the same model, Zipf frequency, characters, sub-tokens, position; of the text: tokens
CONFOUNDS = ("surprisal", "log_frequency", "target_length", "n_subtokens", "token_index", "n_tokens")
# what belongs to the word itself, for conditions whose target words differ
OF_THE_WORD = ("log_frequency", "n_subtokens", "target_length")
# counted without error; whatever else stands in a table is measured
EXACT = ("target_length", "n_subtokens", "token_index", "n_tokens")
# at which it is said what would be left
RELIABILITIES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5)
MIN_MATCHED = 20
# of the curves along which covariates are followed: four columns each
KNOTS = 5


def confounding(
    h: xr.DataArray,
    plain: Contrast,
    names: Sequence[str],
    options: dict[str, Any],
    *,
    each: bool,
    reliability: Mapping[str, float] | None = None,
) -> Confounding:
    """Adjust a contrast for all covariates (and, with ``each``, for every one alone), and repeat it on matched items.

    Along curves: a difference of levels through a straight line leaves an effect where the dependence is curved and the
    conditions differ in spread. Straight lines stand beside them. With ``each``, it is also asked what would be left if
    covariates were measured with error. ``reliability`` says how well some are measured: what is left is corrected for it.
    """
    balance = _balance(h, plain, names)
    unusable = _unusable(h, plain, names)
    usable = [name for name in names if name not in unusable]
    adjusted, lines = {}, {}
    sets = {name: [name] for name in usable} if each and len(usable) > 1 else {}
    if usable:
        sets["all"] = usable
    for label, chosen in sets.items():
        try:
            adjusted[label] = contrast(h, plain.terms, adjust=chosen, **{**options, "splines": KNOTS})
            if curved(adjusted[label]):
                lines[label] = contrast(h, plain.terms, adjust=chosen, **{**options, "splines": 0})
        except DepthscopeError as problem:
            unusable[label] = str(problem)
    matched, unmatched = _matched(h, plain, usable, options)
    noisy = [name for name in usable if name not in EXACT]
    given = {name: value for name, value in (reliability or {}).items() if name in usable}
    own, held = plain.strongest(ALPHA), adjusted.get("all")
    assumed, corrected = {}, None
    if own is not None and held is not None and (noisy or given):
        assumes = [dict.fromkeys(noisy, one) for one in RELIABILITIES] if each and noisy else []
        curve = _measured_with_error(h, held, own, [*assumes, *([given] if given else [])])
        assumed = dict(zip(RELIABILITIES, curve, strict=False)) if assumes else {}
        corrected = curve[-1] if given else None
    return Confounding(
        plain,
        balance=balance,
        unusable=unusable,
        adjusted=adjusted,
        matched=matched,
        unmatched=unmatched,
        lines=lines,
        assumed=assumed,
        noisy=noisy,
        reliability=given,
        corrected=corrected,
    )


def _matched(
    h: xr.DataArray, plain: Contrast, usable: Sequence[str], options: dict[str, Any]
) -> tuple[dict[str, Contrast], dict[str, str]]:
    """The contrast on items that are matched on all covariates, and on those of the word; and why others are not."""
    matched, unmatched = {}, {}
    seen: list[list[str]] = []
    for label, chosen in (("all", usable), ("word", [name for name in OF_THE_WORD if name in usable])):
        try:
            items = matched_items(h, plain.terms, chosen) if chosen else []
        except DepthscopeError as problem:
            unmatched[label] = str(problem)
            continue
        if not chosen or items in seen:
            continue
        seen.append(items)
        known = int(imbalance(h, plain.terms, chosen)["n"].iloc[0])
        if len(items) == known:  # the same contrast again would survive whatever it was put to
            where = "" if known == plain.n else " for which they are known"
            unmatched[label] = (
                f"nothing to match: no mean difference in {', '.join(chosen)} exceeds {TOLERANCE:g} standard deviations, and "
                f"all {known} items{where} stay"
            )
        elif len(items) < MIN_MATCHED:
            unmatched[label] = (
                f"{len(items)} items can be matched on {', '.join(chosen)}; at least {MIN_MATCHED} are needed"
            )
        else:
            matched[label] = contrast(_only(h, items), plain.terms, **options)
    return matched, unmatched


def _measured_with_error(
    h: xr.DataArray, adjusted: Contrast, own: Cluster, assumes: Sequence[Mapping[str, float]]
) -> list[Left]:
    """What is left over the layers of a cluster, under reliabilities of some covariates."""
    settings = adjusted.settings
    names = settings["adjust"]
    levels = pair(h, adjusted.terms, settings["include_same_context"], names, settings["splines"]).levels
    assert levels is not None
    values = adjusted.over_items(own.first, own.last).to_numpy()
    return [
        left_at(levels, values, np.array([one.get(name, 1.0) for name in names]), seed=settings["seed"])
        for one in assumes
    ]


def _balance(h: xr.DataArray, plain: Contrast, names: Sequence[str]) -> pd.DataFrame:
    """Each covariate on the items for which it is known: one that is missing must not take the others' items away."""
    frames = []
    for name in names:
        try:
            frames.append(imbalance(h, plain.terms, [name]))
        except DepthscopeError:  # known for fewer than two items
            frames.append(pd.DataFrame({"contrast": [plain.name], "covariate": [name], "n": [0]}))
    return pd.concat(frames, ignore_index=True) if frames else imbalance(h, plain.terms, [])


def _unusable(h: xr.DataArray, plain: Contrast, names: Sequence[str]) -> dict[str, str]:
    """Covariates without information in this contrast, and why."""
    reasons = {}
    values = h.sel(condition=plain.terms.conditions)
    there = values.notnull().any("layer").all("condition")
    if not plain.settings["include_same_context"]:
        there &= ~there["item"].isin(plain.same_context)
    for name in names:
        column = values[name].astype(float)
        known = column.notnull().all("condition") & there
        if not known.any():
            reasons[name] = "not known for any item"
        elif int(known.sum()) * 2 < int(there.sum()):
            reasons[name] = "unknown for most items"
        elif float(abs(column - column.isel(condition=0)).where(known).max()) == 0:
            reasons[name] = SAME
        elif _fixed(column.where(known)):
            reasons[name] = (
                "differs by the same amount in every item, so that its effect and another one cannot be told apart"
            )
    return reasons


def _fixed(column: xr.DataArray) -> bool:
    gaps = column - column.isel(condition=0)
    return float((gaps.max("item") - gaps.min("item")).max()) == 0


def _only(h: xr.DataArray, items: Sequence[str]) -> xr.DataArray:
    chosen = set(items)
    return h[[name in chosen for name in group_names(h)]]
