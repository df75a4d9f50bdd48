"""What a model costs to run: time per token, and the memory of the process."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

import torch

from depthscope.model.model import Model, inputs_of, measuring

PROMPT, NEW = 256, 16


@dataclass(frozen=True)
class Speed:
    """Tokens per second, batch of one: of a text that is read, and of one that is written; NaN if it cannot write."""

    prefill: float
    decode: float


def measure_speed(model: Model, prompt: int = PROMPT, new: int = NEW, repeats: int = 3) -> Speed:
    """Median of ``repeats`` runs after one that is not counted: ``prompt`` tokens read, ``new`` tokens written greedily.

    Writing starts from 16 tokens and uses the model's own ``generate`` with its cache.
    """
    prompt = min(prompt, (model.max_length or prompt) - 1)
    ids = torch.arange(prompt, device=model.device)[None] * 7919 % model.vocabulary
    network: Any = model.network
    with measuring(network):
        inputs = inputs_of(network, ids, torch.ones_like(ids))
        read = _median_seconds(lambda: network(**inputs), repeats, model.device)
        start = ids[:, :16]
        settings = {"max_new_tokens": new, "min_new_tokens": new, "do_sample": False, "pad_token_id": 0}
        try:
            write = _median_seconds(
                lambda: network.generate(start, attention_mask=torch.ones_like(start), **settings),
                repeats,
                model.device,
            )
        except Exception:  # stacks and foreign classes without a working generate
            write = float("nan")
    return Speed(prompt / read, new / write)


def reading_speed(model: Model, tokens: int = 1024, length: int = 16) -> float:
    """Tokens per second of short texts in one batch, as tracing reads them: of one pass, after one that is not counted."""
    length = min(length, model.max_length or length)
    texts = max(1, tokens // length)
    ids = torch.arange(texts * length, device=model.device).reshape(texts, length) * 7919 % model.vocabulary
    mask = torch.ones_like(ids)
    seconds = _median_seconds(lambda: model.run_trunk(ids, mask), 1, model.device)
    return ids.numel() / seconds


def peak_memory(device: torch.device | str = "cpu") -> float:
    """Largest number of bytes that this process has held so far: on a GPU there, else resident; NaN where unknown."""
    kind = torch.device(device)
    if kind.type == "cuda":
        return float(torch.cuda.max_memory_allocated(kind))
    try:
        import resource
    except ModuleNotFoundError:  # Windows
        return float("nan")
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(most if sys.platform == "darwin" else most * 1024)


def _median_seconds(work: Callable[[], object], repeats: int, device: torch.device) -> float:
    times = []
    for _ in range(repeats + 1):
        start = now(device)
        work()
        times.append(now(device) - start)
    return median(times[1:])


def now(device: torch.device) -> float:
    """Seconds of a clock, once the device has done what it was asked."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()
