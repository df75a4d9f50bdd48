"""Words that fit: how wide a text is on paper, and where it must be broken."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from depthscope.drawing.fonts import lend_to

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

# points that a bar of colours takes with its numbers and its name, about
BAR = 62.0


def text_width(ax: "Axes", texts: Sequence[str], **look: Any) -> float:
    """Points that the widest of the texts takes."""
    ruler = _Ruler(ax.figure, **look)
    return max([0.0, *map(ruler, texts)])


def room(ax: "Axes", start: float = 0.0) -> float:
    """Points that a line of text may take which begins so many points from the left edge of the axes.

    It must end at the right edge of the figure, or of the axes where others or a bar of colours stand beside them.
    """
    place, whole, points = ax.get_subplotspec(), ax.figure.bbox, 72 / ax.figure.dpi
    alone = place is None or place.is_last_col()
    right = whole.x1 - 0.01 * whole.width if alone else ax.bbox.x1
    if any(drawn.colorbar is not None and drawn.colorbar.orientation == "vertical" for drawn in ax.collections):
        right -= BAR / points
    # a layout that makes room for columns beside the axes moves the axes, not the edges of the figure
    return min(float(right - ax.bbox.x0) * points - start, 0.98 * float(whole.width) * points)


def wrap(figure: "Figure | SubFigure", text: str, points: float, **look: Any) -> str:
    """Break the text into lines that are no wider than so many points; a word that is wider is broken itself."""
    ruler = _Ruler(figure, **look)
    return "\n".join(line for part in text.splitlines() for line in _lines(part, points, ruler))


def _lines(text: str, points: float, ruler: "_Ruler") -> list[str]:
    lines, line = [], ""
    for word in text.split():
        if line and ruler(f"{line} {word}") <= points:
            line = f"{line} {word}"
            continue
        if line:
            lines.append(line)
        *full, line = _pieces(word, points, ruler)
        lines += full
    return [*lines, line]


def _pieces(word: str, points: float, ruler: "_Ruler") -> list[str]:
    """The word in pieces that fit, each of one letter at least."""
    pieces = []
    while (width := ruler(word)) > points and len(word) > 1:
        count = max(int(len(word) * points / width), 1)
        while count > 1 and ruler(word[:count]) > points:
            count -= 1
        pieces.append(word[:count])
        word = word[count:]
    return [*pieces, word]


class _Ruler:
    """Widths of texts in points, by the font that will draw them."""

    def __init__(self, figure: "Figure | SubFigure", **look: Any) -> None:
        self._figure = figure
        self._look = {"parse_math": False, **look}

    def __call__(self, text: str) -> float:
        trial = self._figure.text(0, 0, text, **self._look)
        lend_to(trial)
        width = trial.get_window_extent().width
        trial.remove()
        return float(width) * 72 / self._figure.dpi
