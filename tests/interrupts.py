"""One Control-C ends the whole session, whatever the test under way makes of it.

A command that is called in this process answers an interrupt as a command should, with exit status 130. To pytest that
is a call that returned: without this the next test would begin.
"""

import signal
from collections.abc import Generator
from types import FrameType

import pytest

_INTERRUPTED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Note what comes from outside; an interrupt that a test raises of its own accord is its own business."""

    def noted(number: int, frame: FrameType | None) -> None:
        item.config.stash[_INTERRUPTED] = True
        signal.default_int_handler(number, frame)

    # anew for every test: event loops put back Python's own handler
    before = signal.signal(signal.SIGINT, noted)
    try:
        return (yield)
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item) -> None:
    """After each of set-up, call and tear-down: where an interrupt was swallowed, it is raised again for the session."""
    if item.config.stash.get(_INTERRUPTED, False):
        raise KeyboardInterrupt
