"""The definition, written out as loops in double precision. Slow, and plainly right."""

import math
from typing import Any

import numpy as np


def psi(name: str, parameter: float, eta: float) -> complex:
    if name == "morlet":
        return math.pi**-0.25 * np.exp(1j * parameter * eta) * np.exp(-(eta**2) / 2)
    if name == "paul":
        m = int(parameter)
        height = 2**m * 1j**m * math.factorial(m) / math.sqrt(math.pi * math.factorial(2 * m))
        return height * (1 - 1j * eta) ** (-(m + 1))
    if name == "dog":
        # the first two derivatives of exp(-eta^2 / 2), by hand
        g = math.exp(-(eta**2) / 2)
        derivative = {1: -eta * g, 2: (eta**2 - 1) * g, 6: (eta**6 - 15 * eta**4 + 45 * eta**2 - 15) * g}[
            int(parameter)
        ]
        return (-1) ** (int(parameter) + 1) * derivative / math.sqrt(math.gamma(parameter + 0.5))
    raise AssertionError(name)


def haar_cell(eta: float, width: float) -> float:
    """Mean of the Haar step over a cell: +1 left of 0, -1 right of it, within half a unit."""
    low, high = eta - width / 2, eta + width / 2
    left = max(0.0, min(high, 0.0) - max(low, -0.5))
    right = max(0.0, min(high, 0.5) - max(low, 0.0))
    return (left - right) / width


def tap(name: str, parameter: float, offset: float, scale: float) -> complex:
    if name == "haar":
        return haar_cell(offset / scale, 1 / scale) / math.sqrt(scale)
    return psi(name, parameter, offset / scale) / math.sqrt(scale)


def extend(layer: int, depth: int, padding: str) -> int | None:
    """Which layer stands at position ``layer`` of the extended signal; None where it is zero."""
    if 0 <= layer < depth:
        return layer
    if padding in ("zero", "renormalize") or not -depth <= layer < 2 * depth:
        return None
    if padding == "periodic":
        return layer % depth
    while not 0 <= layer < depth:
        if padding == "symmetric":  # d c b a | a b c d | d c b a
            layer = -1 - layer if layer < 0 else 2 * depth - 1 - layer
        else:  # reflect: d c b | a b c d | c b a
            layer = -layer if layer < 0 else 2 * (depth - 1) - layer
    return layer


def scalogram(u: Any, name: str, parameter: float, scales: Any, padding: str = "zero", norm: str = "L2") -> Any:
    depth, width = u.shape
    energy = np.zeros((len(scales), depth))
    for i, scale in enumerate(scales):
        for at in range(depth):
            total = np.zeros(width, dtype=complex)
            kept = 0.0
            for position in range(-depth, 2 * depth):
                source = extend(position, depth, padding)
                if source is not None:
                    weight = np.conj(tap(name, parameter, position - at, scale))
                    total += weight * u[source]
                    kept += abs(weight) ** 2
            if norm == "L1":
                total /= math.sqrt(scale)
            energy[i, at] = float((np.abs(total) ** 2).sum())
            if padding == "renormalize":
                reach = range(-(2 * depth - 1), 2 * depth)
                energy[i, at] *= sum(abs(tap(name, parameter, o, scale)) ** 2 for o in reach) / kept
    return energy


def cse(energy: Any, valid: Any, min_scales: int = 4) -> Any:
    values = np.full(energy.shape[1], np.nan)
    for at in range(energy.shape[1]):
        kept = [energy[i, at] for i in range(len(energy)) if valid[i, at]]
        if len(kept) < min_scales:
            continue
        shares = [e / sum(kept) for e in kept]
        values[at] = -sum(p * math.log(p) for p in shares if p > 0) / math.log(len(kept))
    return values
