"""What begins alike runs once: sequences that share their first tokens, laid out as one row that branches."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

import numpy as np
import torch
from numpy.typing import NDArray

from depthscope.capture.batches import pad
from depthscope.model.branching import branches, largest, visible
from depthscope.model.model import Model

# the proof that a network lets rows branch runs some ten times the longest text or more: what is saved must be worth it
WORTH = 30
# lengths are proven in powers of two, from this on
SHORTEST = 16


@dataclass(frozen=True)
class Tree:
    """One row of a batch.

    Attributes
    ----------
    ids : list of int
        Its tokens; each is behind the one that it follows.
    before : list of int
        Of each token, the slot of the token that it follows; -1 at the beginning.
    slots : list of lists of int
        Of each sequence, where its tokens stand.
    """

    ids: list[int]
    before: list[int]
    slots: list[list[int]]

    @classmethod
    def of(cls, sequences: Sequence[Sequence[int]]) -> "Tree":
        """Of sequences in sorted order, so that each branches off the one before it, or off what both have in common."""
        ids: list[int] = []
        before: list[int] = []
        slots: list[list[int]] = []
        for number, sequence in enumerate(sequences):
            own = slots[-1][: shared(sequences[number - 1], sequence)] if slots else []
            for token in sequence[len(own) :]:
                before.append(own[-1] if own else -1)
                own.append(len(ids))
                ids.append(token)
            slots.append(own)
        return cls(ids, before, slots)

    def positions(self) -> list[int]:
        """Of each token, how many are before it in its text."""
        found: list[int] = []
        for before in self.before:
            found.append(found[before] + 1 if before >= 0 else 0)
        return found

    def seen(self) -> NDArray[np.bool_]:
        """Which tokens each one sees, (token, token): itself, and what it follows, back to the beginning."""
        found = np.eye(len(self.ids), dtype=bool)
        for slot, before in enumerate(self.before):
            if before >= 0:
                found[slot] |= found[before]
        return found


@dataclass(frozen=True)
class Forest:
    """The rows of a batch.

    Attributes
    ----------
    trees : list of Tree
    groups : list of lists of int
        Of each tree, the numbers of its sequences.
    rows, slots : int arrays
        Of every token of every sequence, one sequence behind the other, its row and its place in there.
    starts : int array
        Of each sequence, where it begins among these.
    """

    trees: list[Tree]
    groups: list[list[int]]
    rows: NDArray[np.int64]
    slots: NDArray[np.int64]
    starts: NDArray[np.int64]

    def where(self, sequences: torch.Tensor, positions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Rows and slots of the tokens at ``positions`` of ``sequences``."""
        places = self.starts[sequences.numpy()] + positions.numpy()
        return torch.from_numpy(self.rows[places]), torch.from_numpy(self.slots[places])

    def inputs(
        self, device: torch.device, dtype: torch.dtype
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
        """Token ids, mask and positions of a pass; where nothing branches, the mask of padded texts, and no positions."""
        # 0, not the tokenizer's padding token, which the network need not know; nothing before it can see it
        ids, mask = pad([tree.ids for tree in self.trees], 0, device)
        if all(len(tree.slots) == 1 for tree in self.trees):
            return ids, mask, None
        seen = np.tile(np.eye(ids.shape[1], dtype=bool), (len(ids), 1, 1))
        positions = np.zeros(ids.shape, dtype=np.int64)
        for row, tree in enumerate(self.trees):
            size = len(tree.ids)
            seen[row, :size, :size] = tree.seen()
            positions[row, :size] = tree.positions()
        return ids, visible(torch.from_numpy(seen).to(device), dtype), torch.from_numpy(positions).to(device)


def forest(sequences: Sequence[Sequence[int]], branching: bool) -> Forest:
    """Every sequence in a row of its own or, with ``branching``, as a branch of those that begin like it."""
    groups = grouped(sequences, branching)
    trees = [Tree.of([sequences[number] for number in group]) for group in groups]
    found = {
        number: (row, slots)
        for row, (group, tree) in enumerate(zip(groups, trees, strict=True))
        for number, slots in zip(group, tree.slots, strict=True)
    }
    placed = [found[number] for number in range(len(sequences))]
    lengths = [len(slots) for _, slots in placed]
    rows = np.repeat([row for row, _ in placed], lengths)
    return Forest(trees, groups, rows, np.concatenate([slots for _, slots in placed]), np.cumsum([0, *lengths[:-1]]))


def worthwhile(model: Model, sequences: Sequence[Sequence[int]]) -> bool:
    """Whether branching saves enough to prove that the network allows it, and it does."""
    longest = max(SHORTEST, 2 ** (max(map(len, sequences)) - 1).bit_length())
    saved = sum(map(len, sequences)) - sum(len(tree.ids) for tree in forest(sequences, True).trees)
    return saved >= WORTH * longest and branches(model, min(longest, model.max_length or longest))


def shared(a: Sequence[int], b: Sequence[int]) -> int:
    """How many tokens two sequences begin with alike."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(a, b, strict=False)))


def grouped(sequences: Sequence[Sequence[int]], branching: bool) -> list[list[int]]:
    """Which sequences make a tree: each one, or neighbours in sorted order that begin alike, up to its largest size."""
    if not branching:
        return [[number] for number in range(len(sequences))]
    groups: list[list[int]] = []
    size = 0
    for number in sorted(range(len(sequences)), key=lambda i: (sequences[i], i)):
        length = len(sequences[number])
        alike = shared(sequences[groups[-1][-1]], sequences[number]) if groups else 0
        if alike and size + length - alike <= largest(length):
            groups[-1].append(number)
            size += length - alike
        else:
            groups.append([number])
            size = length
    return groups
