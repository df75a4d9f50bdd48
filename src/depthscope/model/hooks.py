"""Hooks that go when they are no longer wanted, whatever happens in between, and that hear one thread alone."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn
from torch.utils.hooks import RemovableHandle

from depthscope.model.turns import alone

Before = Callable[[nn.Module, tuple[Any, ...], dict[str, Any]], Any]
After = Callable[[nn.Module, Any, Any], Any]


def here() -> Callable[[], bool]:
    """Whether it is the present thread that asks: its own passes run on it, those of others are none of its business."""
    thread = threading.get_ident()
    return lambda: threading.get_ident() == thread


class Hooks:
    """Hooks on the modules of a network, as torch knows them; what other threads run passes by them untouched."""

    def __init__(self) -> None:
        self._handles: list[RemovableHandle] = []
        self._here = here()

    def before(self, module: nn.Module, hook: Before) -> None:
        """``hook(module, args, kwargs)`` gives nothing, or other ``(args, kwargs)``."""

        def heard(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            return hook(module, args, kwargs) if self._here() else None

        self._handles.append(module.register_forward_pre_hook(heard, with_kwargs=True))

    def after(self, module: nn.Module, hook: After) -> None:
        """``hook(module, args, output)`` gives nothing, or another output."""

        def heard(module: nn.Module, args: Any, output: Any) -> Any:
            return hook(module, args, output) if self._here() else None

        self._handles.append(module.register_forward_hook(heard))

    def remove(self) -> None:
        for handle in self._handles:
            handle.remove()


@contextmanager
def hooks(network: nn.Module) -> Iterator[Hooks]:
    """Hooks on modules of ``network`` for as long as the context lasts; other threads wait for the network until then."""
    with alone(network):
        placed = Hooks()
        try:
            yield placed
        finally:
            placed.remove()
