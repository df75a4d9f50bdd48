"""Trace and CSE with TransformerLens or nnsight for the states and PyWavelets for the transform.

Each library gets the embedded model in memory, and runs as its own documents show it: nothing is fetched. ``python -m
benchmarks.rivals`` prints these rows alone.
"""

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pywt
import torch

import depthscope as ds
from benchmarks.device import measured
from benchmarks.measure import HEADER, Row, cpu_seconds, mebibytes, peak_bytes
from depthscope.arrays import depth_gram, joined
from depthscope.capture.record import record
from depthscope.capture.tokens import Tokenized
from depthscope.errors import DepthscopeError, require
from depthscope.instrument.cse import entropy, used_scales
from depthscope.instrument.filters import FilterBank, filter_bank

TEXTS, TOKENS = 16, 64
MIN_SCALES = 4
SAMPLED = 256  # features of one text
MOST_APART = 1e-3  # CSE lies between 0 and 1; states are in float32 on both sides
OURS, THEIRS = "dog(2)", "mexh"  # one wavelet, the Mexican hat

# h_0 .. h_L of every token of the ids that are given, (text, L + 1, token, feature)
States = Callable[[torch.Tensor], torch.Tensor]


def transformer_lens(model: ds.Model, wanted: Callable[[str], bool] | None = None) -> States:
    """``run_with_cache``, and the residual stream from the cache, in which everything is kept unless names are ``wanted``."""
    from transformer_lens.model_bridge import TransformerBridge

    bridge = TransformerBridge.boot_transformers(
        model.name, hf_model=model.network, tokenizer=model.tokenizer, device="cpu"
    )

    def states(ids: torch.Tensor) -> torch.Tensor:
        with torch.inference_mode():
            _, cache = bridge.run_with_cache(ids, names_filter=wanted)
        return torch.stack([cache["resid_pre", 0], *(cache["resid_post", i] for i in range(model.depth))], 1)

    return states


def _residual(name: str) -> bool:
    return name.endswith(("hook_resid_pre", "hook_resid_post"))


def nnsight(model: ds.Model) -> States:
    """What enters the first block and what leaves each, saved inside a trace."""
    from nnsight import save
    from nnsight.modeling.transformers import TransformersModel

    wrapped = TransformersModel(model.network, tokenizer=model.tokenizer, task="text-generation")

    def states(ids: torch.Tensor) -> torch.Tensor:
        with (
            torch.inference_mode(),
            wrapped.trace({"input_ids": ids, "attention_mask": torch.ones_like(ids)}),
        ):
            first = wrapped.model.layers[0].input.save()
            others = save([layer.output for layer in wrapped.model.layers])
        return torch.stack([first, *others], 1)

    return states


# by library, and by what is done with it
RIVALS: dict[str, dict[str, Callable[[ds.Model], States]]] = {
    "transformer_lens": {
        "TransformerLens run_with_cache": transformer_lens,
        "TransformerLens run_with_cache of the residual stream alone": partial(transformer_lens, wanted=_residual),
    },
    "nnsight": {"nnsight saves": nnsight},
}


def same_filters(depth: int) -> FilterBank:
    """The filters that PyWavelets makes of its wavelet, so that both sides compute the same to the rounding."""
    bank = filter_bank(depth, OURS)
    taps = pywt.cwt(np.eye(depth), bank.scale, THEIRS, axis=0)[0]
    return replace(bank, filters=taps.conj())


def transformed(updates: np.ndarray, bank: FilterBank) -> np.ndarray:
    """CSE of updates (..., layer, feature) by PyWavelets in one call: (..., layer)."""
    coefficients, _ = pywt.cwt(updates, bank.scale, THEIRS, axis=-2)
    energy = np.moveaxis((np.abs(coefficients) ** 2).sum(-1), 0, -2)
    return np.asarray(entropy(energy, used_scales(bank, True, MIN_SCALES), True, MIN_SCALES))


def run() -> Iterator[Row]:
    for library, ways in RIVALS.items():
        try:
            require(library, "rivals")
        except DepthscopeError as missing:
            print(f"the rows of {library} are left out: {missing}", file=sys.stderr)
            continue
        for name, prepare in ways.items():
            # a network of its own, because it is wrapped for good
            yield from compare(name, prepare(ds.load("embedded", device="cpu")))


def compare(name: str, states: States) -> Iterator[Row]:
    """Time and memory of both, for the last token of each text and for every token."""
    model = ds.load("embedded", device="cpu")
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(100, 40_000, (TEXTS, TOKENS), generator=generator)
    targets = [Tokenized(row.tolist(), [TOKENS - 1], 1, False, [TOKENS - 1]) for row in ids]
    bank, width = same_filters(model.depth), model.width
    used = used_scales(bank, True, MIN_SCALES)

    def cse(gram: Any) -> Any:
        return entropy(bank.energy(gram), used, True, MIN_SCALES)

    def ours() -> Any:
        return cse(record(model, targets)["gram"])

    def ours_everywhere() -> Any:
        return measured(
            model, ids, TEXTS, lambda chunks: cse(joined([depth_gram(updates) for updates in chunks]))
        ).numpy()

    def theirs() -> Any:
        return transformed(_updates(states(ids)[:, :, -1]), bank)

    def theirs_everywhere() -> Any:
        return transformed(_updates(states(ids).transpose(1, 2).flatten(0, 1)), bank)

    last = f"trace + CSE of the last token of each text, embedded model, {TEXTS} x {TOKENS} tokens"
    every = f"trace + CSE of every token, embedded model, {TEXTS} x {TOKENS} tokens"
    states(ids)  # what is set up at the first call is not counted
    _, alone = _timed(lambda: states(ids))
    some = _updates(states(ids)[:1, :, -1])[0, :, :SAMPLED]
    _, single = _timed(lambda: [pywt.cwt(one, bank.scale, THEIRS) for one in some.T])
    for work, count, mine, other in (
        (last, TEXTS, ours, theirs),
        (every, TEXTS * TOKENS, ours_everywhere, theirs_everywhere),
    ):
        found, slow = _timed(other)  # it takes too long to be done once more for its values
        fast = cpu_seconds(mine, repeats=3)
        apart = float(np.nanmax(np.abs(mine() - found)))
        if not apart < MOST_APART:
            raise RuntimeError(f"{name}: values are {apart:.2g} apart, so this is not the same work")
        yield _time(work, f"{name} + PyWavelets, one call", fast, slow)
        whole = alone + single * count * width / some.shape[1]
        yield _time(work, f"{name} + PyWavelets, one call per feature (from {SAMPLED} of them)", fast, whole)
        little, much = peak_bytes(mine, repeated=True), peak_bytes(other, repeated=True)
        ratio = little / much
        against = f"{name} + PyWavelets, one call: extra peak memory"
        yield Row(work, against, mebibytes(little), mebibytes(much), ratio, "<= 0.1", ratio <= 0.1)


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    start = time.process_time()
    found = work()
    return found, time.process_time() - start


def _updates(states: torch.Tensor) -> np.ndarray:
    """(token, L + 1, feature) -> (token, L, feature)"""
    return np.diff(states.numpy(), axis=1)


def _time(work: str, against: str, fast: float, slow: float) -> Row:
    ratio = slow / fast
    return Row(work, f"{against}: CPU time", f"{fast:.2f} s", f"{slow:.1f} s", ratio, ">= 20 times", ratio >= 20)


def main() -> None:
    print(HEADER)
    for row in run():
        print(row.markdown(), flush=True)


if __name__ == "__main__":
    main()
