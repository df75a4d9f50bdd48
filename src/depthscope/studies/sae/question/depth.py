"""At which depth the directions of latents tell two conditions apart, and whether that is where CSE does."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from depthscope.arrays import Float
from depthscope.studies.sae.question.matching import matched
from depthscope.studies.sae.question.pairs import Mask, crossed
from depthscope.studies.sae.question.selective import Selectivity

Signal = Literal["update", "state"]
Against = Literal["matched", "random"]
AGAINST: tuple[Against, ...] = ("matched", "random")
# resamples of the items, for intervals
RESAMPLES = 500
# directions whose projections are there at a time
TOGETHER = 2048


@dataclass(frozen=True, eq=False)
class Profile:
    """How far directions separate two conditions at each depth.

    Attributes
    ----------
    values, low, high : array (layer,)
        Mean dz over directions, with the 95 % interval over items (bootstrap).
    nulls : mapping of str to array (draw, layer)
        The same of sets of other directions.
    peak, peak_low, peak_high : int
        The layer where it is largest, and the 95 % interval of that over resamples of the items.
    """

    values: Float
    low: Float
    high: Float
    nulls: dict[Against, Float]
    peak: int
    peak_low: int
    peak_high: int


@dataclass(frozen=True, eq=False)
class Place:
    """Where the latents of one dictionary that are followed lie in depth.

    Attributes
    ----------
    name : str
    layer : int
        Of the dictionary.
    update, state : Profile
        Of what each layer adds to the stream (layers 1 to L), and of the stream itself (states 0 to L).
    inside : tuple of int
        First and last layer at which CSE differs.
    excess : float
        Mean profile of the updates inside these layers, less that outside of them.
    likeness : float
        Correlation over layers of the profile of the updates with being inside, from -1 to 1: where they are written, however
        strongly. NaN where all layers are inside.
    drawn : mapping of str to array (draw,)
        The likeness of other directions.
    rank, windows : int
        The place of these layers among all windows of as many neighbouring layers (1: the profile is largest there), and how
        many windows there are.
    """

    name: str
    layer: int
    update: Profile
    state: Profile
    inside: tuple[int, int]
    excess: float
    likeness: float
    drawn: dict[Against, Float]
    rank: int
    windows: int


def place(
    found: Selectivity,
    decoder: NDArray[np.float32],
    gaps: NDArray[np.float32],
    halves: Mask,
    inside: tuple[int, int],
    *,
    draws: int = 99,
    seed: int = 0,
) -> Place:
    """Project the difference between two conditions, at every depth, on what the followed latents write.

    Latents are chosen on one half of the items and projected on the other, and each direction is turned so that it points to
    the first condition at the dictionary's own layer, by the half that chose it. The directions that they are compared with
    are treated alike: latents of the same dictionary that fire as often and as strongly on the targets, and as much in both
    conditions; and directions at random.

    Parameters
    ----------
    decoder : array (m, d)
        Directions of the latents of ``found.firing``.
    gaps : array (item, L + 1, d)
        Differences of the stream between the conditions, states 0 to L.
    halves : bool array (item,)
    inside : (first, last)
        Layers of the CSE cluster.
    draws : int
        Sets of other directions.
    """
    rates, levels = firing_of(found)
    count = len(found.chosen[0])
    rng = np.random.default_rng(seed)
    own: list[NDArray[np.float32]] = []
    others: dict[Against, list[tuple[dict[Signal, Float], NDArray[np.int64]]]] = {name: [] for name in AGAINST}
    for half, (choosing, measured) in enumerate(crossed(halves)):
        chosen = found.chosen[half]
        sets = matched(rates, levels, chosen, found.indifferent, draws, seed + half)
        random = rng.standard_normal((draws * count, decoder.shape[1])).astype(np.float32)
        one = gaps[choosing], gaps[measured]
        own.append(_turned(*one, decoder[chosen], found.layer))
        places, inverse = np.unique(sets, return_inverse=True)
        others["matched"].append((_effects(_turned(*one, decoder[places], found.layer)), inverse.reshape(sets.shape)))
        others["random"].append(
            (_effects(_turned(*one, random, found.layer)), np.arange(draws * count).reshape(draws, count))
        )
    sizes = [len(one) for one in own]

    def profile(signal: Signal) -> Profile:
        nulls = {
            name: _average([dz[signal][:, sets].mean(-1).T for dz, sets in others[name]], sizes) for name in AGAINST
        }
        return _profile(own, signal, nulls, seed)

    update, state = profile("update"), profile("state")
    inner = np.arange(1, gaps.shape[1])
    where = (inner >= inside[0]) & (inner <= inside[1])
    return Place(
        found.name,
        found.layer,
        update,
        state,
        inside,
        float(update.values[where].mean() - update.values[~where].mean()) if not where.all() else float("nan"),
        float(_likeness(update.values[None], where)[0]),
        {name: _likeness(update.nulls[name], where) for name in AGAINST},
        *_rank(update.values, where),
    )


def firing_of(found: Selectivity) -> tuple[Float, Float]:
    """Of each latent, on which share of all targets it fires, and how strongly where it does."""
    fires = found.firing.values > 0
    return fires.mean(0), found.firing.values.sum(0) / fires.sum(0)


def _likeness(profiles: Float, where: Mask) -> Float:
    """Correlation of each profile (draw, layer) with being inside; NaN without a spread."""
    inside = where - where.mean()
    centred = profiles - profiles.mean(1, keepdims=True)
    lengths = np.linalg.norm(centred, axis=1) * np.linalg.norm(inside)
    found: Float = np.divide(centred @ inside, lengths, out=np.full(len(profiles), np.nan), where=lengths > 0)
    return found


def _rank(profile: Float, where: Mask) -> tuple[int, int]:
    count = int(where.sum())
    means = np.convolve(profile, np.ones(count) / count, mode="valid")
    own = means[int(where.argmax())]
    return int((means > own + 1e-12 * np.abs(means).max()).sum()) + 1, len(means)


def _turned(
    choosing: NDArray[np.float32], measured: NDArray[np.float32], directions: NDArray[np.float32], layer: int
) -> NDArray[np.float32]:
    """Projections (item, L + 1, direction) of the measured half, their signs by the other half at the layer."""
    signs = np.sign(choosing[:, layer].mean(0) @ directions.T)
    return (measured @ directions.T) * np.where(signs == 0, 1, signs).astype(np.float32)


def _effects(projected: NDArray[np.float32]) -> dict[Signal, Float]:
    """dz over items of updates (L, direction) and of states (L + 1, direction); 0 where nothing differs."""
    return {"update": _dz(np.diff(projected, axis=1)), "state": _dz(projected)}


def _dz(values: NDArray[np.float32]) -> Float:
    return _ratio(values.mean(0, dtype=np.float64), values.std(0, ddof=1, dtype=np.float64))


def _ratio(mean: Float, spread: Float) -> Float:
    # targets that are the same word are the same state before the first layer, to the last bit
    found: Float = np.divide(
        mean, spread, out=np.zeros_like(mean), where=spread > 1e-12 * (np.abs(mean) + spread.max(initial=0))
    )
    return found


def _average(halves: Sequence[Float], sizes: Sequence[int]) -> Float:
    mean: Float = np.average(np.stack(halves), axis=0, weights=sizes)
    return mean


def _profile(own: Sequence[NDArray[np.float32]], signal: Signal, nulls: dict[Against, Float], seed: int) -> Profile:
    values = [np.diff(one, axis=1) if signal == "update" else one for one in own]
    sizes = [len(one) for one in values]
    observed = _average([_dz(one).mean(-1) for one in values], sizes)
    rng = np.random.default_rng(seed)
    drawn = _average([_resampled(one, rng) for one in values], sizes)
    first = 1 if signal == "update" else 0
    peaks = drawn.argmax(1) + first
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    ends = np.quantile(peaks, [0.025, 0.975], method="nearest")
    return Profile(observed, low, high, nulls, int(observed.argmax()) + first, int(ends[0]), int(ends[1]))


def _resampled(values: NDArray[np.float32], rng: np.random.Generator) -> Float:
    """Mean dz over directions in resamples of the items, (resample, layer); ``values`` (item, layer, direction)."""
    n, layers, count = values.shape
    drawn = rng.multinomial(n, np.full(n, 1 / n), RESAMPLES).astype(np.float64)
    flat = values.reshape(n, -1).astype(np.float64)
    mean = drawn @ flat / n
    spread = np.sqrt(np.maximum(drawn @ flat**2 / n - mean**2, 0) * n / (n - 1))
    profiles: Float = _ratio(mean, spread).reshape(RESAMPLES, layers, count).mean(-1)
    return profiles
