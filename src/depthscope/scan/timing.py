"""How long the states of a token take on a device: to be measured, and to go through the head."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

TIMED = 2048  # tokens that are measured to see how long it takes
VOCABULARY = 8192  # rows of the head that are timed; the rest takes as long for each


def time_measuring(
    measures: Sequence[str], paper: Any, kind: Any, place: Any, options: Mapping[str, Any] | None = None
) -> float:
    """Seconds per token of what is measured, on random states."""
    import torch

    from depthscope.scan.worker import reduction

    reduce = reduction(measures, paper.depth, options)
    # layer by layer in memory, as a worker holds them, and no more of them than states of a gigabyte
    count = max(1, min(TIMED, 10**9 // ((paper.depth + 1) * paper.width * kind.itemsize)))
    states = torch.randn(paper.depth + 1, count, paper.width, device=place).to(kind).transpose(0, 1)
    reduce(states[: count // 8 + 1])
    return float(min(_seconds(place, lambda: reduce(states)) for _ in range(2)) / count)


def time_head(paper: Any, kind: Any, place: Any) -> float:
    """Seconds per token of the head and of the probability that follows from it."""
    import torch

    from depthscope.capture.lens import CHUNK
    from depthscope.capture.surprisal import nats

    count, rows = CHUNK, min(VOCABULARY, paper.vocabulary)
    states = torch.randn(count, paper.width, dtype=kind, device=place)
    weight = torch.randn(rows, paper.width, device=place).to(kind)
    wanted = torch.zeros(count, dtype=torch.long, device=place)
    taken = min(_seconds(place, lambda: nats(states @ weight.T, wanted)) for _ in range(2))
    return float(taken / count * paper.vocabulary / rows)


def _seconds(place: Any, work: Callable[[], object]) -> float:
    from depthscope.model.cost import now

    start = now(place)
    work()
    return now(place) - start
