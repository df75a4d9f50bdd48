"""Steps one after the other: told on screen, kept now and then, and taken up again with the same bits."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

import torch

from depthscope import progress
from depthscope.errors import DepthscopeError, check_count, listed
from depthscope.training import checkpoint
from depthscope.training.checkpoint import State
from depthscope.training.ranks import ALONE, Ranks

Batch = TypeVar("Batch", contravariant=True)
T = TypeVar("T")
Metrics = Mapping[str, Mapping[str, float]]

POINTS = 200  # of the curve that is kept, at most


class Work(Protocol[Batch]):
    """What is trained. All that its steps depend on is in its state and in the batches, or it cannot be taken up again."""

    def begin(self) -> None:
        """Make the parameters, as they are before the first step; not called where a checkpoint is taken up."""

    def step(self, batch: Batch, number: int, steps: int) -> Metrics:
        """Step ``number`` of ``steps``, counted from 0. Numbers by the name of what they are of, and their own."""

    def state(self) -> State: ...

    def restore(self, state: State) -> None: ...


@dataclass(frozen=True)
class Keeping:
    """Where and how often a training is kept.

    Attributes
    ----------
    path : Path, optional
        Of the checkpoint; None: it is not kept.
    seconds : float
        From one to the next, at least.
    every : int, optional
        Steps from one to the next, in place of seconds.
    settings : dict
        What must be the same for a checkpoint to be taken up, in what JSON knows.
    shards : int
        Of several processes, so many in a row hold different states, and the next ones the same again: each of the first ones
        keeps its own, in a file beside that of the first.
    """

    path: Path | None = None
    seconds: float = 300.0
    every: int | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    shards: int = 1

    def __post_init__(self) -> None:
        check_count("every", self.every)


@dataclass(frozen=True)
class Point:
    """What the steps told at one place of the curve.

    Attributes
    ----------
    step : int
        Steps done.
    metrics : dict
        Of that step, by name.
    """

    step: int
    metrics: dict[str, dict[str, float]]


def train(
    work: Work[T],
    batches: Callable[[int], Iterator[T]],
    steps: int,
    *,
    keeping: Keeping = Keeping(),
    told: Callable[[Metrics], str] = lambda metrics: "",
    shown: bool = True,
    ranks: Ranks = ALONE,
) -> list[Point]:
    """Train to the end, from the checkpoint if there is one.

    Parameters
    ----------
    work : Work
    batches : callable
        From the number of a step to that step's batch and all after it; the same whenever they are asked for.
    steps : int
        In all, 1 or more.
    keeping : Keeping
        The file is there, and of the last step, when the work is done: whoever has no more use for it removes it.
    told : callable
        Metrics in a few words, for the screen.
    ranks : Ranks
        Of several processes that share the work, each calls this alike: the first one keeps the checkpoint and shows how far
        they are, all of them take it up.

    Returns
    -------
    list of Point
        The curve, at most 200 points and the last: those before an interruption as well.

    Raises
    ------
    DepthscopeError
        A checkpoint of other settings, or one that not every process sees; batches that end before the steps do; no space
        left.
    """
    check_count("steps", steps)
    done, curve = 0, list[Point]()
    there = keeping.path is not None and keeping.path.is_file()
    if int(ranks.sum_(torch.tensor(int(there)))) not in (0, ranks.count):
        raise DepthscopeError(
            f"{keeping.path}: only some of the processes see this checkpoint; choose a folder on a disk that all machines "
            "share"
        )
    if there:
        done, curve = _taken_up(work, keeping, steps, ranks)
    else:
        work.begin()
    feed, last, said = batches(done), time.monotonic(), ""
    between = max(1, steps // POINTS)
    with progress.bar(steps, "training", unit="steps", shown=shown and not ranks.rank, said=lambda: said) as advance:
        advance(done)
        while done < steps:
            batch = next(feed, None)
            if batch is None:
                raise DepthscopeError(
                    f"the batches end after {done} of {steps} steps: give more of them, or ask for fewer steps"
                )
            metrics = work.step(batch, done, steps)
            done += 1
            said = told(metrics)
            if done % between == 0 or done == steps:
                curve.append(Point(done, {name: dict(values) for name, values in metrics.items()}))
            advance(1)
            if keeping.path is not None and (done == steps or _due(keeping, done, last, ranks)):
                _kept(work, keeping, done, steps, curve, ranks)
                last = time.monotonic()
    return curve


def _due(keeping: Keeping, done: int, last: float, ranks: Ranks) -> bool:
    if keeping.every is not None:
        return done % keeping.every == 0
    due = time.monotonic() - last >= keeping.seconds
    # by the clock of the first one, if all must do it at the same step
    return due if keeping.shards == 1 else bool(ranks.sum_(torch.tensor(int(due and not ranks.rank))))


def _kept(work: Work[Any], keeping: Keeping, done: int, steps: int, curve: list[Point], ranks: Ranks) -> None:
    """One file says how far it is, and the others belong to it by the number of the step: they are there before it is, and
    those before them until it is there.
    """
    assert keeping.path is not None
    if mine := 0 < ranks.rank < keeping.shards:
        checkpoint.save(_own(keeping, ranks.rank, done), work.state())
    if keeping.shards > 1:
        ranks.sum_(torch.zeros(()))
    if ranks.rank == 0:
        # where the others hold the same, they wait where the next step asks for this one
        facts = {
            "done": done,
            "steps": steps,
            "settings": dict(keeping.settings),
            "curve": [[point.step, point.metrics] for point in curve],
        }
        checkpoint.save(keeping.path, checkpoint.together({"work": work.state(), "loop": State(facts=facts)}))
    if keeping.shards > 1:
        ranks.sum_(torch.zeros(()))
    if mine:
        begin, now = _own(keeping, ranks.rank, "").stem, _own(keeping, ranks.rank, done)
        for old in [path for path in now.parent.iterdir() if path.stem.startswith(begin) and path != now]:
            old.unlink()


def _own(keeping: Keeping, rank: int, done: int | str) -> Path:
    """The file of a process that is not the first."""
    assert keeping.path is not None
    return keeping.path.with_name(f"{keeping.path.stem}-{rank}-of-{keeping.shards}-{done}{keeping.path.suffix}")


def _taken_up(work: Work[Any], keeping: Keeping, steps: int, ranks: Ranks) -> tuple[int, list[Point]]:
    assert keeping.path is not None
    held = checkpoint.load(keeping.path)
    facts = held.of("loop").facts
    before, here = (
        {**facts["settings"], "steps": facts["steps"]},
        {**checkpoint.plain(keeping.settings), "steps": steps},
    )
    other = [
        f"{name} {before.get(name, 'unknown')} there, {here.get(name, 'unknown')} here"
        for name in sorted({*before, *here})
        if before.get(name) != here.get(name)
    ]
    if other:
        raise DepthscopeError(
            f"{keeping.path}: a training of other settings is under way there ({listed(other, 3)}); give the same settings, "
            "choose another folder, or delete the file"
        )
    shard = ranks.rank % keeping.shards
    work.restore(checkpoint.load(_own(keeping, shard, facts["done"])) if shard else held.of("work"))
    return facts["done"], [Point(step, metrics) for step, metrics in facts["curve"]]
