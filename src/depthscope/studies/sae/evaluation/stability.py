"""How many latents come back under another seed, beside how many would if nothing had been learnt."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import optimize

from depthscope.arrays import Float
from depthscope.errors import DepthscopeError
from depthscope.studies.sae.dictionary import Dictionary
from depthscope.studies.sae.evaluation.similarity import chance_nearest, drawn_alike, nearest, units

SAME = 0.7  # cosine above which a latent has come back
MOST = 8192  # latents up to which a one-to-one assignment is made: n x n cosines, and time by the cube


@dataclass(frozen=True, eq=False)
class Match:
    """What of one dictionary is found in another one.

    Attributes
    ----------
    cosine : array (n,)
        Of each latent's decoder direction of the first with the nearest one of the second, -1 to 1.
    index : int array (n,)
        Which latent that is.
    mutual : bool array (n,)
        Whether it is the other way about as well.
    assigned : array (n,) or None
        Cosine with the partner in the one-to-one assignment with the largest sum; None if that was not made.
    """

    cosine: Float
    index: NDArray[np.int64]
    mutual: NDArray[np.bool_]
    assigned: Float | None = None

    @property
    def back(self) -> NDArray[np.bool_]:
        """Latents of the first that have one above .7 in the second."""
        return self.cosine > SAME

    @property
    def share(self) -> float:
        """Of latents that come back, 0 to 1: many of the first may find the same one."""
        return _mean(self.back)

    @property
    def mutual_share(self) -> float:
        """Of latents that come back, and are themselves what is nearest there."""
        return _mean(self.back & self.mutual)

    @property
    def assigned_share(self) -> float:
        """Of latents whose partner in the one-to-one assignment is above .7; NaN if it was not made."""
        return _mean(self.assigned > SAME) if self.assigned is not None else float("nan")


@dataclass(frozen=True, eq=False)
class Stability:
    """Which latents come back under other seeds, and in nulls.

    Attributes
    ----------
    pairs : tuple of Match
        Of every pair of dictionaries, the first with the second, then the second with the first.
    between : tuple of (int, int)
        Which two these are.
    alike : tuple of Match
        Of every dictionary with directions of the same second moments: what comes back because all lie in the same part of
        the space.
    random : tuple of Match
        Of dictionaries of a model with random weights, every pair as above; empty if none were given.
    chance : float
        Median cosine of a direction with the nearest of as many on the sphere.
    """

    pairs: tuple[Match, ...]
    between: tuple[tuple[int, int], ...]
    alike: tuple[Match, ...]
    random: tuple[Match, ...]
    chance: float

    @property
    def share(self) -> float:
        """Of latents that come back, mean over pairs, 0 to 1."""
        return _over(self.pairs)

    @property
    def range(self) -> tuple[float, float]:
        """The smallest and the largest share of a pair."""
        shares = [one.share for one in self.pairs]
        return min(shares), max(shares)

    @property
    def alike_share(self) -> float:
        """The same where directions are drawn with the dictionary's own second moments."""
        return _over(self.alike)

    @property
    def random_share(self) -> float:
        """The same between dictionaries of a model with random weights; NaN without them."""
        return _over(self.random)

    @property
    def mutual_share(self) -> float:
        """Mean over pairs of the share that comes back and is mutual."""
        return _mean(np.array([one.mutual_share for one in self.pairs]))

    @property
    def assigned_share(self) -> float:
        """Mean over pairs of the share above .7 in a one-to-one assignment; NaN if it was not made."""
        return _mean(np.array([one.assigned_share for one in self.pairs]))

    @property
    def learnt(self) -> float:
        """What comes back beyond the larger of the nulls, as a share of what could: 1 all of it, 0 nothing."""
        null = max((share for share in (self.alike_share, self.random_share) if np.isfinite(share)), default=np.nan)
        return (self.share - null) / (1 - null) if null < 1 else float("nan")


