"""Before the first step: what a sample of states says, and the first parameters."""

import hashlib
import math
from dataclasses import dataclass

import torch
from torch.nn.functional import normalize

from depthscope.errors import DepthscopeError
from depthscope.studies.sae.dictionary import EPSILON, Dictionary, layer_normalized
from depthscope.studies.sae.training.plan import Plan
from depthscope.studies.sae.training.sharded import forward, mine
from depthscope.training.ranks import ALONE, Ranks

SAMPLE = 2**15  # states from which the rest is worked out, as in the published code
PROBES = 256  # unit vectors whose reconstruction sets the size of the encoder
PASSES, MOVES = (
    100,
    1e-6,
)  # of Weiszfeld's algorithm: at most, and until it moves less than this share of the median distance
ROWS = 4096  # states at a time, in float64


def geometric_median(states: torch.Tensor) -> torch.Tensor:
    """The point (d,) whose summed distance from the states (N, d) is smallest, in float64: Weiszfeld (1937).

    Where one state is the median itself its weight has no bound; a distance counts as no less than 1e-12 of the largest.
    """
    point = states.double().mean(0)
    for _ in range(PASSES):
        distances = torch.cat(
            [torch.linalg.vector_norm(some.double() - point, dim=1) for some in torch.split(states, ROWS)]
        )
        weights = 1 / distances.clamp(min=float(distances.max()) * 1e-12)
        if not torch.isfinite(weights).all():  # all states are one
            return point
        weights = weights / weights.sum()
        parts = zip(torch.split(weights, ROWS), torch.split(states, ROWS), strict=True)
        moved = torch.stack([some @ rows.double() for some, rows in parts]).sum(0)
        step, point = torch.linalg.vector_norm(moved - point), moved
        if step <= MOVES * distances.median():
            break
    return point


@dataclass(frozen=True)
class Units:
    """What a training measures states in.

    Attributes
    ----------
    normalization : {"scale", "layer", "none"}
    read, written : float
        What states and targets are multiplied by, with ``"scale"``; else 1.
    variance : float
        Of the target in these units: mean over tokens and features of the squared distance from the mean.
    """

    normalization: str
    read: float
    written: float
    variance: float

    def inside(self, states: torch.Tensor, target: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """States and targets (N, d) in these units; the same tensor where they are the same."""
        if self.normalization == "layer":
            read, mean, scale = layer_normalized(states)
            return read, read if target is states else (target - mean) / (scale + EPSILON)
        if self.normalization == "none":
            return states, target
        read = states * self.read
        return read, read if target is states else target * self.written


def units(normalization: str, states: torch.Tensor, target: torch.Tensor, site: str) -> Units:
    """From a sample (N, d).

    Raises
    ------
    DepthscopeError
        NaN, infinity, or states that are all the same.
    """
    sizes = [1.0, 1.0]
    if normalization == "scale":
        norms = [torch.linalg.vector_norm(one.double(), dim=1).mean() for one in (states, target)]
        sizes = [
            math.sqrt(one.shape[1]) / float(norm) if norm > 0 else math.inf
            for one, norm in zip((states, target), norms, strict=True)
        ]
    found = Units(normalization, sizes[0], sizes[1], 1.0)
    _, inside = found.inside(states, target)
    # by features: in float64 a sample is large
    columns = torch.split(inside, 64, 1)
    variance = float(torch.cat([some.double().var(0, correction=0) for some in columns]).mean()) if len(inside) else 0.0
    if not 0 < variance < math.inf or not all(map(math.isfinite, sizes)):
        raise DepthscopeError(
            f"the states of {site} are all the same, or hold NaN or infinity: nothing can be learnt from them; choose another "
            "site, or load the model in a wider precision (dtype float32)"
        )
    return Units(normalization, sizes[0], sizes[1], variance)


def blank(plan: Plan, width: int, like: torch.Tensor, shards: Ranks = ALONE) -> Dictionary:
    """A dictionary of the shapes that a plan asks for, all 0 but what its activation begins with; of several shards, one."""
    latents = plan.latents // shards.count

    def zeros(*shape: int) -> torch.Tensor:
        return like.new_zeros(shape)

    own = plan.activation.learnt(plan.activation.beginning(latents))
    return Dictionary(
        zeros(latents, width),
        zeros(latents),
        zeros(latents, width),
        zeros(width),
        plan.activation,
        {name: value.to(like) for name, value in own.items()},
        output_bias=None if plan.target is None else zeros(width),
        skip=zeros(width, width) if plan.skip else None,
    )


@torch.no_grad()
def first(plan: Plan, states: torch.Tensor, target: torch.Tensor, shards: Ranks = ALONE) -> Dictionary:
    """The dictionary before its first step, from a sample (N, d) in the units of the training; of several shards, one.

    The bias is the geometric median; directions of the decoder are random, of length 1; those of the encoder are the same, of
    the one length with which random vectors about the bias are given back as long as they are, on average (Gao et al. 2024,
    appendix A.1, and ``init_from_data_`` of their code). The vectors have the mean norm of states, which makes a difference
    to activations with a threshold.
    """
    dictionary = blank(plan, states.shape[1], states, shards)
    # on the processor, so that a seed means the same everywhere
    random = torch.Generator().manual_seed(_seed(plan))
    directions = normalize(torch.randn((plan.latents, dictionary.width), generator=random), dim=1)
    probes = normalize(torch.randn(PROBES, dictionary.width, generator=random), dim=1).to(states) * math.sqrt(
        dictionary.width
    )
    dictionary.bias.copy_(geometric_median(states))
    out = dictionary.bias
    if dictionary.output_bias is not None:
        dictionary.output_bias.copy_(geometric_median(target))
        out = dictionary.output_bias
    dictionary.decoder.copy_(normalize(directions[mine(plan.latents, shards)].to(states), dim=1))
    dictionary.encoder.copy_(dictionary.decoder)
    since = torch.zeros(dictionary.latents, dtype=torch.int64, device=states.device)
    made = forward(shards)(dictionary, probes + dictionary.bias, probes, PROBES, 1.0, since, plan.recipe)
    length = float(torch.linalg.vector_norm(made.decoded(plan.activation.learns(made)) - out, dim=1).mean())
    if length > 0:
        dictionary.encoder.mul_(math.sqrt(dictionary.width) / length)
    return dictionary


def _seed(plan: Plan) -> int:
    """Of one dictionary, whatever is trained beside it; others begin with other directions."""
    text = f"{plan.recipe.seed} {plan.site} {plan.target} {plan.latents}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1
