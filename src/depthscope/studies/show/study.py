"""One text, or two, token by token: how broad the computation is at every token and layer, and what each state would say."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import xarray as xr

from depthscope.capture.alignment import Pair, align_tokens
from depthscope.capture.pieces import read_pieces
from depthscope.capture.text import trace_text
from depthscope.drawing.card import card, picture, strip
from depthscope.errors import DepthscopeError, check_choice
from depthscope.instrument.cse import cse, cse_options, scalogram_options
from depthscope.instrument.scalogram import scalogram
from depthscope.model.load import load_text
from depthscope.model.model import Model
from depthscope.report.page.place import check_page, write_page
from depthscope.run.environment import environment
from depthscope.studies.show.figures import draw_reading
from depthscope.studies.show.page import reading_page
from depthscope.studies.show.results import TextReading, counted_pairs
from depthscope.studies.show.words import answer, names_of, quoted, settings_text, word_sheet
from depthscope.telling import Sheet

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Part = Literal["first", "second", "difference"]
NAMES = ("first", "second")


@dataclass(frozen=True)
class Shown:
    """What :func:`show` returns; a notebook shows it as a strip of tokens and a heat map.

    Attributes
    ----------
    readings : tuple of TextReading
        One text, or two: each with its ``traj``, ``cse`` (token, layer) and ``share`` (token, scale, layer).
    pairs : list of (i, j)
        The tokens of two texts, aligned: see :func:`depthscope.capture.alignment.align_tokens`. Empty for one text.
    settings : dict
        Model, readings of the lens, every option of ``cse``.
    checks, environment : dict
        What was verified of the model; versions.
    command : str
        By which it can be repeated, if it was one.
    """

    readings: tuple[TextReading, ...]
    pairs: list[Pair]
    settings: dict[str, Any]
    checks: dict[str, str]
    environment: dict[str, str]
    command: str

    @property
    def traj(self) -> xr.Dataset:
        """Of the first text."""
        return self.readings[0].traj

    @property
    def cse(self) -> xr.DataArray:
        """Of the first text, (token, layer)."""
        return self.readings[0].cse

    @property
    def difference(self) -> xr.DataArray:
        """CSE of the first text minus that of the second, of aligned tokens, (pair, layer).

        Coordinates over pair: ``first`` and ``second``, the tokens' places; ``piece``; ``counted``, false for special tokens
        and for position 0.
        """
        if len(self.readings) < 2:
            raise DepthscopeError("there is one text: a difference needs compare=")
        one, other = self.readings
        both = [(i, j) for i, j in self.pairs if i is not None and j is not None]
        first, second = np.array(both, dtype=int).reshape(-1, 2).T
        gap = one.cse.values[first] - other.cse.values[second]
        coords: dict[str, Any] = {
            "first": ("pair", first),
            "second": ("pair", second),
            "piece": ("pair", one.traj["piece"].values[first]),
            "counted": ("pair", counted_pairs(self.readings, first, second)),
            "layer": one.cse["layer"].values,
        }
        return xr.DataArray(gap, dims=("pair", "layer"), coords=coords, name="difference")

    @property
    def answer(self) -> list[str]:
        """What was found, in sentences."""
        return answer(self.readings, self.difference if len(self.readings) > 1 else None)

    @property
    def told(self) -> list[str | Sheet]:
        """For the terminal: the answer, then the words of each text, and the settings."""
        two = len(self.readings) > 1
        names = names_of(self.readings) if two else [""]
        sheets = [part for name, one in zip(names, self.readings, strict=True) for part in (word_sheet(one, name), "")]
        return [*self.answer, "", *sheets, settings_text(self.settings)]

    def plot(self, ax: "Axes | None" = None, *, part: Part = "first") -> "Axes":
        """Draw the heat map of token and layer: of the first text, of the second, or of their difference.

        Parameters
        ----------
        ax : matplotlib axes, optional
            To draw into; a new figure otherwise.
        part : {"first", "second", "difference"}

        Raises
        ------
        DepthscopeError
            A second text or a difference is asked for, and there is one text; a difference of texts that share no token.
        """
        check_choice("part", part, (*NAMES, "difference"))
        source = f"{self.settings['model']}; {self.settings['cse']['wavelet']}"
        if part == "difference":
            gap = self.difference.rename(pair="token")
            if not gap.sizes["token"]:
                raise DepthscopeError(
                    "no token of the two texts is aligned: a difference needs texts that share a token"
                )
            title, counted = "CSE, first text minus second", gap["counted"].values
            return draw_reading(gap, title, source, ax, counted=counted, label="difference in CSE", signed=True)
        number = NAMES.index(part)
        if number >= len(self.readings):
            raise DepthscopeError("there is one text: a second needs compare=")
        one = self.readings[number]
        title = f"CSE by token and layer: {quoted(one.text)}"
        return draw_reading(one.cse, title, source, ax, counted=one.counted)

    def save(self, path: str | Path) -> Path:
        """Write the page, one HTML file that needs nothing else; it appears whole or not at all.

        Raises
        ------
        DepthscopeError
            A folder, a file in a folder that is not there, or one that cannot be written.
        """
        place = check_page(path, "show.html")
        blocks = {"Versions and machine": self.environment, "Verified of the model": self.checks}
        return write_page(
            place, reading_page(self.readings, self.pairs, self.settings, self.answer, blocks, self.command)
        )

    def _repr_html_(self) -> str:
        strips = [strip(one.pieces, one.means, one.counted) for one in self.readings]
        title = " | ".join(quoted(one.text) for one in self.readings)
        lines = [*self.answer, settings_text(self.settings)]
        return card(title, lines, picture="".join([*strips, picture(self.plot)]))


def show(
    model: Model | str,
    text: str,
    compare: str | None = None,
    *,
    lens: int = 3,
    command: str = "",
    progress: bool = True,
    **options: Any,
) -> Shown:
    """Measure every token of a text, or of two texts side by side.

    Parameters
    ----------
    model : Model or str
        From :func:`depthscope.load`, or a name that it takes.
    text : str
        Up to the model's context.
    compare : str, optional
        A second text. Its tokens are aligned with those of the first: the same with the same, in order.
    lens : int
        Readings of the logit lens at every layer; 0 for none, and of a model whose states cannot be read. They take most
        of the time.
    command : str
        By which it can be repeated, for the record.
    progress : bool
        Show a bar if it takes longer than a second.
    **options
        Those of :func:`depthscope.cse`.

    Returns
    -------
    Shown
        ``.plot()``, ``.save("show.html")``, ``.told``, ``.cse``, ``.traj``, ``.difference``.

    Raises
    ------
    DepthscopeError
        As :func:`depthscope.load`, :func:`depthscope.trace_text` and :func:`depthscope.cse` raise it.

    Examples
    --------
    >>> seen = ds.show("embedded", "The lawyer is a shark.", "The fish is a shark.")   # doctest: +SKIP
    >>> seen.save("shark.html")                                                        # doctest: +SKIP
    """
    asked = cse_options(options, "show")
    loaded = load_text(model) if isinstance(model, str) else model
    # a transform that does not fit the depth fails before the text is read
    cse(np.eye(loaded.depth), **options)
    texts = [text] if compare is None else [text, compare]
    _check_texts(loaded, texts)
    readings = tuple(_measure(loaded, one, lens, progress, options) for one in texts)
    ids = [one.traj["token_id"].values.tolist() for one in readings]
    # those that there are: an encoder says nothing of a next token
    settings = {"model": loaded.name, "lens": readings[0].traj.sizes.get("rank", 0), "cse": asked}
    return Shown(
        readings,
        align_tokens(*ids) if compare is not None else [],
        settings,
        dict(loaded.checks),
        environment(str(loaded.device), _threads()),
        command,
    )


def _check_texts(model: Model, texts: list[str]) -> None:
    """Of two texts, say which cannot be read, and before the first is measured."""
    for name, text in zip(names_of(texts), texts, strict=True):
        try:
            read_pieces(model.tokenizer, text, model.max_length, model.name)
        except DepthscopeError as problem:
            raise DepthscopeError(f"{name}: {problem}" if len(texts) > 1 else str(problem)) from None


def _measure(model: Model, text: str, lens: int, progress: bool, options: dict[str, Any]) -> TextReading:
    traj = trace_text(model, text, lens=lens, progress=progress)
    share = scalogram(traj, **scalogram_options(options), share=True)
    return TextReading(traj, cse(traj, **options), share)


def _threads() -> int:
    import torch

    return torch.get_num_threads()
