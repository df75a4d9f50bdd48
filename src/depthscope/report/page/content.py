"""What a page holds, before it is a page: plain values, which the templates only write out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from depthscope.report.table import Download, Table


@dataclass(frozen=True)
class Figure:
    """A drawing with words for those who cannot see it.

    Attributes
    ----------
    key : str
        Unique on the page.
    svg : str
        Safe markup: the drawing, in the colours of the page's theme.
    alt : str
        What is shown and what can be seen. Of a long one the first sentence is read, and the rest folded away.
    downloads : sequence of Download
        The numbers behind it.
    dropped : sequence of str
        What the file held and no drawing of ours does: it is not in the markup.
    """

    key: str
    svg: str
    alt: str
    downloads: Sequence[Download] = ()
    dropped: Sequence[str] = ()

    LONG = 30

    @property
    def title(self) -> str:
        return self.alt.split(". ", 1)[0].rstrip(".") + "." if self._long else self.alt

    @property
    def rest(self) -> str:
        return self.alt.split(". ", 1)[1] if self._long else ""

    @property
    def _long(self) -> bool:
        return len(self.alt.split()) > self.LONG and ". " in self.alt


@dataclass(frozen=True)
class Link:
    """A link to another page beside this one."""

    text: str
    href: str


@dataclass(frozen=True)
class Section:
    """One part of a page.

    Attributes
    ----------
    key, title : str
        ``key`` is the anchor.
    words : sequence of str
        Paragraphs, in which ``**`` marks what matters and backticks mark names; all else is text.
    numbers : sequence of str
        The same paragraphs with all their numbers and remarks, where ``words`` lack them: folded away.
    reading : str
        How to read it: folded away.
    template : str
        What writes it: most sections share one.
    content : mapping
        What only that template asks for.
    """

    key: str
    title: str
    words: Sequence[str] = ()
    numbers: Sequence[str] = ()
    figures: Sequence[Figure] = ()
    tables: Sequence[Table] = ()
    links: Sequence[Link] = ()
    reading: str = ""
    template: str = "section.html.j2"
    content: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Page:
    """A whole page.

    Attributes
    ----------
    title : str
    answer : sequence of str
        What stands above everything else, in plain sentences.
    sections : sequence of Section
    points : sequence of str
        The answer as a list, which then stands in place of its last sentence.
    explained : sequence of str
        What must be known to read it: what the measure is, and what the size of an effect.
    about : str
        One line below the title.
    data : mapping of name to values
        What scripts of the page read; written as JSON, each into an element with the id ``data-NAME``.
    scripts : sequence of str
        Files of ``assets`` that run on the page, beside those that every page has.
    charts : sequence of str
        Charts of ``assets/charts`` that are drawn on the page; with any, the library that draws them comes along.
    styles : sequence of str
        Files of ``assets`` that say how sections of their own look, after the style that every page has.
    sound : bool
        A sound is played, which is in the page itself.
    packages : sequence of str
        In whose folders ``templates`` and ``assets`` are looked for first, e.g. ``depthscope.studies.show``; then in ours.
    """

    title: str
    answer: Sequence[str]
    sections: Sequence[Section]
    points: Sequence[str] = ()
    explained: Sequence[str] = ()
    about: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
    scripts: Sequence[str] = ()
    charts: Sequence[str] = ()
    styles: Sequence[str] = ()
    sound: bool = False
    packages: Sequence[str] = ()
