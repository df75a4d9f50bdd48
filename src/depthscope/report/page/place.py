"""Where a page that belongs to no run folder is written."""

import tempfile
from pathlib import Path

from depthscope.errors import DepthscopeError, reason
from depthscope.report.page.content import Page
from depthscope.report.page.render import render
from depthscope.store.files import write_text


def check_page(path: str | Path, example: str = "page.html") -> Path:
    """A place where a page can be written, or the reason why not: before minutes are spent.

    Raises
    ------
    DepthscopeError
        A folder, a file in a folder that is not there, or one that cannot be written.
    """
    place = Path(path)
    try:
        if place.is_dir():
            raise DepthscopeError(f"{place} is a folder: give a file, e.g. {place / example}")
        if not place.parent.is_dir():
            raise DepthscopeError(f"{place}: there is no folder {place.parent}; make it first")
        # what is written first is a file beside it, with a longer name
        with tempfile.NamedTemporaryFile(prefix=f".{place.name}.", dir=place.parent):
            return place
    except OSError as problem:
        raise _unwritable(place, problem) from None


def write_page(place: Path, page: Page) -> Path:
    """Write a page, one HTML file that needs nothing else; it appears whole or not at all."""
    try:
        write_text(place, render(page))
    except OSError as problem:
        raise _unwritable(place, problem) from None
    return place


def _unwritable(place: Path, problem: OSError) -> DepthscopeError:
    why = problem.strerror or reason(problem)
    return DepthscopeError(f"{place}: the page cannot be written there ({why}): give another file")
