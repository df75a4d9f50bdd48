"""What goes to a worker, and what comes back."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from depthscope.capture.windows import Window
from depthscope.errors import DepthscopeError
from depthscope.instrument.measures import LAYERED, plan

SURPRISAL = "surprisal"
MEASURES = (*LAYERED, SURPRISAL)


@dataclass(frozen=True)
class Asked:
    """What is to be measured: names, in the order of the columns, and the keywords of :func:`depthscope.cse`."""

    measures: tuple[str, ...]
    cse: Mapping[str, Any] = field(default_factory=dict)


def check_measures(names: Sequence[str]) -> None:
    """Refuse an empty list of measures, and names that are none of them."""
    if not names:
        raise DepthscopeError(f"there is nothing to measure: choose among {', '.join(MEASURES)}")
    for name in names:
        if name not in MEASURES:
            raise DepthscopeError(f"measure {name!r}: choose among {', '.join(MEASURES)}")


def layers_of(measures: Sequence[str], depth: int) -> dict[str, int]:
    """How many numbers each measure has for a token, in the order of the columns: the depth, or 0 for a single one."""
    # what the head says stands last, whatever its place in the question
    layered = {name: depth for name in measures if name != SURPRISAL}
    return layered | ({SURPRISAL: 0} if SURPRISAL in measures else {})


@dataclass(frozen=True)
class Job:
    """Windows that make one part of the data, what is to be measured of them, and whether the reading is rolling."""

    number: int
    windows: list[Window]
    asked: Asked
    rolling: bool = False

    @property
    def tokens(self) -> int:
        """How many are to be measured."""
        return sum(len(window.start) for window in self.windows)

    def describe(self) -> str:
        """In words, for whoever has to find the text."""
        first, last = self.windows[0], self.windows[-1]
        if first.document == last.document:
            return f"{first.document}, tokens {first.first} to {last.first + len(last.start) - 1}"
        return f"{first.document} (from token {first.first}) to {last.document}"


# one array per measure, float32: (tokens, layers), or (tokens,) for a number per token; in the order of the windows
Columns = dict[str, NDArray[np.float32]]


@dataclass(frozen=True)
class About:
    """What a worker says of itself once its model is loaded and proven.

    Attributes
    ----------
    name, fingerprint : str
        Of the model.
    bits : str
        Digest of the states of a fixed probe: workers that differ in it compute other last bits. Empty where that is no
        fault, on a GPU.
    depth, width, vocabulary : int
    dtype, device, quantization : str
    threads : int
    causal, predicts : bool
        Whether tokens see only what stands before them; whether surprisal can be read.
    checks : dict
        What was verified when the model was loaded.
    sinks, reach : int
        Of a rolling reading: see :class:`~depthscope.capture.rolling.Rolling`; else 0.
    """

    name: str
    fingerprint: str
    bits: str
    depth: int
    width: int
    vocabulary: int
    dtype: str
    device: str
    quantization: str
    threads: int
    causal: bool
    predicts: bool
    checks: dict[str, str]
    sinks: int = 0
    reach: int = 0


def check_asked(asked: Asked, about: About) -> None:
    """Refuse, before anything is written, a transform that does not fit the depth, or what the model cannot say.

    Raises
    ------
    DepthscopeError
        As :func:`depthscope.instrument.measures.plan` says it; or surprisal, of a model without a head that can be read.
    """
    for name in asked.measures:
        if name != SURPRISAL:
            plan(name, about.depth, asked.cse)
        elif not about.predicts:
            raise DepthscopeError(
                f"{about.name}: its logits cannot be read at single tokens, so there is no surprisal; leave out "
                "--measure surprisal"
            )


class Engine(Protocol):
    """Workers, one or many, here or elsewhere."""

    @property
    def about(self) -> About:
        """Of the workers, which are all the same."""
        ...

    def run(self, jobs: Iterator[Job]) -> Iterator[tuple[Job, Columns]]:
        """Each job with its columns, in whatever order they are done; a few jobs are taken ahead, not all."""
        ...
