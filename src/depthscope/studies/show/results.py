"""What a text looks like token by token, in words: its numbers, and nothing that they do not say."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from depthscope.arrays import Float
from depthscope.drawing.reading import decimals, short, some
from depthscope.telling import Sheet
from depthscope.words import layers_text

# extremes that are named; words that are listed one by one
NAMED, LISTED = 3, 40
# letters of a text that stand in a sentence
QUOTED = 70


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
        """The tokens that averages and extremes are taken over: those of the text, save one at position 0, which is an
        attention sink; that one, if it is all there is.
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


def answer(readings: Sequence[TextReading], difference: xr.DataArray | None = None) -> list[str]:
    """What was found, in sentences, the most important first: how much there is, then differences, then extremes.

    ``difference`` is (pair, layer), the first text minus the second.
    """
    digits = digits_of(readings)
    sizes = [some(len(one.pieces), "token") for one in readings]
    means = [f"{one.mean:.{digits}f}" for one in readings]
    said = [
        f"{' and '.join(sizes)} at {some(readings[0].traj.sizes['layer'], 'layer')}: mean CSE {' and '.join(means)} over "
        f"{layers_text(*readings[0].layers)}."
    ]
    if difference is not None:
        said += _differences(difference)
    for name, one in zip(names_of(readings), readings, strict=True):
        said += _extremes(one, f"In the {name}, " if len(readings) > 1 else "", digits)
    return [*said, *caution(readings)]


def digits_of(readings: Sequence[TextReading]) -> int:
    """Digits behind the point of a mean CSE: by them tokens can be told apart, or texts of one token each."""
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


def names_of(readings: Sequence[Any]) -> list[str]:
    """What each text is called."""
    return ["first text", "second text"] if len(readings) > 1 else ["text"]


def _extremes(one: TextReading, where: str, digits: int) -> list[str]:
    places = one.ordered()
    if len(places) < 2:
        return []
    count = min(NAMED, len(places) // 2)
    high, low = _named(one, places[:count], digits), _named(one, places[: -count - 1 : -1], digits)
    return [f"{where}CSE is highest at {high}, and lowest at {low}."]


def _named(one: TextReading, places: Sequence[int], digits: int) -> str:
    return ", ".join(f"“{short(one.pieces[i])}” (token {i}, {one.means[i]:.{digits}f})" for i in places)


def word_sheet(one: TextReading, name: str = "") -> Sheet:
    """Mean CSE by word, in the order of the text; of many words, those with the highest."""
    words = one.words()
    words = words[np.isfinite(words["cse"])]
    title = "Mean CSE by word"
    if len(words) > LISTED:
        title += f": the {LISTED} highest of {len(words)}"
        words = words.sort_values("cse", ascending=False, kind="stable").head(LISTED)
    digits = digits_of([one])
    rows = [
        (
            row.word,
            str(row.tokens),
            f"{row.cse:.{digits}f}",
            f"{row.surprisal:.1f}" if np.isfinite(row.surprisal) else "",
        )
        for row in words.itertuples()
    ]
    return Sheet(["word", "tokens", "CSE", "bits"], rows, f"{name}: {title}" if name else title)


def caution(readings: Sequence[TextReading]) -> list[str]:
    """What means and extremes leave out, and of what they are if that would leave nothing."""
    names = names_of(readings)
    said = [
        f"The only token of the {name} stands at position 0, where models park attention: its mean is of that token alone."
        for name, one in zip(names, readings, strict=True)
        if one.alone
    ]
    left = [name for name, one in zip(names, readings, strict=True) if not one.alone and not one.counted.all()]
    if left:
        of = f" of the {left[0]}" if len(left) < len(readings) else ""
        said.append(
            f"Means and extremes{of} leave out special tokens and the token at position 0, where models park attention."
        )
    return said


def _differences(difference: xr.DataArray) -> list[str]:
    means = layer_means(difference)
    known = np.flatnonzero(np.isfinite(means) & difference["counted"].values)
    count = difference.sizes["pair"]
    aligned = f"{some(count, 'token') if count else 'No token'} of the two texts {'are' if count > 1 else 'is'} aligned"
    if not len(known):
        return [f"{aligned}."]
    far = int(known[np.argmax(np.abs(means[known]))])
    places = f"{int(difference['first'].values[far])} and {int(difference['second'].values[far])}"
    digits = decimals(np.array([0.0, means[far]]), 4)
    at = f"“{short(str(difference['piece'].values[far]))}” (tokens {places}"
    if len(known) == 1:
        return [f"{aligned}; CSE, first minus second, is {means[far]:+.{digits}f} at {at})."]
    return [
        f"{aligned}; their CSE, first minus second, is {means[known].mean():+.{digits}f} on average, and farthest from 0 at "
        f"{at}, {means[far]:+.{digits}f})."
    ]


def told_settings(settings: Mapping[str, Any]) -> str:
    """One line: model, transform, lens."""
    cse = settings["cse"]
    parts = [
        f"model {settings['model']}",
        str(cse["wavelet"]),
        some(cse["scales"] if isinstance(cse["scales"], int) else len(cse["scales"]), "scale"),
        f"padding {cse['padding']}",
        f"signal {cse['signal']}",
        "outside the cone of influence" if cse["mask_coi"] else "all scales",
        f"at least {some(cse['min_scales'], 'scale')} a layer",
        f"{some(settings['lens'], 'reading')} a layer" if settings["lens"] else "no logit lens",
    ]
    return f"Settings: {', '.join(parts)}."


def quoted(text: str) -> str:
    """The beginning of a text, on one line."""
    line = " ".join(text.split())
    return line if len(line) <= QUOTED else f"{line[: QUOTED - 1]}…"
