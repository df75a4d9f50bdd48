"""What a scan would take, before anything is loaded: memory, time, and space on the disk."""

import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from depthscope.arrays import CHUNK_BYTES, DEVICE_CHUNK_BYTES
from depthscope.capture.windows import check_window
from depthscope.errors import DepthscopeError, require
from depthscope.scan.job import SURPRISAL, check_measures, layers_of
from depthscope.scan.parts import window_lengths
from depthscope.telling import Sheet, Told

KEYS = 12  # bytes of a token's place and text in Parquet, compressed, as measured on English
SCALES = 16
TIMED = 2048  # tokens that are measured to see how long it takes
AT_HEAD, EXACT = 128, 32  # tokens whose logits stand together, and those of them in float64
VOCABULARY = 8192  # rows of the head that are timed; the rest takes as long for each
MIN_BLOCKS = 4


@dataclass(frozen=True)
class Estimate:
    """What a scan would take.

    Attributes
    ----------
    source, architecture, dtype, device : str
    depth, width, vocabulary, parameters, trunk_parameters : int
        Of the model.
    quantization : str or None
        Scheme in which the checkpoint holds its weights, which are counted unpacked.
    window, context, tokens_per_batch : int
        Tokens in a window, those of them that are context alone, and those of all windows that run together.
    overlap : float
        Tokens that run for each token of the corpus.
    weights, states, activations, workspace, logits, program : int
        Bytes: of the weights; of the states of one batch, were all of its tokens measured; of what a block writes on its
        way; of float64 while states are measured; of the logits that stand together, if surprisal is asked
        for; of this process and its libraries.
    peak : int
        Their sum.
    available : int or None
        Bytes that the device can give now; None if it does not say.
    seconds : float or None
        For a million tokens of the corpus; None where ``untimed`` says why not.
    shares : dict
        Of these seconds: ``network``, ``measuring``, ``head``.
    parquet : int
        Bytes on the disk for a million tokens, before compression gains.
    calibrated : str
        What the time rests on.
    untimed : str
        Why there is no time, if there is none.
    """

    source: str
    architecture: str
    dtype: str
    device: str
    depth: int
    width: int
    vocabulary: int
    parameters: int
    trunk_parameters: int
    quantization: str | None
    window: int
    context: int
    tokens_per_batch: int
    overlap: float
    weights: int
    states: int
    activations: int
    workspace: int
    logits: int
    program: int
    available: int | None
    seconds: float | None
    shares: dict[str, float]
    parquet: int
    calibrated: str
    untimed: str = ""

    @property
    def peak(self) -> int:
        return self.weights + self.states + self.activations + self.workspace + self.logits + self.program

    @property
    def fits(self) -> bool | None:
        """Whether the device can hold it; None if the device does not say what it has."""
        return None if self.available is None else self.peak <= self.available

    @property
    def verdict(self) -> str:
        return {True: "fits", False: "does not fit", None: "the device does not say what memory it has"}[self.fits]

    @property
    def document(self) -> dict[str, Any]:
        """All of it, for a program."""
        return {**asdict(self), "peak": self.peak, "fits": self.fits, "verdict": self.verdict}

    @property
    def told(self) -> Told:
        """All of it, for a person."""
        model = [
            ("class", self.architecture),
            ("blocks x features", f"{self.depth} x {self.width}"),
            ("parameters", f"{self.parameters:,} ({self.trunk_parameters:,} without the head)"),
            ("weights", f"{self.dtype}, {_size(self.weights)}"),
        ]
        memory = [
            ("weights", _size(self.weights)),
            (f"states of one batch ({self.tokens_per_batch:,} tokens)", _size(self.states)),
            ("one block at work", _size(self.activations)),
            ("measuring, in float64", _size(self.workspace)),
            *([("logits", _size(self.logits))] if self.logits else []),
            ("program and libraries", _size(self.program)),
            ("together, at the peak", _size(self.peak)),
            (f"{self.device} can give now", "unknown" if self.available is None else _size(self.available)),
        ]
        told: list[str | Sheet] = [
            Sheet(("model", "what"), model, self.source),
            "",
            Sheet(("memory", "bytes"), memory),
            "",
            Sheet(("for a million tokens", "estimate"), [*self._times(), ("Parquet", f"{_size(self.parquet)}")]),
            "",
            f"{self.verdict}: {_size(self.peak)} at the peak"
            + ("" if self.available is None else f", {_size(self.available)} there"),
        ]
        if self.quantization is not None:
            told.append(f"note: the checkpoint is quantised ({self.quantization}); its weights are counted as unpacked")
        told.append(f"note: {self.untimed or self.calibrated}")
        return told

    def _times(self) -> list[tuple[str, str]]:
        if self.seconds is None:
            return [("time", "unknown")]
        rows = [(name, _duration(value)) for name, value in self.shares.items()]
        return [*rows, (f"time, {self.overlap:.3g} tokens run for each", _duration(self.seconds))]


