"""Functions run by several processes at once, with the environment that torchrun gives them.

They are forked from a server that has imported what takes seconds, and nothing else: each of them is there at once.
"""

import os
import socket
import sys
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

CONTEXT = get_context("forkserver")
# an optimiser of torch imports the compiler with its first step
CONTEXT.set_forkserver_preload(
    ["pytest", "torch.distributed", "torch._dynamo", "depthscope.studies.sae.training.trainer"]
)


@dataclass(frozen=True)
class Ended:
    """How one of the processes ended: its status, what it said on stderr, and what the function gave back."""

    status: int | None
    said: str
    found: Any


def together(
    work: Callable[..., Any], *arguments: Any, folder: Path, count: int = 2, more: Mapping[str, str] = {}
) -> list[Ended]:
    """Call ``work(*arguments)`` in each of ``count`` processes; one that is not through after a minute is ended.

    What the function gives back is its result, or if that is a number the status of the process.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    there = []
    for rank in range(count):
        place = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": count, "MASTER_PORT": port, "MASTER_ADDR": "127.0.0.1"}
        environment = {**{name: str(value) for name, value in place.items()}, **more}
        ours, theirs = CONTEXT.Pipe(duplex=False)
        process = CONTEXT.Process(
            target=_run, args=(work, arguments, environment, folder / f"said-{rank}.txt", theirs), daemon=True
        )
        process.start()
        theirs.close()
        there.append((process, ours))
    ended = []
    for rank, (process, ours) in enumerate(there):
        found = None
        with suppress(EOFError):  # it has ended without a word
            found = ours.recv() if ours.poll(60) else None
        process.join(60)
        if process.is_alive():
            process.kill()
            process.join()
        ended.append(Ended(process.exitcode, (folder / f"said-{rank}.txt").read_text(), found))
    return ended


def _run(
    work: Callable[..., Any], arguments: tuple[Any, ...], environment: Mapping[str, str], said: Path, theirs: Connection
) -> None:
    os.environ.update(environment)
    with said.open("w") as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    try:
        found = work(*arguments)
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)
    theirs.send(found)
    theirs.close()
    sys.stderr.flush()
    os._exit(found if isinstance(found, int) else 0)
