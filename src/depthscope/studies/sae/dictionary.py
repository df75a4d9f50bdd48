"""A dictionary: latents that a state is a sparse sum of, with the two maps that lead there and back."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import nn

from depthscope.capture.sites import Site
from depthscope.errors import DepthscopeError
from depthscope.studies.sae.activations.activation import Activation
from depthscope.studies.sae.sparse import Sparse

# what a state is divided by before it is encoded, token by token: nothing, or its own standard deviation, its mean taken
# off, as in OpenAI's code
Normalization = Literal["none", "layer"]
EPSILON = 1e-5  # is added to the standard deviation there


def layer_normalized(states: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """States (..., d) without their mean and spread, token by token, and these (..., 1)."""
    mean = states.mean(-1, keepdim=True)
    centred = states - mean
    # the standard deviation, unbiased; of no states at all it is nothing, without a warning
    scale = torch.linalg.vector_norm(centred, dim=-1, keepdim=True) / math.sqrt(max(states.shape[-1] - 1, 1))
    # as in OpenAI's code, which adds it where it divides and not where it multiplies
    return centred / (scale + EPSILON), mean, scale


@dataclass(frozen=True)
class Origin:
    """Where a dictionary comes from, for its file and for whoever puts it beside a model.

    Attributes
    ----------
    model : str
        Name of the model; empty if unknown.
    fingerprint : str
        Of its weights.
    site : Site or None
        What is read.
    target : Site or None
        What is written, if that is another place: of a transcoder.
    more : dict
        All else that its file says: settings of the training, the corpus, foreign keys.
    """

    model: str = ""
    fingerprint: str = ""
    site: Site | None = None
    target: Site | None = None
    more: Mapping[str, Any] = field(default_factory=dict)


class Dictionary(nn.Module):
    """A sparse autoencoder, or a transcoder, over states of d features, with n latents.

    ``z = activation(W_enc (x - b_pre) + b_enc)`` and ``x^ = z W_dec + b_out``, with ``b_out = b_pre`` in an autoencoder.

    Parameters
    ----------
    encoder : Tensor (n, d)
        Rows are the directions that latents read.
    latent_bias : Tensor (n,)
    decoder : Tensor (n, d)
        Rows are the directions that latents write.
    bias : Tensor (d,)
        What is taken off a state before it is encoded: ``b_pre``, and in an autoencoder given back by the decoder.
    activation : Activation
    own : mapping of str to Tensor
        Parameters of the activation: a threshold (n,), say.
    output_bias : Tensor (d,), optional
        Of a transcoder, whose output lies elsewhere, and of an autoencoder that takes another bias off its input, or none.
    skip : Tensor (d, d), optional
        Of a transcoder: a linear map from input to output beside the latents, ``x^ += skip x``.
    normalization : {"none", "layer"}
    origin : Origin, optional

    Raises
    ------
    DepthscopeError
        Shapes that do not fit together, or a number that is not finite.
    """

    def __init__(
        self,
        encoder: torch.Tensor,
        latent_bias: torch.Tensor,
        decoder: torch.Tensor,
        bias: torch.Tensor,
        activation: Activation,
        own: Mapping[str, torch.Tensor] | None = None,
        *,
        output_bias: torch.Tensor | None = None,
        skip: torch.Tensor | None = None,
        normalization: Normalization = "none",
        origin: Origin = Origin(),
    ) -> None:
        super().__init__()
        latents, width = encoder.shape
        shapes = {
            "latent_bias": (latent_bias, (latents,)),
            "decoder": (decoder, (latents, width)),
            "bias": (bias, (width,)),
            "output_bias": (output_bias, (width,)),
            "skip": (skip, (width, width)),
        }
        for name, (tensor, shape) in shapes.items():
            if tensor is not None and tuple(tensor.shape) != shape:
                raise DepthscopeError(
                    f"the dictionary's {name} has the shape {tuple(tensor.shape)}, not {shape}: with an encoder of {latents} "
                    f"latents over {width} features it cannot be used"
                )
        self.encoder, self.latent_bias = nn.Parameter(encoder), nn.Parameter(latent_bias)
        self.decoder, self.bias = nn.Parameter(decoder), nn.Parameter(bias)
        self.output_bias = None if output_bias is None else nn.Parameter(output_bias)
        self.skip = None if skip is None else nn.Parameter(skip)
        self.own = nn.ParameterDict({name: nn.Parameter(value) for name, value in (own or {}).items()})
        for name, parameter in self.named_parameters():
            if not torch.isfinite(parameter).all():
                raise DepthscopeError(
                    f"the dictionary's {name} has NaN or infinity: its file or its training went wrong"
                )
        self.activation: Activation = activation
        self.normalization: Normalization = normalization
        self.origin = origin

    @property
    def latents(self) -> int:
        """How many there are, n."""
        return len(self.encoder)

    @property
    def width(self) -> int:
        """Features of a state, d."""
        return self.encoder.shape[1]

    def encode(self, states: torch.Tensor) -> Sparse:
        """What fires at states (..., d)."""
        return self._encoded(self._normalized(states)[0])

    def decode(self, code: Sparse) -> torch.Tensor:
        """States (..., d) that a code stands for, in the units in which it was encoded: see :meth:`reconstruct`."""
        from depthscope.studies.sae.kernels import decode

        out = self.bias if self.output_bias is None else self.output_bias
        return decode(code, self.decoder) + out

    def reconstruct(self, states: torch.Tensor) -> torch.Tensor:
        """What a dictionary gives back of states (..., d), in their own units."""
        return self.autoencode(states)[1]

    def autoencode(self, states: torch.Tensor) -> tuple[Sparse, torch.Tensor]:
        """What fires at states (..., d), and what is given back of them: encoded once."""
        inside, mean, scale = self._normalized(states)
        code = self._encoded(inside)
        given = self.decode(code)
        if self.skip is not None:
            given = given + inside @ self.skip.T
        return code, given if mean is None or scale is None else given * scale + mean

    def before(self, inside: torch.Tensor) -> torch.Tensor:
        """Pre-activations (..., n) of states that are normalised already."""
        return nn.functional.linear(inside - self.bias, self.encoder, self.latent_bias)

    def _encoded(self, inside: torch.Tensor) -> Sparse:
        flat = self.activation.fires(self.before(inside.reshape(-1, self.width)), dict(self.own.items()))
        lead = inside.shape[:-1]
        # of no states at all, -1 would be any number
        shape = (*lead, flat.values.shape[-1])
        return Sparse(flat.values.reshape(shape), flat.indices.reshape(shape), self.latents)

    def _normalized(self, states: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None, torch.Tensor | None]:
        """States as the encoder takes them, and the mean and the spread that they lost."""
        if not isinstance(states, torch.Tensor):
            raise DepthscopeError(f"states are a {type(states).__name__}: give a tensor, torch.as_tensor(states)")
        if not states.ndim or states.shape[-1] != self.width:
            raise DepthscopeError(
                f"states of the shape {tuple(states.shape)}, and the dictionary reads {self.width} features: it belongs to "
                "another model"
            )
        states = states.to(self.encoder)
        return (states, None, None) if self.normalization == "none" else layer_normalized(states)

    def __repr__(self) -> str:
        where = f" at {self.origin.site} of {self.origin.model}" if self.origin.site and self.origin.model else ""
        return f"Dictionary({self.latents} latents over {self.width} features, {self.activation}{where})"
