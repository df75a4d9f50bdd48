"""States of the tokens of a corpus in shuffled batches, at several sites at once: what is learnt from reads them here."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from depthscope.capture.parts import Cut
from depthscope.capture.sites import Site
from depthscope.capture.taps import Taps
from depthscope.capture.windows import Window
from depthscope.corpus.documents import Corpus
from depthscope.errors import DepthscopeError, require
from depthscope.store.files import atomic, write_text

BUFFER = 2**16  # tokens whose states are held and shuffled
GROUP = 2**12  # windows that are shuffled before they run
ABOUT = "states.json"


@dataclass(frozen=True)
class Order:
    """How the tokens of a corpus are cut, shuffled and handed out: all that decides which token is in which batch.

    Windows are shuffled within groups, so that a buffer holds tokens of many places; the states of a buffer are shuffled
    again. Both permutations follow from the number of the group or buffer, and the latter from the seed, alone: batch t is
    the same whether the ones before it were asked for or not, and states that are kept serve every seed and size of batch.

    Attributes
    ----------
    cut : Cut
        Of the corpus into windows.
    batch : int
        Tokens of a batch.
    buffer : int
        Tokens of a buffer at most: a multiple of ``batch`` of them is used, the few that are over are passed over.
    group : int
        Windows of a group.
    seed : int
    """

    cut: Cut
    batch: int
    buffer: int = BUFFER
    group: int = GROUP
    seed: int = 0


@dataclass
class Stream:
    """Batches of states of one model, the same tokens at every site.

    Memory is that of one buffer, whatever the corpus: ``buffer`` x sites x features. A corpus that fits into the buffer runs
    through the model once, however often it is read.

    Parameters
    ----------
    taps : Taps
        Of the model, at the sites.
    corpus : Corpus
        Read again from its beginning, in another order, when it is at its end.
    order : Order
    steps : int
        Batches in all.
    cache : Path, optional
        A folder in which the states of each buffer are kept, as safetensors, each rank its own; what is there is read in
        place of a pass, by any number of ranks.
    rank, ranks : int
        Of several processes, each runs its share of the windows, and gets of each batch the tokens in them.

    Attributes
    ----------
    read : int
        Tokens whose states came through the model so far.
    epoch : int
        How often the corpus has been read to its end, up to the last buffer.

    Raises
    ------
    DepthscopeError
        A corpus with fewer tokens than a batch; a cache of another model, corpus or order; states that are not finite.
    """

    taps: Taps
    corpus: Corpus
    order: Order
    steps: int
    cache: Path | None = None
    rank: int = 0
    ranks: int = 1
    read: int = 0
    epoch: int = 0
    budget: int | None = None
    _held: "tuple[int, _Buffer] | None" = field(default=None, repr=False)
    _whole: int | None = field(default=None, repr=False)
    _checked: bool = field(default=False, repr=False)

    def batches(self, start: int = 0) -> Iterator[dict[Site, torch.Tensor]]:
        """Batch ``start`` and all after it, each (B, d) by site; with several ranks the rows of this one."""
        each = self._tokens // self.order.batch
        number, inside = divmod(start, each)
        buffers = self._buffers(number)
        for step in range(start, self.steps):
            if inside == 0 or step == start:
                buffer = next(buffers)
            rows = buffer.rows[inside]
            yield {site: states[rows] for site, states in buffer.states.items()}
            inside = (inside + 1) % each

    def sample(self, count: int) -> dict[Site, torch.Tensor]:
        """States of ``count`` tokens, or as many as the first buffer holds, each (n, d); those of other ranks are 0."""
        buffer = next(self._buffers(0))
        mine = torch.from_numpy(buffer.owner[self._mixed(buffer.owner, 0)] == self.rank)[:count]
        rows, found = torch.cat(buffer.rows)[: int(mine.sum())], {}
        for site, states in buffer.states.items():
            found[site] = states.new_zeros((len(mine), states.shape[-1]))
            found[site][mine.to(states.device)] = states[rows]
        return found

    @property
    def _tokens(self) -> int:
        """Tokens of a buffer: a multiple of the batch."""
        order = self.order
        if self._whole is None:
            if order.buffer < order.batch:
                raise DepthscopeError(
                    f"a buffer of {order.buffer} tokens is shorter than a batch of {order.batch}; give a larger buffer"
                )
            held = 0
            # counted, not run: a corpus in tokens costs little beside the network
            for window in self.windows():
                held += len(self.taps.measured(window))
                if held >= order.buffer:
                    break
            self._whole = held if held < order.buffer else 0
            if 0 < held < order.batch or not held:
                raise DepthscopeError(
                    f"{self.corpus.source}: {held} tokens to read, fewer than a batch of {order.batch}; give a longer corpus, "
                    "or smaller batches"
                )
        return (self._whole or order.buffer) // order.batch * order.batch

    def count(self) -> int:
        """Tokens of the corpus that are read in one reading, counted by the tokenizer alone."""
        return sum(len(self.taps.measured(window)) for window in self.windows())

    @property
    def corpus_tokens(self) -> int | None:
        """Tokens of the corpus that are read, if they all fit into one buffer; else unknown."""
        return (self._whole or None) if self._tokens else None

    def _once(self, epoch: int) -> Iterator[Window]:
        """The windows of the corpus in the order of one reading."""
        windows, number = self.windows(), 0
        while group := list(islice(windows, self.order.group)):
            mixed = np.random.default_rng([epoch, number]).permutation(len(group))
            yield from (group[i] for i in mixed)
            number += 1

    def windows(self) -> Iterator[Window]:
        """The windows of the corpus as they stand in it."""
        for part in self.order.cut.parts(self.corpus, self.taps.model.tokenizer):
            yield from part.windows

    def _windows(self) -> Iterator[Window]:
        """All readings, one after the other."""
        while True:
            yield from self._once(self.epoch)
            self.epoch += 1

    def _buffers(self, first: int) -> Iterator["_Buffer"]:
        """The buffers from number ``first`` on."""
        if self._tokens and self._whole:
            # the whole corpus: its states are held, and only shuffled anew
            number = first
            while True:
                if self._held is None:
                    self._held = (0, self._filled(0, list(self._once(0))))
                buffer = self._held[1]
                self.epoch = number
                yield _Buffer(buffer.states, self._rows(buffer.owner, number), buffer.owner)
                number += 1
        self.epoch = 0
        number, held, count = 0, list[Window](), 0
        for window in self._windows():
            held.append(window)
            count += len(self.taps.measured(window))
            if count >= self._tokens:
                if number >= first:
                    if self._held is None or self._held[0] != number:
                        self._held = None  # before the next one is made: there is room for one
                        self._held = (number, self._filled(number, held))
                    yield self._held[1]
                number, held, count = number + 1, [], 0

    def _filled(self, number: int, windows: list[Window]) -> "_Buffer":
        """The states of some windows, in their order, of this rank; and which rows are in which batch."""
        counts = [len(self.taps.measured(window)) for window in windows]
        # whose window each row of the buffer is in
        owner = self._owner(counts, self.ranks)
        mine = [i for i in range(len(windows)) if i % self.ranks == self.rank]
        if len(windows) < self.ranks:
            raise DepthscopeError(
                f"{self.corpus.source}: {len(windows)} windows to read at a time, fewer than the {self.ranks} processes; start "
                "fewer of them, or give more text or a larger buffer"
            )
        kept = self._cached(number, counts)
        states = kept or self._run([windows[i] for i in mine], [counts[i] for i in mine])
        states = {site: values[: int((owner == self.rank).sum())] for site, values in states.items()}
        for site, values in states.items():
            if not torch.isfinite(values).all():
                row = int((~torch.isfinite(values).all(-1)).nonzero()[0])
                raise DepthscopeError(
                    f"{site} of {self.taps.model.name}: NaN or infinity in the state of token {row} of buffer {number}; load "
                    "the model in a wider precision (dtype float32), or leave the text out"
                )
        if not kept:
            self._keep(number, states)
        return _Buffer(states, self._rows(owner, number), owner)

    def _owner(self, counts: list[int], ranks: int) -> NDArray[np.int64]:
        """Of so many ranks, the one that each token of a buffer belongs to."""
        return np.repeat(np.arange(len(counts)) % ranks, counts)[: self._whole or self._tokens]

    def _rows(self, owner: NDArray[np.int64], number: int) -> list[torch.Tensor]:
        """Of each batch of a buffer, the rows of this rank."""
        mixed = self._mixed(owner, number)
        place = np.cumsum(owner == self.rank) - 1
        device = self.taps.model.device
        return [
            torch.from_numpy(place[some[owner[some] == self.rank]]).to(device)
            for some in mixed.reshape(-1, self.order.batch)
        ]

    def _mixed(self, owner: NDArray[np.int64], number: int) -> NDArray[np.int64]:
        """The tokens of a buffer in the order of its batches."""
        return np.random.default_rng([self.order.seed, number]).permutation(len(owner))[: self._tokens]

    def _run(self, windows: list[Window], counts: list[int]) -> dict[Site, torch.Tensor]:
        """States of all tokens of windows, (n, d) by site, in the order of the windows."""
        begins = np.cumsum([0, *counts])
        states: dict[Site, torch.Tensor] = {}
        for found in self.taps.read(windows, budget=self.budget):
            first = np.r_[True, np.diff(found.window) != 0]
            within = np.arange(len(first)) - np.flatnonzero(first)[np.cumsum(first) - 1]
            rows = torch.from_numpy(begins[found.numbers[found.window]] + within)
            for site, values in found.states.items():
                if site not in states:
                    states[site] = values.new_empty((int(begins[-1]), values.shape[-1]))
                states[site][rows.to(values.device)] = values
            self.read += len(found.ids)
        return states

    def _cached(self, number: int, counts: list[int]) -> dict[Site, torch.Tensor] | None:
        """The states of this rank as they were kept, by as many ranks or by any other number of them."""
        if self.cache is None:
            return None
        if self._path(number, self.rank, self.ranks).is_file():
            return self._loaded(self._path(number, self.rank, self.ranks))
        for ranks in self._kept_by(number):
            mine, theirs = self._owner(counts, self.ranks) == self.rank, self._owner(counts, ranks)
            place, found = torch.from_numpy(np.cumsum(mine) - 1), dict[Site, torch.Tensor]()
            for rank in range(ranks):
                # one after the other: they are not held together
                of = theirs == rank
                for site, states in self._loaded(self._path(number, rank, ranks)).items():
                    if site not in found:
                        found[site] = states.new_empty((int(mine.sum()), states.shape[-1]))
                    here = torch.from_numpy(mine[of]).to(states.device)
                    found[site][place[torch.from_numpy(of & mine)].to(states.device)] = states[here]
            return found
        return None

    def _kept_by(self, number: int) -> list[int]:
        """How many ranks kept a buffer, of all those whose parts of it are all there."""
        names = [path.stem.split("-of-") for path in Path(self.cache or "").glob(f"buffer-{number:06d}*.safetensors")]
        counts = {int(name[1]) if len(name) > 1 else 1 for name in names}
        return [n for n in sorted(counts) if all(self._path(number, rank, n).is_file() for rank in range(n))]

    def _loaded(self, path: Path) -> dict[Site, torch.Tensor]:
        self._check_cache()
        load = require("safetensors.torch", "models").load_file
        try:
            held: Mapping[str, torch.Tensor] = load(str(path), device=str(self.taps.model.device))
            return {site: held[str(site)] for site in self.taps.sites}
        except Exception as problem:  # safetensors raises whatever the damage leads to
            raise DepthscopeError(
                f"{path}: damaged ({' '.join(str(problem).split())}); delete this file, and its states are computed again"
            ) from None

    def _keep(self, number: int, states: dict[Site, torch.Tensor]) -> None:
        if self.cache is None:
            return
        self._check_cache()
        save = require("safetensors.torch", "models").save_file
        with atomic(self._path(number, self.rank, self.ranks)) as scratch:
            save({str(site): values.contiguous() for site, values in states.items()}, str(scratch))

    def _path(self, number: int, rank: int, ranks: int) -> Path:
        ranked = f"-{rank}-of-{ranks}" if ranks > 1 else ""
        return Path(self.cache or "") / f"buffer-{number:06d}{ranked}.safetensors"

    def _check_cache(self) -> None:
        """States of another model, corpus or order are never mixed with these."""
        if self._checked or self.cache is None:
            return
        path = self.cache / ABOUT
        if not path.is_file():
            try:
                self.cache.mkdir(parents=True, exist_ok=True)
            except (FileExistsError, NotADirectoryError, FileNotFoundError) as problem:
                raise DepthscopeError(
                    f"{self.cache}: no folder for states can be made there ({problem.strerror}); choose another"
                ) from None
            write_text(path, json.dumps(self.about, indent=1, sort_keys=True) + "\n")
        try:
            before: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            raise DepthscopeError(f"{path}: damaged; delete the folder, and its states are computed again") from None
        other = [name for name, value in self.about.items() if before.get(name) != json.loads(json.dumps(value))]
        missing = [site for site in self.about["sites"] if site not in before.get("sites", [])]
        other = [name for name in other if name != "sites"] + [f"no states of {site}" for site in missing]
        if other:
            raise DepthscopeError(
                f"{self.cache}: holds states that were made otherwise ({', '.join(other)}); choose another folder, or delete it"
            )
        self._checked = True

    @property
    def about(self) -> dict[str, Any]:
        """All that decides the states, for the record."""
        model = self.taps.model
        return {
            "model": model.name,
            "fingerprint": model.fingerprint,
            "dtype": str(model.dtype),
            "sites": [str(site) for site in self.taps.sites],
            "corpus": self.corpus.digest(),
            "cut": asdict(self.order.cut),
            "group": self.order.group,
            "buffer": self._tokens,
        }


@dataclass(frozen=True)
class _Buffer:
    """States by site, (n, d), the rows of each batch in them, and the rank of every token of the buffer."""

    states: dict[Site, torch.Tensor]
    rows: list[torch.Tensor]
    owner: NDArray[np.int64]
