"""Results in a notebook: a small card of HTML in which everything is escaped."""

from base64 import b64encode
from collections.abc import Callable, Iterable, Sequence
from html import escape
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from depthscope.arrays import Float
from depthscope.drawing.alt import alt
from depthscope.drawing.reading import decimals
from depthscope.drawing.saving import encoded
from depthscope.errors import require
from depthscope.telling import Sheet

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# rows of a table that are shown
ROWS = 12
# of the picture: sharp on a screen of twice the usual density
DPI = 150
# no colours of our own: a notebook may be dark
BOX = "max-width:46em;border:1px solid #8b949e66;border-radius:6px;padding:.6em 1em;margin:.3em 0"
CELL = "padding:.15em .7em .15em 0;border:0;border-bottom:1px solid #8b949e44;background:none"


def card(title: str, lines: Iterable[str] = (), table: Sheet | None = None, picture: str = "") -> str:
    """Title, lines of small print, a table and a ``picture`` (HTML, from :func:`picture`), in this order."""
    parts = [f'<strong style="font-size:1.1em">{escape(title)}</strong>']
    parts += [f'<div style="opacity:.75;font-size:.9em">{escape(line)}</div>' for line in lines if line]
    parts += [_table(table)] if table is not None else []
    return f'<div class="depthscope-card" style="{BOX}">{"".join([*parts, picture])}</div>'


def _table(sheet: Sheet) -> str:
    looks = [f"{CELL};text-align:{'right' if numeric else 'left'}" for numeric in sheet.numeric]
    head = _cells("th", ' scope="col"', looks, sheet.columns)
    rows = [f"<tr>{_cells('td', '', looks, row)}</tr>" for row in sheet.full[:ROWS]]
    caption = f'<caption style="text-align:left">{escape(sheet.title)}</caption>' if sheet.title else ""
    more = len(sheet.full) - ROWS
    rest = f'<div style="opacity:.75;font-size:.9em">and {more} more</div>' if more > 0 else ""
    table = f'<table style="border-collapse:collapse;margin:.5em 0">{caption}<thead><tr>{head}</tr></thead>'
    return f"{table}<tbody>{''.join(rows)}</tbody></table>{rest}"


def _cells(tag: str, more: str, looks: Sequence[str], texts: Sequence[str]) -> str:
    cells = zip(looks, texts, strict=True)
    return "".join(f'<{tag}{more} style="{look}">{escape(str(text))}</{tag}>' for look, text in cells)


def picture(draw: "Callable[[], Axes]") -> str:
    """What ``draw`` draws, as an image with its text alternative; nothing without matplotlib."""
    if find_spec("matplotlib") is None:
        return ""
    plt = require("matplotlib.pyplot", "figures")
    before = plt.get_fignums()
    try:
        figure = draw().figure.figure
        told = alt(figure)
        image = b64encode(encoded(figure, "png", DPI)).decode()
    finally:
        # a notebook would show it once more below the cell, and half a figure if drawing failed
        for number in set(plt.get_fignums()).difference(before):
            plt.close(number)
    words = escape(f"{told.title}. {told.text}")
    return f'<img alt="{words}" src="data:image/png;base64,{image}" style="max-width:100%;background:#ffffff">'


def strip(pieces: Sequence[str], means: Float, counted: NDArray[np.bool_]) -> str:
    """Tokens in the colours of their mean CSE, which reach over those ``counted``; without matplotlib in none."""
    inside = means[counted & np.isfinite(means)]
    low, high = (float(inside.min()), float(inside.max())) if inside.size else (0.0, 1.0)
    shares = np.clip((means - low) / ((high - low) or 1.0), 0, 1)
    digits = decimals(inside)
    spans = [
        f'<span style="{_colour(float(share))}" title="{_mean(float(mean), digits)}">{escape(piece)}</span>'
        for piece, mean, share in zip(pieces, means, shares, strict=True)
    ]
    return f'<p dir="auto" style="white-space:pre-wrap;line-height:1.8">{"".join(spans)}</p>'


def _mean(value: float, digits: int) -> str:
    return f"CSE {value:.{digits}f}" if np.isfinite(value) else "CSE not measured"


def _colour(share: float) -> str:
    if not np.isfinite(share) or find_spec("matplotlib") is None:
        return ""
    colours = require("matplotlib", "figures").colormaps["Blues"]
    # the darkest blue is left out: even white would not stand out of it in print
    red, green, blue = (round(255 * part) for part in colours(0.85 * share)[:3])
    return f"background:rgb({red},{green},{blue});color:{'#fff' if share > 0.6 else '#111'}"
