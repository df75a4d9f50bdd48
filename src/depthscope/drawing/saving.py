"""Figures as files: PNG to look at, SVG for pages, PDF for papers; the same bytes for the same figure, with its alternative."""

import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from depthscope.drawing.alt import UNSPEAKABLE, Alt, alt
from depthscope.drawing.beside import current
from depthscope.drawing.fonts import lend
from depthscope.drawing.style import look
from depthscope.errors import require

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure

KINDS = ("png", "svg", "pdf")
# a date, or the version of a library, would make a file of its own of every copy
WITHOUT = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}
# dots per inch: of a picture, and of what is drawn as an image within a vector figure
DOTS = {"png": 200, "svg": 200, "pdf": 300}


def save(figure: "Figure | SubFigure", stem: Path) -> list[Path]:
    """Write ``stem.png``, ``stem.svg`` and ``stem.pdf``, as wide as the figure says; then close the figure.

    Its text alternative (:func:`depthscope.drawing.alt.describe`) goes along: in the SVG as ``title`` and ``dc:description``,
    in the PDF as Title and Subject, in the PNG as Title and Description. Within
    :func:`depthscope.drawing.beside.figures_beside` the files are there once they have been waited for.
    """
    plt = require("matplotlib.pyplot", "figures")
    whole: Figure = figure.figure
    paths = [stem.with_name(f"{stem.name}.{kind}") for kind in KINDS]
    with look():
        whole.draw_without_rendering()
        if lend(whole):  # names on an axis are known once it is drawn
            whole.draw_without_rendering()
    # laid out once: every file has the same places, and the layout is what takes the time
    whole.set_layout_engine("none")
    beside = current() if len(paths) > 1 else None
    if beside is None:
        write_kinds(whole, alt(whole), paths)
    else:
        beside.give(write_kinds, whole, alt(whole), paths)
    plt.close(whole)
    return paths


def write_kinds(figure: "Figure", told: Alt, paths: Sequence[Path]) -> None:
    """Write a figure that is laid out, with its text alternative, into files; what each is, its suffix says."""
    for path in paths:
        path.write_bytes(encoded(figure, path.suffix[1:], told=told))


def encoded(figure: "Figure", kind: str, dpi: int | None = None, told: Alt | None = None) -> bytes:
    """The file that :func:`save` would write; ``kind`` is ``png``, ``svg`` or ``pdf``.

    ``told``: its text alternative, for a figure that has come from another process.
    """
    told = told or alt(figure)
    words = {"Title": told.title, ("Subject" if kind == "pdf" else "Description"): told.text}
    metadata: dict[str, Any] = {name: text for name, text in words.items() if text}
    metadata |= WITHOUT[kind]
    written = io.BytesIO()
    with look():
        lend(figure)
        figure.savefig(written, format=kind, dpi=dpi or DOTS[kind], metadata=metadata)
    return _speakable(written.getvalue()) if kind == "svg" else written.getvalue()


def _speakable(svg: bytes) -> bytes:
    """Without the control characters of names, which matplotlib writes and no reader of XML accepts."""
    return re.sub(UNSPEAKABLE, "\ufffd", svg.decode()).encode()
