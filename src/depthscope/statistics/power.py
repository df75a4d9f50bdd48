"""How many items it takes to know."""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from depthscope.arrays import Float
from depthscope.errors import DepthscopeError
from depthscope.progress import bar
from depthscope.statistics.calibration import Rate
from depthscope.statistics.clusters import Cells
from depthscope.statistics.halves import split_half
from depthscope.statistics.permutation import ClusterTest, cluster_test

# what power is asked for, by convention
GOAL = 0.8
SIZES = (10, 20, 40, 80, 120, 160, 240, 320)
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5)


def enough_items(rate: xr.DataArray) -> list[int]:
    """Numbers of items, of those tried, that reach :data:`GOAL`; ``rate`` (n) is of one size of the effect."""
    return [int(n) for n in rate["n"].values[rate.values >= GOAL]]


def shrunken_dz(power: xr.Dataset) -> float:
    """dz at the peak, less what its choice adds; NaN with few items. ``power`` is what :func:`power_curve` returned."""
    return float(power.attrs.get("shrunken", np.nan)) * float(power["dz"].sel(share=1.0))


def power_curve(
    differences: Float,
    *,
    layers: Sequence[int] | None = None,
    sizes: Sequence[int] = SIZES,
    shares: Sequence[float] = SHARES,
    draws: int = 200,
    permutations: int = 500,
    forming_p: float = 0.05,
    alpha: float = 0.05,
    seed: int = 0,
    progress: bool = False,
) -> xr.Dataset:
    """Detection rate over the number of items and the size of the effect.

    The items stand for the population: studies of ``n`` items are drawn from them with replacement, so that ``n`` may exceed
    what there is (then it extrapolates). Effects are those observed, times a share: 0 is no effect, 1 the one observed.
    Detected means that a cluster with family-wise p <= alpha overlaps the strongest observed one, in its direction.

    Items in which an effect was found show too large a one: in simulations, 20 items that find an effect in 34 % of studies
    promised 80 %. So the effect is also shrunken, to the share of its size over the layers of the strongest cluster that it has
    where other halves of the items chose them (:func:`depthscope.statistics.halves.split_half`): then they promise 31 % on
    average, though what single studies promise varies widely.

    Parameters
    ----------
    differences : array (item, layer)
    layers : sequence of int, optional
        Numbers of the layers; counted from 1 if not given.
    sizes : sequence of int
        Numbers of items.
    shares : sequence of float
        Multiples of the observed mean difference at every layer.
    draws, permutations : int
        Studies per cell of the table, and sign flips of the test on each.

    Returns
    -------
    Dataset over (share, n)
        ``rate`` with its 95 % interval ``low``, ``high``; ``dz`` (share): the effect at its peak; ``smallest_dz`` (n): the
        peak effect that ``n`` items detect in 80 % of studies, interpolated; NaN if no share does; ``shrunken_rate`` with its
        interval ``shrunken_low``, ``shrunken_high`` (n): of the shrunken effect; NaN with fewer than twelve items. Attributes:
        ``first`` and ``last`` layer of the strongest cluster, ``shrunken``: its share, items, draws, permutations, seed.

    Raises
    ------
    DepthscopeError
        No layer passes the forming threshold: there is no effect whose detection could be asked about.
    """
    present = np.isfinite(differences).all(0)
    kept = np.where(present, differences, 0.0)
    observed = cluster_test(kept, permutations=1, forming_p=forming_p, seed=seed)
    if not observed.clusters:
        raise DepthscopeError("power: no layer passes the forming threshold, so there is no effect to look for")
    main = max(observed.clusters, key=lambda cells: abs(cells.mass))
    numbers = np.arange(1, kept.shape[1] + 1) if layers is None else np.asarray(layers)
    peak = float(np.max(np.abs(observed.t[main.where])) / np.sqrt(len(kept)) * np.sign(main.mass))
    mean = kept.mean(0)
    shrunken = _shrunken(kept, main, forming_p, seed)
    asked = [*shares, *([shrunken] if np.isfinite(shrunken) else [])]
    generator = np.random.default_rng(seed)
    found = np.zeros((len(asked), len(sizes)), dtype=int)
    total = len(asked) * len(sizes) * draws
    with bar(total, "power", shown=progress) as advance:
        for j, n in enumerate(sizes):
            for draw in range(draws):
                # the same items for every effect: the rates then differ by the effect alone
                rows = kept[generator.integers(len(kept), size=n)]
                for i, share in enumerate(asked):
                    test = cluster_test(
                        rows + (share - 1) * mean, permutations=permutations, forming_p=forming_p, seed=draw
                    )
                    found[i, j] += _detected(test, main.where, np.sign(main.mass), alpha)
                advance(len(asked))
    limits = np.array([[Rate(int(k), draws).interval for k in row] for row in found])
    effects = np.abs(np.asarray(shares) * peak)
    rates = {"rate": found / draws, "low": limits[..., 0], "high": limits[..., 1]}
    beside = {name: v[-1] if len(asked) > len(shares) else np.full(len(sizes), np.nan) for name, v in rates.items()}
    return xr.Dataset(
        {
            **{name: (("share", "n"), values[: len(shares)]) for name, values in rates.items()},
            "dz": ("share", np.asarray(shares) * peak),
            "smallest_dz": ("n", np.array([_reaches(effects, column) for column in rates["rate"][: len(shares)].T])),
            **{f"shrunken_{name}": ("n", values) for name, values in beside.items()},
        },
        {"share": list(shares), "n": list(sizes)},
        {
            "first": int(numbers[main.where][0]),
            "last": int(numbers[main.where][-1]),
            "shrunken": shrunken,
            "items": len(kept),
            "draws": draws,
            "permutations": permutations,
            "forming_p": forming_p,
            "alpha": alpha,
            "seed": seed,
        },
    )


def _shrunken(values: Float, main: Cells, forming_p: float, seed: int) -> float:
    """How much of the effect over its layers is left where other items choose the layers, 0 to 1; NaN with few items."""
    window = values[:, main.where].mean(1)
    elsewhere = split_half(values, forming_p=forming_p, seed=seed).window
    return float(np.clip(elsewhere * window.std(ddof=1) / abs(window.mean()), 0.0, 1.0))


def _detected(
    test: ClusterTest, where: "np.ndarray[tuple[int, ...], np.dtype[np.bool_]]", sign: float, alpha: float
) -> bool:
    facing = [c for c in test.clusters if np.sign(c.mass) == sign and (c.where & where).any()]
    return any(test.p_value(c.mass)[0] <= alpha for c in facing)


def _reaches(effects: Float, rates: Float, goal: float = GOAL) -> float:
    """The effect at which the rate first reaches the goal, on straight lines between the points; NaN if it never does."""
    order = np.argsort(effects)
    effects, rates = effects[order], rates[order]
    above = np.flatnonzero(rates >= goal)
    if not above.size:
        return float("nan")
    k = int(above[0])
    if k == 0:
        return float(effects[0])
    return float(np.interp(goal, rates[k - 1 : k + 1], effects[k - 1 : k + 1]))
