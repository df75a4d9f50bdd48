"""The tokens around an occurrence, each in the colour of the latent's activation on it."""

from collections.abc import Iterator, Sequence
from html import escape
from math import isnan
from typing import TYPE_CHECKING, NamedTuple

from depthscope.drawing.reading import visible

if TYPE_CHECKING:
    from depthscope.studies.sae.features.feature import FeatureCard, Occurrence

# how much of the colour the weakest activation has
LEAST = 0.12
# in a notebook, light or dark: the colour itself
AMBER = "255, 176, 32"


class Span(NamedTuple):
    """Consecutive tokens that look alike: one that is lit, or several that are not.

    Attributes
    ----------
    text : str
    ink : float
        0 to 1, how much of the colour it has; 0 for what is not lit.
    told : str
        The activation in digits; empty where there is none.
    peak : bool
        The token that all this is around.
    unseen : bool
        Not measured: special tokens, and the first of a text.
    """

    text: str
    ink: float = 0.0
    told: str = ""
    peak: bool = False
    unseen: bool = False


def spans(one: "FeatureCard", seen: "Occurrence") -> list[Span]:
    """What is around an occurrence, in order."""
    found: list[Span] = []
    for span in _each(one, seen):
        last = found[-1] if found else None
        if last and not (last.told or span.told) and last.unseen == span.unseen:
            found[-1] = last._replace(text=last.text + span.text)
        else:
            found.append(span)
    return found


def _each(one: "FeatureCard", seen: "Occurrence") -> Iterator[Span]:
    for i, (piece, value) in enumerate(zip(one.pieces(seen), seen.lit, strict=True)):
        text = visible(piece)
        if isnan(value) or not value:
            yield Span(text, unseen=isnan(value))
        else:
            ink = LEAST + (1 - LEAST) * min(value / one.reach, 1)
            yield Span(text, round(ink, 3), f"{value:.3g}", i == seen.at)


def lines(one: "FeatureCard", shown: "Sequence[Occurrence]") -> str:
    """Markup of some occurrences, each on a line, for a notebook; all text is escaped."""
    return "".join(
        f'<p dir="auto" style="white-space:pre-wrap;margin:.3em 0"><span style="opacity:.7">{seen.value:.3g}&emsp;</span>'
        f"{''.join(map(_markup, spans(one, seen)))}</p>"
        for seen in shown
    )


def _markup(span: Span) -> str:
    if not span.told:
        return escape(span.text)
    weight = ";font-weight:600;text-decoration:underline" if span.peak else ""
    # half of the colour at most, on which black and white can both be read
    look = f"background:rgba({AMBER},{span.ink / 2:.2f}){weight}"
    return f'<span style="{look}" title="{span.told}">{escape(span.text)}</span>'
