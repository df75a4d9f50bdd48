"""An explanation that shows itself: in a notebook, as a drawing, as a page."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from depthscope.drawing.card import card, picture
from depthscope.errors import DepthscopeError
from depthscope.report.page.place import check_page, write_page
from depthscope.studies.asr.figures import draw_map
from depthscope.studies.asr.page import explanation_page
from depthscope.studies.asr.results import Explanation
from depthscope.studies.asr.words import answer, title, word_sheet
from depthscope.telling import Sheet

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, eq=False, repr=False)
class Explained(Explanation):
    """What :func:`depthscope.explain` returns.

    Attributes
    ----------
    checks, environment : mapping
        What was verified of the model; versions.
    command : str
        By which it can be repeated, if it was one.
    """

    checks: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    command: str = ""

    @property
    def answer(self) -> list[str]:
        """What was found, in sentences."""
        return answer([self])

    @property
    def told(self) -> list[str | Sheet]:
        """For the terminal: the answer, then the words."""
        sheets: list[str | Sheet] = ["", word_sheet(self)] if len(self.words) else []
        return [*self.answer, *sheets]

    def plot(self, ax: "Axes | None" = None, *, window: int = 0) -> "Axes":
        """Draw the map of tokens and seconds of one window, with the words' intervals; returns matplotlib axes.

        Raises
        ------
        DepthscopeError
            No such window, or no token in it.
        """
        if not 0 <= window < len(self.windows) or not len(self.windows[window].map):
            raise DepthscopeError(
                f"window={window}: {self.name} has {len(self.windows)} windows, and no token in that one"
            )
        one = self.windows[window]
        tokens = self.tokens[self.tokens["window"] == window]
        text = f"{self.model}; {self.method}; window {window + 1} of {len(self.windows)}"
        return draw_map(one.map, one.times, tokens, title([self]), text, ax)

    def report(self, path: str | Path) -> Path:
        """Write the page, one HTML file that needs nothing else: it plays the sound, and shows what each word rests on.

        Raises
        ------
        DepthscopeError
            A folder, a file in a folder that is not there, or one that cannot be written.
        """
        place = check_page(path, "sound.html")
        blocks = {"Versions and machine": self.environment, "Verified of the model": self.checks}
        return write_page(place, explanation_page(self, blocks, self.command))

    def __repr__(self) -> str:
        return "\n".join(self.answer)

    def _repr_html_(self) -> str:
        first = next((k for k, one in enumerate(self.windows) if len(one.map)), None)
        drawn = picture(lambda: self.plot(window=first)) if first is not None else ""
        return card(title([self]), self.answer, word_sheet(self) if len(self.words) else None, picture=drawn)
