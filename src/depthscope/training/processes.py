"""Several processes that share a training, as torchrun, ``accelerate launch`` or any other starter runs them.

A starter tells each process its place in the environment: RANK of WORLD_SIZE, LOCAL_RANK on its machine, and where the first
one listens, MASTER_ADDR and MASTER_PORT. Nothing else is taken from it.
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist

from depthscope.errors import DepthscopeError, ToldElsewhereError, out_of_memory, reason
from depthscope.training.ranks import ALONE, Ranks, check_groups

T = TypeVar("T")

# none waits longer for another: the first writes checkpoints and pages meanwhile, which may be large
TIMEOUT = timedelta(minutes=30)
# sums of these lose what float32 keeps, and gloo has not always known them
NARROW = (torch.bfloat16, torch.float16)
FAILED = "failed"


@dataclass(frozen=True)
class Place:
    """Where a process stands among those it was started with."""

    rank: int
    count: int
    local: int


def place(environment: Mapping[str, str] = os.environ) -> Place | None:
    """What the starter says; None for a process that nobody started beside others.

    Raises
    ------
    DepthscopeError
        Half of it, or numbers that are none.
    """
    if environment.get("WORLD_SIZE", "1") == "1":
        return None
    missing = [name for name in ("RANK", "MASTER_ADDR", "MASTER_PORT") if name not in environment]
    if missing:
        raise DepthscopeError(
            f"WORLD_SIZE={environment['WORLD_SIZE']}, but {', '.join(missing)} not set: start all processes with torchrun "
            "--nproc-per-node N -m depthscope ..., or unset WORLD_SIZE"
        )
    rank, count = environment["RANK"], environment["WORLD_SIZE"]
    local = environment.get("LOCAL_RANK", rank)
    if not all(text.isdecimal() for text in (rank, count, local)) or not int(rank) < int(count):
        raise DepthscopeError(
            f"RANK={rank}, LOCAL_RANK={local} of WORLD_SIZE={count}: no place among processes; start them with torchrun"
        )
    return Place(int(rank), int(count), int(local))


class Processes:
    """The processes of one training, seen from one of them: :class:`depthscope.training.ranks.Ranks`.

    Attributes
    ----------
    rank, count : int
    device : str
        Of this process, a GPU of its own or ``"cpu"``.
    name : str
        ``process 1 of 4``, also in a group that is a part of them.
    """

    def __init__(
        self,
        rank: int,
        count: int,
        device: str,
        store: Any = None,
        timeout: timedelta = TIMEOUT,
        group: Any = None,
        name: str = "",
    ) -> None:
        self.name = name or f"process {rank} of {count}"
        self.rank, self.count, self.device = rank, count, device
        self._store, self._timeout, self._group = store, timeout, group
        # a group that somebody else made may know tensors on GPUs alone
        self._carrier = device if dist.get_backend() == "nccl" else None

    def sum_(self, tensor: torch.Tensor) -> torch.Tensor:
        carried = self._carried(tensor)
        with self._together():
            dist.all_reduce(carried, group=self._group)
        if carried is not tensor:
            tensor.copy_(carried)
        return tensor

    def gathered(self, tensor: torch.Tensor) -> torch.Tensor:
        lengths = torch.zeros(self.count, dtype=torch.int64)
        lengths[self.rank] = len(tensor)
        counts = self.sum_(lengths).tolist()
        # all of one shape, as every backend can; what is over is cut off again
        held = tensor.new_zeros((max(counts), *tensor.shape[1:]), device=self._carrier)
        held[: len(tensor)] = tensor
        found = [torch.empty_like(held) for _ in counts]
        with self._together():
            dist.all_gather(found, held, group=self._group)
        return torch.cat([one[:count] for one, count in zip(found, counts, strict=True)]).to(tensor.device)

    def shared(self, value: T) -> T:
        text = json.dumps(value).encode() if self.rank == 0 else b""
        length = int(self.sum_(torch.tensor(len(text))))
        # what the others add is nothing
        held = torch.tensor([*text] or [0] * length, dtype=torch.uint8)
        said: T = json.loads(bytes(self.sum_(held).tolist()))
        return said

    def split(self, size: int) -> tuple[Ranks, Ranks]:
        check_groups(self.count, size)
        first = self.rank // size * size
        beside = [range(begin, begin + size) for begin in range(0, self.count, size)]
        across = [range(place, self.count, size) for place in range(size)]
        return self._part(beside, self.rank - first), self._part(across, first // size)

    def _part(self, groups: list[range], rank: int) -> Ranks:
        """Of groups that all make together, the one that this process is in."""
        size = len(groups[0])
        if size == 1:
            return ALONE
        if size == self.count:
            return self
        made = [dist.new_group([*ranks], timeout=self._timeout) for ranks in groups]
        mine = next(group for ranks, group in zip(groups, made, strict=True) if self.rank in ranks)
        return Processes(rank, size, self.device, self._store, self._timeout, mine, self.name)

    def wait(self) -> None:
        """Until all are here."""
        self.sum_(torch.zeros(()))

    def failing(self) -> bool:
        """Say that this process ends with an error; whether it is the first of them that does."""
        try:
            return self._store is None or self._store.add(FAILED, 1) == 1
        except RuntimeError:  # it was kept by a process that is gone: nobody can be asked any more
            return True

    def _carried(self, tensor: torch.Tensor) -> torch.Tensor:
        dtype = torch.float32 if tensor.dtype in NARROW else tensor.dtype
        return tensor.to(device=self._carrier or tensor.device, dtype=dtype).contiguous()

    @contextmanager
    def _together(self) -> Iterator[None]:
        """What goes wrong with another process becomes a sentence here, or silence where that one has said it."""
        try:
            yield
        except RuntimeError as problem:
            if out_of_memory(problem):
                raise
            if self._said():
                raise ToldElsewhereError(
                    "another process of this training failed, and has said why: run it again when that is mended"
                ) from None
            raise DepthscopeError(
                f"{self.name} lost another one, which was ended from outside or did not answer for "
                f"{self._timeout}: run the same command again, and it goes on from the last checkpoint ({reason(problem, 120)})"
            ) from None

    def _said(self) -> bool:
        try:
            return self._store is not None and bool(self._store.check([FAILED]))
        except RuntimeError:
            return False


@contextmanager
def joined(device: str | None = None, timeout: timedelta = TIMEOUT) -> Iterator[Ranks]:
    """Within it, the processes that were started together are one group: :data:`ALONE`, if there is one process.

    Sums are taken by NCCL between GPUs, by gloo between CPUs. A group that the program has made already is used and left as
    it is. With an error of any of them all end: it is told once, by the process that it happened in, and the others raise
    :class:`depthscope.errors.ToldElsewhereError`.

    Parameters
    ----------
    device : str, optional
        ``"cpu"``, ``"cuda"``; by default CUDA where there is one. Each process has the GPU of its number on its machine.
    timeout : timedelta
        For which one waits for another at most.

    Raises
    ------
    DepthscopeError
        A place that makes no sense, fewer GPUs than processes, processes that do not come, or one that is lost.
    """
    found = place()
    if found is None:
        yield ALONE
        return
    own = _device(found, device)
    made, ended = not dist.is_initialized(), False
    processes = Processes(found.rank, found.count, own, _begun(found, own, timeout) if made else None, timeout)
    try:
        yield processes
        processes.wait()
        ended = True
    except DepthscopeError as problem:
        if not processes.failing():
            raise ToldElsewhereError(str(problem)) from None
        raise
    except BaseException:
        processes.failing()
        raise
    finally:
        # after an error NCCL would wait for what nobody sends any more
        if made and (ended or own == "cpu"):
            dist.destroy_process_group()


def _device(found: Place, asked: str | None) -> str:
    kind = (asked or ("cuda" if torch.cuda.is_available() else "cpu")).split(":")[0]
    if kind != "cuda":
        return kind
    there = torch.cuda.device_count()
    if found.local >= there:
        raise DepthscopeError(
            f"process {found.local} of this machine has no GPU of its own: there are {there}; start as many processes, or give "
            "--device cpu"
        )
    torch.cuda.set_device(found.local)
    return f"cuda:{found.local}"


def _begun(found: Place, device: str, timeout: timedelta) -> Any:
    from torch.distributed.distributed_c10d import PrefixStore
    from torch.distributed.rendezvous import rendezvous

    backend = "gloo" if device == "cpu" else "cpu:gloo,cuda:nccl"
    try:
        store, rank, count = next(rendezvous("env://", timeout=timeout))
        own = PrefixStore("depthscope", store)
        dist.init_process_group(backend, store=own, rank=rank, world_size=count, timeout=timeout)
    except (RuntimeError, ValueError) as problem:
        raise DepthscopeError(
            f"process {found.rank} of {found.count} does not find the others at {os.environ['MASTER_ADDR']}:"
            f"{os.environ['MASTER_PORT']}: start all of them, with the same address ({reason(problem, 120)})"
        ) from None
    return PrefixStore("depthscope-errors", store)
