"""What a text looks like token by token, in numbers: its means, which tokens count, its words."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from depthscope.arrays import Float
from depthscope.drawing.reading import decimals


@dataclass(frozen=True)
class TextReading:
    """One text, measured.

    Attributes
    ----------
    traj : Dataset
        From :func:`depthscope.trace_text`.
    cse : DataArray (token, layer)
    share : DataArray (token, scale, layer)
        Its scalograms, as shares of the energy at each layer.
    """

    traj: xr.Dataset
    cse: xr.DataArray
    share: xr.DataArray

    @property
    def text(self) -> str:
        return str(self.traj.attrs["text"])

    @property
    def pieces(self) -> list[str]:
        return [str(piece) for piece in self.traj["piece"].values]

    @cached_property
    def means(self) -> Float:
        """CSE of each token, averaged over the layers at which it is measured, (T,)."""
        return layer_means(self.cse)

    @cached_property
    def counted(self) -> NDArray[np.bool_]:
        """The tokens that averages and extremes are taken over: those of the text, except one at position 0, which is
        an attention sink; that one, if it is all there is.
        """
        known = np.isfinite(self.means)
        own = known & ~self.traj["special"].values.astype(bool)
        later = own & (np.arange(len(own)) > 0)
        return next((kept for kept in (later, own) if kept.any()), known)

    @property
    def alone(self) -> bool:
        """Whether the token at position 0 is the only one that counts."""
        return bool(self.counted[0])

    @property
    def mean(self) -> float:
        """Over the tokens that count; NaN if there is none."""
        values = self.means[self.counted]
        return float(values.mean()) if values.size else np.nan

    @property
    def layers(self) -> tuple[int, int]:
        """First and last layer at which CSE is measured."""
        inside = self.cse["layer"].values[np.isfinite(self.cse.transpose("layer", "token").values).any(1)]
        return int(inside[0]), int(inside[-1])

    def ordered(self) -> list[int]:
        """The tokens that count, the highest mean first."""
        places = np.flatnonzero(self.counted)
        return [int(i) for i in places[np.argsort(-self.means[places], kind="stable")]]

    def words(self) -> pd.DataFrame:
        """``word``, ``tokens``, ``cse`` and ``surprisal`` of each word of the text, in its order.

        A word is what stands between blank spaces. ``cse`` is the mean over those of its tokens that count, ``surprisal`` the
        sum of the bits of all of them; NaN if none counts, or if one has no bits.
        """
        spans = [match.span() for match in re.finditer(r"\S+", self.text)]
        rows: list[list[int]] = [[] for _ in spans]
        ends = np.array([end for _, end in spans])
        starts, stops = self.traj["start"].values, self.traj["end"].values
        for i in np.flatnonzero(~self.traj["special"].values.astype(bool)):
            own = self.text[starts[i] : stops[i]]
            if own.strip():
                first = int(starts[i]) + len(own) - len(own.lstrip())
                rows[int(np.searchsorted(ends, first, side="right"))].append(int(i))
        bits = self.traj["surprisal"].values
        counting = [[i for i in row if self.counted[i]] for row in rows]
        return pd.DataFrame(
            {
                "word": [self.text[slice(*span)] for span in spans],
                "tokens": [len(row) for row in rows],
                "cse": [self.means[row].mean() if row else np.nan for row in counting],
                "surprisal": [bits[row].sum() if row else np.nan for row in rows],
            }
        )


def layer_means(values: xr.DataArray) -> Float:
    """Means over the layers that hold a number, of (token, layer) or (pair, layer) values; NaN where none does."""
    rows = values.transpose(..., "layer").values
    known = np.isfinite(rows)
    means: Float = np.divide(
        np.where(known, rows, 0.0).sum(-1), known.sum(-1), out=np.full(len(rows), np.nan), where=known.any(-1)
    )
    return means


def digits_of(readings: Sequence[TextReading]) -> int:
    """Digits behind the point of a mean CSE: by them tokens can be distinguished, or texts of one token each."""
    groups = [one.means[one.counted] for one in readings]
    if all(len(means) < 2 for means in groups):
        groups = [np.concatenate(groups)]
    return max(decimals(means) for means in groups)


def counted_pairs(
    readings: Sequence[TextReading], first: NDArray[np.int64], second: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Which pairs of tokens averages and extremes of a difference are taken over: those of which both count."""
    one, other = readings
    both: NDArray[np.bool_] = one.counted[first] & other.counted[second]
    return both
