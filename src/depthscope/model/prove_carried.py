"""Proof that a cache may be carried and cut: the states are those of a plain pass, wherever in a document the text stands."""

from collections.abc import Callable

import torch

from depthscope.errors import DepthscopeError, reason
from depthscope.model.carried import Carrier, attended, refusal
from depthscope.model.judge import TOLERANCE
from depthscope.model.model import Model
from depthscope.model.tokenizer import ordinary_tokens
from depthscope.model.widened import HALF, in_float32

PIECES, PIECE = 3, 12  # of the probe, in tokens
LEAD = 1  # tokens at its beginning that are kept when the rest is cut
FARTHEST = (
    2**14 + 2**10
)  # positions that a rolling text may reach: a part of a scan, and the window that it begins with
# share by which the outcome of a block may differ: rotations of far positions are rounded, by 2e-4 in float32 at 64,000
ROUNDED = {torch.float64: 1e-3, torch.float32: 1e-3, torch.float16: 1e-2, torch.bfloat16: 5e-2}

States = list[torch.Tensor]


def prove(carrier: Carrier, least: int) -> tuple[int, str]:
    """Check that a network may be read with a rolling cache.

    Parameters
    ----------
    carrier : Carrier
    least : int
        Positions that a text must reach for the roll to be worth while.

    Returns
    -------
    reach : int
        Positions that a text may reach.
    line : str
        For the record.

    Raises
    ------
    DepthscopeError
        A pass in pieces gives other states than one at once; or blocks give something else once the cache is cut, wherever
        the text stands: their positions are absolute.
    """
    model = carrier.model
    if model.dtype in HALF and model.quantization is None:
        # the rounding of half precision would hide what is wrong with a cache
        with in_float32(model.network, model.blocks):
            reach, line = _prove(carrier, least, torch.float32)
        return reach, f"{line} (in float32)"
    return _prove(carrier, least, model.dtype)


def _prove(carrier: Carrier, least: int, dtype: torch.dtype) -> tuple[int, str]:
    model = carrier.model
    exact = _attempt(model, lambda: _in_pieces(carrier))
    bound = 10 * TOLERANCE.get(dtype, 1e-2)
    if not exact <= bound:
        raise refusal(model, f"states differ by {exact:.1g} (relative) if a text is read piece by piece with a cache")
    reach = FARTHEST
    while True:
        try:
            moved = _attempt(model, lambda: _cut(carrier, reach))  # noqa: B023
            if moved <= ROUNDED.get(dtype, 5e-2):
                break
        except DepthscopeError:  # a table of positions that ends before
            moved = float("inf")
        if not carrier.placed or reach // 2 < least:
            raise refusal(
                model,
                "its states depend on where in a document a text stands"
                + (f" (by {moved:.1g}, relative)" if moved < float("inf") else "")
                + ": its positions are absolute, learnt or fixed",
            )
        reach //= 2
    return reach, (
        f"states in pieces with a cache differ by at most {exact:.1g}, what blocks add by at most {moved:.1g} after a cut"
        + (f", at positions up to {reach:,}" if carrier.placed else "")
    )


def _attempt(model: Model, work: Callable[[], float]) -> float:
    try:
        return work()
    except DepthscopeError:
        raise
    except Exception as problem:  # foreign code objects in whatever way it likes
        raise refusal(model, f"{type(model.trunk).__name__} does not run on with a cache ({reason(problem)})") from None


def _in_pieces(carrier: Carrier) -> float:
    """Largest difference between the states of a text that is read in pieces and of one that is read at once."""
    model, ids = carrier.model, _probe(carrier.model)
    whole: States = _heard(model, lambda: model.run_trunk(ids, torch.ones_like(ids)))
    cache, parts = carrier.begin(), []
    for i, piece in enumerate(torch.split(ids, PIECE, dim=1)):
        parts.append(_heard(model, lambda: carrier.run(piece, i * PIECE, cache)))  # noqa: B023
    joined = [torch.cat(states, dim=1) for states in zip(*parts, strict=True)]
    return max(_difference(a, b) for a, b in zip(joined, whole, strict=True))


def _cut(carrier: Carrier, reach: int) -> float:
    """Largest difference that a cut makes to what blocks add, if all of them are given the embeddings.

    Then nothing reaches a block from what was cut: the kept tokens and those after them must give what they give as a text of
    their own, at its beginning.
    """
    model, ids = carrier.model, _probe(carrier.model)
    start = reach - ids.shape[1] if carrier.placed else 0
    keep = PIECE // 2
    lead, new = ids[:, :LEAD], ids[:, -PIECE:]
    kept = ids[:, -PIECE - keep : -PIECE]
    cache = carrier.begin()
    _heard(model, lambda: carrier.run(ids[:, :-PIECE], start, cache), alike=True)
    middle = start + ids.shape[1] - PIECE
    if carrier.placed:
        leading = carrier.begin()
        _heard(model, lambda: carrier.run(lead, middle - keep - LEAD, leading), alike=True)
        before = carrier.last(leading)
    else:
        before = [p and (p[0][..., :LEAD, :], p[1][..., :LEAD, :]) for p in carrier.last(cache)]
    carrier.cut(cache, keep, before)
    rolled = _heard(model, lambda: carrier.run(new, middle, cache), alike=True)
    text = torch.cat([lead, kept, new], dim=1)
    alone = _heard(model, lambda: model.run_trunk(text, torch.ones_like(text)), alike=True)
    alone = [state[:, -PIECE:] for state in alone]
    blocks = attended(cache)
    if len(blocks) != model.depth:
        blocks = [all(blocks)] * model.depth
    apart = [_difference(rolled[0], alone[0])]
    apart += [_difference(rolled[i] - rolled[0], alone[i] - alone[0]) for i, whole in enumerate(blocks, 1) if whole]
    return max(apart)


def _probe(model: Model) -> torch.Tensor:
    ordinary = ordinary_tokens(model.tokenizer, model.vocabulary)
    ids = [ordinary[(i * 7919 + 29) % len(ordinary)] for i in range(PIECES * PIECE)]
    return torch.tensor([ids], device=model.device)


def _heard(model: Model, run: Callable[[], None], alike: bool = False) -> States:
    """What enters the first block and what leaves each, in a pass; with ``alike``, every block is given what the first is."""
    states: dict[int, torch.Tensor] = {}

    def put(_: int, stream: torch.Tensor) -> None:
        stream.copy_(states[0].to(stream))

    with model.listening(lambda i, state: states.update({i: state.clone()})):
        if alike:
            with model.editing(put, range(1, model.depth)):
                run()
        else:
            run()
    return [states[i] for i in range(model.depth + 1)]


def _difference(a: torch.Tensor, b: torch.Tensor) -> float:
    """Largest absolute difference over the largest absolute value."""
    a, b = a.double().cpu(), b.double().cpu()
    return float((a - b).abs().max() / b.abs().max().clamp_min(torch.finfo(torch.float64).tiny))
