"""Texts that begin alike in one row: whether a network takes its tokens' places and what each sees from the outside."""

import inspect
from typing import Any
from weakref import WeakKeyDictionary

import torch

from depthscope.model.compiled import uncompiled
from depthscope.model.model import Model, inputs_of
from depthscope.model.narrow import ROUNDING
from depthscope.model.rounding import Rounding, apart
from depthscope.model.tokenizer import ordinary_tokens

# a row that branches rounds as any other shape does
MOST_ROUNDINGS = 8.0
# tokens of a row that branches, at most, unless it has two branches only: its attention takes time by their square
LARGEST = 64


def largest(length: int) -> int:
    """How many tokens a row may hold whose texts have up to ``length``: as many as the proof has run."""
    return max(LARGEST, 2 * length)


def visible(seen: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """The mask of a pass, (B, 1, T, T), added to the scores of attention, from which token sees which, (B, T, T)."""
    mask = torch.zeros(seen.shape, dtype=dtype, device=seen.device)
    return mask.masked_fill(~seen, torch.finfo(dtype).min)[:, None]


_PROVEN: WeakKeyDictionary[Model, dict[int, bool]] = WeakKeyDictionary()


def branches(model: Model, length: int) -> bool:
    """Whether texts of up to ``length`` tokens may branch off each other within a row: :func:`prove`, once for each model."""
    known = _PROVEN.setdefault(model, {})
    if length not in known:
        if model.proofs is None:
            known[length] = prove(model, length)
        else:
            what, weights = f"rows of {length} branch at {model.chain}", model.fingerprint
            known[length] = bool(model.proofs.settled(what, model.network, weights, lambda: prove(model, length)))
    return known[length]


def prove(model: Model, length: int) -> bool:
    """Whether texts of up to ``length`` tokens may branch off each other within a row.

    Proven by two rows: in one, texts branch off another, one at its middle and the rest at its beginning, until the row is
    as long as any may become (:func:`largest`); the other is shorter and padded. The states of each text must be those that
    it has alone, to a few roundings of this network. So an attention that looks back no further than some tokens, positions
    that are counted in the row or among the tokens that are no padding, states that run from token to token, tables that
    end before, or a kernel that takes no such mask are found out, whatever the network is called.
    """
    if model.quantization is not None or model.dtype not in ROUNDING or model.chain.layout != "batch token feature":
        return False
    if not model.causal or length < 4 or length > (model.max_length or length):
        return False
    for part in (model.network, model.trunk):
        if "position_ids" not in inspect.signature(uncompiled(part).forward).parameters:
            return False
    starts = _starts(length)
    ids = _ordinary(model, len(starts), length)
    for row, start in enumerate(starts):
        ids[row, :start] = ids[0, :start]
    plain = _states(model, ids, torch.ones_like(ids))
    try:
        packed = _packed(model, ids, starts)
    except Exception:  # foreign code objects in whatever way it likes: then texts run one beside the other
        return False
    rounding = Rounding(model, inputs_of(model.network, ids, torch.ones_like(ids)), plain, range(model.depth + 1))
    return rounding.times(apart(model, packed, plain), MOST_ROUNDINGS) <= MOST_ROUNDINGS


def _starts(length: int) -> tuple[int, ...]:
    """Where the texts of the proof branch off the first one."""
    missing = largest(length) - length - (length - length // 2)
    return (0, length // 2, *[1] * max(1, -(-missing // (length - 1))))


def _ordinary(model: Model, texts: int, length: int) -> torch.Tensor:
    """Tokens at random, none of which can stand for padding, an image or the end of a text: (texts, length)."""
    ordinary = ordinary_tokens(model.tokenizer, model.vocabulary, getattr(model.network.config, "pad_token_id", None))
    drawn = torch.randint(len(ordinary), (texts, length), generator=torch.Generator().manual_seed(0))
    return torch.tensor(ordinary)[drawn].to(model.device)


def _packed(model: Model, ids: torch.Tensor, starts: tuple[int, ...]) -> list[torch.Tensor]:
    """States 0 .. L of the texts, each put together from where it is in the row that branches: (texts, length, feature)."""
    length = ids.shape[1]
    own = [torch.arange(length)]
    size = length
    for start in starts[1:]:
        own.append(torch.cat([own[0][:start], torch.arange(size, size + length - start)]))
        size += length - start
    tokens = torch.zeros(2, size, dtype=torch.long, device=model.device)
    positions = torch.zeros_like(tokens)
    seen = torch.eye(size, dtype=torch.bool, device=model.device).repeat(2, 1, 1)
    for text, slots in zip(ids, own, strict=True):
        tokens[0, slots], positions[0, slots] = text, torch.arange(length, device=model.device)
        for place, slot in enumerate(slots):
            seen[0, slot, slots[: place + 1]] = True
    half = length // 2
    tokens[1, :half], positions[1, :half] = ids[1, :half], torch.arange(half, device=model.device)
    seen[1, :half, :half] = torch.ones(half, half, dtype=torch.bool, device=model.device).tril()
    states = _states(model, tokens, visible(seen, model.dtype), positions)
    return [torch.stack([state[0, slots] for slots in own]) for state in states]


def _states(
    model: Model, ids: torch.Tensor, mask: torch.Tensor, position_ids: torch.Tensor | None = None
) -> list[torch.Tensor]:
    states: dict[int, Any] = {}
    with model.chain.listening(model.network, lambda i, state: states.update({i: state.clone()}), raw=True):
        if model.predicts:  # as capture runs it, so that what stands around the trunk is seen to hand all on
            model.run(ids, mask, torch.zeros(1, dtype=torch.long), torch.zeros(1, dtype=torch.long), position_ids)
        else:
            model.run_trunk(ids, mask, position_ids)
    return [states[i] for i in range(model.depth + 1)]
