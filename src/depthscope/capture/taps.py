"""States at chosen sites: heard in a pass that ends where the last of them is reached, or changed on their way."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from depthscope.capture.batches import default_budget, default_slack, pad, plan
from depthscope.capture.record import check_vocabulary
from depthscope.capture.sites import Site
from depthscope.capture.windows import Window
from depthscope.errors import DepthscopeError, listed
from depthscope.model.entrances import entrance
from depthscope.model.hooks import Hooks, hooks
from depthscope.model.model import Model
from depthscope.model.parts import Kind, Part, Parts, find_parts
from depthscope.model.plain import plainly
from depthscope.model.stream import stream_in, to_stream, with_stream_in, with_stream_out
from depthscope.model.summands import as_memory, as_stream, first_of

Hear = Callable[[Site, torch.Tensor], None]
Change = Callable[[torch.Tensor], None]

TOGETHER = 256  # windows that are sorted by length before they are put into batches


class Read(NamedTuple):
    """One pass: N tokens of some windows, with their states.

    Attributes
    ----------
    windows : list of Window
    numbers : int array (W,)
        Which of the windows that were given these are, counted from 0.
    window, position : int array (N,)
        In which of ``windows`` each token stands, and where in its ``ids``; window by window, in order.
    ids : int array (N,)
        The tokens.
    states : dict of Site to Tensor (N, d)
        In the precision of the stream, on the model's device.
    """

    windows: list[Window]
    numbers: NDArray[np.int64]
    window: NDArray[np.int64]
    position: NDArray[np.int64]
    ids: NDArray[np.int64]
    states: dict[Site, torch.Tensor]


class _EnoughError(Exception):
    """The last state that was asked for has been heard; what is behind it need not run."""


@dataclass(frozen=True)
class _Tap:
    """A site that is a part, or the input of one: its modules."""

    site: Site
    paths: tuple[str, ...]
    weights: tuple[float, ...]

    @property
    def enters(self) -> bool:
        return self.site.place.endswith("-in")


class Taps:
    """Reads and changes states of a model at some sites.

    Parameters
    ----------
    model : Model
    sites : sequence of Site
        Of attention and MLP too, where these are found: :func:`depthscope.model.parts.find_parts`.

    Attributes
    ----------
    model : Model
    sites : tuple of Site
    special : frozenset of int
        Tokens of which the tokenizer says that they are special.

    Raises
    ------
    DepthscopeError
        No site, a layer that the model does not have, or parts that cannot be told apart.
    """

    def __init__(self, model: Model, sites: Sequence[Site]) -> None:
        self.model, self.sites = model, tuple(dict.fromkeys(sites))
        if not self.sites:
            raise DepthscopeError("no site is named at which states are to be read: give a layer at least")
        for site in self.sites:
            lowest = 0 if site.place == "resid" else 1
            if not lowest <= site.layer <= model.depth:
                raise DepthscopeError(
                    f"{site}: {model.name} has {model.depth} blocks; choose layers from {lowest} to {model.depth}"
                )
        self.special = frozenset(getattr(model.tokenizer, "all_special_ids", ()))
        parts = find_parts(model) if any(site.place != "resid" for site in self.sites) else None
        self._taps = {site: _tap(model, parts, site) for site in self.sites if parts and site.place != "resid"}
        self._stream = frozenset(site.layer for site in self.sites if site.place == "resid")
        # a block is done when its state is heard, and with it its parts
        self._last = max(site.layer for site in self.sites)

    def measured(self, window: Window, *, every: bool = False) -> NDArray[np.int64]:
        """Positions of a window that are read: those to be measured, without special tokens and the first of all, at which
        models park attention, so that its state is like no other; with ``every`` these too.
        """
        if every:
            return np.arange(len(window.ids))
        begin, end = window.measured
        positions = np.arange(max(begin, 1), end)
        if not self.special:
            return positions
        return positions[~np.isin(window.ids[positions], np.fromiter(self.special, np.int64))]

    @contextmanager
    def listening(self, receive: Hear, *, stop: bool = False) -> Iterator[None]:
        """Call ``receive(site, state)`` with each state (batch, token, feature) in passes of this thread.

        With ``stop`` a pass ends with the last of them, by an exception: see :meth:`run`.
        """
        model = self.model
        stopping = stop and not _is_spread(model.network)
        sums: dict[Site, list[torch.Tensor]] = {}

        def hear_stream(number: int, state: torch.Tensor) -> None:
            if number in self._stream:
                receive(Site("resid", number), state)
            if stopping and number == self._last:
                raise _EnoughError

        def hear_part(tap: _Tap, state: torch.Tensor) -> None:
            given = sums.setdefault(tap.site, [])
            given.append(state)
            if len(given) == len(tap.paths):
                del sums[tap.site]
                receive(tap.site, sum(given[1:], given[0]))

        with ExitStack() as stack:
            # parts first: their hooks have run when the state behind them ends the pass
            placed = stack.enter_context(hooks(model.network))
            for tap in self._taps.values():
                self._listen(placed, tap, hear_part)
            stack.enter_context(model.listening(hear_stream))
            yield

    @contextmanager
    def editing(self, site: Site, change: Change) -> Iterator[None]:
        """Let ``change(state)`` write into a copy of the state at one of the sites, (batch, token, feature), on its way.

        What a part gives is changed where it is added to the stream, so that the next state is changed by as much.
        """
        model = self.model
        if site.place == "resid":
            with model.editing(lambda _, state: change(state), (site.layer,)):
                yield
            return
        with hooks(model.network) as placed:
            self._edit(placed, self._taps[site], change)
            yield

    def run(self, ids: torch.Tensor, mask: torch.Tensor) -> None:
        """One pass over tokens (B, T), for what is heard of it."""
        with suppress(_EnoughError):
            self.model.run_trunk(ids, mask)

    def read(self, windows: Iterable[Window], *, budget: int | None = None, every: bool = False) -> Iterator[Read]:
        """States of all tokens of windows that are :meth:`measured`, pass by pass; with ``every`` of all there are.

        Parameters
        ----------
        windows : iterable of Window
            Read as they are needed; windows of like length run together, so that they come in another order.
        budget : int, optional
            Padded tokens per pass, as for :func:`depthscope.trace`.
        """
        model = self.model
        each = 1 if model.alone else budget or default_budget(model.device)
        first = 0
        given = iter(windows)
        while some := list(islice(given, TOGETHER)):
            check_vocabulary(model.name, model.vocabulary, max(int(window.ids.max()) for window in some))
            for rows in plan([len(window.ids) for window in some], each, default_slack(model.device)):
                found = self._pass([some[i] for i in rows], np.array(rows) + first, every)
                if found is not None:
                    yield found
            first += len(some)

    @plainly()
    def _pass(self, windows: list[Window], numbers: NDArray[np.int64], every: bool) -> Read | None:
        model = self.model
        chosen = [self.measured(window, every=every) for window in windows]
        window = np.repeat(np.arange(len(windows)), [len(some) for some in chosen])
        position = np.concatenate(chosen)
        if not len(position):
            return None
        ids, mask = pad([window.ids for window in windows], 0, model.device)
        rows, places = torch.from_numpy(np.stack([window, position])).to(model.device).unbind(0)
        states: dict[Site, torch.Tensor] = {}

        def keep(site: Site, state: torch.Tensor) -> None:
            # plain tensors, which can be trained on, although the pass is in inference mode
            with torch.inference_mode(False), torch.no_grad():
                states[site] = state[rows.to(state.device), places.to(state.device)].to(model.device)

        with self.listening(keep, stop=True):
            self.run(ids, mask)
        tokens = np.concatenate([one.ids[some] for one, some in zip(windows, chosen, strict=True)])
        return Read(windows, numbers, window, position, tokens, {site: states[site] for site in self.sites})

    def _shape(self, placed: Hooks, number: int) -> list[torch.Size]:
        """Shape of the stream of block ``number`` in the pass under way."""
        shape: list[torch.Size] = []

        def enter(module: nn.Module, args: Any, kwargs: Any) -> None:
            shape[:] = [to_stream(stream_in(args, kwargs), self.model.chain.layout).shape]

        placed.before(self.model.blocks[number - 1], enter)
        return shape

    def _listen(self, placed: Hooks, tap: _Tap, hear: Callable[[_Tap, torch.Tensor], None]) -> None:
        shape = self._shape(placed, tap.site.layer)
        for path, weight in zip(tap.paths, tap.weights, strict=True):
            module = self.model.network.get_submodule(path)
            if tap.enters:

                def enter(module: nn.Module, args: Any, kwargs: Any, path: str = path) -> None:
                    hear(tap, self._as_stream(stream_in(args, kwargs), shape, path))

                placed.before(module, enter)
            else:

                def give(module: nn.Module, args: Any, output: Any, path: str = path, weight: float = weight) -> None:
                    value = self._as_stream(first_of(output), shape, path)
                    value = self.model.chain.unscaled(tap.site.layer, value)
                    hear(tap, value if weight == 1 else value * weight)

                placed.after(module, give)

    def _edit(self, placed: Hooks, tap: _Tap, change: Change) -> None:
        shape, number = self._shape(placed, tap.site.layer), tap.site.layer
        chain = self.model.chain
        if tap.enters:

            def enter(module: nn.Module, args: Any, kwargs: Any) -> Any:
                taken = stream_in(args, kwargs)
                value = self._as_stream(taken, shape, tap.paths[0]).clone()
                change(value)
                return with_stream_in(args, kwargs, as_memory(value, self.model).reshape(taken.shape))

            placed.before(self.model.network.get_submodule(tap.paths[0]), enter)
            return
        given: list[torch.Tensor] = []

        def give(module: nn.Module, args: Any, output: Any, i: int) -> Any:
            first = first_of(output)
            value = self._as_stream(first, shape, tap.paths[i])
            given.append(chain.unscaled(number, value) * tap.weights[i])
            if len(given) < len(tap.paths):
                return None
            whole = sum(given[1:], given[0])
            edited = whole.clone()
            change(edited)
            given.clear()
            if len(tap.paths) == 1:
                # not by a difference: what is put in is what arrives
                now = edited * chain.scale(number) / tap.weights[i]
            else:
                now = value + (edited - whole) * chain.scale(number) / tap.weights[i]
            return with_stream_out(output, as_memory(now, self.model).reshape(first.shape))  # type: ignore[union-attr]

        # the last of several parts takes all of the change
        for i, path in enumerate(tap.paths):
            placed.after(
                self.model.network.get_submodule(path),
                lambda module, args, output, i=i: give(module, args, output, i),  # type: ignore[misc]
            )

    def _as_stream(self, value: torch.Tensor | None, shape: Sequence[torch.Size], path: str) -> torch.Tensor:
        found = as_stream(value, shape[0], self.model) if value is not None else None
        if found is None:
            raise DepthscopeError(
                f"{self.model.name}: {path} has no vector per token in this pass; choose another site"
            )
        return found


def _tap(model: Model, parts: Parts, site: Site) -> _Tap:
    kind: Kind = "attention" if site.place.startswith("attention") else "mlp"
    if site.place.endswith("-in"):
        return _Tap(site, (entrance(model, parts, site.layer, kind),), (1.0,))
    found: list[Part] = [part for part in parts.blocks[site.layer - 1] if part.kind == kind]
    if not found:
        there = listed(sorted({part.kind for part in parts.blocks[site.layer - 1]}))
        raise DepthscopeError(
            f"{site}: block {site.layer} of {model.name} has no {kind} (there is {there or 'nothing'})"
        )
    return _Tap(site, tuple(part.path for part in found), tuple(part.weight for part in found))


def _is_spread(network: nn.Module) -> bool:
    """Whether accelerate moves parts of it about as they run: a pass that ends early would leave them where they are."""
    places: Mapping[str, Any] = getattr(network, "hf_device_map", None) or {}
    return any(str(place) in ("cpu", "disk") for place in places.values()) and len(set(map(str, places.values()))) > 1
