"""Texts that are in memory, as a corpus."""

from collections.abc import Iterator, Mapping

import numpy as np

from depthscope.corpus.documents import Document
from depthscope.errors import DepthscopeError
from depthscope.store.digest import digest


class TextCorpus:
    """Some texts by their names; see :class:`~depthscope.corpus.documents.Corpus`.

    Parameters
    ----------
    source : str
        What they are called together.
    texts : mapping of str to str
        In their order; those without a letter are left out.

    Raises
    ------
    DepthscopeError
        No text.
    """

    def __init__(self, source: str, texts: Mapping[str, str]) -> None:
        self.source = source
        self.texts = {name: text for name, text in texts.items() if text.strip()}
        self.size: int | None = sum(len(text.encode()) for text in self.texts.values())
        self.passed_over: tuple[str, ...] = ()
        self.blank = len(texts) - len(self.texts)
        if not self.texts:
            raise DepthscopeError(f"{source}: no document with a letter in it; give a corpus that holds text")

    def documents(self, skip: int = 0) -> Iterator[Document]:
        reached = 0
        for number, (name, text) in enumerate(self.texts.items()):
            if number >= skip:
                yield Document(name, (text,), reached)
            reached += len(text.encode())

    def digest(self) -> str:
        return digest({name: np.array([text]) for name, text in self.texts.items()})
