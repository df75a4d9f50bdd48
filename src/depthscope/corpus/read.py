"""A corpus, from whatever the user named."""

from collections.abc import Iterable, Iterator
from os import PathLike, fspath
from typing import get_args

from depthscope.corpus.documents import WAY_OUT, Corpus, Document, Split
from depthscope.corpus.files import File, digest_files, find_files, opened, reading
from depthscope.corpus.hub import PREFIX, HubCorpus
from depthscope.corpus.rows import json_texts, parquet_texts
from depthscope.corpus.text import Chunks, lines, paragraphs
from depthscope.errors import DepthscopeError, check_choice
from depthscope.store.names import given

PLACES = f"give a file, a folder, or {PREFIX}NAME for a Hugging Face data set"


def read_corpus(source: str | PathLike[str], *, text: str = "text", split: Split = "file") -> Corpus:
    """Find the texts of a corpus; they are read as its documents are asked for.

    Parameters
    ----------
    source : str or path
        A file; a folder, which is searched with all its folders, hidden ones excepted, in the order of the names; or
        ``hf:NAME[:CONFIG][:SPLIT]``, a data set of the Hugging Face Hub or a folder of one, which is streamed.
        Kinds of files: ``.txt``, ``.text``, ``.md``; ``.jsonl``, ``.ndjson``; all these also with ``.gz`` or ``.zst``;
        ``.parquet``. Text is UTF-8.
    text : str
        The column that holds the text, in JSON lines, Parquet and data sets: each row is a document.
    split : {"file", "line", "paragraph"}
        What is a document in a file of plain text: all of it, of any length; each line that is not blank; or each
        block between blank lines, its line ends LF. A line or a block is held
        in memory whole; one of more than 64 MiB is refused.

    Raises
    ------
    DepthscopeError
        No name, nothing there, nothing that can be read, or two files of one name. What is wrong inside a file is said
        when it is reached: text that is not UTF-8, a row without the column, a damaged archive, a corpus without a
        letter.
    """
    check_choice("split", split, get_args(Split))
    name = _named(source)
    if not isinstance(text, str) or not text:
        raise DepthscopeError(f"text={text!r}: no name of a column; {WAY_OUT}")
    if name.startswith(PREFIX):
        return HubCorpus(name, text)
    return FileCorpus(name, text, split)


def _named(source: object) -> str:
    name = fspath(source) if isinstance(source, PathLike) else source
    if not isinstance(name, str):
        raise DepthscopeError(f"the corpus is a {type(name).__name__}, not a name; {PLACES}")
    if not name:
        raise DepthscopeError(f"the corpus has no name (it is an empty text); {PLACES}")
    return name


class FileCorpus:
    """A corpus in files; see :class:`~depthscope.corpus.documents.Corpus`."""

    def __init__(self, source: str, text: str, split: Split) -> None:
        self.source = source
        place = given(source, "a corpus")
        with reading(place):
            self.files, self.passed_over = find_files(place)
        self.size: int | None = sum(file.size for file in self.files)
        self.blank = 0
        self._column = text
        self._split = split

    def documents(self, skip: int = 0) -> Iterator[Document]:
        before = number = blank = 0
        for file in self.files:
            for name, chunks, reached in self._texts(file):
                if chunks is None:
                    blank += 1
                    continue
                if number >= skip:
                    yield Document(name, chunks, before + reached)
                number += 1
            before += file.size
        if number == 0:
            raise DepthscopeError(f"{self.source}: no document with a letter in it; give a corpus that holds text")
        self.blank = blank

    def digest(self) -> str:
        return digest_files(self.files)

    def _texts(self, file: File) -> Iterator[tuple[str, Iterable[str] | None, int]]:
        """Name, text (none if it is blank) and bytes read of each document of a file."""
        if file.kind == "text" and self._split == "file":
            chunks = Chunks(file)
            yield file.name, None if chunks.blank() else chunks, 0
            return
        for number, text, reached in self._rows(file):
            yield f"{file.name}:{number}", (text,) if text.strip() else None, reached

    def _rows(self, file: File) -> Iterator[tuple[int, str, int]]:
        if file.kind == "rows":
            yield from json_texts(file, self._column)
        elif file.kind == "parquet":
            yield from parquet_texts(file, self._column)
        else:
            with opened(file) as (stream, reached):
                numbered = lines(file, stream)
                for number, text in paragraphs(file, numbered) if self._split == "paragraph" else numbered:
                    # a blank line between lines is no document, not even an empty one
                    if text.strip():
                        yield number, text, reached()
