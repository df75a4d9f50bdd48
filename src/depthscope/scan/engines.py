"""Who does the work: this process, or workers of Ray."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Literal, get_args

from depthscope.errors import DepthscopeError, check_choice
from depthscope.model.model import Model
from depthscope.scan.job import Engine
from depthscope.scan.local import Local
from depthscope.scan.worker import Recipe

Kind = Literal["local", "ray"]


@dataclass(frozen=True)
class Where:
    """Which engine, how many workers, and the address of a cluster that runs already."""

    engine: Kind = "local"
    workers: int | None = None
    address: str | None = None

    def check(self, recipe: Recipe) -> None:
        """Refuse what does not go together, before anything is loaded."""
        check_choice("engine", self.engine, get_args(Kind))
        if self.engine == "local":
            for name, value in (("workers", self.workers), ("address", self.address)):
                if value not in (None, 1):
                    raise DepthscopeError(f"{name}={value}: this process is one worker; add --engine ray")
        elif isinstance(recipe.source, Model):
            raise DepthscopeError(
                f"{recipe.source.name}: a model in memory does not travel to workers of Ray; give its name or folder"
            )


@contextmanager
def engine(recipe: Recipe, where: Where) -> Iterator[Engine]:
    """The workers, while the context lasts; each has loaded and proven its model."""
    if where.engine == "local":
        yield Local(recipe)
        return
    from depthscope.scan.cluster import Cluster

    workers = where.workers or 1
    threads = recipe.threads or max(1, (os.cpu_count() or 1) // workers)
    gpus = _gpus(recipe)
    with Cluster(
        workers, address=where.address, threads=threads, gpus=gpus, make=replace(recipe, threads=threads).build
    ) as cluster:
        yield cluster


def _gpus(recipe: Recipe) -> float:
    """One for each worker, where models run on them; which this machine need not have."""
    device = str(recipe.load.get("device") or "")
    if device:
        return float(device.startswith("cuda"))
    import torch

    return float(torch.cuda.is_available())
