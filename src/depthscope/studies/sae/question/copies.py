"""CSE of targets whose state is changed at one layer, in many ways at once: copies of a target that share its text."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from depthscope.arrays import Float
from depthscope.capture.batches import default_budget, default_slack, plan
from depthscope.capture.tokens import Tokenized
from depthscope.capture.trees import SHORTEST, Forest, Tree
from depthscope.errors import DepthscopeError
from depthscope.instrument.cse import cse
from depthscope.model.branching import branches, largest
from depthscope.model.model import Model
from depthscope.model.plain import plainly
from depthscope.progress import bar
from depthscope.store.shards import Shards

# of rows of texts to what is added to the state of each copy, (row, copy, d)
Changes = Callable[[NDArray[np.int64]], torch.Tensor]


@dataclass(frozen=True, eq=False)
class _Row:
    """One row of a pass: a text, with the copies of its target that stand behind what is before it."""

    text: int
    first: int
    tree: Tree
    slots: list[int]


@plainly()
def copied_cse(
    model: Model,
    rows: Sequence[Tokenized],
    layer: int,
    changes: Changes,
    copies: int,
    *,
    token_budget: int | None = None,
    progress: bool = True,
    shards: Shards | None = None,
) -> Float:
    """CSE of each target, at every layer, with something added to its state after one layer.

    What is added is nobody's update, so that it is not counted as one: CSE is of what the layers themselves write. Nothing else
    of the text is changed, for in a causal model the target is the last that is read. So all copies of a target run in one
    row, where the network is proven to let them (:mod:`depthscope.model.branching`): each sees its text and itself, and costs
    one token. Elsewhere every copy runs with a text of its own.

    Parameters
    ----------
    model : Model
    rows : sequence of Tokenized
        The texts, one token of each standing for its target.
    layer : int
        After which the state is changed, 0 to L.
    changes : callable
        Called for some texts at a time.
    copies : int
        How many changes there are of each.

    Returns
    -------
    array (copy, text, layer)
        NaN where the transform has too few scales.

    Raises
    ------
    DepthscopeError
        A change that the model makes NaN or infinity of.
    """
    budget = 1 if model.alone else token_budget or default_budget(model.device)
    planned = _rows(model, rows, copies, branching=budget > 1)
    sizes = [len(row.tree.ids) for row in planned]
    batches = plan(sizes, budget, default_slack(model.device))
    found = np.full((copies, len(rows), model.depth), np.nan)
    with bar(len(planned), "changing states", unit="row", shown=progress) as advance:
        for number, batch in enumerate(batches):
            some = [planned[i] for i in batch]
            part = shards.load(number) if shards is not None else None
            if part is None:
                part = {"cse": _pass(model, some, layer, changes)}
                if shards is not None:
                    shards.save(number, part)
            start = 0
            for row in some:
                count = len(row.slots)
                found[row.first : row.first + count, row.text] = part["cse"][start : start + count]
                start += count
            advance(len(batch))
    return found


def _rows(model: Model, rows: Sequence[Tokenized], copies: int, branching: bool) -> list[_Row]:
    texts = [list(row.ids[: row.positions[-1] + 1]) if model.causal else list(row.ids) for row in rows]
    longest = max(SHORTEST, 2 ** (max(map(len, texts)) - 1).bit_length())
    longest = min(longest, model.max_length or longest)
    together = model.causal and branching and copies > 1 and branches(model, longest)
    planned = []
    for number, (ids, row) in enumerate(zip(texts, rows, strict=True)):
        room = largest(longest) - len(ids) + 1 if together else 1
        for first in range(0, copies, room):
            count = min(room, copies - first)
            if together:
                before = len(ids) - 1
                chain = [*range(-1, before - 1), *[before - 1] * count]
                slots = list(range(before, before + count))
                tree = Tree([*ids[:-1], *ids[-1:] * count], chain, [[*range(before), slot] for slot in slots])
            else:
                slots = [row.positions[-1]]
                tree = Tree(ids, list(range(-1, len(ids) - 1)), [list(range(len(ids)))])
            planned.append(_Row(number, first, tree, slots))
    return planned


def _pass(model: Model, rows: Sequence[_Row], layer: int, changes: Changes) -> Float:
    """CSE (copy, layer) of the copies of these rows, one row behind the other."""
    nothing = np.zeros(0, dtype=np.int64)
    forest = Forest([row.tree for row in rows], [], nothing, nothing, nothing)
    ids, mask, places = forest.inputs(model.device, model.dtype)
    at = torch.tensor([(i, slot) for i, row in enumerate(rows) for slot in row.slots]).unbind(1)
    texts, number = np.unique([row.text for row in rows], return_inverse=True)
    whole = changes(texts)
    added = torch.cat([whole[number[i], row.first : row.first + len(row.slots)] for i, row in enumerate(rows)])
    states: list[torch.Tensor] = []
    intact: list[torch.Tensor] = []

    def targets(stream: torch.Tensor) -> torch.Tensor:
        return stream[at[0].to(stream.device), at[1].to(stream.device)]

    def put(_: int, stream: torch.Tensor) -> None:
        own = targets(stream)
        intact.append(own.to(model.device))
        stream[at[0].to(stream.device), at[1].to(stream.device)] = own + added.to(stream)

    def take(_: int, stream: torch.Tensor) -> None:
        states.append(targets(stream).to(model.device))

    # who listens inside hears what was put in
    with model.editing(put, (layer,)), model.listening(take):
        model.run_trunk(ids, mask, places)
    heard = torch.stack(states, dim=1)
    if not bool(torch.isfinite(heard).all()):
        raise DepthscopeError(
            f"{model.name}: NaN or infinity in the stream once the states after layer {layer} are changed; load the model in a "
            "wider precision (dtype='float32')"
        )
    updates = heard.double().diff(dim=1)
    if layer:
        updates[:, layer - 1] = intact[0].double() - heard[:, layer - 1].double()
    measured: Float = cse(updates).cpu().numpy()
    return measured
