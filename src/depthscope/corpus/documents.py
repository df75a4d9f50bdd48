"""A document of a corpus, and what every corpus can do."""

from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple, Protocol

from depthscope.errors import DepthscopeError

# how a file of plain text is divided into documents
Split = Literal["file", "line", "paragraph"]
WAY_OUT = "name the column that holds the text with --text-column NAME"


class Document(NamedTuple):
    """One text of a corpus.

    Attributes
    ----------
    name : str
        Unlike that of any other document of the corpus: ``"essays/one.txt"``, ``"news.jsonl:17"`` (its line or row,
        counted from 1), ``"hf:NAME:0"`` (its row, counted from 0).
    chunks : iterable of str
        The text in order, in pieces. It may be read more than once.
    reached : int
        Bytes of the corpus that had been read, on disk, when the document was found; 0 where the size is unknown.
    """

    name: str
    chunks: Iterable[str]
    reached: int


class Corpus(Protocol):
    """Documents in a fixed order, which can be read again and again; at most one piece or row is held in memory.

    Attributes
    ----------
    source : str
        As the user named it.
    size : int or None
        Bytes on disk, if known.
    passed_over : tuple of str
        What the folder holds and is not read: files of other kinds, linked folders, dead links, pipes; nothing hidden.
    blank : int
        Documents without a letter that the last complete reading came upon; they are not among the documents.
    """

    source: str
    size: int | None
    passed_over: tuple[str, ...]
    blank: int

    def documents(self, skip: int = 0) -> Iterator[Document]:
        """The documents from number ``skip`` on, counted from 0."""

    def digest(self) -> str:
        """A name for exactly these texts: SHA-256."""


def text_of(where: str, column: str, value: object) -> str:
    """The text in a row; an empty one if there is none.

    Raises
    ------
    DepthscopeError
        A value that is no text, or a text with half a character, which no UTF-8 can hold.
    """
    if value is None:
        return ""
    if not isinstance(value, str):
        raise DepthscopeError(f"{where}: column {column!r} holds {type(value).__name__}, not text; {WAY_OUT}")
    try:
        value.encode()
    except UnicodeEncodeError as problem:
        raise DepthscopeError(
            f"{where}: character {problem.start} of the text is half a character (a lone surrogate); "
            "write the file again, from text that is valid"
        ) from None
    return value


def no_column(where: str, column: str, present: Iterable[object]) -> DepthscopeError:
    names = ", ".join(map(str, present)) or "no column at all"
    return DepthscopeError(f"{where}: no column {column!r} (there is {names}); {WAY_OUT}")
