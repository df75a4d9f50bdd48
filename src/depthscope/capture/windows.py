"""A document cut into windows that a model can read, in which each token is measured once."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from depthscope.capture.sections import Integers, Section
from depthscope.errors import DepthscopeError


class Window(NamedTuple):
    """Consecutive tokens of a document as a model is to read them, m of which are to be measured.

    Attributes
    ----------
    document : str
        Its name.
    first : int
        Which token of the document the first measured one is, counted from 0.
    ids : array (n,)
        Special tokens, context, measured tokens, context (of encoders), special tokens.
    measured : (begin, end)
        Where in ``ids`` the measured tokens stand, the end exclusive: their positions are ``begin .. end - 1``.
    start, end : array (m,)
        Characters of the document that each measured token covers, the end exclusive.
    """

    document: str
    first: int
    ids: Integers
    measured: tuple[int, int]
    start: Integers
    end: Integers


def windows(
    document: str,
    sections: Iterable[Section],
    length: int,
    context: int,
    prefix: Sequence[int] = (),
    suffix: Sequence[int] = (),
    causal: bool = True,
) -> Iterator[Window]:
    """Cut a document into windows; each of its tokens is measured in exactly one, in order.

    A document that fits is one window. Of a longer one, all tokens of the first window are measured; each later window begins
    ``context`` tokens before the first that it measures, so that every measured token sees at least so many tokens of the
    document before it, or all that there are. If the model also reads what follows a token, the last
    ``context`` tokens of a window are left to the next one, unless the document ends with them. The last window is as
    short as it comes.

    Parameters
    ----------
    document : str
        Its name.
    sections : iterable of Section
        Its tokens, read as windows are asked for.
    length : int
        Tokens of a window at most, special ones included.
    context : int
        Tokens at least before each measured one, and after it unless ``causal``.
    prefix, suffix : sequence of int
        Special tokens around a text: see :func:`~depthscope.capture.around.surrounding_ids`.
    causal : bool
        Whether the model sees only what is before a token.

    Raises
    ------
    DepthscopeError
        A negative context, or a window in which nothing is left to measure.
    """
    room = length - len(prefix) - len(suffix)
    check_window(length, context, len(prefix) + len(suffix), causal)
    before, after = np.array(prefix, dtype=np.int64), np.array(suffix, dtype=np.int64)
    tokens = _Tokens(sections)
    first, seen = 0, 0  # the first token to be measured, and those before it in the window
    # one more than fit, to know whether the document ends here
    while (held := tokens.hold(room + 1)) > seen:
        end = held if held <= room else room if causal else room - context
        ids = np.concatenate([before, tokens.ids[: min(held, room)], after])
        measured = slice(seen, end)
        begin = len(prefix)
        yield Window(document, first, ids, (begin + seen, begin + end), tokens.start[measured], tokens.end[measured])
        first += end - seen
        tokens.drop(max(end - context, 0))
        seen = min(context, end)


def check_window(length: int, context: int, special: int, causal: bool = True) -> None:
    """Refuse a window in which no token could be measured; the study does before it reads a corpus."""
    if context < 0:
        raise DepthscopeError(f"context={context}: give 0 or more tokens")
    needed = special + (1 if causal else 2) * context + 1
    if length < needed:
        sides = "" if causal else " on either side"
        around = f" and {special} special ones" if special else ""
        raise DepthscopeError(
            f"a window of {length} tokens has no room for one to measure beside {context} of context{sides}{around}; "
            f"give a window of at least {needed}, or less context"
        )


class _Tokens:
    """The tokens of a document that are in use."""

    def __init__(self, sections: Iterable[Section]) -> None:
        self._sections = iter(sections)
        self.ids = self.start = self.end = np.empty(0, dtype=np.int64)

    def hold(self, count: int) -> int:
        """Read sections until there are ``count`` tokens, or all; how many there are."""
        parts, held = [(self.ids, self.start, self.end)], len(self.ids)
        while held < count and (section := next(self._sections, None)) is not None:
            parts.append((section.ids, section.start, section.end))
            held += len(section.ids)
        if len(parts) > 1:
            self.ids, self.start, self.end = (np.concatenate(part) for part in zip(*parts, strict=True))
        return held

    def drop(self, count: int) -> None:
        self.ids, self.start, self.end = self.ids[count:], self.start[count:], self.end[count:]
