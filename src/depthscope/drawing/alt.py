"""What can be seen in a figure, in words: its text alternative, which travels in its files.

Each drawing says it by its own rules, from the numbers that it draws.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from depthscope.words import ALPHA, layers_text, names_text, p_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# first layer, last layer, p, sign of the effect
Span = tuple[int, int, float, float]

# characters that XML 1.0 cannot hold, escaped or not
UNSPEAKABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class Alt:
    """``title``: what the figure is; ``text``: what it shows, and what can be seen."""

    title: str
    text: str


_TOLD: WeakKeyDictionary[Any, Alt] = WeakKeyDictionary()


def describe(drawn: "Axes | Figure", title: str, *sentences: str) -> None:
    """Attach the alternative to axes, or to a figure as a whole; what was attached before is replaced."""
    _TOLD[drawn] = Alt(_plain(title), _plain(" ".join(filter(None, sentences))))


def alt(figure: "Figure") -> Alt:
    """What was attached to the figure, else to its axes, in their order; empty words if nothing was."""
    if figure in _TOLD:
        return _TOLD[figure]
    told = [_TOLD[ax] for ax in figure.axes if ax in _TOLD]
    return Alt("; ".join(dict.fromkeys(one.title for one in told if one.title)), " ".join(one.text for one in told))


def _plain(text: str) -> str:
    return UNSPEAKABLE.sub("\ufffd", " ".join(text.split()))


def clusters_text(spans: Sequence[Span], what: str = "The difference") -> str:
    """One sentence on where ``what`` is above or below 0."""
    found = [
        f"{'above' if sign > 0 else 'below'} 0 at {layers_text(first, last)} ({p_text(p)})"
        for first, last, p, sign in spans
        if p <= ALPHA
    ]
    if not found:
        return f"{what} has no cluster of layers with p <= .05."
    return f"{what} is {names_text(found)}."
