"""Threads take turns: whoever runs a network, hooks it or changes its mode has all its modules to itself."""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from weakref import WeakKeyDictionary

from torch import nn

# transformers builds networks under settings of the whole process (default precision, no initialisation), and torch has
# one random generator: two networks built at a time would disturb each other
BUILDING = threading.RLock()


class _Turn:
    """A lock, and its place in the order in which several are taken, so that no two threads wait for each other."""

    _numbers = count()

    def __init__(self) -> None:
        self.lock, self.number = threading.RLock(), next(self._numbers)


# by module and not by network: one module may be in several networks (the trunk of a model with a head, a compiled
# wrapper). Beside the modules and not on them, because a module with a lock can be neither copied nor pickled.
_TURNS: WeakKeyDictionary[nn.Module, _Turn] = WeakKeyDictionary()
_GUARD = threading.RLock()


@dataclass
class _Held:
    turns: list[_Turn]
    times: int = 0


class _Mine(threading.local):
    """Of this thread: what it holds, so that a network's modules are gone through once and not at every step inside."""

    def __init__(self) -> None:
        self.held: dict[int, _Held] = {}


_MINE = _Mine()


@contextmanager
def alone(network: nn.Module) -> Iterator[None]:
    """While it lasts, other threads that want this network, or one that shares a module with it, wait.

    The same thread may enter again. Who holds two networks at a time should take them in the same order everywhere.
    """
    mine = _MINE.held.setdefault(id(network), _Held([]))
    if not mine.times:
        mine.turns = _turns(network)
    with ExitStack() as stack:
        for turn in mine.turns:
            stack.enter_context(turn.lock)
        mine.times += 1
        try:
            yield
        finally:
            mine.times -= 1
            if not mine.times:
                del _MINE.held[id(network)]


def _turns(network: nn.Module) -> list[_Turn]:
    modules = list(network.modules())
    with _GUARD:
        found = {turn.number: turn for module in modules if (turn := _TURNS.get(module)) is not None}
        ordered = [found[number] for number in sorted(found)] or [_Turn()]
        for module in modules:
            _TURNS.setdefault(module, ordered[0])
    return ordered


@dataclass
class Shared:
    """A setting of the whole process that several threads may want at a time: the first makes it, the last takes it back."""

    make: Callable[[], AbstractContextManager[Any]]
    _lock: Any = field(default_factory=threading.RLock)
    _users: int = 0
    _made: ExitStack = field(default_factory=ExitStack)

    @property
    def used(self) -> bool:
        return self._users > 0

    @contextmanager
    def __call__(self) -> Iterator[None]:
        with self._lock:
            if not self._users:
                self._made.enter_context(self.make())
            self._users += 1
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1
                if not self._users:
                    self._made.close()
