"""What a scan would take, before anything is loaded: memory, time, and space on the disk."""

from collections.abc import Mapping, Sequence
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from depthscope.arrays import CHUNK_BYTES, DEVICE_CHUNK_BYTES
from depthscope.capture.parts import Cut, window_lengths
from depthscope.capture.windows import check_window
from depthscope.corpus.documents import Split
from depthscope.corpus.read import read_corpus
from depthscope.errors import DepthscopeError, check_choice, check_count, require
from depthscope.scan.costs import MILLION, Estimate
from depthscope.scan.counted import count
from depthscope.scan.given import asked_for
from depthscope.scan.job import SURPRISAL, layers_of
from depthscope.scan.memory import memory_available, resident
from depthscope.scan.timing import time_head, time_measuring

KEYS = 12  # bytes of a token's place and text in Parquet, compressed, as measured on English
SCALES = 16


def estimate(
    source: str | PathLike[str],
    *,
    reading: str = "windows",
    window: int | None = None,
    context: int | None = None,
    token_budget: int | None = None,
    dtype: str | None = None,
    device: str | None = None,
    stack: Any = None,
    quantization: Any = None,
    measures: Sequence[str] = ("cse", "norm"),
    cse: Mapping[str, Any] | None = None,
    threads: int | None = None,
    trust_remote_code: bool = False,
    corpus: str | PathLike[str] | None = None,
    text: str = "text",
    split: Split = "file",
) -> Estimate:
    """Estimate what a scan takes, from the model's configuration and a short run with random weights.

    Parameters
    ----------
    source : str or path
        A Hugging Face id, a name of ``depthscope models list``, a local folder, a ``.gguf`` file, or a ``config.json``.
    reading : {"windows", "rolling"}
        As of a scan; in a rolling reading the beginning of a part, and what is kept of a text, run again. Whether the network
        can be read so is not asked: that takes its weights.
    window, context : int, optional
        Tokens that run together, and how many of them only lend context to the rest; by default those of a scan.
    token_budget : int, optional
        Tokens of all windows in one forward pass; by default what a scan takes.
    dtype, device, stack, quantization
        As in :func:`depthscope.load`. Of packed weights the memory is given and no time, which only those weights show.
    measures : sequence of str
        Names; ``"surprisal"`` needs the head, every other is one number per layer.
    cse : mapping, optional
        Keywords of :func:`depthscope.cse`.
    threads : int, optional
        CPU threads of torch, for all that this process does from then on.
    trust_remote_code : bool, default False
        Run Python code that the model brings.
    corpus, text, split : optional
        As of a scan. Its tokens are counted, or estimated from pieces of it if it is large; by default there are a million.

    Returns
    -------
    Estimate

    Raises
    ------
    DepthscopeError
        No such model or configuration, windows that do not fit the model, a device that is not there, a scheme of
        quantisation that cannot be had, a corpus that cannot be read or whose size is unknown.
    """
    torch = require("torch", "models")
    from depthscope.capture import lens
    from depthscope.capture import surprisal as exact
    from depthscope.model.accept import check_depth
    from depthscope.model.calibrate import time_blocks
    from depthscope.model.device import chosen_device
    from depthscope.model.paper import build, chosen_precision, on_paper, read_config
    from depthscope.model.prove_carried import FARTHEST
    from depthscope.model.quantization import quantization_config
    from depthscope.model.quantization.paper import packed_bytes
    from depthscope.model.tokenizer import load_tokenizer
    from depthscope.scan.worker import reduction

    check_choice("reading", reading, ("windows", "rolling"))
    if reading == "rolling" and stack == "encoder":
        raise DepthscopeError(f"{source}: an encoder cannot be read with rolling reading; leave --reading out")
    for name, value in {"window": window, "token_budget": token_budget, "threads": threads}.items():
        check_count(name, value)
    if threads is not None:
        torch.set_num_threads(threads)
    place = _device(torch, chosen_device(device))
    if dtype is None and Path(source).suffix.lower() == ".gguf":
        dtype = "float32"  # unpacked, as load does it
    config = read_config(source, trust_remote_code)
    kind = chosen_precision(config, dtype)
    paper = on_paper(config, str(kind), stack, trust_remote_code)
    batch = _default_batch(paper, kind, place) if token_budget is None else token_budget
    window, context = window_lengths(window, context, paper.context)
    check_window(window, context, 0, stack != "encoder")
    check_depth(str(source), paper.depth)
    asked = asked_for(measures, cse or {})
    reduction(asked.measures, paper.depth, asked.cse)  # refuses a transform that does not fit
    weights, packed = paper.bytes, None
    if quantization is not None:
        packed = quantization_config(quantization, source=source, device=str(place), dtype=kind, source_config=config)
    if packed is not None:
        with torch.device("meta"):
            network = build(config, kind, stack, trust_remote_code)
        weights = packed_bytes(network, packed, str(place))
    texts = max(1, batch // window)
    tokens = texts * window
    rolling = reading == "rolling"
    # in a rolling reading a strand begins with a context, and its first token runs again in each pass
    overlap = 1 + context / FARTHEST + 1 / (window - context) if rolling else window / (window - context)
    counted = None
    if corpus is not None:
        tokenizer, _ = load_tokenizer(fspath(source), trust_remote_code)
        cut = Cut(window, context, MILLION, stack != "encoder")
        counted = count(read_corpus(corpus, text=text, split=split), tokenizer, cut)
        overlap = min(overlap, counted.run / counted.tokens) if rolling else counted.run / counted.tokens
    wanted = counted.tokens if counted else MILLION
    columns = [depth or 1 for depth in layers_of(asked.measures, paper.depth).values()]
    surprisal = SURPRISAL in asked.measures
    program = resident() if place.type == "cpu" else 0
    available = memory_available(place)

    untimed, shares, calibrated = "", {}, ""
    try:
        if packed is not None:
            raise DepthscopeError(
                f"how fast {quantization} weights are, only they show; 'depthscope run quantization' measures it"
            )
        timing = time_blocks(config, kind, str(place), texts, window, stack, **_room(place, available))
        shares["network"] = timing.seconds_per_token * overlap * wanted
        shares["measuring"] = time_measuring(asked.measures, paper, kind, place, asked.cse) * wanted
        if surprisal:
            shares["head"] = time_head(paper, kind, place) * wanted
        shorter = "" if timing.length == window else ", shorter than the windows, so that attention counts too little"
        calibrated = (
            f"an estimate: timed on {place}, CPU threads {torch.get_num_threads()}, {timing.timed} of {paper.depth} blocks "
            f"with random weights over {timing.tokens} tokens in texts of {timing.length}{shorter}; reading the corpus, "
            "writing and whatever else runs on the machine are not in it"
        )
    except DepthscopeError as problem:
        untimed = f"no time is given: {problem}"
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
        weights=weights,
        # with keys and values, as many as there would be if no heads shared them
        states=tokens * (paper.depth * (3 if rolling else 1) + 1) * paper.width * kind.itemsize,
        activations=tokens * (paper.activations + 4 * paper.width) * kind.itemsize,
        workspace=workspace(paper.depth, paper.width, place, torch.get_num_threads()) + 4 * tokens * sum(columns),
        logits=paper.vocabulary * (kind.itemsize * lens.CHUNK + 8 * exact.CHUNK) if surprisal else 0,
        program=program,
        available=available,
        seconds=sum(shares.values()) if shares and not untimed else None,
        shares={} if untimed else shares,
        parquet=wanted * (4 * sum(columns) + KEYS),
        calibrated=calibrated,
        untimed=untimed,
        packed="" if packed is None else str(quantization),
        tokens=wanted,
        corpus="" if corpus is None else fspath(corpus),
        counted=counted.how if counted else "",
    )


def workspace(depth: int, width: int, device: Any, threads: int = 1) -> int:
    """Bytes of float64 while states are measured: updates of a chunk; of many, Gram matrices, energies, shares, logs."""
    from depthscope.capture.every import CHUNKS

    on_cpu = device.type == "cpu"
    rows = max(1, (CHUNK_BYTES if on_cpu else DEVICE_CHUNK_BYTES) // (8 * depth * width))
    together = CHUNKS * (4 * depth**2 + 6 * SCALES * depth)
    return rows * 8 * (2 * depth * width + together) * (threads if on_cpu else 1)


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
