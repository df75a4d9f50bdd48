"""What the first token of a text and special tokens would do to a dictionary: their states are like no others."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from depthscope.capture.taps import Read, Taps
from depthscope.capture.windows import Window

WINDOWS = 32  # that are looked at


def first_tokens(taps: Taps, windows: Iterable[Window]) -> pd.DataFrame:
    """Norms of the states that are left out beside those that are read, by site.

    Parameters
    ----------
    windows : iterable of Window
        A few; all their tokens are read.

    Returns
    -------
    DataFrame
        ``site``; ``median``, ``largest``: norms of the states that are read, in the units of the stream; ``left_out``: the
        median norm of those that are left out; ``share``: of the sum of squared distances from the mean state, what the left
        out would have, 0 to 1: so much of the loss would be theirs; ``tokens``: their share of the tokens.
    """
    reads = list(taps.read(windows, every=True))
    kept = np.concatenate([_kept(taps, read) for read in reads])
    rows = []
    for site in taps.sites:
        states = torch.cat([read.states[site].double() for read in reads])
        norm = states.norm(dim=-1).cpu().numpy()
        squares = (states - states.mean(0)).square().sum(-1).cpu().numpy()
        rows.append(
            {
                "site": str(site),
                "median": float(np.median(norm[kept])),
                "largest": float(norm[kept].max()),
                "left_out": float(np.median(norm[~kept])) if (~kept).any() else np.nan,
                "share": float(squares[~kept].sum() / squares.sum()),
                "tokens": float((~kept).mean()),
            }
        )
    return pd.DataFrame(rows)


def _kept(taps: Taps, read: Read) -> NDArray[np.bool_]:
    """Which tokens of a pass would be read if not all were."""
    inside = [taps.measured(window) for window in read.windows]
    found = np.zeros(len(read.ids), dtype=bool)
    for row, places in enumerate(inside):
        here = np.flatnonzero(read.window == row)
        found[here[np.isin(read.position[here], places)]] = True
    return found
