"""What a study says, part by part: which words, figures and tables of its folder make which part of its page."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from depthscope.errors import listed
from depthscope.report.page.content import Section
from depthscope.report.table import TableForm
from depthscope.store.record import RunRecord
from depthscope.store.sealed import Sealed

# keys of words that stand at places of their own on every page
EVERYWHERE = ("points", "explained", "left_out")


@dataclass(frozen=True)
class Made:
    """A section that its study makes itself, and what its script needs: see :class:`depthscope.report.page.content.Page`."""

    section: Section
    data: Mapping[str, Any] = field(default_factory=dict)
    scripts: Sequence[str] = ()
    charts: Sequence[str] = ()
    styles: Sequence[str] = ()
    sound: bool = False
    packages: Sequence[str] = ()


@dataclass(frozen=True)
class Part:
    """One part of a page.

    Attributes
    ----------
    key, title : str
        ``key`` is also that of the words in ``run.json``.
    figures : mapping
        Pattern of the stem of drawings in ``figures/``: the tables behind them.
    tables : sequence of TableForm
        What is shown of which tables.
    reading : str
        How to read it.
    make : callable, optional
        Run folder -> the section, where nothing of the above will do; None: there is nothing to show.
    """

    key: str
    title: str
    figures: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    tables: Sequence[TableForm] = ()
    reading: str = ""
    make: Callable[[Sealed], Made | None] | None = None


def _as_it_is(folder: Path, record: RunRecord) -> RunRecord:
    return record


@dataclass(frozen=True)
class Layout:
    """How the runs of one study become pages: ``LAYOUT`` of its ``page.py``.

    Attributes
    ----------
    about : str
        What a run of it is, in few words.
    parts : sequence of Part
        In reading order. A part of which the folder holds nothing is left out.
    prepare : callable
        (folder, record) -> record, for a study that draws when its page is asked for.
    """

    about: str
    parts: Sequence[Part]
    prepare: Callable[[Path, RunRecord], RunRecord] = _as_it_is

    def check(self, words: Mapping[str, Any]) -> None:
        """Refuse words that no part would show.

        Raises
        ------
        ValueError
            A key that does not exist: a mistake of ours, by which a paragraph would silently be lost.
        """
        known = {*EVERYWHERE, *(key for part in self.parts for key in (part.key, f"{part.key}_reading"))}
        if strange := [key for key in words if key not in known]:
            raise ValueError(
                f"words for parts that do not exist: {listed(strange)}; the parts are {listed(sorted(known), 40)}"
            )
