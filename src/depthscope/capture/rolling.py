"""Documents read with a rolling cache: every token runs once, behind a cache of those before it that is cut to the context."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from depthscope.capture.batches import pad
from depthscope.capture.every import Room, every_state
from depthscope.capture.windows import Window
from depthscope.model.carried import Cache, Carrier, Pairs
from depthscope.model.prove_carried import prove

# windows of one document, in order: the first runs whole, of the others only what is measured
Strand = list[Window]
TOGETHER = 256  # first tokens that are run again together, each at the places where it is to stand


class Pass(NamedTuple):
    """What one pass over some texts gave.

    Attributes
    ----------
    ids : Tensor (B, T)
        What ran.
    rows, positions : int Tensor (N,)
        In ``ids``, the tokens whose states these are, row by row.
    measured : bool array (N,)
        Which of them are to be measured; the others are before those, for their predictions.
    states : Tensor (N, L + 1, d)
    """

    ids: torch.Tensor
    rows: torch.Tensor
    positions: torch.Tensor
    measured: NDArray[np.bool_]
    states: torch.Tensor


class Rolling:
    """Reads strands with one model.

    A strand begins as a window does. Each later pass takes the tokens that the next window measures, at positions that run on,
    behind the last ``context`` tokens as they were computed before: they have seen tokens that are cut by now, so that what
    reaches a token comes from farther back than in a window. The first tokens of a text are where models park
    attention; they stay in the cache, right before the context, as if the text began there: the special ones that the
    tokenizer puts before a text, or, without any, the first token of the strand in the place of the first of the context.

    Parameters
    ----------
    carrier : Carrier
    window : int
        Tokens of the first pass.
    context : int
        Tokens of the document that stay in the cache.
    special : int
        Tokens that the tokenizer puts before a text.

    Attributes
    ----------
    sinks : int
        Tokens that stay from the beginning of a strand.
    reach : int
        Positions that a strand may reach.
    proof : str
        What was checked, for the record.

    Raises
    ------
    DepthscopeError
        The network cannot be read so.
    """

    def __init__(self, carrier: Carrier, window: int, context: int, special: int) -> None:
        self.carrier = carrier
        # where one token is all the context there is, it has to be the one before
        self.sinks = special or min(1, context // 2)
        self.keep = context if special else context - self.sinks
        self.reach, self.proof = prove(carrier, 2 * window - context)

    def strands(self, windows: Sequence[Window]) -> list[Strand]:
        """Windows that can be read one after the other, together; the same for the same windows."""
        found: list[Strand] = []
        for window in windows:
            last = found[-1][-1] if found else None
            begin, end = window.measured
            follows = (
                last is not None
                and last.document == window.document
                and last.first + len(last.start) == window.first
                and self._length(found[-1]) + end - begin <= self.reach
            )
            if follows:
                found[-1].append(window)
            else:
                found.append([window])
        return found

    def passes(self, strands: Sequence[Strand], room: Room, before: int) -> Iterator[Pass]:
        """All passes over some strands, the longest first, in lockstep; states are in ``room`` until the next pass.

        With ``before`` 1 the first pass also gives the token before those that are measured, if there is one.
        """
        model, carrier = self.carrier.model, self.carrier
        cache, start, rows_before = carrier.begin(), 0, len(strands)
        sinks: Iterator[Pairs | None] = iter(())
        for number in range(len(strands[0])):
            alive = [strand[number] for strand in strands if len(strand) > number]
            if number:
                if len(alive) < rows_before:
                    carrier.select(cache, len(alive))
                carrier.cut(cache, self.keep, next(sinks))
            begins = [0 if number else window.measured[0] for window in alive]
            pieces = [
                window.ids[slice(0 if not number else window.measured[0], window.measured[1])] for window in alive
            ]
            ids, _ = pad(pieces, 0, model.device)
            firsts = [max(begin - before, 0) for begin in begins]
            counts = np.array([len(piece) - first for piece, first in zip(pieces, firsts, strict=True)])
            rows = np.repeat(np.arange(len(alive)), counts)
            positions = np.concatenate(
                [np.arange(first, len(piece)) for piece, first in zip(pieces, firsts, strict=True)]
            )
            row, position = torch.from_numpy(np.stack([rows, positions])).to(model.device).unbind(0)
            run = partial(carrier.run, ids, start, cache)
            states = every_state(model, ids, run, row, position, room)
            if not number and len(strands[0]) > 1:
                sinks = self._sinks(strands, ids, cache)
            start, rows_before = start + ids.shape[1], len(alive)
            yield Pass(ids, row, position, positions >= np.repeat(begins, counts), states)

    @staticmethod
    def _length(strand: Strand) -> int:
        return strand[0].measured[1] + sum(len(window.start) for window in strand[1:])

    def _sinks(self, strands: Sequence[Strand], ids: torch.Tensor, cache: Cache) -> Iterator[Pairs | None]:
        """What is before the context in each pass but the first, for the texts that it has."""
        counts = [sum(len(strand) > number for strand in strands) for number in range(1, len(strands[0]))]
        if not self.sinks:
            yield from [None] * len(counts)
            return
        if not self.carrier.placed:  # then what counts is the place in the cache
            held = [p and (p[0][..., : self.sinks, :], p[1][..., : self.sinks, :]) for p in self.carrier.last(cache)]
            yield from ([p and (p[0][:count], p[1][:count]) for p in held] for count in counts)
            return
        leads, step = ids[:, : self.sinks], strands[0][1].measured[1] - strands[0][1].measured[0]
        # of many passes together: to run a single token takes as long as to run many
        size = max(1, TOGETHER // (len(strands) * self.sinks))
        for some in range(0, len(counts), size):
            numbers = range(some, min(some + size, len(counts)))
            starts = ids.shape[1] + step * torch.arange(numbers.start, numbers.stop) - self.keep - self.sinks
            leading = self.carrier.begin()
            places = starts.repeat_interleave(len(leads)).to(ids.device)
            self.carrier.run(leads.repeat(len(numbers), 1), places, leading)
            pairs = self.carrier.last(leading)
            for i, number in enumerate(numbers):
                here = slice(i * len(leads), i * len(leads) + counts[number])
                yield [p and (p[0][here], p[1][here]) for p in pairs]
