"""Which heads a difference of breadth comes from, and the breadth of a trajectory without one of them."""

from typing import Any

import numpy as np
import xarray as xr

from depthscope.arrays import Float
from depthscope.errors import DepthscopeError
from depthscope.instrument.attribution import ADDITIVE, Plan, contributions, lengths, plan_of, weights
from depthscope.instrument.cse import entropy, over
from depthscope.instrument.inputs import check_traced
from depthscope.instrument.scalogram import scale_coords

# numbers in float64 that one step holds at a time
STEP = 2**24
BLOCK, HEAD = "attention_block", "attention_head"


def head_contributions(traj: xr.Dataset, a: str, b: str, **options: Any) -> xr.Dataset:
    """What each head contributes to the difference in CSE between two conditions.

    An update is the sum of what its heads, the bias behind them and the MLP write, ``u_k = sum_h a_kh + r_k + m_k``, and the
    energy is linear in each of them beside all updates,

        ``E(s,l) = sum_k <W_k, W>``, ``E_kh(s,l) = Re sum_k' f(s,l,k) conj(f(s,l,k')) <a_kh, u_k'>``,

    with ``f`` the filters of the transform. So a head is given what its write has in common with the whole trajectory: half of
    what it shares with any other head or with an MLP, the other half being theirs. From these energies contributions to CSE
    follow as in :func:`depthscope.contributions`.

    Parameters
    ----------
    traj : Dataset
        From ``trace(..., parts="heads")``.
    a, b : str
        Conditions.
    **options
        Those of :func:`depthscope.cse`; ``signal`` may be ``"update"`` or ``"direction"``.

    Returns
    -------
    Dataset, in the units of CSE
        ``heads`` (item, attention_block, attention_head, layer): what each head, named by its block and its number there, both
        from 1, contributes at ``layer``; NaN for blocks without attention. ``rest`` (item, layer): what attention
        writes that is of no head, the bias of its projection, and rounding. ``mlp`` (item, layer). The sum of heads, rest and
        MLP is ``CSE_a - CSE_b``, up to the rounding of the stream itself; heads and rest together are attention's
        contribution and half of ``cross``.
        NaN at layers without CSE, and for items that lack a condition.

    Raises
    ------
    DepthscopeError
        A Dataset without heads, or another signal.
    """
    check_traced(traj, "head_contributions", conditions=True)
    plan = plan_of(traj, options)
    written, _ = _written(traj, plan)
    blocks = {BLOCK: plan.source.layers, HEAD: traj[HEAD].values}
    dots = plan.source.wrap(written, (BLOCK, HEAD, "other_layer"), blocks)
    given = contributions(traj, a, b, **options).sum("scale", min_count=1)
    plane = ("scale", "layer"), scale_coords(plan.bank, plan.source)
    total, weight = weights(plan.source.wrap(plan.energy(), *plane), plan, a, b)
    unit = plan.source.wrap(plan.expected(), *plane) if plan.relative else None
    used = xr.DataArray(plan.used, dims=("scale", "layer"))
    found: Float | float = 0.0
    for sign, name in ((1.0, a), (-1.0, b)):
        # per unit of energy; 0 in cells that do not enter CSE, NaN where there is none
        each = sign * weight / total.sel(condition=name, drop=True)
        if unit is not None:
            here = unit.sel(condition=name, drop=True)
            each = (each / here.where(here > 0, 1.0)).where(here > 0, 0.0)
        each = each.where(used, 0.0)
        products = dots.sel(condition=name, drop=True).transpose("item", BLOCK, HEAD, "other_layer").values
        found = found + _linear(plan, each.transpose("item", "scale", "layer").values, products)
    # covariates stay behind: a table may call them anything
    names = [
        name for name, coord in given.coords.items() if coord.dims == ("layer",) or name in ("item", "group", "part")
    ]
    given = given.reset_coords(drop=True).assign_coords({name: given[name] for name in names})
    measured = given.isel(part=0, drop=True)
    heads = xr.DataArray(found, {**measured.coords, **blocks}, ("item", BLOCK, HEAD, "layer")).where(measured.notnull())
    common = given.sel(part="cross", drop=True) / 2
    rest = given.sel(part="attention", drop=True) + common - heads.sum([BLOCK, HEAD], skipna=True)
    result: xr.Dataset = xr.Dataset({"heads": heads, "rest": rest, "mlp": given.sel(part="mlp", drop=True) + common})
    return result


