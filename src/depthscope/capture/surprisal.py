"""How little the model expected the target: minus the log probability of all its tokens, in bits."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from depthscope.capture.tokens import Tokenized

CHUNK = 8  # tokens whose logits are in float64 at a time: 16 MiB for the largest vocabularies


@dataclass(frozen=True)
class Predictions:
    """The N tokens of a batch whose probability is wanted, and where the model gives it.

    Attributes
    ----------
    rows, positions : int tensors (N,)
        The row, and the token before the wanted one, whose logits predict it.
    tokens : int tensor (N,)
        The ids of the wanted tokens.
    """

    rows: torch.Tensor
    positions: torch.Tensor
    tokens: torch.Tensor

    def __len__(self) -> int:
        return len(self.rows)


def predictions(rows: list[Tokenized]) -> Predictions:
    """Every token that overlaps a target, save targets that begin at position 0, which nothing predicts."""
    wanted = [
        (i, k - 1, row.ids[k])
        for i, row in enumerate(rows)
        if row.covering and row.covering[0] > 0
        for k in row.covering
    ]
    return Predictions(*torch.tensor(wanted, dtype=torch.long).reshape(-1, 3).unbind(1))


def surprisal(logits: torch.Tensor, wanted: Predictions, count: int) -> NDArray[np.float64]:
    """Sum of ``-log2 p(token | tokens before it)`` over the tokens of each target.

    Parameters
    ----------
    logits : Tensor (N, vocabulary)
        Those that predict the ``wanted`` tokens.
    count : int
        Rows in the batch, B.

    Returns
    -------
    array (B,), float64
        Bits, 0 or more; NaN for a row of which no token is wanted.
    """
    each = nats(logits, wanted.tokens)
    owner = wanted.rows.numpy()
    # summed on the CPU: the order in which a GPU adds up is not the same every time
    total = np.bincount(owner, each.cpu().numpy() / np.log(2), minlength=count)
    bits = np.full(count, np.nan)
    bits[owner] = total[owner]
    return bits


def nats(logits: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
    """``-ln p`` of N tokens, float64, from the logits (N, vocabulary) that predict them."""
    parts = zip(torch.split(logits, CHUNK), torch.split(tokens.to(logits.device), CHUNK), strict=True)
    # in float64, because a bfloat16 sum over a vocabulary is off in the first digits
    return torch.cat([_nats(part.double(), ids) for part, ids in parts])


def _nats(logits: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
    # not log_softmax, which would write out the probability of every token of the vocabulary
    return logits.logsumexp(-1) - logits.gather(-1, tokens[:, None])[:, 0]
