"""Which latents fire differently on the targets of two conditions, how many and how much, and what that is beside chance."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from scipy import stats

from depthscope.arrays import Float
from depthscope.errors import DepthscopeError
from depthscope.statistics.effects import Effect, mean_effect
from depthscope.studies.sae.dictionary import Dictionary, layer_normalized
from depthscope.studies.sae.evaluation.controls import random_like
from depthscope.studies.sae.question.maxima import Maxima, maxima
from depthscope.studies.sae.question.pairs import Mask, Pairs, crossed
from depthscope.words import ALPHA

# targets on which a latent must fire: what fires on fewer can be told from nothing
FEWEST = 6
# latents that are followed: where more are selective the strongest of them, where none is the strongest all the same
MOST, LEAST = 32, 8
# p, not corrected, from which on a latent is one that does not tell the conditions apart; so many for each that is followed
# there are in any case, those that differ least
INDIFFERENT, SPARE = 0.3, 2
CELLS = 2**24

Numbers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Firing:
    """What fires on the targets.

    Attributes
    ----------
    latents : int array (m,)
        Those that fire on enough of them; all that is said of latents below is said of these m, by their places here.
    values : array (stimulus, m)
        Activations.
    active : float
        How many of all latents fire on a target, on average.
    """

    latents: Numbers
    values: Float
    active: float


def firing(dictionary: Dictionary, states: torch.Tensor, pairs: Pairs) -> Firing:
    """Activations of the latents that fire on six targets or more; ``states`` (stimulus, d).

    Raises
    ------
    DepthscopeError
        None does.
    """
    used = torch.zeros(len(states), dtype=torch.bool)
    used[torch.from_numpy(pairs.rows)] = True
    counts = torch.zeros(dictionary.latents, dtype=torch.long)
    active = 0.0
    blocks = torch.split(torch.arange(len(states)), max(1, CELLS // dictionary.latents))
    with torch.no_grad():
        for rows in blocks:
            fired = _dense(dictionary, states[rows[used[rows]]]) > 0
            counts += fired.sum(0)
            active += float(fired.sum())
        chosen = (counts >= FEWEST).nonzero()[:, 0]
        if not len(chosen):
            raise DepthscopeError(
                f"{dictionary}: no latent fires on {FEWEST} targets; it was trained on other states, or give more items"
            )
        values = torch.cat([_dense(dictionary, states[rows])[:, chosen] for rows in blocks])
    return Firing(chosen.numpy(), values.double().numpy(), active / max(int(used.sum()), 1))


def _dense(dictionary: Dictionary, states: torch.Tensor) -> torch.Tensor:
    return dictionary.encode(states.to(dictionary.encoder.device)).dense().cpu()


@dataclass(frozen=True, eq=False)
class Selectivity:
    """Latents of one dictionary, by how differently they fire on the targets of two conditions, a and b.

    Attributes
    ----------
    name : str
    layer : int
        At which the dictionary reads the stream.
    latents, tested : int
        How many there are, and how many fire on targets often enough to be tested.
    firing : Firing
    by_activation, by_rate : Maxima
        Of differences in activation, and in whether a latent fires at all.
    chosen : tuple of two int arrays
        The latents that are followed, as many strongest for a as are selective: chosen on one half of the items, and to be
        measured on the other (:func:`~depthscope.studies.sae.question.pairs.crossed`).
    indifferent : int array
        Other latents, which fire as much in both conditions, by all items; where there are few, those that differ least.
    strength : Effect
        How far the followed ones separate the conditions, on items that did not choose them: dz of the sum of their
        activations, each in its own standard deviation.
    share_a, share_b : Effect
        Energy of what the selective ones write, over that of the state about the mean of all targets: mean over items, with
        its interval as ``difference``.
    """

    name: str
    layer: int
    latents: int
    firing: Firing
    by_activation: Maxima
    by_rate: Maxima
    chosen: tuple[Numbers, Numbers]
    indifferent: Numbers
    strength: Effect
    share_a: Effect
    share_b: Effect

    @property
    def tested(self) -> int:
        """Latents that fire on targets often enough."""
        return len(self.firing.latents)

    @property
    def selective(self) -> Numbers:
        """Those that fire more on targets of a, corrected for all that were tested."""
        return np.flatnonzero((self.by_activation.p <= ALPHA) & (self.by_activation.t > 0))

    @property
    def opposite(self) -> Numbers:
        """Those that fire more on targets of b."""
        return np.flatnonzero((self.by_activation.p <= ALPHA) & (self.by_activation.t < 0))


@dataclass(frozen=True, eq=False)
class Controls:
    """The same of dictionaries in which there is nothing to find.

    Attributes
    ----------
    random : sequence of Selectivity
        Random directions, as many and with as many active.
    untrained : Selectivity, optional
        A dictionary trained on a model that was not.
    """

    random: Sequence[Selectivity] = ()
    untrained: Selectivity | None = field(default=None)


def selectivity(
    name: str,
    layer: int,
    dictionary: Dictionary,
    states: torch.Tensor,
    pairs: Pairs,
    halves: Mask,
    *,
    permutations: int = 2000,
    seed: int = 0,
) -> Selectivity:
    """Compare what fires on the targets of two conditions, item by item.

    Parameters
    ----------
    states : Tensor (stimulus, d)
        Of the targets, at the dictionary's site.
    halves : bool array (item,)
        :meth:`~depthscope.studies.sae.question.pairs.Pairs.halves`.
    permutations, seed : int
        Of the flips of signs.
    """
    fires = firing(dictionary, states, pairs)
    gaps = pairs.differences(fires.values)
    by_activation = maxima(gaps, permutations=permutations, seed=seed)
    by_rate = maxima(pairs.differences((fires.values > 0).astype(float)), permutations=permutations, seed=seed)
    selective = np.flatnonzero((by_activation.p <= ALPHA) & (by_activation.t > 0))
    # no more than leave others to be compared with
    count = max(1, min(len(selective) or LEAST, MOST, len(fires.latents) // (2 + SPARE)))
    chosen = [strongest(gaps[choosing], count) for choosing, _ in crossed(halves)]
    separated = np.empty(pairs.items)
    for some, (choosing, measured) in zip(chosen, crossed(halves), strict=True):
        spread = gaps[choosing][:, some].std(0, ddof=1)
        separated[measured] = (gaps[measured][:, some] / np.where(spread > 0, spread, 1.0)).sum(1)
    options: dict[str, Any] = {"permutations": permutations, "seed": seed}
    shares = _energy(dictionary, fires, selective, states, pairs)
    return Selectivity(
        name,
        layer,
        dictionary.latents,
        fires,
        by_activation,
        by_rate,
        (chosen[0], chosen[1]),
        _indifferent(by_activation.t, pairs.items, np.concatenate(chosen), SPARE * count),
        mean_effect(separated, **options),
        *(mean_effect(pairs.over_items(shares[side]), **options) for side in (pairs.left, pairs.right)),
    )


def strongest(gaps: Float, count: int) -> Numbers:
    """The ``count`` latents with the largest t of differences (item, latent), the largest first."""
    spread = gaps.std(0, ddof=1)
    t = np.divide(gaps.mean(0), spread, out=np.full(gaps.shape[1], -np.inf), where=spread > 0)
    return np.argsort(-t, kind="stable")[:count]


def _indifferent(t: Float, items: int, chosen: Numbers, least: int) -> Numbers:
    order = np.argsort(np.abs(t), kind="stable")
    order = order[~np.isin(order, chosen)]
    count = int((np.abs(t[order]) < stats.t.isf(INDIFFERENT / 2, items - 1)).sum())
    return np.sort(order[: max(count, least)])


def written(dictionary: Dictionary, values: torch.Tensor, latents: torch.Tensor, states: torch.Tensor) -> torch.Tensor:
    """What latents (K,) with activations (N, K) add to a reconstruction of states (N, d), in the units of the states."""
    return values.to(dictionary.decoder) @ dictionary.decoder[latents] * scale_of(dictionary, states)


def scale_of(dictionary: Dictionary, states: torch.Tensor) -> torch.Tensor:
    """What activations at states (N, d) are multiplied by to be in the units of the states, (N, 1)."""
    if dictionary.normalization == "none":
        return dictionary.decoder.new_ones(len(states), 1)
    return layer_normalized(states.to(dictionary.encoder))[2]


def _energy(
    dictionary: Dictionary, fires: Firing, latents: Numbers, states: torch.Tensor, pairs: Pairs
) -> NDArray[np.float64]:
    """Share of the energy of each state, about the mean of all targets, that latents write: (stimulus,)."""
    with torch.no_grad():
        centre = states[torch.from_numpy(pairs.rows)].double().mean(0)
        own = torch.from_numpy(fires.values[:, latents])
        given = written(dictionary, own, torch.from_numpy(fires.latents[latents]), states).double()
        whole = (states.double() - centre).square().sum(1)
        return (given.square().sum(1).cpu() / whole).numpy()


def random_selectivity(
    like: Selectivity,
    dictionary: Dictionary,
    states: torch.Tensor,
    pairs: Pairs,
    halves: Mask,
    draws: int,
    *,
    permutations: int = 2000,
    seed: int = 0,
) -> list[Selectivity]:
    """The same of dictionaries of random directions, of as many latents, as many of which fire on a target."""
    sample = states[torch.from_numpy(pairs.rows)]
    return [
        selectivity(
            f"{like.name}, random directions {draw + 1}",
            like.layer,
            random_like(dictionary, sample, like.firing.active, seed=seed + draw),
            states,
            pairs,
            halves,
            permutations=permutations,
            seed=seed,
        )
        for draw in range(draws)
    ]


def latents_table(found: Selectivity, pairs: Pairs, most: int = 50) -> pd.DataFrame:
    """One row for each latent that fires differently, and for the strongest others, up to ``most`` of them all.

    Returns
    -------
    DataFrame
        ``dictionary``, ``layer``, ``latent``; ``mean_a``, ``mean_b``: mean activation on targets of either condition,
        ``difference`` with ``low`` and ``high`` (Student), ``t``, ``p`` corrected for all latents that were tested;
        ``rate_a``, ``rate_b``: share of targets on which it fires, ``rate_t``, ``rate_p`` likewise; ``selective``: a, b or
        neither; ``followed``: whether the next questions are asked of it.
    """
    one, rate = found.by_activation, found.by_rate
    order = np.argsort(-np.abs(one.t), kind="stable")
    shown = order[: max(most, one.count)]
    left, right = (found.firing.values[side][:, shown] for side in (pairs.left, pairs.right))
    gaps = pairs.over_items(left - right)
    half = stats.t.isf(0.025, len(gaps) - 1) * gaps.std(0, ddof=1) / np.sqrt(len(gaps))
    means = {name: pairs.over_items(side).mean(0) for name, side in (("mean_a", left), ("mean_b", right))}
    rates = {f"rate_{name[-1]}": (side > 0).mean(0) for name, side in (("a", left), ("b", right))}
    kinds = np.where(one.p > ALPHA, "neither", np.where(one.t > 0, "a", "b"))[shown]
    return pd.DataFrame(
        {
            "dictionary": found.name,
            "layer": found.layer,
            "latent": found.firing.latents[shown],
            **means,
            "difference": gaps.mean(0),
            "low": gaps.mean(0) - half,
            "high": gaps.mean(0) + half,
            "t": one.t[shown],
            "p": one.p[shown],
            **rates,
            "rate_t": rate.t[shown],
            "rate_p": rate.p[shown],
            "selective": kinds,
            "followed": np.isin(shown, np.concatenate(found.chosen)),
        }
    )
