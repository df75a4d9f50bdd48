"""Without a search for circles of dead objects, while thousands of modules are imported that live to the end anyway."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """While it lasts, nothing looks for such circles: a fifth of the time that it takes to import transformers."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