def match(
    first: torch.Tensor, second: torch.Tensor, *, alive: NDArray[np.bool_] | None = None, assign: bool = False
) -> Match:
    """What of directions (n, d) is found among directions (m, d).

    Parameters
    ----------
    alive : bool array (n,), optional
        Latents of the first that are asked for. What never fires has not moved since the random start, and does not come back.
    assign : bool
        Make the one-to-one assignment too (Hungarian, :func:`scipy.optimize.linear_sum_assignment`).

    Raises
    ------
    DepthscopeError
        Directions of different widths, or an assignment of more than 8,192 latents.
    """
    if alive is not None and alive.shape != (len(first),):
        raise DepthscopeError(
            f"alive has the shape {alive.shape}, and there are {len(first)} latents: give one truth value for each"
        )
    there = nearest(first, second)
    # the other way about only for those that are named, which are few if many find the same one
    named = np.unique(there.index)
    partner = np.full(len(second), -1)
    partner[named] = nearest(second[torch.from_numpy(named).to(second.device)], first).index
    mutual = partner[there.index] == np.arange(len(first))
    assigned = _assigned(first, second) if assign else None
    kept = np.ones(len(first), dtype=bool) if alive is None else alive
    return Match(there.cosine[kept], there.index[kept], mutual[kept], None if assigned is None else assigned[kept])


def stability(
    dictionaries: Sequence[Dictionary],
    random: Sequence[Dictionary] = (),
    *,
    alive: Sequence[NDArray[np.bool_]] | None = None,
    assign: bool = False,
    seed: int = 0,
) -> Stability:
    """Whether the latents of dictionaries that differ by their seed alone are the same ones.

    A latent has come back if its decoder direction has a cosine above .7 with one of the other dictionary. Few do by chance in
    many dimensions; but states lie in few, and a dictionary of a network that has learnt nothing comes back as well, as far as
    its states are clustered by token. So both are given beside it.

    Parameters
    ----------
    dictionaries : sequence of Dictionary
        Two or more.
    random : sequence of Dictionary
        Two or more that are trained in the same way on the same model with random weights
        (:func:`depthscope.untrained`): the matched null.
    alive : sequence of bool arrays, optional
        Of each dictionary, which latents fire: see :func:`match`.
    assign : bool
        Make one-to-one assignments too.
    seed : int
        Of the directions that are drawn.

    Raises
    ------
    DepthscopeError
        A single dictionary, or dictionaries of different widths.

    References
    ----------
    Paulo & Belrose (2025), arXiv 2501.16615.
    """
    if len(dictionaries) < 2 or len(random) == 1:
        raise DepthscopeError("one dictionary has none to be compared with: give two or more, of different seeds")
    if alive is not None and len(alive) != len(dictionaries):
        raise DepthscopeError(f"alive is of {len(alive)} dictionaries, and there are {len(dictionaries)}")
    decoders = [one.decoder.detach() for one in dictionaries]
    living = list(alive) if alive is not None else [np.ones(len(one), dtype=bool) for one in decoders]
    everyone = [torch.from_numpy(one) for one in living]
    alike = tuple(
        match(one, drawn_alike(one[some.to(one.device)], seed + i), alive=kept, assign=assign)
        for i, (one, some, kept) in enumerate(zip(decoders, everyone, living, strict=True))
    )
    nulls = [one.decoder.detach() for one in random]
    return Stability(
        tuple(match(decoders[i], decoders[k], alive=living[i], assign=assign) for i, k in permuted(len(decoders))),
        permuted(len(decoders)),
        alike,
        tuple(match(nulls[i], nulls[k], assign=assign) for i, k in permuted(len(nulls))),
        float(chance_nearest(dictionaries[1].latents, dictionaries[0].width)),
    )


def permuted(count: int) -> tuple[tuple[int, int], ...]:
    """Every two of so many, both ways about."""
    return tuple(pair for i, k in combinations(range(count), 2) for pair in ((i, k), (k, i)))


def _assigned(first: torch.Tensor, second: torch.Tensor) -> Float:
    if max(len(first), len(second)) > MOST:
        raise DepthscopeError(
            f"a one-to-one assignment of {max(len(first), len(second)):,} latents is too large: it is made of up to {MOST:,}; "
            "leave it out, and read the mutual share"
        )
    cosines = (units(first) @ units(second).T).double().cpu().numpy()
    rows, columns = optimize.linear_sum_assignment(cosines, maximize=True)
    # of more latents than partners, some have none
    found = np.full(len(first), -1.0)
    found[rows] = cosines[rows, columns]
    return found


def _over(matches: Sequence[Match]) -> float:
    return _mean(np.array([one.share for one in matches]))


def _mean(values: NDArray[np.generic]) -> float:
    return float(values.mean()) if len(values) else float("nan")
