"""From (item, condition, ...) to one difference per item."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from depthscope.arrays import Float
from depthscope.errors import DepthscopeError, listed
from depthscope.statistics.measured import as_measure
from depthscope.statistics.missing import complete, thin
from depthscope.statistics.splines import columns_allowed, natural_splines
from depthscope.statistics.terms import Side, Terms

# of the largest of the levels that are compared: differences below it are of their last digits, and none
ROUNDING = 1e-12


@dataclass(frozen=True)
class Levels:
    """Covariates as they are, before differences are taken: what their curves follow.

    Attributes
    ----------
    values : array (pair, condition, covariate)
    signs : array (condition,)
        How often each condition is added, less how often it is taken away; never 0.
    items : array (pair,)
        The item of each pair.
    knots : int
        Of the curves; below 3, straight lines.
    """

    values: Float
    signs: Float
    items: NDArray[np.object_]
    knots: int

    def by_item(self, differences: Float) -> Float:
        """Means of ``differences`` (pair, ...) over the pairs of each item."""
        return _mean_by(differences, self.items)


@dataclass(frozen=True)
class Paired:
    """Differences ``left - right`` of the items that have all conditions, and what was left out and why.

    ``differences`` is (item, ...), 0 where there is none but that of rounding; ``covariates`` (item, k) is the same difference
    of each covariate; items with several pairs are averaged, so that items stay independent. ``partial`` are items that lack
    a layer which most have, ``thin_layers`` layers that too many items lack
    (:func:`depthscope.statistics.missing.complete`). ``levels`` are those of the covariates, if there are any.
    """

    differences: xr.DataArray
    left: xr.DataArray
    right: xr.DataArray
    covariates: xr.DataArray
    incomplete: list[str] = field(default_factory=list)
    same_context: list[str] = field(default_factory=list)
    uncovered: list[str] = field(default_factory=list)
    partial: list[str] = field(default_factory=list)
    thin_layers: list[int] = field(default_factory=list)
    levels: Levels | None = None


def pair(
    h: xr.DataArray,
    terms: Terms,
    include_same_context: bool = False,
    covariates: Sequence[str] = (),
    splines: int = 0,
) -> Paired:
    """Pair the conditions of ``terms`` by item.

    An item is incomplete if a condition is missing. It has the same context if two texts that are compared are the same
    up to and including the target, as far as tokens go: a causal model cannot tell them apart there, and the difference is
    zero by construction. Both kinds are left out; the second can be kept. Items without one of the ``covariates``
    (coordinates of ``h`` over item and condition) are left out too. With ``splines`` the covariates are the differences of
    curves of their levels (:mod:`depthscope.statistics.splines`). Of the others, those that lack a layer are left out, or
    the layer is, by the rule of :func:`depthscope.statistics.missing.complete`.
    """
    whole_table, h = h, as_measure(_needed(h, covariates))
    check_conditions(h, terms)
    labels = np.array([str(v) for v in h["item"].values], dtype=object)
    chosen = h.sel(condition=terms.conditions)

    there = np.isfinite(chosen.values).any(tuple(range(2, chosen.ndim))).all(1)
    same = there & _same_context(h, terms)
    values = np.stack([_covariate(h, name, terms, whole_table) for name in covariates], -1) if covariates else None
    covered = np.isfinite(values).all((1, 2)) if values is not None else np.ones(len(labels), dtype=bool)
    used = there & covered if include_same_context else there & ~same & covered
    if used.sum() == 0 and same.any():
        raise DepthscopeError(
            f"{terms.name}: in all {int(same.sum())} pairs the texts are the same up to the target, where a causal model "
            "cannot tell them apart; put the cue before the target, or ask for include_same_context"
        )
    measured = np.isfinite(chosen.values).all(1)
    whole, cells = complete(measured[used]) if used.any() else (used[used], measured.any(0))
    few = thin(measured[used], cells)
    partial = labels[used][~whole]
    left_out = (labels[~there], labels[same & ~used], labels[there & ~covered], partial)
    used[used] = whole
    groups = np.array(group_names(h), dtype=object)[used]
    if len(set(groups)) < 2:
        known = f" and known {listed(covariates)}" if len(covariates) else ""
        told = usable_text(len(labels), *left_out, covariates)
        raise DepthscopeError(f"{terms.name}: {told}; a paired test needs at least 2 items with all conditions{known}")
    if not cells.any():
        raise DepthscopeError(
            f"{terms.name}: no layer is measured in at least nine tenths of its {len(groups)} pairs, so that none is left "
            "to test: leave out the items that lack most layers"
        )
    sides = (_side(h, side)[used] for side in (terms.left, terms.right))
    left, right = (_average_groups(side.where(xr.DataArray(cells, dims=side.dims[1:])), groups) for side in sides)
    size = _mean_by(np.abs(chosen.values[used]).max(1), groups)
    gaps, names, levels = np.zeros((left.sizes["item"], 0)), list(covariates), None
    if values is not None:
        signs = np.array([_sign(c, terms) for c in terms.conditions], dtype=np.float64)
        knots = columns_allowed(len(set(groups)), len(covariates), splines)
        # a baseline that cancels has no part in it, nor in where knots stand
        counted = signs != 0
        levels = Levels(values[used][:, counted], signs[counted], groups, knots if knots > 2 else 0)
        with np.errstate(over="ignore", invalid="ignore"):
            gaps = levels.by_item(np.einsum("c,ick->ik", levels.signs, levels.values))
            beyond = [name for name, column in zip(covariates, gaps.T, strict=True) if not np.isfinite(column).all()]
            if levels.knots and not beyond:
                curves = [natural_splines(levels.values[..., k], levels.knots) for k in range(len(covariates))]
                names = [name for name, curve in zip(covariates, curves, strict=True) for _ in range(curve.shape[-1])]
                gaps = levels.by_item(np.einsum("c,ick->ik", levels.signs, np.concatenate(curves, -1)))
        if beyond:
            raise DepthscopeError(
                f"cannot adjust for {beyond[0]!r}: its differences are too large for a double; rescale it"
            )
    labelled = {"item": left["item"].values, "covariate": names}
    return Paired(
        _without_rounding(left - right, size),
        left,
        right,
        xr.DataArray(gaps, labelled, dims=("item", "covariate")),
        list(labels[~there]),
        list(labels[same]),
        list(labels[there & ~covered]),
        list(partial),
        _layers(few, chosen),
        levels,
    )


def _needed(h: Any, covariates: Sequence[str]) -> Any:
    """Without what else is known of the items: every step would carry it along, and it is dropped at the end anyway."""
    if not isinstance(h, xr.DataArray):
        return h
    kept = {"item", "condition", "group", "context", *covariates, *h.xindexes}
    return h.drop_vars([name for name, c in h.coords.items() if "item" in c.dims and name not in kept])


def _without_rounding(differences: xr.DataArray, size: Float) -> xr.DataArray:
    """0 where a difference is below what rounding leaves of levels of that ``size``: its sign would be one of rounding."""
    values = differences.values
    return differences.copy(deep=False, data=np.where(np.abs(values) <= ROUNDING * size, 0.0, values))


def _layers(cells: NDArray[np.bool_], h: xr.DataArray) -> list[int]:
    """Numbers of the layers of some ``cells`` (..., of which one dimension is the layer)."""
    dims = h.dims[2:]
    if "layer" not in dims or not cells.any():
        return []
    axis = dims.index("layer")
    found = np.asarray(cells.any(tuple(i for i in range(cells.ndim) if i != axis)))
    layers = h["layer"].values if "layer" in h.coords else np.arange(1, len(found) + 1)
    return [int(layer) for layer in layers[found]]


def usable_text(
    pairs: int,
    incomplete: Sequence[str],
    same: Sequence[str],
    uncovered: Sequence[str] = (),
    partial: Sequence[str] = (),
    covariates: Sequence[str] = (),
) -> str:
    """How many of so many pairs can be tested, and for each reason how many cannot, with the first of their names."""
    reasons = (
        (incomplete, "without all conditions"),
        (same, "whose texts are the same up to the target, where a causal model cannot tell them apart"),
        (uncovered, f"without {listed(covariates)}"),
        (partial, "not measured at a layer at which most are"),
    )
    out = "; ".join(f"{len(names)} {why} ({listed(names)})" for names, why in reasons if len(names))
    used = pairs - len({*incomplete, *same, *uncovered, *partial})
    return f"{used} usable pair(s) of {pairs}{'; left out: ' if out else ''}{out}"


def check_conditions(h: xr.DataArray, terms: Terms) -> None:
    known = [str(c) for c in h["condition"].values]
    for name in terms.conditions:
        if name not in known:
            raise DepthscopeError(f"unknown condition {name!r}: this table has {listed(known, 12)}")
    if terms.left == terms.right or any(len(set(side)) < len(side) for side in (terms.left, terms.right)):
        raise DepthscopeError(f"a contrast of a condition with itself is empty ({terms.name}): name two conditions")


def _same_context(h: xr.DataArray, terms: Terms) -> NDArray[np.bool_]:
    same = np.zeros(h.sizes["item"], dtype=bool)
    if "context" not in h.coords or "condition" not in h["context"].dims:
        return same
    for a, b in terms.compared:
        contexts = h["context"].transpose("item", "condition").sel(condition=[a, b]).values
        same |= (contexts[:, 0] == contexts[:, 1]) & (contexts[:, 0] != "")
    return same


def _covariate(h: xr.DataArray, name: str, terms: Terms, whole_table: xr.DataArray) -> Float:
    """A covariate of the conditions that are compared, (item, condition); ``whole_table`` knows which others there are."""
    if name not in h.coords or set(h[name].dims) != {"item", "condition"} or h[name].dtype.kind not in "biuf":
        numeric = [
            str(n)
            for n, c in whole_table.coords.items()
            if set(c.dims) == {"item", "condition"} and c.dtype.kind in "biuf"
        ]
        text = name in h.coords and {"item", "condition"} == set(h[name].dims)
        what = " is text, code it as numbers, such as 0 and 1;" if text else ""
        raise DepthscopeError(
            f"cannot adjust for {name!r}:{what} the numeric covariates here are {listed(numeric, 20)}"
        )
    return h[name].transpose("item", "condition").sel(condition=terms.conditions).values.astype(np.float64)


def _sign(condition: str, terms: Terms) -> int:
    """How often a condition is added, less how often it is taken away."""
    sides = ((terms.left, 1), (terms.right, -1))
    return sum(sign * (1 if i == 0 else -1) for side, sign in sides for i, c in enumerate(side) if c == condition)


def _side(h: xr.DataArray, side: Side) -> xr.DataArray:
    first = h.sel(condition=side[0], drop=True)
    return first if len(side) == 1 else first - h.sel(condition=side[1], drop=True)


def group_names(values: xr.DataArray | xr.Dataset) -> list[str]:
    """The item of each entry: of several pairs, the same."""
    return [str(name) for name in (values["group"] if "group" in values.coords else values["item"]).values]


def _average_groups(side: xr.DataArray, names: NDArray[np.object_]) -> xr.DataArray:
    plain = side.drop_vars([c for c, v in side.coords.items() if "item" in v.dims])
    first = list(dict.fromkeys(names))
    return (
        plain.isel(item=slice(0, len(first)))
        .copy(deep=False, data=_mean_by(plain.values, names))
        .assign_coords(item=first)
    )


def _mean_by(values: Float, names: NDArray[np.object_]) -> Float:
    """Means over the rows of each name, in the order in which names first appear."""
    first = list(dict.fromkeys(names))
    if len(first) == len(names):
        return values
    number = {name: i for i, name in enumerate(first)}
    rows = np.array([number[name] for name in names])
    counts = np.bincount(rows)
    total = np.add.reduceat(values[np.argsort(rows, kind="stable")], np.cumsum(counts) - counts, axis=0)
    return total / counts.reshape(-1, *[1] * (values.ndim - 1))
