"""Products of a sparse code and their gradients, without the dense product (N, n).

Both ways are sums over bags: a state is the sum of the directions that fire at it, and the gradient of a direction is the
sum over the states at which it fires, once the entries are sorted by latent. The latter is what the sparse kernels of
OpenAI's code compute with atomic additions (Gao et al. 2024, arXiv 2406.04093, appendix D); sorted, the sums are the same bits
each time.
"""

from typing import Any

import torch
from torch.nn.functional import embedding_bag

from depthscope.studies.sae.sparse import Sparse

GROUPS = 16  # entries of a group, of which only the largest is compared at first: the quickest of 8 to 64
# pre-activations held at once: on a processor 32 MB in float32, elsewhere as many as keep a device busy
CELLS, CELLS_ELSEWHERE = 2**23, 2**28
CACHED = 2**19  # numbers that are gone over several times while they are near the processor: 2 MB


def decode(code: Sparse, decoder: torch.Tensor) -> torch.Tensor:
    """``z W_dec`` (..., d) of a code over tokens (...,) and directions (n, d).

    The gradient reaches the values that are not 0, and the directions of those; an entry of value 0 is none.
    """
    values, indices, width = code.values.to(decoder.dtype), code.indices, code.values.shape[-1]
    if not torch.is_grad_enabled():
        flat = embedding_bag(
            indices.reshape(-1, width), decoder, per_sample_weights=values.reshape(-1, width), mode="sum"
        )
        return flat.reshape(*values.shape[:-1], decoder.shape[-1])
    values, indices = values.reshape(-1, width), indices.reshape(-1, width)
    there = values.detach() != 0
    if bool(there.all()):
        given = embedding_bag(indices, decoder.detach(), per_sample_weights=values, mode="sum")
        rows = None
    else:
        # bags of unequal size: what only fills up a row costs nothing
        counts = there.sum(1)
        rows = torch.repeat_interleave(torch.arange(len(values), device=values.device), counts)
        values, indices = values[there], indices[there]
        given = embedding_bag(
            indices, decoder.detach(), offsets=counts.cumsum(0) - counts, per_sample_weights=values, mode="sum"
        )
    found: torch.Tensor = _Credited.apply(given, decoder, values.detach(), indices, rows)  # type: ignore[no-untyped-call]
    return found.reshape(*code.values.shape[:-1], decoder.shape[-1])


class _Credited(torch.autograd.Function):
    """A sum of directions, which it gives back as it is: only here so that the directions get their gradient."""

    @staticmethod
    def forward(
        ctx: Any,
        given: torch.Tensor,
        decoder: torch.Tensor,
        values: torch.Tensor,
        indices: torch.Tensor,
        rows: torch.Tensor | None,
    ) -> torch.Tensor:
        ctx.save_for_backward(values, indices, *([] if rows is None else [rows]))
        ctx.latents = len(decoder)
        return given.view_as(given)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        (gradient,) = gradients
        values, indices, *rows = ctx.saved_tensors
        found = None
        if ctx.needs_input_grad[1]:
            found = transposed(values, indices, gradient.contiguous(), ctx.latents, *rows)
        return gradient, found, None, None, None


def transposed(
    values: torch.Tensor,
    indices: torch.Tensor,
    states: torch.Tensor,
    latents: int,
    rows: torch.Tensor | None = None,
) -> torch.Tensor:
    """``z' states`` (n, d): for each latent the sum of states (N, d) over its entries.

    Parameters
    ----------
    values, indices : Tensor (N, K), or (E,) with ``rows``
    rows : int Tensor (E,), optional
        The state of each entry.
    """
    if rows is None:
        rows = torch.arange(len(values), device=values.device).repeat_interleave(values.shape[1])
        values, indices = values.reshape(-1), indices.reshape(-1)
    there = values != 0
    if not bool(there.all()):
        values, indices, rows = values[there], indices[there], rows[there]
    # numbers of half the size are sorted in half the time
    order = indices.to(torch.int32).argsort(stable=True)
    counts = torch.bincount(indices, minlength=latents)
    return embedding_bag(
        rows[order],
        states,
        offsets=counts.cumsum(0) - counts,
        per_sample_weights=values[order].to(states.dtype),
        mode="sum",
    )


