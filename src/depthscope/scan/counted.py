"""How many tokens a corpus has, and how many run so that each is measured."""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from depthscope.capture.around import surrounding_ids
from depthscope.capture.parts import Cut
from depthscope.corpus.documents import Corpus
from depthscope.errors import DepthscopeError

MOST = 8_000_000  # characters that are cut into tokens: some ten seconds
PIECES = 200


@dataclass(frozen=True)
class Counted:
    """Tokens of a corpus.

    Attributes
    ----------
    tokens, run : int
        To be measured; and those of all windows, context and special ones included.
    how : str
        Whether they were counted or estimated, for a reader.
    """

    tokens: int
    run: int
    how: str


def count(corpus: Corpus, tokenizer: Any, cut: Cut, most: int = MOST) -> Counted:
    """Count the tokens, as a scan cuts them; of a corpus with more than ``most`` characters, estimate them from pieces.

    All of the corpus is read. Of a large one :data:`PIECES` pieces, at even distances over all documents, are cut into
    tokens; each document is taken to have as many for each of its characters.

    Raises
    ------
    DepthscopeError
        A corpus of unknown size, which could take days to read; whatever is wrong in it; one without a token.
    """
    if corpus.size is None:
        raise DepthscopeError(
            f"{corpus.source}: how much it holds is known only when all of it has come through; leave the corpus out of the "
            "estimate, which is then one of a million tokens"
        )
    lengths = np.array(array("q", (sum(map(len, document.chunks)) for document in corpus.documents())))
    characters = int(lengths.sum())
    if characters <= most:
        windows = [(len(w.start), len(w.ids)) for part in cut.parts(corpus, tokenizer) for w in part.windows]
        tokens, run = (sum(column) for column in zip(*windows, strict=True)) if windows else (0, 0)
        how = "all of its tokens were counted"
    else:
        pieces = list(_pieces(corpus, characters, most))
        sizes = np.array([len(piece) for piece in pieces])
        held = np.array([len(tokenizer(p, add_special_tokens=False, verbose=False)["input_ids"]) for p in pieces])
        rate = held.sum() / sizes.sum()
        tokens, run = round(rate * characters), round(_run(rate * lengths, cut, tokenizer))
        spread = 1.96 * (held / sizes).std(ddof=1) / len(pieces) ** 0.5 / rate if tokens else 0.0
        how = (
            f"its tokens were estimated from {sizes.sum():,} of its {characters:,} characters, in {len(pieces)} pieces at even "
            f"distances (+/- {spread:.1%})"
        )
    if not tokens:
        raise DepthscopeError(f"{corpus.source}: the tokenizer makes no token of it; give another corpus")
    return Counted(tokens, run, how)


def _pieces(corpus: Corpus, characters: int, most: int) -> Iterator[str]:
    """Stretches of equal length over the corpus as if it were one text, which together have ``most`` characters."""
    size, number, end = most // PIECES, 0, 0
    held: list[str] = []
    for document in corpus.documents():
        for chunk in document.chunks:
            begin, end = end, end + len(chunk)
            while number < PIECES and (start := number * characters // PIECES) < end:
                held.append(chunk[max(start - begin, 0) : start + size - begin])
                if start + size > end:
                    break  # it goes on in the next chunk
                yield "".join(held)
                held, number = [], number + 1
    if held:
        yield "".join(held)


def _run(tokens: Any, cut: Cut, tokenizer: Any) -> float:
    """Tokens of all windows, of documents with so many tokens."""
    special = sum(map(len, surrounding_ids(tokenizer)))
    room, again = cut.window - special, (1 if cut.causal else 2) * cut.context
    more = np.ceil(np.maximum(tokens - room, 0) / (room - again))
    return float((tokens + more * again + (more + 1) * special).sum())
