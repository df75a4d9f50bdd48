"""How tokens, and values that lie close to each other, are written in figures, tables and sentences."""

import numpy as np

from depthscope.arrays import Float

# of a token that are written
LETTERS = 18
# control characters and blank space at an end, which nobody would see
VISIBLE = str.maketrans({"\n": "↵", "\t": "→", "\r": "␍"})
# they make one sign of two, of emoji and of letters, and are not seen by themselves
JOINERS = "\u200c\u200d"
# digits behind the point of values that lie between 0 and about 1
FEWEST, MOST = 3, 6


def visible(piece: str) -> str:
    """A token's text on one line, with nothing in it that nobody would see but spaces."""
    name = piece.replace("\r\n", "\n").translate(VISIBLE)
    kept = JOINERS if name[:1].isprintable() else ""
    return "".join(c if c.isprintable() or c in kept else f"U+{ord(c):04X}" for c in name)


def short(piece: str) -> str:
    """The same in few letters, without spaces at its ends."""
    name = visible(piece.strip(" ")) or "␣"
    return name if len(name) <= LETTERS else f"{name[: LETTERS - 1]}…"


def decimals(values: Float, fewest: int = FEWEST) -> int:
    """Digits behind the point by which values can be distinguished: two of the distance between the extremes."""
    known = values[np.isfinite(values)]
    spread = float(np.ptp(known)) if known.size else 0.0
    return int(np.clip(1 - np.floor(np.log10(spread)), fewest, MOST)) if spread else fewest


def some(count: int, noun: str) -> str:
    """``1 token``, ``2 tokens``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
