"""Two texts side by side: which token of one is which of the other."""

from collections.abc import Sequence
from difflib import SequenceMatcher

# places in the first and in the second text; None where it has none
Pair = tuple[int | None, int | None]


def align_tokens(a: Sequence[int], b: Sequence[int]) -> list[Pair]:
    """Match the tokens of two texts, the same with the same, in order.

    Parameters
    ----------
    a, b : sequence of int
        Token ids.

    Returns
    -------
    list of (i, j)
        Every token of both texts once, in reading order: ``(i, j)`` where ``a[i] == b[j]`` are matched, ``(i, None)`` and
        ``(None, j)`` where one stands alone. What replaces another stands alone too, after what it replaces.
    """
    # autojunk would pass over frequent tokens in long texts
    found = SequenceMatcher(None, a, b, autojunk=False)
    pairs: list[Pair] = []
    for kind, a_from, a_to, b_from, b_to in found.get_opcodes():
        if kind == "equal":
            pairs += zip(range(a_from, a_to), range(b_from, b_to), strict=True)
        else:
            pairs += [(i, None) for i in range(a_from, a_to)]
            pairs += [(None, j) for j in range(b_from, b_to)]
    return pairs
