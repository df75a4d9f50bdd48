"""One look for every figure: its colours, its sizes, and the file that sets the rest."""

import functools
import inspect
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import numpy as np

from depthscope.drawing.fitting import room, wrap
from depthscope.drawing.fonts import lend
from depthscope.errors import require

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

P = ParamSpec("P")
R = TypeVar("R")

# neutral colours, which a dark page replaces: text and lines, small print, thin lines, bands, pale bands, background
INK, MUTED, RULE, FAINT, WASH, PAPER = "#1f2328", "#59636e", "#8b949e", "#d8dce1", "#eef0f2", "#ffffff"
NEUTRALS = {INK: "ink", MUTED: "muted", RULE: "rule", FAINT: "faint", WASH: "wash", PAPER: "paper"}

# Okabe & Ito (2008), whose light colours vanish on white, with others in their place: all of them stand out 3 : 1 from a white
# page and from a dark one, and colour-blind readers can distinguish them
COLOURS = ("#D55E00", "#0072B2", "#009E73", "#B04080", "#A070F8", "#4098B4", INK)
UP, DOWN, HELD = COLOURS[:3]
DIVERGING = "RdBu_r"

# widths in which journals print, in mm: one column, the whole page
COLUMN, PAGE = 89.0, 183.0
# points: small print, names of rows
SMALL, NAMES = 6.5, 7.0

STYLE = Path(__file__).with_name("depthscope.mplstyle")
# not in the file, which is for other people's figures too: a condition may be called $x$; one figure gives one file
OURS = {"text.parse_math": False, "svg.hashsalt": "depthscope"}


def inches(mm: float) -> float:
    """What matplotlib counts in."""
    return mm / 25.4


@functools.cache
def _style() -> dict[str, Any]:
    return {**require("matplotlib", "figures").rc_params_from_file(STYLE, use_default_template=False), **OURS}


@contextmanager
def look(**more: Any) -> Iterator[None]:
    """Within it, figures have our look. The settings of the user come back at the end."""
    plt = require("matplotlib.pyplot", "figures")
    # a backend that is loaded inside (a notebook's, by the first figure) would lose its settings with ours
    plt.draw_if_interactive()
    with plt.rc_context({**_style(), **more}), warnings.catch_warnings():
        # names in scripts that the font lacks: others are lent, and what none has is said once, in one sentence
        warnings.filterwarnings("ignore", "Glyph .* missing from")
        warnings.filterwarnings("ignore", "Matplotlib currently does not support .* natively")
        yield


def styled(draw: Callable[P, R]) -> Callable[P, R]:
    """Give a drawing our look if the figure is ours; in the axes of somebody else, theirs stays."""
    signature = inspect.signature(draw)

    @functools.wraps(draw)
    def drawn(*args: P.args, **options: P.kwargs) -> R:
        if signature.bind(*args, **options).arguments.get("ax") is not None:
            return draw(*args, **options)
        with look():
            made = draw(*args, **options)
            _keep(_figure(made))
            lend(_figure(made))
        return made

    return drawn


def _figure(made: Any) -> "Figure":
    return (made[0] if isinstance(made, list) else made).figure  # type: ignore[no-any-return]


def _keep(figure: "Figure") -> None:
    """Ticks are made when they are first drawn, which may be after the user's settings have come back."""
    rc = require("matplotlib", "figures").rcParams
    for ax in figure.axes:
        for axis, name in ((ax.xaxis, "xtick"), (ax.yaxis, "ytick")):
            own = axis.get_tick_params()
            wanted = {"color": rc[f"{name}.color"], "labelcolor": rc[f"{name}.color"]}
            wanted |= {"labelsize": rc[f"{name}.labelsize"], "width": rc[f"{name}.major.width"]}
            wanted |= {"length": rc[f"{name}.major.size"]}
            axis.set_tick_params(**{key: value for key, value in wanted.items() if key not in own})


def sheet(height: float, width: float = PAGE) -> "Figure":
    """A figure of so many mm, which is what its file will have; its layout keeps everything inside."""
    plt = require("matplotlib.pyplot", "figures")
    figure: Figure = plt.figure(figsize=(inches(width), inches(height)), layout="constrained")
    return figure


def axes(ax: "Axes | None" = None, height: float = 92.0, width: float = PAGE) -> "Axes":
    """The given axes, or new ones on a sheet of their own."""
    return ax if ax is not None else sheet(height, width).add_subplot()


def heading(ax: "Axes", title: str, pad: float | None = None, start: float = 0.0) -> None:
    """The title at the left, in as many lines as it takes; ``start``: points from the left edge of the axes."""
    label = ax.set_title("", loc="left", pad=pad)
    label.set_text(wrap(ax.figure, title, room(ax, start), size=label.get_fontsize(), weight=label.get_fontweight()))
    if start:
        # the axes alone may be narrow: begin where a column beside them does
        offset = require("matplotlib.transforms", "figures").offset_copy
        label.set_transform(offset(label.get_transform(), ax.figure, start, 0, units="points"))


def title_above(figure: "Figure", title: str) -> None:
    """The title of all panels."""
    label = figure.suptitle(" ", x=0.01, ha="left")
    label.set_text(wrap(figure, title, 0.98 * 72 * figure.get_figwidth(), size=label.get_fontsize()))


def note_below(figure: "Figure", text: str) -> None:
    """The note of all panels, as wide as the figure."""
    words = wrap(figure, text, 0.98 * 72 * figure.get_figwidth(), size=SMALL)
    figure.supxlabel(words, x=0.01, ha="left", fontsize=SMALL, color=MUTED)


def note(ax: "Axes", text: str, start: float = 0.0) -> None:
    """What every figure says below: n, settings, seed. ``start``: points from the left edge of the axes."""
    # a line wider than the figure would make the layout shrink the axes
    wrapped = wrap(ax.figure, text, room(ax, start), size=SMALL)
    ax.annotate(
        wrapped,
        (0, 0),
        (start, -30),
        xycoords="axes fraction",
        textcoords="offset points",
        fontsize=SMALL,
        color=MUTED,
        va="top",
    )


def _divided(layers: Any, by: int) -> Any:
    return np.asarray(layers) / by


def _times(shares: Any, by: int) -> Any:
    return np.asarray(shares) * by


def depth_axis(ax: "Axes", depth: int) -> None:
    """Layers below, relative depth above."""
    ax.set_xlim(0.5, depth + 0.5)
    ax.set_xlabel("layer")
    if not ax.child_axes:
        # no lambdas: a figure goes to another process
        top = ax.secondary_xaxis("top", functions=(partial(_divided, by=depth), partial(_times, by=depth)))
        top.set_xlabel("relative depth", fontsize=NAMES)
        # an axis of its own is not among the axes of the figure, whose ticks are kept
        top.tick_params(labelsize=SMALL, color=INK, labelcolor=INK)