def estimate(
    source: str | PathLike[str],
    *,
    window: int | None = None,
    context: int | None = None,
    token_budget: int | None = None,
    dtype: str | None = None,
    device: str | None = None,
    stack: Any = None,
    measures: Sequence[str] = ("cse", "norm"),
) -> Estimate:
    """Estimate what a scan of a million tokens takes, from the model's configuration and a short run with random weights.

    Parameters
    ----------
    source : str or path
        A Hugging Face id, a name of ``depthscope models list``, a local folder, a ``.gguf`` file, or a ``config.json``.
    window, context : int, optional
        Tokens that run together, and how many of them only lend context to the rest; by default those of a scan.
    token_budget : int, optional
        Tokens of all windows in one forward pass; by default what a scan takes.
    dtype, device, stack
        As in :func:`depthscope.load`.
    measures : sequence of str
        Names; ``"surprisal"`` needs the head, every other is one number per layer.

    Returns
    -------
    Estimate

    Raises
    ------
    DepthscopeError
        No such model or configuration, windows that do not fit the model, a device that is not there.
    """
    torch = require("torch", "models")
    from depthscope.model.calibrate import time_blocks
    from depthscope.model.device import chosen_device
    from depthscope.model.paper import chosen_precision, on_paper, read_config

    place = _device(torch, chosen_device(device))
    if dtype is None and Path(source).suffix.lower() == ".gguf":
        dtype = "float32"  # unpacked, as load does it
    config = read_config(source)
    kind = chosen_precision(config, dtype)
    paper = on_paper(config, str(kind), stack)
    batch = _default_batch(paper, kind, place) if token_budget is None else token_budget
    window, context = window_lengths(window, context, paper.context)
    check_window(window, context, 0, stack != "encoder")
    _check(str(source), paper, batch, measures)
    texts = max(1, batch // window)
    tokens = texts * window
    overlap = window / (window - context)
    columns = [depth or 1 for depth in layers_of(measures, paper.depth).values()]
    reduce = measuring(paper.depth, measures)
    surprisal = SURPRISAL in measures
    program = _resident() if place.type == "cpu" else 0
    available = memory_available(place)

    untimed, shares, calibrated = "", {}, ""
    try:
        timing = time_blocks(config, kind, str(place), texts, window, stack, **_room(place, available))
        shares["network"] = timing.seconds_per_token * overlap * 1e6
        shares["measuring"] = _measuring(torch, reduce, paper, kind, place) * 1e6
        if surprisal:
            shares["head"] = _head(torch, paper, kind, place) * 1e6
        shorter = "" if timing.length == window else ", shorter than the windows, so that attention counts too little"
        calibrated = (
            f"an estimate: timed on {place}, CPU threads {torch.get_num_threads()}, {timing.timed} of {paper.depth} blocks "
            f"with random weights over {timing.tokens} tokens in texts of {timing.length}{shorter}; reading the corpus, "
            "writing and whatever else runs on the machine are not in it"
        )
    except DepthscopeError as problem:
        untimed = f"no time is told: {problem}"
    return Estimate(
        source=str(source),
        architecture=paper.architecture,
        dtype=paper.dtype,
        device=str(place),
        depth=paper.depth,
        width=paper.width,
        vocabulary=paper.vocabulary,
        parameters=paper.parameters,
        trunk_parameters=paper.trunk_parameters,
        quantization=paper.quantization,
        window=window,
        context=context,
        tokens_per_batch=tokens,
        overlap=overlap,
        weights=paper.bytes,
        states=tokens * (paper.depth + 1) * paper.width * kind.itemsize,
        activations=tokens * (paper.activations + 4 * paper.width) * kind.itemsize,
        workspace=workspace(paper.depth, paper.width, place, torch.get_num_threads()) + 4 * tokens * sum(columns),
        logits=paper.vocabulary * (kind.itemsize * AT_HEAD + 8 * EXACT) if surprisal else 0,
        program=program,
        available=available,
        seconds=sum(shares.values()) if shares and not untimed else None,
        shares={} if untimed else shares,
        parquet=10**6 * (4 * sum(columns) + KEYS),
        calibrated=calibrated,
        untimed=untimed,
    )


def measuring(depth: int, measures: Sequence[str]) -> Any:
    """What a worker puts the states of its tokens through, (N, L + 1, d) -> (N, columns). The function to time."""
    from depthscope.capture.every import Reduction
    from depthscope.instrument.measures import plan, together

    layered = [plan(name, depth) for name in measures if name != SURPRISAL]
    return Reduction(together(layered), len(layered) * depth)


def workspace(depth: int, width: int, device: Any, threads: int = 1) -> int:
    """Bytes of float64 while states are measured: updates of a chunk; of many, Gram matrices, energies, shares, logs."""
    from depthscope.capture.every import CHUNKS

    on_cpu = device.type == "cpu"
    rows = max(1, (CHUNK_BYTES if on_cpu else DEVICE_CHUNK_BYTES) // (8 * depth * width))
    together = CHUNKS * (4 * depth**2 + 6 * SCALES * depth)
    return rows * 8 * (2 * depth * width + together) * (threads if on_cpu else 1)


def memory_available(device: Any) -> int | None:
    """Bytes that a device can still give: of a GPU's own memory, else of the machine's, or of the container's if less."""
    torch = require("torch", "models")
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    if device.type != "cpu":
        return None
    try:
        lines = [line.split() for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines()]
        free = next(int(line[1]) * 1024 for line in lines if line[0] == "MemAvailable:")
    except (OSError, ValueError, StopIteration):
        if sys.platform == "win32":
            return None
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        limit, used = (int(Path(f"/sys/fs/cgroup/memory.{name}").read_text()) for name in ("max", "current"))
    except (OSError, ValueError):  # no container, or none with a limit
        return free
    return max(0, min(free, limit - used))


def _check(name: str, paper: Any, batch: int, measures: Sequence[str]) -> None:
    if paper.depth < MIN_BLOCKS:
        raise DepthscopeError(f"{name}: {paper.depth} blocks are too few to speak of depth: at least {MIN_BLOCKS}")
    if batch < 1:
        raise DepthscopeError(f"token_budget={batch}: give at least 1 token per forward pass")
    check_measures(measures)


def _default_batch(paper: Any, kind: Any, place: Any) -> int:
    from depthscope.capture.batches import every_budget

    return every_budget(place, paper.bytes, (paper.depth + 1) * paper.width * kind.itemsize)


def _device(torch: Any, name: str) -> Any:
    try:
        place = torch.device(name)
        torch.zeros(1, device=place)
    except (RuntimeError, AssertionError) as problem:  # torch built without CUDA asserts
        said = str(problem).splitlines()[0]
        raise DepthscopeError(f"device {name!r} is not there, try device='cpu'; torch says: {said}") from None
    return place


def _room(place: Any, available: int | None) -> dict[str, int]:
    """How much of the memory may go into blocks that are timed: no more than half."""
    from depthscope.model.calibrate import LARGEST

    return {} if available is None else {"largest": min(LARGEST, available // 2)}


def _measuring(torch: Any, reduce: Any, paper: Any, kind: Any, place: Any) -> float:
    """Seconds per token of what is measured, on random states."""
    # layer by layer in memory, as a worker holds them, and no more of them than states of a gigabyte
    count = max(1, min(TIMED, 10**9 // ((paper.depth + 1) * paper.width * kind.itemsize)))
    states = torch.randn(paper.depth + 1, count, paper.width, device=place).to(kind).transpose(0, 1)
    reduce(states[: count // 8 + 1])
    return float(min(_seconds(place, lambda: reduce(states)) for _ in range(2)) / count)


def _head(torch: Any, paper: Any, kind: Any, place: Any) -> float:
    """Seconds per token of the head and of the probability that follows from it."""
    from depthscope.capture.surprisal import nats

    count, rows = AT_HEAD, min(VOCABULARY, paper.vocabulary)
    states = torch.randn(count, paper.width, dtype=kind, device=place)
    weight = torch.randn(rows, paper.width, device=place).to(kind)
    wanted = torch.zeros(count, dtype=torch.long, device=place)
    taken = min(_seconds(place, lambda: nats(states @ weight.T, wanted)) for _ in range(2))
    return float(taken / count * paper.vocabulary / rows)


def _seconds(place: Any, work: Any) -> float:
    from depthscope.model.cost import now

    start = now(place)
    work()
    return now(place) - start


def _resident() -> int:
    """Bytes that this process holds now; 0 where it cannot be known."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def _size(count: float) -> str:
    return (
        f"{count / 1e9:.2f} GB" if count >= 1e9 else f"{count / 1e6:.3g} MB" if count < 1e8 else f"{count / 1e6:.0f} MB"
    )


def _duration(seconds: float) -> str:
    return f"{seconds:.3g} s" if seconds < 120 else f"{seconds:.0f} s ({seconds / 3600:.3g} h)"