class _Selected(torch.autograd.Function):
    """Pre-activations at some latents of each state, whose values are known already: here they get their gradient."""

    @staticmethod
    def forward(
        ctx: Any,
        values: torch.Tensor,
        indices: torch.Tensor,
        states: torch.Tensor,
        bias: torch.Tensor,
        encoder: torch.Tensor,
        latent_bias: torch.Tensor,
    ) -> torch.Tensor:
        ctx.save_for_backward(indices, states, bias, encoder)
        return values.view_as(values)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        (gradient,) = gradients
        indices, states, bias, encoder = ctx.saved_tensors
        sums = torch.zeros(len(encoder), dtype=gradient.dtype, device=gradient.device)
        sums.scatter_add_(0, indices.reshape(-1), gradient.reshape(-1))
        found = None
        if ctx.needs_input_grad[4]:
            found = transposed(gradient, indices, states - bias, len(encoder))
        # summed over states before the product: one row, not N
        return None, None, None, -(sums @ encoder), found, sums


def selected(
    values: torch.Tensor,
    indices: torch.Tensor,
    states: torch.Tensor,
    bias: torch.Tensor,
    encoder: torch.Tensor,
    latent_bias: torch.Tensor,
) -> torch.Tensor:
    """``W_enc (x - b_pre) + b_enc`` at chosen latents, as a function of the parameters.

    Parameters
    ----------
    values : Tensor (N, K)
        The result, as the encoder gave it when the latents were chosen.
    indices : int Tensor (N, K)
    states : Tensor (N, d)
        x; gets no gradient.
    bias : Tensor (d,)
    encoder : Tensor (n, d)
    latent_bias : Tensor (n,)

    Returns
    -------
    Tensor (N, K)
        ``values``, with a gradient to ``bias``, ``encoder`` and ``latent_bias`` through the chosen latents alone.
    """
    found: torch.Tensor = _Selected.apply(values.detach(), indices, states, bias, encoder, latent_bias)  # type: ignore[no-untyped-call]
    return found


def largest(before: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The k largest of each row (N, n), in no order: values and indices (N, k).

    They lie in the k groups whose largest entries are largest, so that most of a row is looked at once, as quickly as it is
    read. Which of equal values are taken is not said.
    """
    rows, latents = before.shape
    whole = latents // GROUPS * GROUPS
    groups = whole // GROUPS
    if groups < 2 * k:
        values, indices = before.topk(k, sorted=False)
        return values, indices
    # a group is every groups-th entry: the comparison runs along rows that lie together
    cells = before[:, :whole].reshape(rows, GROUPS, groups)
    best = cells.amax(1).topk(k, sorted=False).indices
    candidates = cells.gather(2, best[:, None].expand(rows, GROUPS, k)).flatten(1)
    places = (torch.arange(0, whole, groups, device=before.device)[:, None] + best[:, None]).flatten(1)
    if whole < latents:
        candidates = torch.cat([candidates, before[:, whole:]], 1)
        rest = torch.arange(whole, latents, device=before.device).expand(rows, -1)
        places = torch.cat([places, rest], 1)
    values, found = candidates.topk(k, sorted=False)
    return values, places.gather(1, found)


def take_off_(slope: torch.Tensor, directions: torch.Tensor) -> None:
    """Take off a gradient (n, d), in place, what is along its direction (n, d) of length 1."""
    for some, along in zip(_near(slope), _near(directions), strict=True):
        some.addcmul_(along, (some * along).sum(1, keepdim=True), value=-1)


def shorten_(directions: torch.Tensor) -> None:
    """Give directions (n, d) the length 1, in place."""
    for some in _near(directions):
        some.div_(torch.linalg.vector_norm(some, dim=1, keepdim=True))


def _near(tensor: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Some rows after the other; all at once where there is no such cache."""
    rows = max(1, CACHED // tensor.shape[1]) if tensor.device.type == "cpu" else len(tensor)
    return torch.split(tensor, rows)
