"""The Ray under which workers live: it is begun or joined, listened to, and left."""

import logging
import os
import socket
import subprocess
import sys
import time
from types import ModuleType
from typing import Any

from depthscope.errors import DepthscopeError, reason, require

TICK = 1.0  # seconds between two looks at the cluster
GRACE = 15.0  # seconds of silence; Ray ends our process, without a sentence, 60 s after it has lost the head
CONNECT = 20.0  # seconds to reach a cluster that exists; Ray itself tries for minutes
STORE = 2**28  # bytes of shared memory per worker, taken only as results fill it
LARGEST_STORE = 2**32

Endpoint = tuple[str, int]  # host and port


class Connection:
    """What ties this process to a Ray: to one of our own, to a cluster that runs already, or to one that it began before.

    Parameters
    ----------
    address : str or None
        As of :class:`depthscope.scan.cluster.Cluster`.
    workers : int
        For whom a Ray of our own has room.
    threads : int
        CPUs of each worker.
    gpus : float
        GPUs of each worker.

    Attributes
    ----------
    ours : bool
        Whether we made the connection, so that workers end with it. One that was there before stays.
    endpoints : list of (host, port)
        Of the head of the cluster, and of the Ray of this machine.
    """

    def __init__(self, address: str | None, *, workers: int, threads: int, gpus: float) -> None:
        self.address, self.workers, self.threads, self.gpus = address, workers, threads, gpus
        self.ours = False
        self.endpoints: list[Endpoint] = []
        self._ray: Any = None
        self._looked = self._heard = 0.0

    def join(self) -> ModuleType:
        """The library, connected: with the Ray of this process, else with the cluster at the address, else with a new one.

        Raises
        ------
        DepthscopeError
            Ray is not installed; nothing answers at the address; this machine has too few GPUs.
        """
        self._ray = ray = library()
        self.ours = not ray.is_initialized()
        try:
            if self.ours and self.address is not None:
                check_address(self.address)
                ray.init(address=self.address, log_to_driver=False, configure_logging=False)
            elif self.ours:
                self._begin()
            self.endpoints = _endpoints(ray)
        except BaseException:
            self.leave()
            raise
        self._looked = self._heard = time.monotonic()
        return ray

    def leave(self) -> None:
        """End what is ours: the Ray that was begun here, or our workers on a cluster."""
        if self.ours:
            self._ray.shutdown()

    def answers(self) -> bool:
        """Do the head of the cluster and the Ray of this machine listen? Jobs may go on for a while if not.

        Raises
        ------
        DepthscopeError
            They have been silent for too long.
        """
        now = time.monotonic()
        if now - self._looked < TICK:
            return self._heard >= self._looked
        self._looked = now
        if all(_listens(endpoint) for endpoint in self.endpoints):
            self._heard = time.monotonic()
        elif now - self._heard > GRACE:
            raise self.gone(None)
        return self._heard >= self._looked

    def gone(self, problem: Exception | None) -> DepthscopeError:
        """What to raise when it is, with what Ray says of it, if it says anything."""
        host, port = self.endpoints[0]
        said = f" ({reason(problem)})" if problem else ""
        return DepthscopeError(
            f"the Ray cluster at {host}:{port} is gone{said}; what is finished is kept: start the cluster again, and run the "
            "same command again"
        )

    def _begin(self) -> None:
        self._ray.init(
            address="local",
            num_cpus=self.workers * self.threads,
            include_dashboard=False,
            log_to_driver=False,
            configure_logging=False,
            object_store_memory=min(self.workers * STORE, LARGEST_STORE),
        )
        found = self._ray.cluster_resources().get("GPU", 0.0)
        if found < self.workers * self.gpus:
            raise DepthscopeError(
                f"{self.workers} workers with {self.gpus:g} GPUs each: this machine has {found:g}; ask for fewer workers, "
                "or for less of a GPU each"
            )


def library() -> ModuleType:
    """Ray, set before it is imported to print little and to send no reports."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # its documented switch for lines that are not to be shown: reports of dead workers would go to stdout
    os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", ".")
    ray = require("ray", "ray")
    # what matters of it comes as an exception
    logging.getLogger("ray").setLevel(logging.CRITICAL)
    return ray


def check_address(address: str) -> None:
    """Refuse an address at which no cluster of Ray can be joined.

    Asked in a process of its own: Ray tries for minutes, cannot be interrupted, and writes to stderr while it does.
    """
    host, _, port = address.rpartition(":")
    if address != "auto" and not (host and "/" not in host and port.isdecimal()):
        raise DepthscopeError(
            f"{address}: not the address of a Ray cluster; give host:port, or auto, on a machine that is a node of it"
        )
    way_out = "start one with 'ray start --head', or leave the address out"
    if address != "auto" and not _listens(_endpoint(address)):
        raise DepthscopeError(f"{address}: nothing listens there, so no Ray cluster can be joined; {way_out}")
    code = "import sys, ray; ray.init(address=sys.argv[1], log_to_driver=False)"
    try:
        tried = subprocess.run([sys.executable, "-c", code, address], capture_output=True, timeout=CONNECT)
    except subprocess.TimeoutExpired as waited:
        said = (waited.stderr or b"").decode(errors="replace")
        last = f"no answer within {CONNECT:g} s"
    else:
        if tried.returncode == 0:
            return
        said = tried.stderr.decode(errors="replace")
        last = (said.strip().splitlines() or ["no reason given"])[-1][:200]
    if "AuthToken" in said:
        # Ray gives its token to no address that was named, unless it is asked to
        raise DepthscopeError(
            f"{address}: the Ray cluster asks for a token; set RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN_PATH unless the "
            "token is in ~/.ray/auth_token"
        )
    raise DepthscopeError(f"{address}: no Ray cluster can be joined ({last}); {way_out}")


def _endpoints(ray: Any) -> list[Endpoint]:
    context = ray.get_runtime_context()
    ours = context.get_node_id()
    node = next(node for node in ray.nodes() if node["NodeID"] == ours)
    return [_endpoint(context.gcs_address), (node["NodeManagerAddress"], int(node["NodeManagerPort"]))]


def _endpoint(address: str) -> Endpoint:
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def _listens(endpoint: Endpoint) -> bool:
    try:
        with socket.create_connection(endpoint, timeout=3.0):
            return True
    except OSError:
        return False
