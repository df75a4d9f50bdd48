"""A sound that is too long for a network, cut where it is quiet."""

import numpy as np
from numpy.typing import NDArray

# seconds over which loudness is taken; the share of a piece, at its end, in which the cut is looked for
SMOOTH, SHARE = 0.2, 1 / 3


def pieces_of(samples: NDArray[np.float32], rate: int, longest: float) -> list[tuple[int, int]]:
    """(begin, end) of pieces in samples, none longer than ``longest`` seconds; they follow on each other without gaps."""
    most, width = int(longest * rate), max(1, int(SMOOTH * rate))
    cuts = [0]
    while len(samples) - cuts[-1] > most:
        begin = cuts[-1] + int(most * (1 - SHARE))
        part = samples[begin : cuts[-1] + most].astype(np.float64) ** 2
        sums = np.cumsum(np.concatenate([[0.0], part]))
        loud = sums[width:] - sums[:-width]
        cuts.append(begin + int(loud.argmin()) + width // 2)
    return list(zip(cuts, [*cuts[1:], len(samples)], strict=True))
