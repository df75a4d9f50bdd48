"""Bytes to characters, without ever holding a whole file."""

import codecs
from collections.abc import Iterable, Iterator
from io import BufferedReader

from depthscope.corpus.files import BLOCK, File, opened
from depthscope.store.lines import LONGEST, not_utf8, too_long

WAY_OUT = "give texts of that length as files of plain text, one each, which are read in pieces"
MARK = "\ufeff"  # of UTF-8, which some programs put before a text


class Chunks:
    """The text of a file in pieces of at most a mebibyte, its byte-order mark left out; each iteration reads it again."""

    def __init__(self, file: File) -> None:
        self.file = file

    def __iter__(self) -> Iterator[str]:
        decoder = codecs.getincrementaldecoder("utf-8")()
        fed, begun = 0, False
        with opened(self.file) as (stream, _):
            while True:
                block = stream.read(BLOCK)
                kept = len(decoder.getstate()[0])  # the first bytes of a character that the last block cut
                try:
                    chunk = decoder.decode(block, final=not block)
                except UnicodeDecodeError as problem:
                    raise not_utf8(self.file.path, fed - kept + problem.start) from None
                fed += len(block)
                if chunk and not begun:
                    chunk, begun = chunk.removeprefix(MARK), True
                if chunk:
                    yield chunk
                if not block:
                    return

    def blank(self) -> bool:
        return all(chunk.isspace() for chunk in self)


def lines(file: File, stream: BufferedReader) -> Iterator[tuple[int, str]]:
    """Each line with its number, from 1; its end (LF or CR LF) left out."""
    begin = number = 0
    # bytes are split at LF alone: a text may hold U+2028 and other characters that str.splitlines takes for ends
    while line := stream.readline(LONGEST + 1):
        number += 1
        if len(line) > LONGEST:
            raise too_long(file.path, number, WAY_OUT)
        try:
            text = line.decode()
        except UnicodeDecodeError as problem:
            raise not_utf8(file.path, begin + problem.start, number) from None
        begin += len(line)
        yield number, (text.removeprefix(MARK) if number == 1 else text).removesuffix("\n").removesuffix("\r")


def paragraphs(file: File, numbered: Iterable[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """Blocks between blank lines, each with the number of its first line."""
    first, size, block = 0, 0, list[str]()
    for number, line in numbered:
        if line.strip():
            first, size = (first, size) if block else (number, 0)
            size += len(line)
            if size > LONGEST:
                raise too_long(file.path, first, WAY_OUT)
            block.append(line)
        elif block:
            yield first, "\n".join(block)
            block = []
    if block:
        yield first, "\n".join(block)
