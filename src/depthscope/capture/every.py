"""Every token of a batch at once: its states, and what is measured of them where they lie."""

import math
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property

import torch

from depthscope.arrays import chunk_rows
from depthscope.model.model import Model


class Room:
    """Memory for the states of one batch after the other: to ask for it again each time costs as much as to write them."""

    def __init__(self) -> None:
        self._held = torch.empty(0)

    def tensor(self, shape: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> torch.Tensor:
        """Of any content; it is the same memory as the one before."""
        size = math.prod(shape)
        if self._held.numel() < size or self._held.dtype != dtype or self._held.device != device:
            self._held = torch.empty(0)
            self._held = torch.empty(size, dtype=dtype, device=device)
        return self._held[:size].view(shape)


def every_state(
    model: Model,
    ids: torch.Tensor,
    mask: torch.Tensor | Callable[[], None],
    rows: torch.Tensor,
    positions: torch.Tensor,
    room: Room | None = None,
) -> torch.Tensor:
    """``h_0 .. h_L`` of N chosen tokens of a batch, (N, L + 1, d), from one forward pass without the head.

    Parameters
    ----------
    ids : int Tensor (B, T)
        Padded on the right.
    mask : int Tensor (B, T), or callable
        1 where a token is no padding; or what runs the pass over ``ids`` in place of a plain one.
    rows, positions : int Tensor (N,)
        Which tokens.
    room : Room, optional
        Where the states are to stand, in place of those of an earlier batch.

    Returns
    -------
    Tensor (N, L + 1, d)
        In the precision of the stream, on ``model.device``, also where blocks lie on several devices.
    """
    chosen = rows * ids.shape[1] + positions
    place = room or Room()
    states = torch.empty(0)

    def keep(number: int, state: torch.Tensor) -> None:
        nonlocal states
        if number == 0:
            # layer by layer in memory, as they come: each is written in one piece
            states = place.tensor((model.depth + 1, len(chosen), state.shape[-1]), state.dtype, model.device)
        flat = state.flatten(0, 1)
        if flat.device == states.device and flat.dtype == states.dtype:
            torch.index_select(flat, 0, chosen, out=states[number])
        else:
            states[number] = flat.index_select(0, chosen.to(flat.device))

    with model.listening(keep):
        if callable(mask):
            mask()
        else:
            model.run_trunk(ids, mask)
    return states.transpose(0, 1)


# chunks whose results are worked on together, so that starting that work costs nothing beside it
CHUNKS = 16


class Reduction:
    """Updates of many tokens, put through a function that takes them chunk by chunk: no more of them is in float64.

    Parameters
    ----------
    of : callable
        Updates of N tokens, some at a time, float64 Tensors (n, L, d) which it may overwrite -> Tensor (N, K) on their device.
    columns : int
        K.
    """

    def __init__(self, of: Callable[[Iterable[torch.Tensor]], torch.Tensor], columns: int) -> None:
        self.of, self.columns = of, columns

    def __call__(self, states: torch.Tensor) -> torch.Tensor:
        """States (N, L + 1, d) -> (N, K), float32, on the device of the states."""
        result = torch.empty(len(states), self.columns, dtype=torch.float32, device=states.device)
        if not result.numel():
            return result
        block = chunk_rows(states) * CHUNKS
        blocks = list(zip(*(torch.split(one, block) for one in (states, result)), strict=True))
        if states.device.type == "cpu" and torch.get_num_threads() > 1 and len(blocks) > 1:
            # a chunk is too small to be shared out among threads, so each takes chunks of its own
            for _ in self._pool.map(self._block, blocks):
                pass
        else:
            for one in blocks:
                self._block(one)
        return result

    @torch.inference_mode()
    def _block(self, block: tuple[torch.Tensor, torch.Tensor]) -> None:
        states, result = block
        result.copy_(self.of(_updates(some) for some in torch.split(states, chunk_rows(states))))

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        threads = torch.get_num_threads()
        pool = ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,))
        for _ in pool.map(time.sleep, [0.01] * threads):  # all of them begin
            pass
        torch.set_num_threads(threads)  # what a thread says of itself is also what new ones begin with
        return pool


def _updates(states: torch.Tensor) -> torch.Tensor:
    """``h_l - h_(l-1)``, (n, L, d), exact: in the precision of the stream the difference would be rounded."""
    updates = states.new_empty((len(states), states.shape[1] - 1, states.shape[2]), dtype=torch.float64)
    updates.copy_(states[:, 1:])
    updates -= states[:, :-1]
    return updates
