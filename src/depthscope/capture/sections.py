"""A text of any length in tokens, section by section, as if it had been tokenised at once."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from depthscope.capture.around import past
from depthscope.errors import DepthscopeError

Integers = NDArray[np.int64]

# tokens that two overlapping pieces must have in common, half of them on each side of the cut
COMMON = 8
# how much further back the next piece begins each time that the two have too little in common
WIDER = 4
# text that is held, in pieces: where cuts are found far back it grows, and beyond this one is made near the end
LARGEST = 4


class Section(NamedTuple):
    """Consecutive tokens of a document, n of them.

    Attributes
    ----------
    ids : array (n,)
        Without special tokens.
    start, end : array (n,)
        Characters of the document that each covers, the end exclusive.
    exact : bool
        Whether the cut before this section was found where both sides agree. If not, some tokens on either side of it may
        differ from those of the whole text.
    """

    ids: Integers
    start: Integers
    end: Integers
    exact: bool = True


def sections(
    tokenizer: Any, chunks: Iterable[str], length: int = 2**18, margin: int = 2**12, without: Sequence[str] = ()
) -> Iterator[Section]:
    """Tokenise a text that need not fit into memory; joined, the sections are the tokens of the whole text.

    Pieces of the text that overlap are tokenised one by one. What is beyond the end of a piece, and before its
    beginning, can change only tokens near it; so in the overlap there is a place on both sides of which both pieces
    have the same tokens at the same characters, and one takes over from the other there. Of the merges of byte-pair
    encoding that is a proof: tokens of which each two neighbours are the encoding of their text are the encoding of the whole
    [1]_. Of a tokenizer that judges words by their length (BERT: up to 100 letters) it holds if pieces are longer.

    Parameters
    ----------
    tokenizer : transformers.PreTrainedTokenizerFast
    chunks : iterable of str
        The text in order, cut anywhere.
    length : int
        Characters of a piece before the overlap.
    margin : int
        Characters of the overlap, at first. Where that is too little it grows, up to the whole piece; if even that is
        too little (one word of a million letters), the next section says so: ``exact`` is false.
    without : sequence of str
        Names of special tokens that are passed over where the text begins with them, because the reader puts them there.

    Yields
    ------
    Section
        Of at least one token. A text of up to ``length + margin`` characters is one section.

    Raises
    ------
    DepthscopeError
        ``length`` or ``margin`` below one.

    References
    ----------
    .. [1] van Antwerpen, H. and Neubeck, A. (2024). So many tokens, so little time. GitHub Blog.
    """
    if length < 1 or margin < 1:
        raise DepthscopeError(f"length={length}, margin={margin}: give at least one character each")
    stream = _Stream(chunks)
    ended = stream.fill(length + margin)
    if begun := past(stream.text, without):
        stream.drop(begun)
        ended = stream.fill(length + margin)
    mine, exact = _tokens(tokenizer, stream.text, stream.base), True
    while not ended:
        reach = stream.base + len(stream.text)
        ended = stream.fill(len(stream.text) + length)
        cut, rest = _continued(tokenizer, stream, mine, reach, margin, LARGEST * (length + margin))
        if cut:
            yield Section(mine.ids[:cut], mine.start[:cut], mine.end[:cut], exact)
            exact = True
        exact = exact and rest.exact
        mine = rest
    if len(mine.ids):
        yield mine._replace(exact=exact)


_PLAIN = {
    "add_special_tokens": False,
    "return_offsets_mapping": True,
    "return_attention_mask": False,
    "return_token_type_ids": False,
    "verbose": False,  # the model's context is the business of windows
}


def _tokens(tokenizer: Any, text: str, base: int) -> Section:
    encoded = tokenizer(text, **_PLAIN)
    spans = np.array(encoded["offset_mapping"], dtype=np.int64).reshape(-1, 2) + base
    return Section(np.array(encoded["input_ids"], dtype=np.int64), spans[:, 0], spans[:, 1])


class _Stream:
    """The part of a text that is in use: from its character ``base`` on."""

    def __init__(self, chunks: Iterable[str]) -> None:
        self.chunks = iter(chunks)
        self.text = ""
        self.base = 0
        self._chunk = ""
        self._used = 0

    def fill(self, length: int) -> bool:
        """Hold ``length`` characters, or all that there are; whether the text ends with them."""
        parts, missing = [self.text], length - len(self.text)
        while True:
            if self._used == len(self._chunk):
                chunk = next(self.chunks, None)
                if chunk is None:
                    break
                self._chunk, self._used = chunk, 0
            elif missing <= 0:
                break
            else:
                part = self._chunk[self._used : self._used + missing]
                parts.append(part)
                self._used += len(part)
                missing -= len(part)
        self.text = "".join(parts)
        return self._used == len(self._chunk)

    def drop(self, start: int) -> None:
        """Forget what is before the character ``start`` of the text."""
        self.text, self.base = self.text[start - self.base :], start


def _continued(
    tokenizer: Any, stream: _Stream, mine: Section, reach: int, margin: int, limit: int
) -> tuple[int, Section]:
    """How many tokens of this piece, which ends at the character ``reach``, are kept; and what follows them."""
    first, overlap = stream.base, margin
    while len(stream.text) <= limit:
        begin = _boundary(mine, reach - overlap, first)
        other = _tokens(tokenizer, stream.text[begin - first :], begin)
        found = _agreement(mine, other)
        if found is not None:
            # a few tokens more than are left: a tokenizer may begin a piece as it begins a text, with a mark of a space
            stream.drop(min(int(other.end[found[1] - COMMON // 2]), int(other.start[found[1]])))
            return found[0], _from(other, found[1])
        if begin == first:
            break
        overlap *= WIDER
    return _forced(tokenizer, stream, mine, reach, margin)


def _forced(tokenizer: Any, stream: _Stream, mine: Section, reach: int, margin: int) -> tuple[int, Section]:
    """A cut where at least a token ends in both pieces; else where one ends in this piece, or the piece does."""
    first = stream.base
    begin = _boundary(mine, reach - margin, first)
    other = _tokens(tokenizer, stream.text[begin - first :], begin)
    shared = np.intersect1d(mine.start, other.start) if begin > first else np.array([], dtype=np.int64)
    at = int(shared[-1]) if len(shared) else begin if begin > first else reach
    if not len(shared):
        other = _tokens(tokenizer, stream.text[at - first :], at)
    stream.drop(at)
    cut = int(np.searchsorted(mine.start, at))
    # what the tokenizer has dropped can be cut anywhere
    return cut, _from(other, int(np.searchsorted(other.start, at)))._replace(exact=not len(mine.ids))


def _from(tokens: Section, begin: int) -> Section:
    return Section(tokens.ids[begin:], tokens.start[begin:], tokens.end[begin:])


def _boundary(tokens: Section, wanted: int, lowest: int) -> int:
    """Where a token of the piece ends, near the character ``wanted``: runs of one letter then stay in step."""
    i = int(np.searchsorted(tokens.start, wanted))
    return max(int(tokens.end[i - 1]), lowest) if i > 0 else lowest


def _agreement(mine: Section, other: Section) -> tuple[int, int] | None:
    """In the middle of the longest run of tokens that both have: the place in the one and in the other."""
    if not len(mine.ids) or not len(other.ids):
        return None
    low = int(np.searchsorted(mine.start, other.start[0]))
    ids, start, end = (part[low:] for part in mine[:3])
    # several tokens can begin at one character, of which each is a few bytes
    within = np.arange(len(start)) - np.searchsorted(start, start)
    place = np.searchsorted(other.start, start) + within
    near = np.minimum(place, len(other.ids) - 1)
    same = (place == near) & (other.ids[near] == ids) & (other.start[near] == start) & (other.end[near] == end)
    follows = np.diff(place, prepend=-2) == 1
    # a run ends where a token differs, or its neighbour in the one is not its neighbour in the other
    begins = np.flatnonzero(same & ~(follows & np.concatenate([[False], same[:-1]])))
    if not len(begins):
        return None
    breaks = np.flatnonzero(~same | ~follows)
    after = np.searchsorted(breaks, begins, side="right")
    ends = np.append(breaks, len(same))[after]
    longest = int(np.argmax(ends - begins))
    if ends[longest] - begins[longest] < COMMON:
        return None
    middle = int(begins[longest] + ends[longest]) // 2
    return low + middle, int(place[middle])
