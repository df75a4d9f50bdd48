"""Attention times the gradient of a token's log probability: what of it speaks for the token."""

from collections.abc import Iterator, Sequence

import torch

from depthscope.capture.listening import listen
from depthscope.capture.speech import Utterance
from depthscope.studies.asr.attention.entropy import head_weights, row_entropy


def modulated(
    utterance: Utterance, tokens: Sequence[int], tau: float | None, kind: str, *, whole: bool
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Layer by layer: self-attention and cross-attention, as they are for each of some tokens.

    Every token has a row of its own in the batch, and the gradient there is that of its own log probability. Heads are
    averaged with their entropy weights; rows sum to 1 afterwards, padding included. Where the gradient says nothing (positions
    that the token does not depend on) the map is that without it.

    Parameters
    ----------
    tokens : sequence of int
        Which of the explained ones.
    kind : {"positive", "signed"}
        Negative products count as nothing before the mean over heads, or after it.
    whole : bool
        With self-attention, modulated in the same way, as a rollout needs it.

    Yields
    ------
    own (batch, position, position), crossed (batch, position, frame)
        ``own`` is empty unless ``whole``.
    """
    crossed: list[torch.Tensor] = []
    own: list[torch.Tensor] = []
    count = len(tokens)
    logits = listen(
        utterance,
        lambda _, weights: crossed.append(weights),
        (lambda _, weights: own.append(weights)) if whole else None,
        rows=count,
        gradients=True,
    )
    goal = utterance.log_p(logits)[torch.arange(count), list(tokens)].sum()
    slopes = torch.autograd.grad(goal, [*crossed, *own], allow_unused=True)
    across, along = slopes[: len(crossed)], slopes[len(crossed) :]
    for layer, weights in enumerate(crossed):
        with torch.no_grad():
            share = head_weights(row_entropy(weights, utterance.frames).transpose(0, 1), tau).transpose(0, 1)
            found = _products(weights, across[layer], share, kind)
            mine = weights.new_zeros(0)
            if whole:
                even = torch.full_like(own[layer][..., 0], 1 / own[layer].shape[1])
                mine = _products(own[layer], along[layer], even, kind)
        yield mine, found


def _products(weights: torch.Tensor, slope: torch.Tensor | None, share: torch.Tensor, kind: str) -> torch.Tensor:
    """(batch, position, key): mean over heads of weights times slope, rows made to sum to 1."""
    plain = torch.einsum("bhq,bhqk->bqk", share.float(), weights.float())
    plain = plain / plain.sum(-1, keepdim=True)
    if slope is None:
        return plain
    product = weights.float() * slope.float()
    if kind == "positive":
        product = product.clamp_min(0)
    found = torch.einsum("bhq,bhqk->bqk", share.float(), product).clamp_min(0)
    sums = found.sum(-1, keepdim=True)
    return torch.where(sums > 0, found / sums.clamp_min(1e-30), plain)
