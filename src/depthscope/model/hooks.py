"""Hooks that go when they are no longer wanted, whatever happens in between."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from torch.utils.hooks import RemovableHandle


@contextmanager
def held(handles: Sequence[RemovableHandle]) -> Iterator[None]:
    """Keep the hooks behind ``handles`` while the context lasts."""
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
