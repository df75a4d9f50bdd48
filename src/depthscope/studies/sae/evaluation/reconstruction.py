"""How much of the states a dictionary gives back, with how few latents, and how many of those ever fire."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from depthscope.arrays import Float
from depthscope.errors import DepthscopeError
from depthscope.statistics.bootstrap import MIN_ITEMS, drawn_items
from depthscope.statistics.classify import Estimate
from depthscope.studies.sae.evaluation.score import Made, Score, scored
from depthscope.studies.sae.evaluation.units import Sums, Totals, Units
from depthscope.studies.sae.sparse import Sparse

DENSE = 0.1  # share of the tokens above which a latent that fires on them tells little of any of them
GROUPS = 32  # of units that firings are counted in, so that memory is a few times the latents, not units x latents
ROWS = 2**22  # numbers of a block in float64
RESAMPLES = 1000
LITTLE = 1e-9  # of the variance of the states, at which reconstructions count as one and the same

# what is added up of each token
NAMES = (
    "tokens",
    "error",
    "variance",
    "square",
    "given_square",
    "dot",
    "centred_dot",
    "centred_given",
    "relative",
    "cosine",
    "active",
)


def _slope(sums: Sums) -> Float:
    """Of x on x^, both about the mean; NaN where x^ is always the same."""
    given = sums["centred_given"]
    varies = given > LITTLE * sums["variance"]
    found: Float = np.where(varies, sums["centred_dot"] / np.where(varies, given, 1.0), np.nan)
    return found


BIAS = "ratio, 1 without shrinkage"
MADE = (
    Made("nmse", "of the error of the mean", "lower", lambda s: s["error"] / s["variance"]),
    Made("explained_variance", "share", "higher", lambda s: 1 - s["error"] / s["variance"]),
    Made("nmse_token", "of the square of the state", "lower", lambda s: s["relative"] / s["tokens"]),
    Made("cosine", "cosine", "higher", lambda s: s["cosine"] / s["tokens"]),
    Made("l0", "latents per token", "neither", lambda s: s["active"] / s["tokens"]),
    Made("relative_bias", BIAS, "neither", lambda s: s["given_square"] / s["dot"]),
    Made("slope", BIAS, "neither", _slope),
    Made("norm_ratio", BIAS, "neither", lambda s: np.sqrt(s["given_square"] / s["square"])),
)


class Reconstructing:
    """What :class:`Reconstruction` is made of, added up in float64, token by token, while states come by.

    Parameters
    ----------
    units : Units
        Of the windows that the tokens are in.
    latents : int, optional
        Of the dictionary; 0 where there is no code, as of a control without latents.
    """

    def __init__(self, units: Units, latents: int = 0) -> None:
        self.units, self.latents = units, latents
        self._sums = torch.zeros(units.count, len(NAMES), dtype=torch.float64)
        self._reference: torch.Tensor | None = None
        self._first = self._given = torch.zeros(0)
        groups = min(GROUPS, units.count)
        self._fired = torch.zeros(groups, latents, dtype=torch.int64)
        self._total = torch.zeros(latents, dtype=torch.float64)
        self._most = torch.zeros(latents, dtype=torch.float64)

    def add(
        self, window: NDArray[np.int64], states: torch.Tensor, given: torch.Tensor, code: Sparse | None = None
    ) -> None:
        """Add N tokens.

        Parameters
        ----------
        window : int array (N,)
            In which window each stands, of those that ``units`` was made of.
        states, given : Tensor (N, d)
            As they are, or as they should be (of a transcoder); and as the dictionary has them.
        code : Sparse (N, K), optional

        Raises
        ------
        DepthscopeError
            States that are not finite.
        """
        if not len(states):
            return
        if not torch.isfinite(states).all():
            raise DepthscopeError(
                "a state that is to be reconstructed has NaN or infinity: load the model in a wider precision (dtype float32)"
            )
        unit = torch.from_numpy(self.units.of[window])
        if self._reference is None:
            # near the mean, so that nothing of a variance is lost beside a large mean
            self._reference = states.double().mean(0)
            self._first = torch.zeros(self.units.count, states.shape[-1], dtype=torch.float64)
            self._given = torch.zeros_like(self._first)
        active = (code.active if code is not None else torch.zeros(len(states))).to(states.device)
        step = max(1, ROWS // states.shape[-1])
        for start in range(0, len(states), step):
            here = slice(start, start + step)
            self._block(
                unit[here], states[here].double(), given[here].to(states.device).double(), active[here].double()
            )
        if code is not None and self.latents:
            self._count(unit, code)

    def _block(self, unit: torch.Tensor, x: torch.Tensor, y: torch.Tensor, active: torch.Tensor) -> None:
        assert self._reference is not None
        centred, other = x - self._reference, y - self._reference
        square, given = (x * x).sum(-1), (y * y).sum(-1)
        error = ((x - y) ** 2).sum(-1)
        dot = (x * y).sum(-1)
        one = torch.ones_like(error)
        cosine = torch.where((square > 0) & (given > 0), dot / (square * given).sqrt(), 0.0)
        columns = [
            one,
            error,
            (centred * centred).sum(-1),
            square,
            given,
            dot,
            (centred * other).sum(-1),
            (other * other).sum(-1),
            torch.where(square > 0, error / square, error.sign()),
            cosine,
            active,
        ]
        self._sums.index_add_(0, unit, torch.stack(columns, -1).cpu())
        self._first.index_add_(0, unit, centred.cpu())
        self._given.index_add_(0, unit, other.cpu())

    def _count(self, unit: torch.Tensor, code: Sparse) -> None:
        fires = code.values > 0
        latent, value = code.indices[fires].cpu(), code.values[fires].double().cpu()
        group = (unit % len(self._fired))[:, None].expand(code.values.shape)[fires.cpu()]
        self._fired.view(-1).index_add_(0, group * self.latents + latent, torch.ones_like(latent))
        self._total.index_add_(0, latent, value)
        self._most.scatter_reduce_(0, latent, value, "amax")

    def result(self) -> "Reconstruction":
        """The numbers of all that was added.

        Raises
        ------
        DepthscopeError
            Nothing was.
        """
        if self._reference is None:
            raise DepthscopeError("no token to measure a reconstruction on: give a longer text, or more tokens")
        values = self._sums.numpy().copy()
        names = {name: i for i, name in enumerate(NAMES)}
        tokens = values[:, 0]
        first, given = self._first.numpy(), self._given.numpy()
        # moved from the reference to the mean of all tokens, which is what a dictionary is to be better than
        mean = first.sum(0) / tokens.sum()
        square = tokens * (mean @ mean)
        values[:, names["variance"]] += square - 2 * first @ mean
        values[:, names["centred_dot"]] += square - (first + given) @ mean
        values[:, names["centred_given"]] += square - 2 * given @ mean
        count = int(tokens.sum())
        fired = self._fired.numpy()
        with np.errstate(invalid="ignore"):
            average = np.divide(self._total.numpy(), fired.sum(0))
        there = tokens > 0
        return Reconstruction(
            Totals(NAMES, values[there], self.units.over),
            count,
            (self._reference.cpu().numpy() + mean),
            fired,
            np.array([tokens[i :: len(fired)].sum() for i in range(len(fired))]),
            average,
            self._most.numpy(),
        )


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """How well states are given back, over tokens of a text that the dictionary had not seen.

    Attributes
    ----------
    totals : Totals
        Sums by document.
    tokens : int
        How many there were.
    mean : array (d,)
        Of the states.
    fired : int array (group, latent)
        On how many tokens of each group of documents each latent fired.
    group_tokens : array (group,)
        Tokens of each.
    average, most : array (latent,)
        Activation where it fires, and the largest, in units of the states; NaN and 0 where it never does.
    """

    totals: Totals
    tokens: int
    mean: Float
    fired: NDArray[np.int64]
    group_tokens: Float
    average: Float
    most: Float

    @property
    def density(self) -> Float:
        """Share of the tokens on which each latent fires, (latent,), 0 to 1."""
        share: Float = self.fired.sum(0) / self.tokens
        return share

    @property
    def dead(self) -> NDArray[np.bool_]:
        """Latents that fired on none of the tokens; with more tokens there are fewer."""
        return np.asarray(self.fired.sum(0) == 0)

    @property
    def dense(self) -> NDArray[np.bool_]:
        """Latents that fire on more than a tenth of the tokens."""
        return self.density > DENSE

    def scores(self, seed: int = 0) -> list[Score]:
        """Every number of the reconstruction.

        ``nmse``: squared error over that of the mean of these tokens as the prediction; 0 is perfect, 1 no better than the
        mean, and there is no upper end. ``explained_variance``: 1 less it. ``nmse_token``: mean over tokens of the squared
        error over the square of the state itself, without a mean taken off, as in the code of Gao et al. (2024); 0 to, for
        zeros given back, 1, and more for worse. ``cosine``: mean over tokens of that between state and reconstruction, -1 to
        1; high for the mean alone where states share a large one. ``l0``: latents per token. ``dead``: share of latents that
        fire on no token, without an interval, because a resample holds fewer different documents and would make more of them
        look dead. ``dense``: share that fires on more than a tenth of the tokens. ``relative_bias``:
        ``E|x^|^2 / E[x^ . x]`` (Rajamanoharan et al. 2024, arXiv 2404.16014, equation 10), 1 without shrinkage, below it
        where reconstructions are too small. ``slope``: of the regression of x on x^, both about the mean; 1 without shrinkage,
        above it where what is told of a state is too little. ``norm_ratio``: root of the mean square norm of x^ over that of x.
        """
        found = scored([one for one in MADE if one.name != "l0" or self.fired.shape[1]], self.totals, seed)
        if self.fired.shape[1]:
            over = f"share of latents, over {self.tokens:,} tokens"
            dead = Estimate(float(self.dead.mean()), np.nan, np.nan)
            found += [Score("dead", dead, over, "lower"), Score("dense", self._dense(seed), over, "lower")]
        return found

    def _dense(self, seed: int) -> Estimate:
        """Share of dense latents, and its interval over groups of documents."""
        groups = len(self.fired)
        value = float(self.dense.mean())
        if groups < MIN_ITEMS:
            return Estimate(value, np.nan, np.nan)
        drawn = []
        for draws in drawn_items(groups, RESAMPLES, seed, max(groups, ROWS // self.fired.shape[1] * groups)):
            counts = np.stack([np.bincount(one, minlength=groups) for one in draws]).astype(np.float32)
            share = (counts @ self.fired.astype(np.float32)) / (counts @ self.group_tokens)[:, None]
            drawn.append((share > DENSE).mean(-1))
        low, high = np.quantile(np.concatenate(drawn), (0.025, 0.975))
        return Estimate(value, float(low), float(high))
