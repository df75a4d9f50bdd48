"""How near the directions of a dictionary lie to one another, beside directions that are drawn at random."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import special

from depthscope.arrays import Float
from depthscope.errors import DepthscopeError

NUMBERS = 2**24  # cosines that are held at a time: 64 MiB
DRAWS, STEPS = 2048, 40  # with which moments are matched, to a few parts in a hundred


@dataclass(frozen=True, eq=False)
class Nearest:
    """Of each direction the one that is nearest to it.

    Attributes
    ----------
    cosine : array (n,)
        -1 to 1.
    index : int array (n,)
        Which one it is, of those that were compared with.
    """

    cosine: Float
    index: NDArray[np.int64]


def units(directions: torch.Tensor) -> torch.Tensor:
    """Directions (n, d) of length 1, in float32; those of length 0 stay what they are."""
    return torch.nn.functional.normalize(directions.detach().float(), dim=-1)


def nearest(
    directions: torch.Tensor, others: torch.Tensor | None = None, *, without: NDArray[np.int64] | None = None
) -> Nearest:
    """The largest cosine of each direction with another one; with (n, d) and (m, d) never more than a block of n x m is held.

    Parameters
    ----------
    directions : Tensor (n, d)
    others : Tensor (m, d), optional
        Directions of another dictionary; otherwise the same ones, each without itself.
    without : int array (n,), optional
        Of each direction the one of the others that does not count: itself, if they are some of the others.

    Raises
    ------
    DepthscopeError
        Fewer than two directions, none to compare with, or of another width.
    """
    own = units(directions)
    against = own if others is None else _alike(own, units(others))
    passed = np.arange(len(own)) if others is None else without
    if len(against) < (1 if passed is None else 2):
        raise DepthscopeError("a single direction has none to be compared with: give a dictionary of more latents")
    cosine, index = [], []
    step = max(1, NUMBERS // len(against))
    for start in range(0, len(own), step):
        block = own[start : start + step] @ against.T
        if passed is not None:
            rows = torch.arange(len(block), device=block.device)
            block[rows, torch.from_numpy(passed[start : start + step]).to(block.device)] = -2.0
        best = block.max(-1)
        cosine.append(best.values.clamp(-1, 1).double().cpu())
        index.append(best.indices.cpu())
    return Nearest(torch.cat(cosine).numpy(), torch.cat(index).numpy())


def chance_nearest(others: int, width: int, share: float | Float = 0.5) -> Float:
    """Quantiles of the largest cosine of a direction with ``others`` that are drawn at random from the sphere in ``width``
    dimensions: exact, without drawing any.

    The square of a cosine is distributed as Beta(1/2, (d - 1)/2), and the largest of m is below c with the m-th power of the
    chance that one is.

    Parameters
    ----------
    share : float or array
        Which quantiles, between 0 and 1; .5 for the median.
    """
    # the chance to be above c, without the digits that 1 - share^(1/m) would lose
    above = -np.expm1(np.log(np.asarray(share, dtype=np.float64)) / others)
    tail = np.minimum(2 * above, 2 - 2 * above)
    size = np.sqrt(special.betainccinv(0.5, (width - 1) / 2, tail))
    found: Float = np.where(above <= 0.5, size, -size)
    return found


def drawn_alike(directions: torch.Tensor, seed: int = 0) -> torch.Tensor:
    """As many directions as there are (n, d), drawn at random with the same second moments (normal, then of length 1).

    What a dictionary has by lying in the part of the space where the states are, and by nothing else: a stricter null than the
    sphere.
    """
    own = units(directions)
    values, vectors = torch.linalg.eigh((own.T @ own).double() / len(own))
    generator = generator_of(seed, "drawn alike")
    spread = _before_length(values.clamp(min=0), generator)
    root = (vectors * spread.sqrt()).T.to(own)
    drawn = torch.randn(own.shape, generator=generator).to(own)
    return units(drawn @ root)


def generator_of(seed: int, what: str) -> torch.Generator:
    """Random numbers of a seed for one purpose.

    Others with the same seed get others: a control must not draw the very directions from which training began.
    """
    state = np.random.SeedSequence([seed, *what.encode()]).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(state[0] >> np.uint64(1)))


def _before_length(moments: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Variances (d,) of normal vectors along their axes that have these moments when their lengths are made 1."""
    squares = torch.randn(DRAWS, len(moments), generator=generator).to(moments) ** 2
    variances = moments.clone()
    for _ in range(STEPS):
        each = squares * variances
        now = (each / each.sum(-1, keepdim=True)).mean(0)
        variances = torch.where(now > 0, variances * moments / now, 0.0)
    return variances


def _alike(own: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
    if own.shape[-1] != others.shape[-1]:
        raise DepthscopeError(
            f"directions of {own.shape[-1]} and of {others.shape[-1]} features: give dictionaries of one site"
        )
    return others.to(own.device)
