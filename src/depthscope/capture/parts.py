"""A corpus cut into parts: always the same ones, from the corpus and the settings alone."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from depthscope.capture.around import surrounding_ids
from depthscope.capture.sections import Section, sections
from depthscope.capture.windows import Window, windows
from depthscope.corpus.documents import Corpus
from depthscope.errors import DepthscopeError

WINDOW = 512


class Place(NamedTuple):
    """Where a part begins: the number of the document, and of its window; both from 0."""

    document: int = 0
    window: int = 0


@dataclass(frozen=True)
class Part:
    """Windows that are measured together and are in one file.

    Attributes
    ----------
    number : int
    windows : list of Window
    following : Place
        Where the next part begins.
    reached : int
        Bytes of the corpus that are read when it ends.
    last : bool
        Nothing follows.
    cuts : int
        Sections of its documents that were joined where their tokens do not agree.
    """

    number: int
    windows: list[Window]
    following: Place
    reached: int
    last: bool
    cuts: int = 0


def window_lengths(window: int | None, context: int | None, longest: int | None) -> tuple[int, int]:
    """Tokens of a window and of its context: 512, or what the model reads at most if that is less, and a quarter of it."""
    length = min(WINDOW, longest or WINDOW) if window is None else window
    if longest is not None and length > longest:
        raise DepthscopeError(f"window={length}: the model reads at most {longest} tokens; give as many, or fewer")
    return length, length // 4 if context is None else context


@dataclass(frozen=True)
class Cut:
    """How a corpus is cut.

    Attributes
    ----------
    window, context : int
        Tokens of a window, special ones included, and of the context that each measured token has at least.
    part : int
        Tokens after which a part ends, with the window in which they are reached.
    causal : bool
    """

    window: int
    context: int
    part: int
    causal: bool = True

    def parts(self, corpus: Corpus, tokenizer: Any, number: int = 0, place: Place = Place()) -> Iterator[Part]:  # noqa: B008
        """The parts of a corpus from ``number`` on, which begins at ``place``; empty parts there are none."""
        held: list[Window] = []
        tokens = cuts = reached = 0
        following = place
        for here, window, inexact, read in self._windows(corpus, tokenizer, place):
            if tokens >= self.part:
                yield Part(number, held, here, reached, False, cuts)
                number, held, tokens, cuts = number + 1, [], 0, 0
            held.append(window)
            tokens += len(window.start)
            cuts += inexact
            reached, following = read, Place(here.document, here.window + 1)
        if held:
            yield Part(number, held, following, reached, True, cuts)

    def _windows(self, corpus: Corpus, tokenizer: Any, place: Place) -> Iterator[tuple[Place, Window, int, int]]:
        """Each window from ``place`` on, where it is, inexact cuts since the one before it, and bytes read."""
        prefix, suffix = surrounding_ids(tokenizer)
        names = tokenizer.convert_ids_to_tokens(prefix)
        inexact = 0

        def counted(chunks: Iterable[str]) -> Iterator[Section]:
            nonlocal inexact
            for section in sections(tokenizer, chunks, without=names):
                inexact += not section.exact
                yield section

        for number, document in enumerate(corpus.documents(place.document), place.document):
            pieces = windows(
                document.name, counted(document.chunks), self.window, self.context, prefix, suffix, self.causal
            )
            for i, window in enumerate(pieces):
                if number > place.document or i >= place.window:
                    # of a document in a plain file about as many bytes as characters
                    read = document.reached + int(window.end[-1])
                    yield Place(number, i), window, inexact, min(read, corpus.size or 0)
                inexact = 0
