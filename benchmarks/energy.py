"""Wavelet energy pooled over features: one matrix product against one transform per feature."""

from typing import get_args

import numpy as np
import pywt
from threadpoolctl import threadpool_limits

from benchmarks.measure import Row, cpu_seconds
from depthscope.arrays import Precision, depth_gram
from depthscope.instrument.filters import FilterBank

TOKENS, WIDTH, DEPTH, SCALES = 64, 4096, 32, 16
SAMPLED = 512
WAVELET = "cmor2-0.955"  # the complex Morlet, omega0 = 6


def run() -> list[Row]:
    # PyWavelets uses one thread; idle threads of a BLAS that wait for work would be counted as work
    with threadpool_limits(1):
        return compare()


def compare() -> list[Row]:
    scales = np.geomspace(2, DEPTH / 2, SCALES)
    updates = np.random.default_rng(0).normal(size=(TOKENS, DEPTH, WIDTH)).astype(np.float32)

    def theirs() -> np.ndarray:
        coefficients, _ = pywt.cwt(updates, scales, WAVELET, axis=1)
        return (np.abs(coefficients).astype(np.float64) ** 2).sum(-1)

    # the same filters on both sides, so that the results can be compared digit by digit
    taps = pywt.cwt(np.eye(DEPTH), scales, WAVELET, axis=0)[0]
    bank = FilterBank(taps.conj(), scales, scales, np.zeros(DEPTH), np.ones((SCALES, DEPTH), bool))

    def one_by_one() -> None:
        for feature in range(SAMPLED):
            pywt.cwt(updates[0, :, feature], scales, WAVELET)

    expected = np.moveaxis(theirs(), 0, 1)
    slow = cpu_seconds(theirs)
    slowest = cpu_seconds(one_by_one) * TOKENS * WIDTH / SAMPLED
    rows = []
    for precision in get_args(Precision):

        def ours(precision: Precision = precision) -> np.ndarray:
            return bank.energy(depth_gram(updates, precision))

        error = float(np.max(np.abs(ours() - expected) / expected))
        fast = cpu_seconds(ours, repeats=15)
        work = f"scalogram energy, {TOKENS} x {WIDTH} x {DEPTH} layers, {SCALES} scales, {precision}; rel. error {error:.0e}"
        ratio = slow / fast
        ours_text = f"{fast * 1000:.0f} ms"
        against = f"PyWavelets cwt ({WAVELET}), one call, CPU time"
        rows.append(Row(work, against, ours_text, f"{slow:.0f} s", ratio, ">= 2000", ratio >= 2000))
        against = f"one call per feature (from {SAMPLED} of them), CPU time"
        rows.append(
            Row(work, against, ours_text, f"{slowest:.0f} s", slowest / fast, ">= 2000", slowest / fast >= 2000)
        )
    return rows
