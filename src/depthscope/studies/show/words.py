"""What a text looks like token by token, in words: its numbers, and nothing that they do not say."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from depthscope.drawing.reading import decimals, short, some
from depthscope.studies.show.results import TextReading, digits_of, layer_means
from depthscope.telling import Sheet
from depthscope.words import layers_text

# extremes that are named; words that are listed one by one
NAMED, LISTED = 3, 40
# letters of a text that stand in a sentence
QUOTED = 70


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


def settings_text(settings: Mapping[str, Any]) -> str:
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
