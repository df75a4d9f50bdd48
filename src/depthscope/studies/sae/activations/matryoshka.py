"""Dictionaries within dictionaries: Bussmann, Nabeshima, Karvonen and Nanda (2025), arXiv 2503.17547."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar

import torch

from depthscope.errors import DepthscopeError
from depthscope.studies.sae.activations.activation import Activation, Code
from depthscope.studies.sae.activations.batch_topk import BatchTopK
from depthscope.studies.sae.activations.topk import TopK
from depthscope.studies.sae.kernels import decode
from depthscope.studies.sae.sparse import Sparse

if TYPE_CHECKING:
    from depthscope.studies.sae.forward import Forward


@dataclass(frozen=True)
class Matryoshka(Activation):
    """BatchTopK or TopK, whose first latents have to do with a part of the code alone.

    The error is taken of what each prefix of the latents gives back by itself (equation 4 there), so that general features
    come first and are not absorbed by special ones. There the errors are added; here their mean is taken, which leaves the
    loss in the units of the others.

    Attributes
    ----------
    k : float
        Latents that fire at a token: on average, or with ``batch=False`` at most.
    prefixes : tuple of float
        Shares of the latents, rising, in (0, 1]; the last is 1.
    batch : bool
        Whether the largest of a batch fire, as there, or the largest of each token.
    """

    k: float
    prefixes: tuple[float, ...] = (1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0)
    batch: bool = True
    name: ClassVar[str] = "matryoshka"

    def __post_init__(self) -> None:
        object.__setattr__(self, "prefixes", tuple(self.prefixes))  # a list, where it was read from a file
        rising = [0.0, *self.prefixes]
        if len(rising) == 1 or rising[-1] != 1 or any(more <= less for less, more in pairwise(rising)):
            raise DepthscopeError(f"prefixes={self.prefixes}: give shares of the latents that rise from above 0 to 1")
        self._inside  # noqa: B018 - refuses a k that is none

    @property
    def _inside(self) -> TopK | BatchTopK:
        return BatchTopK(self.k) if self.batch else TopK(self.k)  # type: ignore[arg-type]

    def check(self, latents: int) -> None:
        self._inside.check(latents)
        sizes = self.sizes(latents)
        if len(set(sizes)) < len(sizes) or not sizes[0]:
            raise DepthscopeError(
                f"prefixes={self.prefixes}: two are the same {latents} latents apart; give fewer, or more latents"
            )

    def sizes(self, latents: int) -> list[int]:
        """How many latents each prefix has."""
        return [round(share * latents) for share in self.prefixes]

    def beginning(self, latents: int) -> dict[str, torch.Tensor]:
        return self._inside.beginning(latents)

    def fires(self, before: torch.Tensor, own: Mapping[str, torch.Tensor]) -> Sparse:
        return self._inside.fires(before, own)

    def learns(self, forward: "Forward") -> Sparse:
        return self._inside.learns(forward)

    def loss(self, forward: "Forward", code: Code, given: torch.Tensor) -> dict[str, torch.Tensor]:
        assert isinstance(code, Sparse)
        errors, sizes = [forward.error(given)], self.sizes(code.latents)
        inner = forward.beside()
        for first, last in pairwise([0, *sizes[:-1]]):
            part = (code.indices >= first) & (code.indices < last)
            some = code._replace(values=torch.where(part, code.values, 0))
            # a prefix is the one before it, and some latents more
            inner = inner + decode(some, forward.dictionary.decoder)
            errors.append(forward.error(inner))
        return {"error": torch.stack(errors).mean(), "auxk": forward.auxk(given)}
