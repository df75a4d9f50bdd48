"""Whether states are what they are said to be: what a trajectory looks like, and what it cannot look like.

Bounds are set from what was measured: see docs/own-model.md.
"""

from typing import Literal

import numpy as np

from depthscope.arrays import Float

Kind = Literal["states", "updates"]
Last = Literal["raw", "normed"]

# neighbouring differences of states: their cosine is about 0; of vectors in no order, or of updates, about -1/2
TURNS_BACK = -0.25
# neighbouring states point the same way, neighbouring updates do not
ALIKE = 0.7
# a final norm changes the length of a state by so much, in ln, and turns it to so small a cosine
JUMP, TURNED = 1.0, 0.6
# without one it changes it by no more than that, and turns it less
STEADY, STRAIGHT = 0.7, 0.75
# of lengths over rows: as equal as a norm without weights makes them, and as different as raw ones are
EQUAL, DIFFERENT = 0.02, 0.4
# rows by which a spread can be judged
ROWS = 4


def of_kind(rows: Float, kind: Kind) -> str:
    """What speaks against ``rows`` (n, depth, feature) being of this kind, along this axis; empty if nothing does."""
    if rows.shape[1] < 4 or not len(rows):
        return ""
    if kind == "states":
        turn = _neighbours(np.diff(rows, axis=1))
        across = _neighbours(np.diff(rows.swapaxes(0, 1), axis=1)) if len(rows) >= ROWS else -1.0
        # the axis of depth is the one along which they have an order
        if turn < TURNS_BACK or turn < min(-0.1, across - 0.1):
            return (
                f"neighbouring states stand in no order (the median cosine of their differences is {turn:.2f}): these "
                "look like updates, or that axis is not depth"
            )
        return ""
    near = _neighbours(rows)
    if near > ALIKE:
        return f"neighbouring updates point the same way (median cosine {near:.2f}): these look like states"
    across = _neighbours(rows.swapaxes(0, 1)) if len(rows) >= ROWS else np.nan
    if near > 0.3 and near > across:
        return f"updates resemble their neighbours along that axis more than along the rows ({near:.2f}): it is hardly depth"
    return ""


def of_shape(depth: int, width: int) -> str:
    """What speaks against so many states of so many features."""
    return f"there are {depth} states of {width} features: more layers than features" if depth > width else ""


def looks(states: Float) -> tuple[Last | None, str]:
    """Whether the last of the ``states`` (n, depth, feature) is behind a final norm: yes, no or unknown, and by what."""
    length = np.linalg.norm(states, axis=-1)
    if states.shape[1] < 4 or not len(states) or not (length > 0).all():
        return None, "there is too little to tell by"
    log = np.log(length)
    steps = np.diff(log, axis=1)
    jump = float(np.median(steps[:, -1] - np.median(steps[:, -4:-1], axis=1)))
    cosine = _neighbours(states[:, -2:])
    factor = np.exp(np.median(steps[:, -1]))
    told = f"its length changes by a factor of {factor:.2g}, its cosine with the state before is {cosine:.2f}"
    spread = log.std(0)
    enough = len(states) >= ROWS and spread[-2] > 0
    ratio = float(spread[-1] / spread[-2]) if enough else np.nan
    if enough and ratio < EQUAL:
        return "normed", "its length is the same in all rows"
    if abs(jump) > JUMP and cosine < TURNED:
        return "normed", told
    if enough and ratio > DIFFERENT and abs(jump) < STEADY and cosine > STRAIGHT:
        return "raw", told
    return None, told


def _neighbours(vectors: Float) -> float:
    """Median cosine of neighbours along the second axis; 0 if there are none."""
    length = np.linalg.norm(vectors, axis=-1)
    product = length[:, 1:] * length[:, :-1]
    there = product > 0
    if not there.any():
        return 0.0
    dots = (vectors[:, 1:] * vectors[:, :-1]).sum(-1)
    return float(np.median(dots[there] / product[there]))
