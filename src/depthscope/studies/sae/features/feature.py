"""One latent: all that is known of it, as a page, a picture, a table, a card in a notebook."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from depthscope.arrays import Float
from depthscope.capture.sites import Site
from depthscope.drawing.card import card, picture
from depthscope.errors import DepthscopeError, check_choice
from depthscope.studies.sae.features.shelf import Around
from depthscope.studies.sae.features.words import about, answer, occurrence_sheet, title
from depthscope.telling import Sheet

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Part = Literal["histogram", "depth", "cse"]
PARTS: tuple[Part, ...] = ("histogram", "depth", "cse")


class FiresOn(NamedTuple):
    """A token; the share of the latent's firings that are on it, and of its own occurrences on which the latent fires."""

    token: int
    share: float
    rate: float


class Partner(NamedTuple):
    """A latent that fires on the same tokens: by the Jaccard index, and log2 of how many times more often than by chance."""

    latent: int
    jaccard: float
    pmi: float


class Near(NamedTuple):
    """A latent with a direction that is alike, in the dictionary ``name``."""

    name: str
    latent: int
    cosine: float


class Moved(NamedTuple):
    """A token of the vocabulary, and by how many logits it is raised or lowered."""

    token: int
    by: float


class Occurrence(NamedTuple):
    """One place where a latent fires.

    Attributes
    ----------
    value : float
    document : str
    place : int
        Which of its tokens.
    ids : tuple of int
        Tokens around it, within the text.
    lit : tuple of float
        Activation on each; NaN where it was not measured.
    at : int
        Which of them it is.
    """

    value: float
    document: str
    place: int
    ids: tuple[int, ...]
    lit: tuple[float, ...]
    at: int


def occurrences(kept: Around, before: int) -> list[Occurrence]:
    """Those of one latent, (places,)."""
    found = []
    for i in np.flatnonzero(kept.value > 0):
        inside = kept.ids[i] >= 0
        ids, lit = kept.ids[i][inside].tolist(), kept.lit[i][inside].tolist()
        at = before - int(np.argmax(inside))
        found.append(
            Occurrence(float(kept.value[i]), str(kept.document[i]), int(kept.place[i]), tuple(ids), tuple(lit), at)
        )
    return found


