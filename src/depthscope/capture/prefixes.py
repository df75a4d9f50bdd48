"""Which tokens run: every text up to the last one that is asked for, and what begins a longer text only with that."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from depthscope.capture.tokens import Tokenized


@dataclass(frozen=True)
class Prefixes:
    """The sequences that run.

    Attributes
    ----------
    ids : list of lists of int
        None of them begins another, in the order in which the texts ask for them.
    owner : list of int
        Of each text, the sequence in which its target stands, at the same positions.
    """

    ids: list[list[int]]
    owner: list[int]

    def texts(self, chosen: Sequence[int]) -> list[int]:
        """The texts that the ``chosen`` sequences serve, in their order."""
        wanted = set(chosen)
        return [text for text, owner in enumerate(self.owner) if owner in wanted]

    def within(self, texts: Sequence[int]) -> "Prefixes":
        """The same of some texts alone: of all that :meth:`texts` names of a choice, what :func:`prefixes` would give."""
        number: dict[int, int] = {}
        owner = [number.setdefault(self.owner[text], len(number)) for text in texts]
        return Prefixes([self.ids[sequence] for sequence in number], owner)


def prefixes(rows: Sequence[Tokenized], causal: bool) -> Prefixes:
    """What must run so that every token asked for is seen.

    Parameters
    ----------
    rows : sequence of Tokenized
    causal : bool
        No token changes the states of those before it: what is behind the last token of a target, and behind the last
        one whose probability is asked for, need not run, and one run serves all texts that begin like it. Otherwise
        every text runs to its end, and only texts that are the same to the last token run together.
    """
    asked = [tuple(row.ids[: row.last + 1] if causal else row.ids) for row in rows]
    ordered = sorted(set(asked))
    # what begins another stands right before it, or before one that begins the same way: followed from behind
    longest: dict[tuple[int, ...], tuple[int, ...]] = {ordered[-1]: ordered[-1]} if ordered else {}
    for shorter, longer in reversed(list(pairwise(ordered))):
        begins = causal and longer[: len(shorter)] == shorter
        longest[shorter] = longest[longer] if begins else shorter
    number: dict[tuple[int, ...], int] = {}
    owner = [number.setdefault(longest[ids], len(number)) for ids in asked]
    return Prefixes([list(ids) for ids in number], owner)
