"""One forward pass: the states of the targets, what remains of them, and how expected the targets were."""

from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from depthscope.arrays import depth_gram, trajectory
from depthscope.capture.heads import head_products
from depthscope.capture.lens import lens_entropy
from depthscope.capture.prefixes import Prefixes, prefixes
from depthscope.capture.surprisal import predictions, surprisal
from depthscope.capture.tokens import Tokenized
from depthscope.capture.trees import forest
from depthscope.capture.word import Words
from depthscope.errors import DepthscopeError
from depthscope.model.heads import Heads
from depthscope.model.model import Model
from depthscope.model.narrow import narrowed
from depthscope.model.parts import KINDS, Kind, Parts

Arrays = dict[str, NDArray[Any]]


@dataclass
class NotFiniteError(Exception):
    """NaN or infinity in the stream: which row of the batch, and the state's number."""

    row: int
    state: int


def check_vocabulary(name: str, vocabulary: int, highest: int) -> None:
    """Refuse a tokenizer that gives tokens, up to ``highest``, which the network ``name`` does not know."""
    if highest >= vocabulary:
        raise DepthscopeError(
            f"{name}: the tokenizer gives token {highest}, but the network knows {vocabulary} tokens: "
            "give load the tokenizer that belongs to it"
        )


def record(
    model: Model,
    rows: list[Tokenized],
    keep_states: bool = False,
    parts: Parts | None = None,
    lens: bool = False,
    words: Words | None = None,
    heads: Heads | None = None,
    branching: bool = False,
    running: Prefixes | None = None,
) -> Arrays:
    """Run one batch and reduce each target's trajectory; with ``branching``, what begins alike runs once.

    ``running``: the sequences of these rows, where they are known already.

    Returns
    -------
    dict of arrays, B rows, L blocks
        ``gram`` (B, L, L): ``<u_k, u_l>``; ``initial_dot`` (B, L): ``<h_0, u_l>``; ``state_norm`` (B, L + 1): ``|h_l|``;
        ``participation`` (B, L): ``(sum_d u_d^2)^2 / sum_d u_d^4``; ``surprisal`` (B,): bits, NaN where it is not known; with
        ``keep_states``, ``states`` (B, L + 1, d) in float32; with ``parts``, ``part_gram`` (B, 3, L, L): of attention, of
        the MLP, and what they have in common; with ``lens``, ``lens_entropy`` (B, L), bits. Inner products and surprisal in
        float64. With ``words``, surprisal is that of a word: see :class:`~depthscope.capture.word.Words`. With ``heads``, what
        :func:`~depthscope.capture.heads.head_products` gives.
    """
    measured = measure(model, rows, parts, words, heads, branching, running)
    arrays = reduce_states(measured.states)
    if keep_states:
        arrays["states"] = measured.states.float()
    if parts is not None:
        arrays["part_gram"] = _part_gram(*(measured.parts[kind] for kind in KINDS))
    if heads is not None:
        updates = measured.states.double().diff(dim=1)
        arrays |= head_products(model, heads, measured.reaching, measured.weights, updates)
    if lens:
        arrays["lens_entropy"] = lens_entropy(model, measured.states[:, 1:])
    reduced = {name: np.ascontiguousarray(values.cpu().numpy()) for name, values in arrays.items()}
    return {**reduced, "surprisal": measured.bits}


def reduce_states(states: torch.Tensor) -> dict[str, torch.Tensor]:
    """What remains of the states ``h_0 .. h_L`` of N tokens, (N, L + 1, d), and what :func:`record` says of it; float64.

    Raises
    ------
    NotFiniteError
        NaN or infinity in one of them.
    """
    finite = torch.isfinite(states).all(-1)
    if not bool(finite.all()):
        row, state = (int(i) for i in (~finite).nonzero()[0])
        raise NotFiniteError(row, state)
    return trajectory(states.double())


