"""What fires at each of many tokens, entry by entry."""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from depthscope.errors import DepthscopeError
from depthscope.studies.sae.dictionary import Dictionary
from depthscope.studies.sae.sparse import Sparse

# pre-activations that are there at a time
CELLS = 2**26


class Fired(NamedTuple):
    """M activations of N tokens, in the order of tokens, and of latents within a token.

    Attributes
    ----------
    token, latent : int array (M,)
    value : float32 array (M,)
        Above 0.
    tokens, latents : int
        N, and how many latents there are.
    """

    token: NDArray[np.int64]
    latent: NDArray[np.int64]
    value: NDArray[np.float32]
    tokens: int
    latents: int

    def at(self, rows: NDArray[np.int64], latents: NDArray[np.int64]) -> NDArray[np.float32]:
        """Activations of latents (M,) at tokens (M, C): 0 where one does not fire, NaN where the token is -1."""
        keys = self.token * self.latents + self.latent
        wanted = rows * self.latents + latents[:, None]
        place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        values = np.where(keys[place] == wanted, self.value[place], np.float32(0))
        return np.where(rows >= 0, values, np.float32(np.nan))


def fired(dictionary: Dictionary, states: torch.Tensor) -> Fired:
    """What fires at states (N, d), some at a time.

    Raises
    ------
    DepthscopeError
        States of another width than the dictionary's, or activations that are not finite.
    """
    parts: list[Fired] = []
    first = 0
    for some in torch.split(states, max(1, CELLS // dictionary.latents)):
        with torch.no_grad():
            parts.append(entries(dictionary.encode(some), first))
        first += len(some)
    token, latent, value = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("token", "latent", "value")
    )
    return Fired(token, latent, value, first, dictionary.latents)


def entries(code: Sparse, first: int = 0) -> Fired:
    """What is not 0 in a code of tokens (N,), which are counted from ``first``.

    Raises
    ------
    DepthscopeError
        NaN or infinity, of which the first token is named.
    """
    values = code.values.detach().float().cpu().numpy()
    finite = np.isfinite(values).all(-1)
    if not finite.all():
        raise DepthscopeError(
            f"token {first + int(np.argmin(finite))} of a pass: NaN or infinity among the activations; load the model in a "
            "wider precision (dtype='float32'), or look at what the dictionary was made of"
        )
    token, place = np.nonzero(values > 0)
    latent = code.indices.detach().cpu().numpy()[token, place].astype(np.int64)
    order = np.argsort(token * code.latents + latent, kind="stable")
    return Fired(token[order] + first, latent[order], values[token, place][order], len(values), code.latents)
