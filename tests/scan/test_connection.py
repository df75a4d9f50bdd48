"""A real Ray is begun, joined, listened to and left: it ends with what is ours, and its loss is one sentence."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from depthscope.scan import connection
from depthscope.scan.connection import Connection

pytest.importorskip("ray")


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, refuses: Callable[..., Any]) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with refuses("depthscope[ray]"):
        Connection(None, workers=1, threads=1, gpus=0.0).join()


@pytest.mark.parametrize("address", ["", "here", "ray://10.0.0.1:10001", "10.0.0.1", ":6379", "host:port"])
def test_what_is_no_address(address: str, refuses: Callable[..., Any]) -> None:
    with refuses(f"{address}: not the address", "host:port"):
        connection.check_address(address)


def test_addresses_at_which_there_is_no_ray(monkeypatch: pytest.MonkeyPatch, refuses: Callable[..., Any]) -> None:
    monkeypatch.setattr(connection, "CONNECT", 4.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        with refuses(address, "no answer within 4 s", "ray start"):
            connection.check_address(address)
    with refuses(address, "nothing listens", "ray start"):
        connection.check_address(address)


# a driver of its own: it prints who works, lets one worker die, and goes on for ever
DRIVER = """
import sys
from depthscope.errors import DepthscopeError
from depthscope.scan import connection
from depthscope.scan.cluster import Cluster
from tests.scan.test_cluster import Recipe, job

connection.GRACE = 3.0
connection.CONNECT = float(sys.argv[2]) if sys.argv[2:] else connection.CONNECT
try:
    with Cluster(2, make=Recipe().build, address=sys.argv[1] if sys.argv[1:] else None) as engine:
        print("endpoint", *(port for _, port in engine._connection.endpoints), flush=True)
        numbers = iter(range(10**6))
        jobs = (job(number, "dies once" if number == 3 else "slow") for number in numbers)
        for one, columns in engine.run(jobs):
            print("did", one.number, int(columns["who"][0]), flush=True)
except DepthscopeError as problem:
    print("refused", problem, flush=True)
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


class Driver:
    """The driver in a group of its own, as from a terminal."""

    def __init__(self, folder: Path, *words: str, **env: str) -> None:
        self.errors = (folder / "stderr").open("w+")
        self.process = subprocess.Popen(
            [sys.executable, "-c", DRIVER, *words],
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
            env={**os.environ, "RAY_AUTH_MODE": "disabled", **env},
            start_new_session=True,
        )
        self.lines: list[str] = []

    def until_job(self, number: int) -> set[int]:
        """Read on until that job is done; the workers so far."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))
            if line.startswith(f"did {number} "):
                return {int(line.split()[2]) for line in self.lines if line.startswith("did")}
        raise AssertionError(f"ended early: {self.lines} {self.stderr()}")

    def end(self) -> str:
        """Wait for the end: the last line."""
        rest, _ = self.process.communicate(timeout=120)
        self.lines += rest.splitlines()
        return self.lines[-1]

    def stderr(self) -> str:
        self.errors.seek(0)
        return self.errors.read()

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()
        self.errors.close()


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[Callable[..., Driver]]:
    started: list[Driver] = []

    def start(*words: str, **env: str) -> Driver:
        started.append(Driver(tmp_path, *words, **env))
        return started[-1]

    yield start
    for one in started:
        one.close()


def commands(words: str) -> dict[int, str]:
    """Processes, by their number, that were started with these words."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:  # it has ended meanwhile
            continue
        if words in command:
            found[int(path.parent.name)] = command
    return found


def gone(process: int) -> bool:
    """Wait until a process has ended."""
    for _ in range(100):
        try:
            state = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except OSError:
            return True
        if state == "Z":  # ended, and nobody has asked how
            return True
        time.sleep(0.1)
    return False


needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are looked up in /proc")


@needs_proc
def test_an_interrupt_ends_the_driver_and_all_workers_and_only_the_driver_has_spoken(
    driver: Callable[..., Driver],
) -> None:
    one = driver()
    workers = one.until_job(12)
    os.killpg(one.process.pid, signal.SIGINT)
    assert one.end() == "interrupted"
    assert all(line.split()[0] in ("endpoint", "did", "interrupted") for line in one.lines), one.lines
    assert one.stderr() == ""
    assert all(gone(worker) for worker in workers)
    head = one.lines[0].split()[1]
    assert not [c for c in commands(f":{head} ").values() if "ray" in c], "what it began has ended with it"


@needs_proc
def test_a_lost_ray_of_ones_own_is_one_sentence(driver: Callable[..., Driver]) -> None:
    one = driver()
    one.until_job(4)
    ours = [p for p, command in commands("raylet/raylet ").items() if f":{one.lines[0].split()[1]} " in command]
    assert len(ours) == 1
    os.kill(ours[0], signal.SIGKILL)
    assert "is gone" in one.end()
    assert one.lines[-1].startswith("refused the Ray cluster at ")
    assert one.process.returncode == 0
    assert one.stderr() == ""


@needs_proc
def test_a_cluster_is_joined_by_those_who_may_and_its_loss_is_one_sentence(
    driver: Callable[..., Driver], tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    home = Path("/tmp") / f"ray-test-{port}"  # short: the names of its sockets are limited
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "a" * 64}
    start = [str(Path(sys.executable).with_name("ray")), "start", "--head", f"--port={port}", "--num-cpus=2"]
    start += [
        "--include-dashboard=false",
        "--object-store-memory=100000000",
        f"--temp-dir={home}",
        "--disable-usage-stats",
    ]
    try:
        subprocess.run(start, env={**os.environ, **token}, check=True, capture_output=True)
        address = f"127.0.0.1:{port}"
        stranger = driver(address, "8")
        member = driver(address, **token)
        member.until_job(6)
        head = [p for p, command in commands(str(home)).items() if "gcs_server" in command.split()[0]]
        assert len(head) == 1
        assert "set RAY_AUTH_MODE=token" in stranger.end()
        os.kill(head[0], signal.SIGKILL)
        assert member.end().startswith("refused the Ray cluster at ")
        assert "is gone" in member.lines[-1]
        assert "run the same command again" in member.lines[-1]
        assert member.process.returncode == 0
        assert member.stderr() == stranger.stderr() == ""
    finally:
        for process in commands(str(home)):
            os.kill(process, signal.SIGKILL)
        shutil.rmtree(home, ignore_errors=True)