@dataclass(frozen=True)
class Measured:
    """What one forward pass gives about each row's target.

    Attributes
    ----------
    states : Tensor (B, L + 1, d)
        ``h_0 .. h_L``, the mean over the tokens that stand for the target.
    bits : array (B,)
        Surprisal over all tokens of the target; NaN for a target that begins at position 0, and for a model whose logits
        cannot be read at single tokens.
    parts : dict of Tensor (B, L, d), float64
        Of each update, by kind; empty unless asked for.
    weights : Tensor (B, N)
        Of the N tokens in the mean that stands for each target.
    reaching : dict of Tensor (N, heads times size)
        By block, the heads of these tokens side by side; empty unless asked for.
    """

    states: torch.Tensor
    bits: NDArray[np.float64]
    parts: dict[Kind, torch.Tensor]
    weights: torch.Tensor
    reaching: dict[int, torch.Tensor]


def whole(model: Model) -> bool:
    """Whether texts must run to their ends: an encoder sees all of them, and so does arithmetic that lets others in."""
    return not model.causal or model.alone


def measure(
    model: Model,
    rows: list[Tokenized],
    parts: Parts | None = None,
    words: Words | None = None,
    heads: Heads | None = None,
    branching: bool = False,
    running: Prefixes | None = None,
) -> Measured:
    """Run one batch and take from every state, as it passes, what stands for the targets."""
    running = running or prefixes(rows, not whole(model))
    owner = torch.tensor(running.owner)
    trees = forest(running.ids, branching)
    ids, mask, places = trees.inputs(model.device, model.dtype)
    text, position = torch.tensor([(i, k) for i, row in enumerate(rows) for k in row.positions]).unbind(1)
    row, slot = trees.where(owner[text], position)
    single = len(text) == len(rows)
    # of each text, the mean over the tokens that stand for it
    weights = torch.zeros(len(rows), len(text), dtype=torch.float64)
    weights[text, torch.arange(len(text))] = 1
    weights /= weights.sum(1, keepdim=True)
    states: list[torch.Tensor] = []
    split: dict[Kind, list[Any]] = {kind: [0] * model.depth for kind in KINDS}

    reaching: dict[int, torch.Tensor] = {}

    def tokens(values: torch.Tensor) -> torch.Tensor:
        return values[row.to(values.device), slot.to(values.device)]

    def target(values: torch.Tensor) -> torch.Tensor:
        picked = tokens(values)
        return (picked if single else weights.to(values.device) @ picked.double()).to(model.device)

    def take(_: int, state: torch.Tensor) -> None:
        states.append(target(state))  # reduced at once: no full state outlives its block

    def add(kind: Kind, number: int, part: torch.Tensor) -> None:
        split[kind][number - 1] = split[kind][number - 1] + target(part).double()

    def reach(number: int, values: torch.Tensor) -> None:
        reaching[number] = tokens(values)

    wanted = predictions(rows)
    bits = np.full(len(rows), np.nan)
    tail = model.tail if parts is None else ()  # found before anybody listens
    predicted = wanted if words is None else words.asked(wanted, rows)
    predicting = trees.where(owner[predicted.rows], predicted.positions)
    asked = torch.cat([row, predicting[0]]), torch.cat([slot, predicting[1]])
    with (
        model.listening(take),
        parts.listening(model, add) if parts is not None else narrowed(model.network, tail, ids.shape, *asked),
        heads.listening(model, reach) if heads is not None else nullcontext(),
    ):
        if model.predicts and len(wanted):
            logits = model.run(ids, mask, *predicting, places)
            bits = surprisal(logits[: len(wanted)], wanted, len(rows))
            if words is not None:
                bits += words.correction(logits, wanted, rows)
        else:
            model.run_trunk(ids, mask, places)
    none = torch.zeros_like(states[0], dtype=torch.float64)  # a block without a part of this kind
    given = {kind: torch.stack([none + one for one in each], dim=1) for kind, each in split.items()}
    return Measured(torch.stack(states, dim=1), bits, given if parts is not None else {}, weights, reaching)


def _part_gram(attention: torch.Tensor, mlp: torch.Tensor) -> torch.Tensor:
    """(B, 3, L, L): inner products within attention, within the MLP, and between the two, which add up to the whole."""
    across = attention @ mlp.mT
    return torch.stack([depth_gram(attention).full(), depth_gram(mlp).full(), across + across.mT], dim=1)
