"""A drawing from the run folder, inside the page: in the colours of its theme, with ids of its own."""

import re
from pathlib import Path

from depthscope.drawing.style import NEUTRALS
from depthscope.report.page.content import Figure
from depthscope.report.page.drawings import sanitised
from depthscope.report.table import Download

# px in a pt: what matplotlib measures drawings in, and what browsers do
PIXELS = 4 / 3


def inline_figure(path: Path, downloads: tuple[Download, ...] = ()) -> Figure:
    """Read an SVG that :func:`depthscope.studies.contrast.figures.save` wrote."""
    text = path.read_text(encoding="utf-8")
    alt = described(text) or path.stem.replace("-", " ")
    drawn, dropped = sanitised(text)
    return Figure(path.stem, themed(own_ids(_bare(drawn), path.stem)), alt, downloads, dropped)


def described(svg: str) -> str:
    """Title and alternative text, which travel in the drawing's metadata."""
    found = (re.search(rf"<dc:{name}>(.*?)</dc:{name}>", svg, re.DOTALL) for name in ("title", "description"))
    return " ".join(_plain(one.group(1)) for one in found if one)


def _plain(markup: str) -> str:
    from html import unescape

    words = " ".join(unescape(re.sub(r"<[^>]*>", "", markup)).split())
    return words if not words or words[-1] in ".!?" else f"{words}."


def _bare(svg: str) -> str:
    """As wide as its place and at most as wide as it was drawn."""
    head, rest = svg.split(">", 1)
    width = re.search(r'\bwidth="([\d.]+)pt"', head)
    head = re.sub(r'\s(width|height)="[^"]*"', "", head)
    pixels = float(width.group(1)) * PIXELS if width else 0
    size = f' style="--drawn: {pixels:.0f}px"' if pixels else ""
    return f'{head}{size} aria-hidden="true" focusable="false">{rest}'


def own_ids(svg: str, prefix: str) -> str:
    """Ids that no other drawing on the page has: all of them are called ``axes_1``."""
    svg = re.sub(r'\bid="', f'id="{prefix}-', svg)
    return re.sub(r'(url\(#|href="#)', rf"\g<1>{prefix}-", svg)


def themed(svg: str) -> str:
    """Neutral colours as variables of the page, so that the dark theme has dark drawings."""
    for colour, name in NEUTRALS.items():
        svg = re.sub(re.escape(colour), f"var(--{name})", svg, flags=re.IGNORECASE)
    # attributes know no variables: what is a presentation attribute becomes a style
    return re.sub(r'\b(fill|stroke)="(var\(--\w+\))"', r'style="\1: \2"', svg)
