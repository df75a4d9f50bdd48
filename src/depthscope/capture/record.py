"""One forward pass: the states of the targets, what remains of them, and how expected the targets were."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from depthscope.arrays import depth_gram
from depthscope.capture.batches import pad
from depthscope.capture.surprisal import predictions, surprisal
from depthscope.capture.tokens import Tokenized
from depthscope.model.model import Model

Arrays = dict[str, NDArray[Any]]


@dataclass
class NotFiniteError(Exception):
    """NaN or infinity in the stream: which row of the batch, and the state's number."""

    row: int
    state: int


def record(model: Model, rows: list[Tokenized], keep_states: bool = False) -> Arrays:
    """Run one batch and reduce each target's trajectory.

    Returns
    -------
    dict of arrays, B rows, L blocks
        ``gram`` (B, L, L): ``<u_k, u_l>``; ``initial_dot`` (B, L): ``<h_0, u_l>``; ``state_norm`` (B, L + 1): ``|h_l|``;
        ``surprisal`` (B,): bits, NaN where it is not known; with ``keep_states``, ``states`` (B, L + 1, d) in float32.
        Inner products and surprisal in float64.
    """
    states, bits = measure(model, rows)
    finite = torch.isfinite(states).all(-1)
    if not bool(finite.all()):
        row, state = (int(i) for i in (~finite).nonzero()[0])
        raise NotFiniteError(row, state)
    exact = states.double()
    updates = exact[:, 1:] - exact[:, :-1]
    arrays = {
        "gram": depth_gram(updates).full(),
        "initial_dot": (updates @ exact[:, 0, :, None])[..., 0],
        "state_norm": exact.norm(dim=-1),
    }
    if keep_states:
        arrays["states"] = states.float()
    reduced = {name: np.ascontiguousarray(values.cpu().numpy()) for name, values in arrays.items()}
    return {**reduced, "surprisal": bits}


def measure(model: Model, rows: list[Tokenized]) -> tuple[torch.Tensor, NDArray[np.float64]]:
    """What one forward pass tells of each row's target.

    Returns
    -------
    states : Tensor (B, L + 1, d)
        ``h_0 .. h_L``, the mean over the tokens that stand for the target.
    surprisal : array (B,)
        Bits, over all tokens of the target; NaN for a target that begins at position 0, and for a model whose logits
        cannot be read at single tokens.
    """
    # 0, not the tokenizer's padding token, which the network need not know; nothing before it can see it
    ids, mask = pad([row.ids for row in rows], 0, model.device)
    weights = _weights(rows, ids.shape[1])
    taken: list[torch.Tensor] = []

    def take(_: int, state: torch.Tensor) -> None:
        # reduced at once: no full state outlives its block
        chosen = weights.to(device=state.device)
        if all(len(row.positions) == 1 for row in rows):
            picked = state[torch.arange(len(rows), device=state.device), chosen.argmax(1)]
        else:
            picked = (chosen[:, None, :] @ state.double())[:, 0]
        taken.append(picked.to(model.device))

    wanted = predictions(rows)
    bits = np.full(len(rows), np.nan)
    with model.listening(take):
        if model.predicts and len(wanted):
            bits = surprisal(model.run(ids, mask, wanted.rows, wanted.positions), wanted, len(rows))
        else:
            model.run_trunk(ids, mask)
    return torch.stack(taken, dim=1), bits


def _weights(rows: list[Tokenized], longest: int) -> torch.Tensor:
    weights = torch.zeros(len(rows), longest, dtype=torch.float64)
    for i, row in enumerate(rows):
        weights[i, row.positions] = 1 / len(row.positions)
    return weights
