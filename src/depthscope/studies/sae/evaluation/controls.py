"""What a dictionary is to be better than: directions drawn at random, the mean, and what as many directions can do at best."""

from dataclasses import dataclass

import torch

from depthscope.studies.sae.activations.topk import TopK
from depthscope.studies.sae.dictionary import Dictionary
from depthscope.studies.sae.evaluation.similarity import generator_of

CALIBRATION = 8192  # tokens that controls are fitted to
BLOCK = 1024


@dataclass(frozen=True, eq=False)
class Linear:
    """A linear map of rank k about a mean, in place of a dictionary.

    Attributes
    ----------
    mean : Tensor (d,)
    directions : Tensor (k, d)
        Orthonormal; none of them for the mean alone.
    """

    mean: torch.Tensor
    directions: torch.Tensor

    def reconstruct(self, states: torch.Tensor) -> torch.Tensor:
        """States (..., d) as they are along the directions."""
        centred = states.to(self.mean) - self.mean
        return centred @ self.directions.T @ self.directions + self.mean


def mean_of(sample: torch.Tensor) -> Linear:
    """The mean of states (n, d) whatever the state: explained variance 0."""
    return Linear(sample.double().mean(0).to(sample), sample.new_zeros(0, sample.shape[-1]))


def principal(sample: torch.Tensor, count: int) -> Linear:
    """The ``count`` principal components of states (n, d): of all linear maps of that rank the one with the least error.

    It is fitted to the tokens that it is measured on, or some of them, so that it flatters itself a little. A dictionary
    chooses anew at each token which of its directions it uses, and should be better with as many.
    """
    mean = sample.double().mean(0)
    centred = sample.double() - mean
    _, vectors = torch.linalg.eigh(centred.T @ centred)
    count = min(count, len(vectors))
    return Linear(mean.to(sample), vectors[:, len(vectors) - count :].T.contiguous().to(sample))


def random_like(
    dictionary: Dictionary, sample: torch.Tensor, active: float, *, targets: torch.Tensor | None = None, seed: int = 0
) -> Dictionary:
    """A dictionary of as many latents in random directions, untrained, of which as many fire.

    Directions are uniform on the sphere, encoder and decoder the same, as training begins; the bias is the mean of the
    sample, and activations are multiplied by the one factor with which the error on the sample is least, so that what it lacks
    is the directions alone. Of isotropic states it explains about ``s / (1 + s)`` with ``s = k E[z^2] / d``, z the k largest
    of n standard normals.

    Parameters
    ----------
    dictionary : Dictionary
    sample : Tensor (n, d)
        States that it reads.
    active : float
        Latents per token of the dictionary, rounded to k of the control.
    targets : Tensor (n, d), optional
        What is to be given back, where it is not the states: then the decoder's directions are others.
    """
    generator = generator_of(seed, "random like")
    like = dictionary.encoder.detach()

    def directions() -> torch.Tensor:
        drawn = torch.randn(dictionary.latents, dictionary.width, generator=generator)
        return torch.nn.functional.normalize(drawn, dim=-1).to(like)

    states = sample.to(like)
    goal = states if targets is None else targets.to(like)
    encoder = directions()
    decoder = encoder.clone() if targets is None else directions()
    mean, out = states.double().mean(0).to(like), goal.double().mean(0).to(like)
    activation = TopK(max(1, min(round(active), dictionary.latents)))
    zero = like.new_zeros(dictionary.latents)
    made = Dictionary(
        encoder, zero, decoder, mean, activation, output_bias=None if targets is None else out, origin=dictionary.origin
    )
    above = below = 0.0
    with torch.no_grad():
        for rows, want in zip(torch.split(states, BLOCK), torch.split(goal, BLOCK), strict=True):
            given = (made.reconstruct(rows) - out).double()
            above += float((given * (want - out).double()).sum())
            below += float((given * given).sum())
        # a factor below 0 would turn activations about; then none of it is of use
        made.encoder.mul_(max(above, 0.0) / below if below else 0.0)
    return made
