"""Heads of attention: which module adds them up, and where each begins and ends, found and proven by behaviour."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from depthscope.errors import DepthscopeError
from depthscope.model.accept import probe
from depthscope.model.hooks import Hooks, hooks
from depthscope.model.model import Model, measuring
from depthscope.model.parts import Part, Parts
from depthscope.model.plain import plainly
from depthscope.model.stream import stream_in, to_stream, with_stream_in
from depthscope.model.summands import ROUNDINGS, as_memory, as_stream, first_of

Hear = Callable[[int, torch.Tensor], None]
# what reached a module and what it gave, once for every time it ran
Heard = dict[str, list[tuple[torch.Tensor | None, torch.Tensor]]]

# relative deviation of whole vectors that is laid to rounding, and the same in roundings, which are coarser in half precision:
# from a sum that is told, and from being any sum of three others
LINEAR, SHARED = (1e-5, ROUNDINGS), (1e-4, 2.0)
OTHERS = 3  # texts from which the numbers of a head at a fourth follow
INSTEAD = "trace with parts=True, which needs no heads"


@dataclass(frozen=True)
class Heads:
    """What attention writes into the stream, split by head.

    Attributes
    ----------
    count : int
        Heads of each block.
    projections : tuple of Part or None
        Of each block the module that adds up its heads, with the weight of its output in the update; what reaches it is
        the heads side by side, all of one size. None for a block without attention.
    norms : tuple of str
        Of each block the norm between this module and the stream; empty where there is none. It scales every head as it
        scales the sum of them all, so that what they write still adds up.
    remainder : float
        Largest part of what attention writes that its heads and the projection's bias do not make up, relative to the sum
        of their lengths.
    """

    count: int
    projections: tuple[Part | None, ...]
    norms: tuple[str, ...]
    remainder: float = 0.0

    @property
    def about(self) -> str:
        """In words: how many there are, and the module behind those of the first block that has any."""
        there = [one for one in self.projections if one is not None]
        without = len(self.projections) - len(there)
        more = f"; {without} of {len(self.projections)} blocks have no attention" if without else ""
        norm = next((f", scaled together by {norm}" for norm in self.norms if norm), "")
        return f"{self.count} in each block, added up by {there[0].path}{norm}{more}"

    @contextmanager
    def listening(self, model: Model, hear: Hear) -> Iterator[None]:
        """Call ``hear(l, heads)`` with what reaches the projection of block l, (batch, token, number of all heads)."""
        with hooks(model.network) as placed:
            for number, projection in enumerate(self.projections, 1):
                if projection is not None:
                    _listen(placed, model, number, projection.path, hear)
            yield

    def written(self, model: Model, number: int, head: int, reaching: torch.Tensor) -> torch.Tensor:
        """What one head of block ``number`` adds to the stream, (N, d) in float64; to be asked inside :func:`measuring`.

        Parameters
        ----------
        head : int
            From 0.
        reaching : Tensor (N, heads times size)
            As :meth:`listening` gives it, of N tokens.
        """
        size = reaching.shape[-1] // self.count
        only = torch.zeros_like(reaching)
        only[:, head * size : (head + 1) * size] = reaching[:, head * size : (head + 1) * size]
        return self._written(model, number, only, reaching, without=torch.zeros_like(reaching[:1]))

    def unsplit(self, model: Model, number: int, reaching: torch.Tensor) -> torch.Tensor:
        """What attention of a block writes that is of no head, (N, d): the biases of the projection and of the norm."""
        given = self._written(model, number, torch.zeros_like(reaching), reaching)
        projection, norm = self.projections[number - 1], self.norms[number - 1]
        if projection is None or not norm:
            return given
        nothing = _given(model.network.get_submodule(norm), reaching.new_zeros(1, given.shape[-1]))
        return given + model.chain.unscaled(number, nothing) * projection.weight

    def _written(
        self, model: Model, number: int, some: torch.Tensor, reaching: torch.Tensor, without: torch.Tensor | None = None
    ) -> torch.Tensor:
        """What comes of ``some`` of what reaches the projection, less what it makes of ``without``."""
        projection, norm = self.projections[number - 1], self.norms[number - 1]
        if projection is None:
            raise LookupError(f"block {number} has no attention")
        module = model.network.get_submodule(projection.path)
        added = _given(module, some)
        if without is not None:
            added = added - _given(module, without)
        if norm:
            whole = _given(module, reaching)
            added = _scaled(model.network.get_submodule(norm), added, whole, reaching.dtype)
        return model.chain.unscaled(number, added) * projection.weight


@plainly()
def find_heads(model: Model, parts: Parts) -> Heads:
    """Split what attention writes by head.

    The projection is the module whose output is the attention part and which treats each token by itself. Where the heads
    begin and end shows in the numbers that reach it: all numbers of one head are sums over the tokens of the text with the
    same weights, so that of one token behind the texts ``-``, ``a``, ``b`` and ``a b`` the last follows from the others with
    three numbers per head. The heads are the longest runs of equal length of which that holds, in all blocks; and what the
    projection makes of each of them alone adds up, with its bias, to the part, on another text.

    Where a norm gives the part, the projection is the module that gives what reaches the norm. A norm is linear but for one
    number per token, its scale, which all that it is given decides together; so each head is given what the norm makes of it
    at that scale (``LayerNorm`` and ``RMSNorm`` are such; that they are shows in that the heads add up).

    Raises
    ------
    DepthscopeError
        A model without attention, or with two kinds of it in a block; an output that is no linear map of the heads, nor one
        behind a norm; numbers that share no weights, as in a state-space mixer; another number of heads than its
        configuration has.
    """
    projections: list[Part | None] = []
    norms: list[str] = []
    with measuring(model.network):
        inputs = probe(model.network, model.tokenizer, 101)
        candidates = _candidates(model, parts, inputs)
        reaching = _four_texts(model, [part for block in candidates for part, _ in block], inputs)
        seen: list[torch.Tensor] = []
        for number, block in enumerate(candidates, 1):
            part, norm = next(((part, norm) for part, norm in block if _least(reaching[part.path])), (None, ""))
            if block and part is None:
                raise DepthscopeError(
                    f"{model.name}: what reaches {block[0][0].path} are no heads, whose numbers share the weights of the "
                    f"tokens (block {number}): {INSTEAD}"
                )
            projections.append(part)
            norms.append(norm)
            seen += [reaching[part.path]] if part is not None else []
        heads = Heads(_agreed(model, seen), tuple(projections), tuple(norms))
    return replace(heads, remainder=_prove(model, parts, heads))


def _candidates(model: Model, parts: Parts, inputs: dict[str, Any]) -> list[list[tuple[Part, str]]]:
    """Of each block the modules that give its attention part, or what a norm that gives it is given; the outermost first."""
    asked = [_attention(model, number, block) for number, block in enumerate(parts.blocks, 1)]
    if not any(asked):
        raise DepthscopeError(f"{model.name}: no block has a part that mixes tokens, so there are no heads: {INSTEAD}")
    heard = _heard(model, [part.path for part in asked if part], inputs)
    around: Heard = {}
    found: list[list[tuple[Part, str]]] = []
    for number, part in enumerate(asked, 1):
        own = {name: given for name, given in heard.items() if part and _within(name, part.path)}
        block = [(path, "") for path in _linear(model, own, heard[part.path][0][1])] if part else []
        if part and not block:
            # a norm may be beside the module of attention, so that all of the block is asked
            around = around or _heard(model, _paths(model), inputs)
            block = _behind_norms(model, own, around, heard[part.path][0][1])
        if part and not block:
            kind = type(model.network.get_submodule(part.path)).__name__
            raise DepthscopeError(
                f"{model.name}: {part.path} ({kind}) cannot be split into heads (block {number}), because no module in it maps "
                f"them linearly, token by token, to what it gives, nor to what a norm before that is given: {INSTEAD}"
            )
        found.append([(Part(path, part.weight, "attention"), norm) for path, norm in block] if part else [])
    return found


def _paths(model: Model) -> list[str]:
    names = {id(module): name for name, module in model.network.named_modules()}
    return [names[id(block)] for block in model.blocks]


def _heard(model: Model, paths: list[str], inputs: dict[str, Any]) -> Heard:
    """What reached and left the modules at and below the ``paths`` in one pass."""
    given: Heard = {}
    with hooks(model.network) as placed:
        for path in paths:
            for name, module in model.network.get_submodule(path).named_modules(prefix=path):

                def give(module: nn.Module, args: Any, output: Any, name: str = name) -> None:
                    value, entering = first_of(output), first_of(args)
                    if value is not None:
                        kept = entering.clone() if entering is not None else None
                        given.setdefault(name, []).append((kept, value.clone()))

                placed.after(module, give)
        model.run_trunk(inputs["input_ids"], inputs["attention_mask"])
    return given


def _linear(model: Model, heard: Heard, whole: torch.Tensor) -> list[str]:
    """The modules that give ``whole``, linearly and of each token by itself; the outermost first."""
    once = [name for name in heard if len(heard[name]) == 1]
    return [
        name
        for name in sorted(once, key=lambda name: name.count("."))
        if _by_token(model.network.get_submodule(name), *heard[name][0], whole)
    ]


def _behind_norms(model: Model, own: Heard, around: Heard, whole: torch.Tensor) -> list[tuple[str, str]]:
    """The same of what reaches a module that gives ``whole``, of each token by itself, but not linearly; and that module."""
    found: list[tuple[str, str]] = []
    for norm in sorted(own, key=lambda name: name.count(".")):
        entering, given = own[norm][0]
        if len(own[norm]) > 1 or entering is None:
            continue
        if _alone(model.network.get_submodule(norm), entering, given, whole) is not None:
            found += [(path, norm) for path in _linear(model, around, entering) if not _within(path, norm)]
    return found


def _within(name: str, path: str) -> bool:
    return f"{name}.".startswith(f"{path}.")


def _attention(model: Model, number: int, block: tuple[Part, ...]) -> Part | None:
    found = [part for part in block if part.kind == "attention"]
    if len(found) > 1:
        raise DepthscopeError(
            f"{model.name}: block {number} has {len(found)} parts that mix tokens ({', '.join(p.path for p in found)}), and "
            f"heads can be told apart in one: {INSTEAD}"
        )
    return found[0] if found else None


def _by_token(module: nn.Module, entering: torch.Tensor | None, given: torch.Tensor, whole: torch.Tensor) -> bool:
    """Whether a module gives the ``whole`` part, of each token by itself, and half of it where half reaches it."""
    rows = _alone(module, entering, given, whole)
    if rows is None:
        return False
    nothing, half = _given(module, torch.zeros_like(rows[:1])), _given(module, rows / 2)
    return _alike(2 * half - nothing, given, nothing)


def _alone(
    module: nn.Module, entering: torch.Tensor | None, given: torch.Tensor, whole: torch.Tensor
) -> torch.Tensor | None:
    """The tokens that reach a module, (N, numbers), if it gives the ``whole`` part, of each of them by itself."""
    same = given.numel() == whole.numel() and torch.equal(given.reshape(whole.shape), whole)
    if not same or entering is None or entering.ndim not in (2, 3) or entering.shape[:-1] != given.shape[:-1]:
        return None
    rows = entering.reshape(-1, entering.shape[-1])
    try:
        each, nothing = (
            torch.cat([_given(module, row[None]) for row in rows]),
            _given(module, torch.zeros_like(rows[:1])),
        )
    except Exception:  # a module that needs more than its first argument; whatever its author thought of
        return None
    return rows if _alike(each, given, nothing) else None


def _alike(found: torch.Tensor, given: torch.Tensor, nothing: torch.Tensor) -> bool:
    right = given.reshape(-1, given.shape[-1]).double()
    bound = _bound(LINEAR, given.dtype) * (right.norm(dim=-1) + nothing.norm())
    return bool(((found - right).norm(dim=-1) <= bound).all())


def _scaled(norm: nn.Module, part: torch.Tensor, whole: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """What a norm makes of a part (N, d) of what it is given, at the scale that the ``whole`` decides.

    All that is asked of the norm is ``n(x) - n(0) = s(x) L x``, a linear map times a number.
    """
    given, scale = _scale(norm, part, dtype)
    ratio = torch.where(scale > 0, _scale(norm, whole, dtype)[1] / scale, torch.zeros_like(scale))
    return given * ratio


def _scale(norm: nn.Module, rows: torch.Tensor, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
    """``s(x) L x`` of each row (N, d), and ``s(x)`` (N, 1) times a number that is the same for all; 0 for a row of zeros.

    Beside a row stands a vector of its length and of one direction for all. What the norm makes of the sum of the two is what
    it makes of either, each times a number, and the two numbers are to one another as the two scales.
    """
    chance = torch.randn(rows.shape[-1], generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    length = rows.norm(dim=-1, keepdim=True)
    beside = length * (chance / chance.norm()).to(rows.device)
    nothing = _given(norm, torch.zeros_like(rows[:1]).to(dtype))
    own, other, both = (_given(norm, each.to(dtype)) - nothing for each in (rows, beside, rows + beside))
    sizes = [each.norm(dim=-1, keepdim=True).clamp(min=torch.finfo(torch.float32).tiny) for each in (own, other)]
    unit = torch.stack([own / sizes[0], other / sizes[1]], -1)
    shares = torch.linalg.pinv(unit.mT @ unit, hermitian=True) @ (unit.mT @ both[..., None])
    a, b = shares[:, 0] / sizes[0], shares[:, 1] / sizes[1]
    known = (length > 0) & (a > 0) & (b > 0)
    return own, torch.where(known, other.norm(dim=-1, keepdim=True) / length * b / a, torch.zeros_like(length))


def _given(module: nn.Module, rows: torch.Tensor) -> torch.Tensor:
    """What a module makes of tokens (N, numbers), (N, d) in float64."""
    value = first_of(module(rows[None]))
    if value is None:
        raise LookupError("the module gives no tensor")
    return value.reshape(len(rows), -1).double()


def _bound(rule: tuple[float, float], dtype: torch.dtype) -> float:
    least, steps = rule
    return max(least, steps * torch.finfo(dtype).eps)


def _four_texts(model: Model, candidates: list[Part], inputs: dict[str, Any]) -> dict[str, torch.Tensor]:
    """What reaches each candidate at one and the same token, behind nothing, ``a``, ``b`` and ``a b``: (4, row, number).

    The states that enter every block are those of one pass over a text, so that a block sees of the texts what it would see
    of their first. Each row takes other states.
    """
    entered: list[torch.Tensor] = []

    def keep(module: nn.Module, args: Any, kwargs: Any) -> None:
        entered.append(to_stream(stream_in(args, kwargs), model.chain.layout)[0].clone())

    with hooks(model.network) as placed:
        for block in model.blocks:
            placed.before(block, keep)
        model.run_trunk(inputs["input_ids"], inputs["attention_mask"])
    ids = inputs["input_ids"][0]
    first = torch.arange(len(ids), device=ids.device)
    a, b, token = (((first + shift) % len(ids)) for shift in range(3))
    texts = [torch.stack(text, 1) for text in ([token], [a, token], [b, token], [a, b, token])]
    given: dict[str, list[torch.Tensor]] = {}
    for text in texts:
        with hooks(model.network) as placed:
            for state, block in zip(entered, model.blocks, strict=True):

                def enter(module: nn.Module, args: Any, kwargs: Any, state: torch.Tensor = state) -> Any:
                    return with_stream_in(args, kwargs, as_memory(state[text.to(state.device)], model))  # noqa: B023

                placed.before(block, enter)
            for part in candidates:

                def hear(module: nn.Module, args: Any, kwargs: Any, path: str = part.path) -> None:
                    value = _side_by_side(model, args, text.shape)  # noqa: B023
                    given.setdefault(path, []).append(value[:, -1].clone())

                placed.before(model.network.get_submodule(part.path), hear)
            model.run_trunk(ids[text], torch.ones_like(text))
    return {path: torch.stack(values) for path, values in given.items()}


def _side_by_side(model: Model, args: Any, shape: torch.Size) -> torch.Tensor:
    """The heads of all tokens, (batch, token, number), among the arguments of their projection."""
    value = first_of(args)
    rows = as_stream(value, torch.Size((*shape[:2], value.shape[-1])), model) if value is not None else None
    if rows is None:
        raise DepthscopeError(f"{model.name}: no vector per token reaches the module behind the heads in this pass")
    return rows


def _least(texts: torch.Tensor) -> int:
    """Into how few runs of equal length the numbers (4, row, number) can be cut so that those of a run share weights.

    0 if into none, or into those alone that are so short, no longer than there are texts, that any would do.
    """
    width = texts.shape[-1]
    return next((n for n in range(1, width // (OTHERS + 1) + 1) if _fits(texts, n)), 0)


def _fits(texts: torch.Tensor, count: int) -> bool:
    width = texts.shape[-1]
    if width % count or width // count <= OTHERS:
        return False
    runs = texts.double().cpu().reshape(*texts.shape[:2], count, -1)
    return _share(runs, _bound(SHARED, texts.dtype))


def _share(runs: torch.Tensor, bound: float) -> bool:
    """Whether of each run (4, row, run, number) the last is a sum of the others, to rounding."""
    known, asked = runs[:OTHERS].permute(1, 2, 3, 0), runs[OTHERS][..., None]
    weights: torch.Tensor = torch.linalg.lstsq(known, asked, driver="gelsd").solution
    length = torch.linalg.vector_norm
    left = length(asked - known @ weights, dim=(-2, -1))
    size = length(asked, dim=(-2, -1)) + (length(known, dim=-2) * weights[..., 0].abs()).sum(-1)
    return bool((left <= bound * size).all())


def _agreed(model: Model, seen: list[torch.Tensor]) -> int:
    """The number of heads, on which all blocks, and the configuration if it has one, agree."""
    config: Any = model.network.config
    text = config.get_text_config() if hasattr(config, "get_text_config") else config
    told = getattr(text, "num_attention_heads", None)
    least = sorted({_least(texts) for texts in seen})
    # heads of which all are alike in a block cannot be told from fewer there
    agreed = (
        least[-1] == told and all(_fits(texts, told) for texts in seen) if isinstance(told, int) else len(least) == 1
    )
    if agreed:
        return least[-1]
    there = f"attention behaves as if there were {' or '.join(map(str, least))} in a block"
    said = f", and the configuration has {told}" if isinstance(told, int) else ""
    raise DepthscopeError(f"{model.name}: the number of heads is not certain: {there}{said}: {INSTEAD}")


def _prove(model: Model, parts: Parts, heads: Heads) -> float:
    """On a text on which nothing was chosen: the heads, heard as capture hears them, and the bias add up to the part."""
    inputs = probe(model.network, model.tokenizer, 2003)
    whole: dict[int, torch.Tensor] = {}
    reaching: dict[int, torch.Tensor] = {}
    with (
        heads.listening(model, lambda number, value: reaching.update({number: value.flatten(0, 1).clone()})),
        parts.listening(
            model,
            lambda kind, number, part: (
                whole.update({number: part.flatten(0, 1).clone()}) if kind == "attention" else None
            ),
        ),
    ):
        model.run_trunk(inputs["input_ids"], inputs["attention_mask"])
    worst = 0.0
    with measuring(model.network):
        for number, values in reaching.items():
            projection = heads.projections[number - 1]
            assert projection is not None
            nothing = heads.unsplit(model, number, values)
            left = whole[number].double() - nothing
            size = nothing.norm(dim=-1)
            for head in range(heads.count):
                given = heads.written(model, number, head, values)
                left -= given
                size += given.norm(dim=-1)
            apart = float((left.norm(dim=-1) / size.clamp(min=torch.finfo(torch.float32).tiny)).max())
            if not apart <= _bound(LINEAR, values.dtype):
                raise DepthscopeError(
                    f"{model.name}: on another text the heads do not add up to {projection.path} (block {number}, off by "
                    f"{apart:.2g}), so they cannot be told apart: {INSTEAD}"
                )
            worst = max(worst, apart)
    return worst


def _listen(placed: Hooks, model: Model, number: int, path: str, hear: Hear) -> None:
    """Set the hooks of one projection."""
    shape: list[torch.Size] = []

    def enter(module: nn.Module, args: Any, kwargs: Any) -> None:
        shape[:] = [to_stream(stream_in(args, kwargs), model.chain.layout).shape]

    def reach(module: nn.Module, args: Any, kwargs: Any) -> None:
        hear(number, _side_by_side(model, args, shape[0]))

    placed.before(model.blocks[number - 1], enter)
    placed.before(model.network.get_submodule(path), reach)
