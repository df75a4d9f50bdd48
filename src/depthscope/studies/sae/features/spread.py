"""Windows of a corpus from many of its documents: what is shown shall not all be of the first."""

from collections import deque
from collections.abc import Iterator

from depthscope.capture.around import surrounding_ids
from depthscope.capture.parts import window_lengths
from depthscope.capture.sections import sections
from depthscope.capture.windows import Window, windows
from depthscope.corpus.documents import Corpus, Document
from depthscope.model.model import Model

# documents that are read in turn
TOGETHER = 16
# characters that are made into tokens at a time
PIECE = 2**14


def spread(corpus: Corpus, model: Model, tokens: int) -> Iterator[Window]:
    """Windows with so many tokens to be measured, or all: from 16 documents in turn, and where one ends from the next.

    Parameters
    ----------
    corpus : Corpus
    model : Model
        Whose tokenizer and context decide how documents are cut: as ``scan`` cuts them.
    tokens : int
    """
    length, context = window_lengths(None, None, model.max_length)
    prefix, suffix = surrounding_ids(model.tokenizer)
    names = model.tokenizer.convert_ids_to_tokens(prefix)

    def cut(document: Document) -> Iterator[Window]:
        text = sections(model.tokenizer, document.chunks, PIECE, without=names)
        return windows(document.name, text, length, context, prefix, suffix, model.causal)

    documents = corpus.documents()
    waiting: deque[Iterator[Window]] = deque()
    while tokens > 0:
        while len(waiting) < TOGETHER and (document := next(documents, None)) is not None:
            waiting.append(cut(document))
        if not waiting:
            return
        window = next(waiting[0], None)
        if window is None:
            waiting.popleft()
            continue
        waiting.rotate(-1)
        tokens -= len(window.start)
        yield window
