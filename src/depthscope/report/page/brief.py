"""A sentence without the statistics in its brackets, which a table below it holds."""

import re
from collections.abc import Iterator

# how a bracket of numbers begins, and what it must hold: names of conditions can have brackets too
BEGINS = re.compile(r"(layers? \d|mean over layers? \d|Monte-Carlo |[-+]?[\d.]+ (%|to )|with labels swapped|dz )")
HOLDS = re.compile(r"\bdz\b|\bp [=<]|%")


def brief(sentence: str) -> str:
    """Leave out every bracket that holds statistics, or a remark of its own, which ends in a full stop.

    Examples
    --------
    >>> brief("it survives adjustment for n_tokens (layers 2-4, p = .003, dz +0.86, n = 30). (the same by design: length.)")
    'it survives adjustment for n_tokens.'
    >>> brief("found for a (rare) word (layers 2-4)")
    'found for a (rare) word (layers 2-4)'
    """
    kept, place = [], 0
    for start, end in _brackets(sentence):
        inside = sentence[start + 1 : end - 1]
        if inside.endswith(".") or (BEGINS.match(inside) and HOLDS.search(inside)):
            kept.append(sentence[place:start].rstrip())
            place = end
    return "".join([*kept, sentence[place:]])


def _brackets(text: str) -> Iterator[tuple[int, int]]:
    """Where outermost brackets begin and end; one that never closes is none."""
    depth = start = 0
    for place, character in enumerate(text):
        if character == "(":
            start = start if depth else place
            depth += 1
        elif character == ")" and depth:
            depth -= 1
            if not depth:
                yield start, place + 1