@dataclass(frozen=True)
class FeatureCard:
    """What is known of one latent, of a text of T tokens; a notebook shows it as a card.

    Attributes
    ----------
    model, name : str
        Of the model, and of the dictionary.
    site : Site
        What the dictionary reads.
    latent, latents : int
        Which, and of how many.
    total, count : int
        T, and on how many of them it fires.
    mean, maximum : float
        Of its activations where it fires.
    reach : float
        What colours reach up to: :attr:`depthscope.studies.sae.features.collected.Collected.reach`.
    histogram : int array (bins,)
        Between consecutive :data:`depthscope.studies.sae.features.collected.EDGES`.
    top, random : list of Occurrence
    tokens : list of FiresOn
    partners : list of Partner
    near, across : list of Near
        In its own dictionary; and the nearest of each other one.
    up, down : list of Moved
        Tokens that it raises and lowers most: :func:`depthscope.studies.sae.features.effect.logit_effect`.
    separation : float array (L + 1,) or None
        How much of its direction the stream has at states 0 to L where it fires, in standard deviations:
        :class:`depthscope.studies.sae.features.depth.Depths`, with ``cse``, ``other_cse`` and ``cse_gap`` (L,).
    sampled : (int, int)
        Tokens on which it fires in the sample that the profiles over depth are of, and all of these.
    states : int
        On how many states the effect on logits is averaged; 0 if it was not measured.
    words : mapping of int to str
        Texts of tokens.
    settings : dict
    command : str
        By which it can be repeated, if it was one.
    """

    model: str
    name: str
    site: Site
    latent: int
    latents: int
    total: int
    count: int
    mean: float
    maximum: float
    reach: float
    histogram: NDArray[np.int64]
    top: Sequence[Occurrence]
    random: Sequence[Occurrence]
    tokens: Sequence[FiresOn]
    partners: Sequence[Partner]
    near: Sequence[Near]
    across: Sequence[Near]
    up: Sequence[Moved]
    down: Sequence[Moved]
    separation: Float | None
    cse: Float | None
    other_cse: Float | None
    cse_gap: Float | None
    sampled: tuple[int, int]
    states: int
    words: Mapping[int, str] = field(repr=False)
    settings: Mapping[str, Any] = field(repr=False)
    command: str = ""

    @property
    def density(self) -> float:
        """Share of tokens on which it fires."""
        return self.count / self.total

    @property
    def answer(self) -> list[str]:
        """What was found, in sentences."""
        return answer(self)

    @property
    def told(self) -> list[str | Sheet]:
        """For the terminal: the answer, then where it fires most."""
        return [*self.answer, "", *([occurrence_sheet(self)] if self.top else [])]

    @property
    def parts(self) -> list[Part]:
        """What can be drawn of it."""
        known = {"histogram": self.count > 0, "depth": self.separation is not None, "cse": self.cse is not None}
        return [part for part in PARTS if known[part]]

    def pieces(self, one: Occurrence) -> list[str]:
        """Texts of the tokens around an occurrence."""
        return [self.words[i] for i in one.ids]

    def to_dataframe(self) -> pd.DataFrame:
        """One row for each occurrence, the strongest first, then the random ones.

        Returns
        -------
        DataFrame
            ``kind`` (top, random), ``activation``, ``document``, ``token`` (which of the document), ``before``, ``text``,
            ``after``.
        """
        return pd.DataFrame(
            self._rows(), columns=["kind", "activation", "document", "token", "before", "text", "after"]
        )

    def _rows(self) -> Iterator[tuple[Any, ...]]:
        for kind, kept in (("top", self.top), ("random", self.random)):
            for one in kept:
                pieces = self.pieces(one)
                texts = "".join(pieces[: one.at]), pieces[one.at], "".join(pieces[one.at + 1 :])
                yield (kind, one.value, one.document, one.place, *texts)

    def plot(self, ax: "Axes | None" = None, *, part: Part = "histogram") -> "Axes":
        """Draw its activations, or its profile over depth.

        Parameters
        ----------
        ax : matplotlib axes, optional
            To draw into; a new figure otherwise.
        part : {"histogram", "depth", "cse"}
            Of the last two, what :func:`show_features` measured.

        Raises
        ------
        DepthscopeError
            What was not measured, or a latent that never fired.
        """
        from depthscope.studies.sae.features.figures import draw_cse, draw_histogram, draw_separation

        check_choice("part", part, PARTS)
        if part not in self.parts:
            raise DepthscopeError(
                f"latent {self.latent}: there is no {part} to draw, since it was not measured or the latent fires too rarely; "
                f"there is {', '.join(self.parts) or 'nothing'}"
            )
        source = f"{self.model}; {self.name}; {self.total:,} tokens"
        if part == "histogram":
            return draw_histogram(self.histogram, f"Activations of latent {self.latent} of {self.name}", source, ax)
        source = f"{self.model}; {self.name}; {self.sampled[0]:,} tokens of {self.sampled[1]:,}"
        if part == "depth":
            assert self.separation is not None  # or it would not be among the parts
            heading = f"Where the direction of latent {self.latent} of {self.name} is carried"
            return draw_separation(self.separation, self.site.layer, heading, source, ax)
        assert self.cse is not None
        assert self.other_cse is not None
        heading = f"CSE of the tokens on which latent {self.latent} of {self.name} fires"
        return draw_cse(self.cse, self.other_cse, self.site.layer, heading, source, ax)

    def save(self, path: str | Path) -> Path:
        """Write it as a page, one HTML file that needs nothing else and can be read without scripts.

        Raises
        ------
        DepthscopeError
            A folder, a file in a folder that is not there, or one that cannot be written.
        """
        from depthscope.report.page.place import check_page, write_page
        from depthscope.studies.sae.features.page.single import single_page

        return write_page(check_page(path, "feature.html"), single_page(self))

    def _repr_html_(self) -> str:
        from depthscope.studies.sae.features.page.lit import lines

        shown = lines(self, self.top[:SHOWN])
        part = next(iter(self.parts), None)
        drawn = picture(lambda: self.plot(part=part)) if part else ""
        return card(title(self), [about(self), *self.answer], picture=shown + drawn)


# occurrences on a card
SHOWN = 6
