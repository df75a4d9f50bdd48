"""A model that measures every token of the windows it is given, batch by batch, one transfer each way."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import torch

from depthscope.capture.batches import every_budget, pad, plan
from depthscope.capture.every import Reduction, Room, every_state
from depthscope.capture.lens import CHUNK, Lens
from depthscope.capture.rolling import Rolling, Strand
from depthscope.capture.surprisal import nats
from depthscope.capture.windows import Window
from depthscope.errors import DepthscopeError, out_of_memory
from depthscope.instrument import measures
from depthscope.model.carried import Carrier
from depthscope.model.load import load_text
from depthscope.model.model import Model
from depthscope.model.plain import plainly
from depthscope.scan.job import SURPRISAL, About, Asked, Columns, Job, layers_of
from depthscope.store.digest import digest

PROBE = (2, 32)  # texts and tokens


class Roll(NamedTuple):
    """How documents are read in a rolling reading: tokens of a window and of its context, and special ones before a text."""

    window: int
    context: int
    special: int


@dataclass(frozen=True)
class Recipe:
    """All that a worker is made from, in a form that travels to other machines."""

    source: Any
    load: Mapping[str, Any] = field(default_factory=dict)
    token_budget: int | None = None
    threads: int | None = None
    roll: Roll | None = None

    def build(self) -> "Worker":
        if self.threads is not None:
            torch.set_num_threads(self.threads)
        model = self.source if isinstance(self.source, Model) else load_text(self.source, **self.load)
        return Worker(model, self.token_budget, self.roll)


class Worker:
    """Measures windows with one model.

    Parameters
    ----------
    model : Model
    token_budget : int, optional
        Padded tokens per forward pass; by default :func:`~depthscope.capture.batches.every_budget`.
    roll : Roll, optional
        Needed for jobs with a rolling reading.
    """

    def __init__(self, model: Model, token_budget: int | None = None, roll: Roll | None = None) -> None:
        self.model = model
        weights = sum(p.numel() * p.itemsize for p in model.network.parameters())
        states = (model.depth + 1) * model.width * model.dtype.itemsize
        self.budget = 1 if model.alone else token_budget or every_budget(model.device, weights, states)
        self._room = Room()
        self._head = Lens(model, CHUNK) if model.predicts else None
        self._planned = lru_cache(maxsize=8)(self._plan)
        self._rolling = Rolling(Carrier(model), *roll) if roll else None

    @plainly()
    def about(self) -> About:
        """What is known of the model, and a proof of what it computes."""
        model, rolling = self.model, self._rolling
        return About(
            name=model.name,
            fingerprint=model.fingerprint,
            bits=self._bits(),
            depth=model.depth,
            width=model.width,
            vocabulary=model.vocabulary,
            dtype=str(model.dtype),
            device=model.device.type,
            quantization=model.quantization or "none",
            threads=torch.get_num_threads(),
            causal=model.causal,
            predicts=model.predicts,
            checks={**model.checks, **({"rolling": rolling.proof} if rolling else {})},
            sinks=rolling.sinks if rolling else 0,
            reach=rolling.reach if rolling else 0,
        )

    @plainly()
    def measure(self, job: Job, attempt: int = 1) -> Columns:
        """Every measure of every token of a job.

        A batch that does not fit into memory is halved until it does. A second ``attempt``, after a worker has died, is the
        same again, bit for bit; after two have died at one job it begins with half the budget, and so on.

        Raises
        ------
        DepthscopeError
            A single window does not fit into memory, or a measure cannot be made with this model.
        """
        reduce = self._planned(*_key(job.asked))
        surprisal = SURPRISAL in job.asked.measures
        depths = layers_of(job.asked.measures, self.model.depth)
        width = sum(depth or 1 for depth in depths.values())
        budget = max(1, self.budget >> max(0, attempt - 2))
        # what follows on nothing, and is followed by nothing, is a window like any other
        strands = self._rolling.strands(job.windows) if job.rolling and self._rolling else [[w] for w in job.windows]
        counts = [sum(len(window.start) for window in strand) for strand in strands]
        ends = np.cumsum(counts)
        found = np.empty((int(ends[-1]), width), dtype=np.float32)
        for batch in self._batches(strands, budget):
            values, done = self._halving([strands[i] for i in batch], reduce, surprisal), 0
            for i in batch:
                found[ends[i] - counts[i] : ends[i]] = values[done : done + counts[i]]
                done += counts[i]
        columns: Columns = {}
        first = 0
        for name, depth in depths.items():
            some = found[:, first : first + (depth or 1)]
            columns[name] = np.ascontiguousarray(some if depth else some[:, 0])
            first += depth or 1
        return columns

    @staticmethod
    def _batches(strands: list[Strand], budget: int) -> list[list[int]]:
        """Which strands run together: single windows of similar length; others, the longest first, in lockstep."""
        single = [i for i, strand in enumerate(strands) if len(strand) == 1]
        rest = sorted((i for i, strand in enumerate(strands) if len(strand) > 1), key=lambda i: (-len(strands[i]), i))
        batches = [[single[i] for i in some] for some in plan([len(strands[i][0].ids) for i in single], budget)]
        size = max(1, budget // max((len(strands[i][0].ids) for i in rest), default=1))
        return batches + [rest[i : i + size] for i in range(0, len(rest), size)]

    def _plan(self, names: tuple[str, ...], options: tuple[tuple[str, Any], ...]) -> Reduction:
        return reduction(names, self.model.depth, dict(options))

    def _halving(self, strands: list[Strand], reduce: Reduction, surprisal: bool) -> np.ndarray[Any, Any]:
        try:
            if len(strands[0]) > 1:
                return self._roll(strands, reduce, surprisal)
            return self._batch([strand[0] for strand in strands], reduce, surprisal)
        except (MemoryError, RuntimeError) as problem:
            if not out_of_memory(problem):
                raise
        # here, where the failed attempt holds nothing any more
        if self.model.device.type == "cuda":
            torch.cuda.empty_cache()
        if len(strands) == 1:
            first = strands[0][0]
            raise DepthscopeError(
                f"{first.document}: a window of {len(first.ids)} tokens does not fit into the memory of "
                f"{self.model.device}; give a smaller --window, or a narrower --dtype"
            )
        half = len(strands) // 2
        parts = [self._halving(some, reduce, surprisal) for some in (strands[:half], strands[half:])]
        return np.concatenate(parts)

    def _batch(self, windows: list[Window], reduce: Reduction, surprisal: bool) -> np.ndarray[Any, Any]:
        """(tokens, columns) of one forward pass."""
        model = self.model
        ids, mask = pad([window.ids for window in windows], 0, model.device)
        # to read how expected a token was takes the state of the one before it too
        begins = np.array([max(window.measured[0] - surprisal, 0) for window in windows])
        counts = np.array([window.measured[1] for window in windows]) - begins
        rows = np.repeat(np.arange(len(windows)), counts)
        positions = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts - begins, counts)
        row, position = torch.from_numpy(np.stack([rows, positions])).to(model.device).unbind(0)
        states = every_state(model, ids, mask, row, position, self._room)
        values = reduce(states)
        if surprisal:
            values = torch.cat([values, self._surprisal(states[:, -1], ids, row, position)[:, None]], dim=-1)
        measured = positions >= np.repeat([window.measured[0] for window in windows], counts)
        found: np.ndarray[Any, Any] = values.cpu().numpy()
        return found if measured.all() else found[measured]

    def _roll(self, strands: list[Strand], reduce: Reduction, surprisal: bool) -> np.ndarray[Any, Any]:
        """(tokens, columns) of strands that are read together, pass by pass, strand by strand."""
        assert self._rolling is not None  # else there are no strands
        parts: list[list[np.ndarray[Any, Any]]] = [[] for _ in strands]
        carried: torch.Tensor | None = None
        for one in self._rolling.passes(strands, self._room, int(surprisal)):
            values = reduce(one.states)
            if surprisal:
                last = one.states[:, -1]
                bits = self._surprisal(last, one.ids, one.rows, one.positions, carried)
                values = torch.cat([values, bits[:, None]], dim=-1)
                carried = last[torch.bincount(one.rows).cumsum(0) - 1].clone()
            found, rows = values.cpu().numpy()[one.measured], one.rows.cpu().numpy()[one.measured]
            for i, some in enumerate(np.split(found, np.flatnonzero(np.diff(rows)) + 1)):
                parts[i].append(some)
        return np.concatenate([some for part in parts for some in part])

    def _surprisal(
        self,
        last: torch.Tensor,
        ids: torch.Tensor,
        row: torch.Tensor,
        position: torch.Tensor,
        carried: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """``-log2 p`` of each token after those before it, (N,); NaN for the first of its row, unless the state of the one
        before that is ``carried`` (rows, d) from an earlier pass.
        """
        head = self._head
        assert head is not None  # else it is not asked for
        bits = torch.full((len(last),), torch.nan, dtype=torch.float32, device=last.device)
        # of two neighbours among the rows the second is predicted by the first
        second = torch.nonzero(row[1:] == row[:-1])[:, 0] + 1
        before = last.roll(1, 0)
        if carried is not None:
            first = torch.ones_like(row, dtype=torch.bool)
            first[second] = False
            before[first] = carried[row[first]]
            second = torch.arange(len(row), device=row.device)
        for some in torch.split(second, head.size):
            expected = nats(head.logits(before[some]), ids[row[some], position[some]])
            bits[some] = (expected / np.log(2)).to(bits)
        return bits

    def _bits(self) -> str:
        if self.model.device.type != "cpu":
            return ""
        texts, tokens = PROBE
        ids = torch.arange(texts * tokens).reshape(texts, tokens) * 7919 % self.model.vocabulary
        rows, positions = torch.arange(texts * tokens) // tokens, torch.arange(texts * tokens) % tokens
        states = every_state(self.model, ids, torch.ones_like(ids), rows, positions)
        return digest({"states": states.float().numpy()})[:16]


def reduction(names: Sequence[str], depth: int, options: Mapping[str, Any] | None = None) -> Reduction:
    """What states of tokens are put through, (N, L + 1, d) -> (N, L x measures): all that is asked but surprisal."""
    layered = [measures.plan(name, depth, options) for name in names if name != SURPRISAL]
    return Reduction(measures.together(layered), len(layered) * depth)


def _key(asked: Asked) -> tuple[tuple[str, ...], tuple[tuple[str, Any], ...]]:
    frozen = {name: tuple(value) if isinstance(value, list) else value for name, value in asked.cse.items()}
    return asked.measures, tuple(frozen.items())
