"""What a text looks like token by token, in words: its numbers, and nothing that they do not say."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from html import escape
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from depthscope.arrays import Float
from depthscope.drawing.reading import short
from depthscope.errors import require
from depthscope.telling import Sheet

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
        attention sink; all, if that leaves none.
        """
        counted = ~self.traj["special"].values.astype(bool)
        counted[0] = False
        counted &= np.isfinite(self.means)
        return counted if counted.any() else np.isfinite(self.means)

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

        A word is what stands between blank spaces. ``cse`` is the mean over its tokens that count, ``surprisal`` the sum of
        their bits, NaN if one of them has none.
        """
        spans = [match.span() for match in re.finditer(r"\S+", self.text)]
        rows: list[list[int]] = [[] for _ in spans]
        ends = np.array([end for _, end in spans])
        starts, stops = self.traj["start"].values, self.traj["end"].values
        for i in np.flatnonzero(self.counted):
            own = self.text[starts[i] : stops[i]]
            if own.strip():
                first = int(starts[i]) + len(own) - len(own.lstrip())
                rows[int(np.searchsorted(ends, first, side="right"))].append(int(i))
        bits = self.traj["surprisal"].values
        return pd.DataFrame(
            {
                "word": [self.text[slice(*span)] for span in spans],
                "tokens": [len(row) for row in rows],
                "cse": [self.means[row].mean() if row else np.nan for row in rows],
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
    sizes = [f"{len(one.pieces)} tokens" for one in readings]
    means = [f"{one.means[one.counted].mean():.3f}" for one in readings]
    first, last = readings[0].layers
    said = [
        f"{' and '.join(sizes)} at {readings[0].traj.sizes['layer']} layers: mean CSE {' and '.join(means)} over layers "
        f"{first} to {last}."
    ]
    if difference is not None:
        said += _differences(difference)
    for name, one in zip(names_of(readings), readings, strict=True):
        said += _extremes(one, f"In the {name}, " if len(readings) > 1 else "")
    return [*said, *filter(None, [caution(readings)])]


def names_of(readings: Sequence[TextReading]) -> list[str]:
    """What each text is called."""
    return ["first text", "second text"] if len(readings) > 1 else ["text"]


def _extremes(one: TextReading, where: str) -> list[str]:
    places = one.ordered()
    if len(places) < 2:
        return []
    count = min(NAMED, len(places) // 2)
    high, low = _named(one, places[:count]), _named(one, places[: -count - 1 : -1])
    sentence = f"{where}CSE is highest at {high}, and lowest at {low}."
    return [sentence]


def _named(one: TextReading, places: Sequence[int]) -> str:
    return ", ".join(f"“{short(one.pieces[i])}” (token {i}, {one.means[i]:.3f})" for i in places)


def word_sheet(one: TextReading, name: str = "") -> Sheet:
    """Mean CSE by word, in the order of the text; of many words, those with the highest."""
    words = one.words()
    words = words[np.isfinite(words["cse"])]
    title = "Mean CSE by word"
    if len(words) > LISTED:
        title += f": the {LISTED} highest of {len(words)}"
        words = words.sort_values("cse", ascending=False, kind="stable").head(LISTED)
    rows = [
        (row.word, str(row.tokens), f"{row.cse:.3f}", f"{row.surprisal:.1f}" if np.isfinite(row.surprisal) else "")
        for row in words.itertuples()
    ]
    return Sheet(["word", "tokens", "CSE", "bits"], rows, f"{name}: {title}" if name else title)


def caution(readings: Sequence[TextReading]) -> str:
    """What means and extremes leave out."""
    left = [not one.counted.all() for one in readings]
    if not any(left):
        return ""
    return "Means and extremes leave out special tokens and the token at position 0, where models park attention."


def _differences(difference: xr.DataArray) -> list[str]:
    means = layer_means(difference)
    known = np.flatnonzero(np.isfinite(means) & difference["counted"].values)
    aligned = f"{difference.sizes['pair']} tokens of the two texts are aligned"
    if not len(known):
        return [f"{aligned}."]
    far = int(known[np.argmax(np.abs(means[known]))])
    places = f"{int(difference['first'].values[far])} and {int(difference['second'].values[far])}"
    return [
        f"{aligned}; their CSE, first minus second, is {means[known].mean():+.4f} on average, and farthest from 0 at "
        f"“{short(str(difference['piece'].values[far]))}” (tokens {places}, {means[far]:+.4f})."
    ]


def told_settings(settings: Mapping[str, Any]) -> str:
    """One line: model, transform, lens."""
    cse = settings["cse"]
    parts = [
        f"model {settings['model']}",
        str(cse["wavelet"]),
        f"{cse['scales'] if isinstance(cse['scales'], int) else len(cse['scales'])} scales",
        f"padding {cse['padding']}",
        f"signal {cse['signal']}",
        "outside the cone of influence" if cse["mask_coi"] else "all scales",
        f"at least {cse['min_scales']} scales a layer",
        f"{settings['lens']} readings a layer" if settings["lens"] else "no logit lens",
    ]
    return f"Settings: {', '.join(parts)}."


def quoted(text: str) -> str:
    """The beginning of a text, on one line."""
    line = " ".join(text.split())
    return line if len(line) <= QUOTED else f"{line[: QUOTED - 1]}…"


def strip(one: TextReading) -> str:
    """The tokens in the colours of their mean CSE, as markup for a notebook."""
    colours = require("matplotlib", "figures").colormaps["Blues"]
    inside = one.means[one.counted & np.isfinite(one.means)]
    low, high = (float(inside.min()), float(inside.max())) if inside.size else (0.0, 1.0)
    spans = []
    for piece, mean in zip(one.pieces, one.means, strict=True):
        share = float(np.clip((mean - low) / ((high - low) or 1.0), 0, 1)) if np.isfinite(mean) else 0.0
        red, green, blue = (round(255 * part) for part in colours(0.85 * share)[:3])
        ink = "#fff" if share > 0.6 else "#111"
        style = f"background:rgb({red},{green},{blue});color:{ink}"
        spans.append(f'<span style="{style}" title="CSE {mean:.3f}">{escape(piece)}</span>')
    return f'<p dir="auto" style="white-space:pre-wrap;line-height:1.8">{"".join(spans)}</p>'
