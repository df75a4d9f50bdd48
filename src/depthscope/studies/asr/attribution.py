"""What every method gives, whichever it is: for each token a distribution over frames, and what it cost."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from depthscope.capture.speech import Utterance

Map = NDArray[np.float32]


@dataclass(frozen=True)
class Budget:
    """Passes of the network that an attribution took, over all tokens; a batch of B counts B times.

    ``encoder`` and ``decoder`` are forward passes, ``backward`` those back through the part that was run.
    """

    encoder: float = 0
    decoder: float = 0
    backward: float = 0

    def per_token(self, tokens: int) -> "Budget":
        return Budget(self.encoder / tokens, self.decoder / tokens, self.backward / tokens)


@dataclass(frozen=True, eq=False)
class Attribution:
    """How much of each token rests on which frame.

    Attributes
    ----------
    map : array (token, frame)
        Not negative, rows sum to 1; frames of padding are not in it.
    method : str
    budget : Budget
    signed : array (token, frame), optional
        Of methods that know for and against: before what speaks against was left out.
    beside : mapping of name to array (token,)
        What else a method knows of each token, e.g. ``padding``: the share of mass that lay in padding and was left out.
    """

    map: Map
    method: str
    budget: Budget
    signed: Map | None = None
    beside: dict[str, NDArray[np.float64]] = field(default_factory=dict)


# utterance -> attribution; every method is one
Method = Callable[[Utterance], Attribution]


def distribution(values: NDArray[np.floating]) -> Map:
    """Rows (token, frame) made into distributions: negative values count as nothing, and a row of nothing is spread evenly."""
    kept = np.maximum(np.nan_to_num(values.astype(np.float64)), 0)
    sums = kept.sum(-1, keepdims=True)
    even = np.full_like(kept, 1 / kept.shape[-1])
    found: Map = np.where(sums > 0, np.divide(kept, sums, out=even.copy(), where=sums > 0), even).astype(np.float32)
    return found
