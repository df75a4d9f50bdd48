"""How a dictionary is trained: settings, whose defaults are those of Gao et al. (2024), arXiv 2406.04093."""

import math
from dataclasses import dataclass, field
from typing import Literal

from depthscope.errors import DepthscopeError, check_choice, check_count
from depthscope.training.schedule import Schedule

RATE, RATE_LATENTS = 2e-4, 2**14  # the published rate, and the number of latents it was found for
NORMALIZATIONS = ("scale", "layer", "none")


@dataclass(frozen=True)
class Recipe:
    """Settings of a training.

    Attributes
    ----------
    rate : float, optional
        Learning rate; by default ``2e-4 / sqrt(n / 2**14)``, the square-root law of their section 3 and appendix A.3 for
        Adam. Above 0.
    schedule : Schedule
        By default constant.
    betas : (float, float)
        Of Adam.
    epsilon : float
        Of Adam, 6.25e-10.
    auxk : float
        Coefficient of AuxK, 1/32.
    k_aux : int, optional
        Dead latents that AuxK takes at each token; by default the power of two nearest to d / 2.
    dead_after : int
        Tokens for which a latent must not have fired to be dead: 10 million.
    fires_above : float
        Activation above which a latent has fired, in the units of the training: 1e-3.
    normalization : {"scale", "layer", "none"}
        Of the input. ``"scale"``: one constant, so that the mean norm is sqrt(d) and a feature has about the size 1; it is
        folded into the finished dictionary, which reads states as they are. ``"layer"``: each token's mean taken off and
        divided by its own standard deviation, as in the published code, and so in the finished dictionary.
    average : float, optional
        Of weights over steps, exponentially (EMA): the share of the past, .999 in the paper. By default the last weights stand.
    clip : float, optional
        Norm of the gradient above which it is shortened.
    seed : int
        Of the first directions; each dictionary gets others.

    Raises
    ------
    DepthscopeError
        A setting out of its range.
    """

    rate: float | None = None
    schedule: Schedule = field(default_factory=Schedule)
    betas: tuple[float, float] = (0.9, 0.999)
    epsilon: float = 6.25e-10
    auxk: float = 1 / 32
    k_aux: int | None = None
    dead_after: int = 10_000_000
    fires_above: float = 1e-3
    normalization: Literal["scale", "layer", "none"] = "scale"
    average: float | None = None
    clip: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        check_choice("normalization", self.normalization, NORMALIZATIONS)
        check_count("k_aux", self.k_aux)
        check_count("dead_after", self.dead_after, 0)
        check_count("seed", self.seed, 0)
        for name, value in (("rate", self.rate), ("epsilon", self.epsilon), ("clip", self.clip)):
            if value is not None and not 0 < value < math.inf:
                raise DepthscopeError(f"{name}={value}: give a number above 0")
        for name, value in (("auxk", self.auxk), ("fires_above", self.fires_above)):
            if not 0 <= value < math.inf:
                raise DepthscopeError(f"{name}={value}: give 0 or more")
        for name, value in (("average", self.average), ("betas", self.betas[0]), ("betas", self.betas[1])):
            if value is not None and not 0 <= value < 1:
                raise DepthscopeError(f"{name}={value}: give a share of the past, from 0 to below 1")

    def learning_rate(self, latents: int) -> float:
        """The rate for n latents."""
        return self.rate if self.rate is not None else RATE / math.sqrt(latents / RATE_LATENTS)

    def auxk_latents(self, width: int) -> int:
        """Dead latents that AuxK takes at each token, for states of ``width`` features: 256 for the 768 of GPT-2."""
        if self.k_aux is not None:
            return self.k_aux
        below: int = 2 ** int(math.log2(max(width / 2, 1)))
        return below if width / 2 - below <= 2 * below - width / 2 else 2 * below
