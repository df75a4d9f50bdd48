"""A data set of the Hugging Face Hub, or a local folder of one, row by row."""

import hashlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from depthscope.corpus.documents import Document, no_column, text_of
from depthscope.errors import DepthscopeError, listed, reason, require

PREFIX = "hf:"
FORM = "hf:NAME[:CONFIG][:SPLIT]"


class HubCorpus:
    """A streamed data set; see :class:`~depthscope.corpus.documents.Corpus`.

    Of ``hf:NAME:WORD`` the word is a configuration if the data set has one of that name, else a split. Without a split
    it is ``train``, or the only one.
    """

    size: int | None = None
    passed_over: tuple[str, ...] = ()

    def __init__(self, source: str, text: str) -> None:
        datasets = require("datasets", "hub")
        # it reports every attempt; what matters comes as an exception
        logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
        self.source = source
        self.blank = 0
        self._column = text
        name, *words = source.removeprefix(PREFIX).split(":")
        if not name or len(words) > 2:
            raise DepthscopeError(f"{source}: not of the form {FORM}; write it so")
        with _said_plainly(source):
            configurations = datasets.get_dataset_config_names(name)
            config = words[0] if words and (len(words) == 2 or words[0] in configurations) else None
            wanted = words[-1] if words and (len(words) == 2 or config is None) else None
            if config is None and len(configurations) > 1 and "default" not in configurations:
                raise DepthscopeError(
                    f"{source}: has several configurations ({listed(configurations, 10)}); write {PREFIX}{name}:CONFIG"
                )
            self._builder = datasets.load_dataset_builder(name, config or None)
            splits = datasets.load_dataset(name, config or None, streaming=True)
        self._split = wanted or ("train" if "train" in splits or len(splits) > 1 else next(iter(splits)))
        if self._split not in splits:
            raise DepthscopeError(
                f"{source}: no split {self._split!r} (there is {', '.join(splits)}); choose one with {FORM}"
            )
        self._rows = splits[self._split]

    def documents(self, skip: int = 0) -> Iterator[Document]:
        number = blank = 0
        with _said_plainly(self.source):
            for index, row in enumerate(self._rows):
                where = f"{self.source}:{index}"
                if self._column not in row:
                    raise no_column(where, self._column, row)
                text = text_of(where, self._column, row[self._column])
                if not text.strip():
                    blank += 1
                    continue
                if number >= skip:
                    yield Document(where, (text,), 0)
                number += 1
        if number == 0:
            raise DepthscopeError(f"{self.source}: no document with a letter in it; give a corpus that holds text")
        self.blank = blank

    def digest(self) -> str:
        """Of its name and revision, or for a local folder of its files' paths, sizes and times: it is not read."""
        builder: Any = self._builder
        parts = (self.source, self._split, builder.hash, builder.config_id, builder.info.version)
        return hashlib.sha256(repr(tuple(map(str, parts))).encode()).hexdigest()


@contextmanager
def _said_plainly(source: str) -> Iterator[None]:
    """Whatever the library raises, which depends on the data set's kind and place, in a sentence."""
    try:
        yield
    except DepthscopeError:
        raise
    except Exception as problem:
        raise DepthscopeError(
            f"{source}: cannot be read as a data set ({reason(problem)}); check its name, and the connection"
        ) from None
