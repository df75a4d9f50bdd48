"""Logits at a few tokens only: the head sees those rows, all around it stays the network's own."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from depthscope.model.hooks import hooks


def logits_at(
    network: nn.Module, inputs: Mapping[str, Any], rows: torch.Tensor, positions: torch.Tensor
) -> torch.Tensor:
    """One forward pass whose language-model head is computed for N tokens of the batch.

    What enters the head, (batch, token, feature), is cut down to (1, N, feature). Nothing is re-implemented: final norm,
    head, logit scale and soft-capping act as the network defines them.

    Parameters
    ----------
    network : torch.nn.Module
        With ``get_output_embeddings()``, as transformers has it.
    inputs : mapping
        Keywords of its forward pass, among them ``input_ids`` (batch, token).
    rows, positions : int tensors (N,)
        Which tokens.

    Returns
    -------
    Tensor (N, vocabulary)
        In the precision in which the network gives logits.

    Raises
    ------
    LookupError
        The network has no such head, or does not compute all its logits by one call of it.
    """
    find: Any = getattr(network, "get_output_embeddings", None)
    head = find() if find is not None else None
    if not isinstance(head, nn.Module):
        raise LookupError("the model has no language-model head")
    shape = inputs["input_ids"].shape
    calls = 0

    def choose(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        nonlocal calls
        calls += 1
        state = args[0] if args else None
        if not isinstance(state, torch.Tensor) or state.ndim != 3 or state.shape[:2] != shape:
            raise LookupError("the head does not receive one vector per token")
        chosen = state[rows.to(state.device), positions.to(state.device)]
        return (chosen[None], *args[1:]), kwargs

    with hooks(network) as placed:
        placed.before(head, choose)
        logits = getattr(network(**inputs), "logits", None)
    if calls != 1 or not isinstance(logits, torch.Tensor) or logits.shape[:-1] != (1, len(rows)):
        raise LookupError(f"the head was called {calls} times, which does not give the logits of the chosen tokens")
    return logits[0]
