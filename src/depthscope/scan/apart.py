"""How far a rolling reading is from windows, on the first tokens of a corpus."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from depthscope.capture.windows import Window
from depthscope.scan.job import Asked, Engine, Job

COMPARED = 8  # windows that are read both ways; the one before them is the same in both


def first_long(windows: Sequence[Window]) -> list[Window]:
    """The first windows of the first document that has so many, or of the one with the most: one more than are compared."""
    best: list[Window] = []
    run: list[Window] = []
    for window in windows:
        if not run or run[-1].document != window.document:
            run = []
        run.append(window)
        if len(run) > len(best):
            best = run
        if len(best) > COMPARED:
            break
    return list(best)


def apart(workers: Engine, windows: Sequence[Window], asked: Asked) -> dict[str, dict[str, float]]:
    """Of each measure, over tokens and layers: root of the mean squared difference, mean difference, spread over tokens.

    Parameters
    ----------
    workers : Engine
    windows : sequence of Window
        From :func:`first_long`; what is measured of the first is left out.
    asked : Asked

    Returns
    -------
    dict
        By measure ``rms``, ``mean`` (rolling minus windows) and ``sd`` (of windows, within layers), in its units; nothing if
        there is no second window.
    """
    if len(windows) < 2:
        return {}
    jobs: Iterator[Job] = iter([Job(0, list(windows), asked), Job(1, list(windows), asked, rolling=True)])
    found: dict[bool, Any] = {job.rolling: columns for job, columns in workers.run(jobs)}
    skipped = len(windows[0].start)
    return {name: _compared(found[False][name][skipped:], found[True][name][skipped:]) for name in found[True]}


def _compared(windows: NDArray[np.float32], rolling: NDArray[np.float32]) -> dict[str, float]:
    a, b = (values.reshape(len(values), -1).astype(np.float64) for values in (windows, rolling))
    both = np.isfinite(a) & np.isfinite(b)
    if not both.any():
        return {"rms": float("nan"), "mean": float("nan"), "sd": float("nan")}
    difference = (b - a)[both]
    count = both.sum(0)
    there = count > 1
    values = np.where(both, a, 0.0)[:, there]
    mean = values.sum(0) / count[there]
    variance = (np.where(both[:, there], a[:, there] - mean, 0.0) ** 2).sum(0) / (count[there] - 1)
    return {
        "rms": float(np.sqrt((difference**2).mean())),
        "mean": float(difference.mean()),
        "sd": float(np.sqrt(variance.mean())) if there.any() else float("nan"),
    }


def told(found: dict[str, dict[str, float]], tokens: int) -> str:
    """In a sentence."""
    if not found:
        return "read on the roll: no document at its beginning is longer than a window, so windows would give the same there"
    parts = [
        f"{name} by {_shown(one['rms'])} (mean {_shown(one['mean'])}; sd over tokens {_shown(one['sd'])})"
        for name, one in found.items()
    ]
    return f"read on the roll: over {tokens:,} tokens it differs from windows, rms, in {', '.join(parts)}"


def _shown(number: float | None) -> str:
    return "unknown" if number is None or number != number else f"{number:.3g}"
