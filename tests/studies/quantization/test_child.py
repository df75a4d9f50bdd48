"""A process of its own comes back, or it is said how it ended."""

import os
import signal

import pytest

from depthscope.errors import DepthscopeError
from depthscope.studies.quantization.child import ProcessDiedError, ended, in_child


def leave(path):
    with open(path, "w") as stream:  # noqa: PTH123
        stream.write(str(os.getpid()))


def refuse():
    raise DepthscopeError("asked wrongly")


def die(number):
    os.kill(os.getpid(), number)


def test_the_work_is_done_in_another_process(tmp_path):
    in_child(leave, str(tmp_path / "pid"))
    assert int((tmp_path / "pid").read_text()) != os.getpid()


def test_what_is_raised_there_is_raised_here(refuses):
    with refuses("asked wrongly"):
        in_child(refuse)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_process_that_was_killed_is_not_called_lack_of_memory(number):
    with pytest.raises(ProcessDiedError, match=f"was killed \\({number.name}\\)") as problem:
        in_child(die, number)
    assert "memory" not in str(problem.value)


def test_a_process_that_left_is_no_killed_one():
    with pytest.raises(ProcessDiedError, match="exit status 3"):
        in_child(os._exit, 3)


def test_lack_of_memory_is_named_where_the_system_says_so():
    assert "no memory left" in ended(-signal.SIGKILL, True)
    assert "memory" not in ended(-signal.SIGTERM, True)