def cse_without_heads(traj: xr.Dataset, **options: Any) -> xr.DataArray:
    """CSE of every trajectory without what one head has written into it, for each head in turn.

        ``u_k - a_kh`` in the head's own block k, all other updates as they were.

    It is a subtraction and no intervention: what later blocks made of the head's write stays in.

    Parameters
    ----------
    traj : Dataset
        From ``trace(..., parts="heads")``.
    **options
        Those of :func:`depthscope.cse`; ``signal`` may be ``"update"`` or ``"direction"`` (then the write is divided by the
        length of the whole update, as the update is).

    Returns
    -------
    DataArray (item, condition, attention_block, attention_head, layer), float64
        NaN for blocks without attention, and where CSE is not measured.
    """
    check_traced(traj, "cse_without_heads")
    plan = plan_of(traj, options)
    products, squares = _written(traj, plan)
    filters = plan.bank.filters  # scale, layer, block
    whole = np.asarray(plan.bank.energy(plan.source.gram))
    own = np.abs(filters) ** 2
    expected = plan.expected() if plan.relative else None
    rows, blocks, heads, _ = products.shape
    found = np.empty((rows, blocks, heads, filters.shape[1]))
    step = max(1, STEP // (blocks * heads * whole[0].size))
    for start in range(0, rows, step):
        some = slice(start, start + step)
        beside = np.einsum("nkhj,slj->nkhsl", products[some], filters.conj(), optimize=True)
        crossed = (beside * filters.transpose(2, 0, 1)[:, None]).real
        left = whole[some, None, None] - 2 * crossed + np.einsum("slk,nkh->nkhsl", own, squares[some])
        # rounding may leave a vanishing energy a hair below zero
        left = np.maximum(left, 0.0)
        if expected is not None:  # of the norms that are left
            shorter = squares[some] - 2 * np.einsum("nkhk->nkh", products[some])
            left = over(left, expected[some, None, None] + np.einsum("slk,nkh->nkhsl", own, shorter))
        found[some] = entropy(left, plan.used, plan.normalize, plan.min_scales)
    labels = {BLOCK: plan.source.layers, HEAD: traj[HEAD].values, **plan.source.layer_coords()}
    result: xr.DataArray = plan.source.wrap(found, (BLOCK, HEAD, "layer"), labels)
    return result.rename("cse")


def _written(traj: xr.Dataset, plan: Plan) -> tuple[Float, Float]:
    """Products of what heads write with every update (stimulus, block, head, layer), and with itself."""
    if "head_dot" not in traj:
        raise DepthscopeError('the Dataset has no head_dot: trace with parts="heads"')
    if plan.signal not in ADDITIVE:
        raise DepthscopeError(
            f"signal={plan.signal!r} is no sum of what heads and MLPs write: choose update or direction"
        )
    first, last = plan.layers
    inside = slice(first - 1, last)
    products = traj["head_dot"].transpose("stimulus", "layer", HEAD, "other_layer").values[:, inside, :, inside]
    squares = traj["head_square"].transpose("stimulus", "layer", HEAD).values[:, inside]
    if plan.signal == "direction":
        length = lengths(traj, plan)
        products = products / (length[:, :, None, None] * length[:, None, None, :])
        squares = squares / length[:, :, None] ** 2
    return products, squares


def _linear(plan: Plan, each: Float, products: Float) -> Float:
    """Sum over scales of ``each`` (item, scale, layer) times the energies that ``products`` (item, block, head, other) make."""
    filters = plan.bank.filters
    found = np.empty((*products.shape[:3], filters.shape[1]))
    for at in range(filters.shape[1]):
        here = filters[:, at]
        form = np.einsum("is,sk,sj->ikj", each[:, :, at], here, here.conj(), optimize=True).real
        found[..., at] = np.einsum("ikj,ikhj->ikh", form, products, optimize=True)
    return found
