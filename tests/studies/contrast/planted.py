"""Measures in which the answer is known: every mean is what was planted, to the last digit."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

import depthscope as ds
from depthscope.statistics.result import Contrast
from depthscope.statistics.terms import Terms
from depthscope.studies.contrast.results import Control, Evidence

DEPTH = 20
INSIDE = range(5, 9)  # layers of the effect that is planted first
HIGHER = dict.fromkeys(INSIDE, 4.0)
HALF = dict.fromkeys(INSIDE, 2.0)
LOWER = dict.fromkeys(INSIDE, -4.0)
ELSEWHERE = dict.fromkeys(range(14, 17), 4.0)
NOTHING: dict[int, float] = {}

# quick, and enough for a p of .05
QUICK: dict[str, Any] = {"permutations": 200, "resamples": 50}


def measure(
    planted: Mapping[str, Mapping[int, float]],
    *,
    items: int = 24,
    noise: Mapping[str, float] | None = None,
    seed: int = 5,
    **coords: Any,
) -> xr.DataArray:
    """(item, condition, layer): per condition, what is ``planted`` at its layers, and noise of sd 1 (or as in ``noise``).

    The second half of the items has the noise of the first half with the other sign: all means are those planted, and a
    contrast in which nothing is planted has t = 0.
    """
    assert items % 2 == 0
    half = np.random.default_rng(seed).normal(size=(items // 2, len(planted), DEPTH))
    values = np.concatenate([half, -half])
    for k, (name, shifts) in enumerate(planted.items()):
        values[:, k] *= (noise or {}).get(name, 1.0)
        for layer, size in shifts.items():
            values[:, k, layer - 1] += size
    labels = {
        "item": [f"i{k}" for k in range(items)],
        "condition": list(planted),
        "layer": np.arange(1, DEPTH + 1),
        "relative_depth": ("layer", np.arange(1, DEPTH + 1) / DEPTH),
    }
    return xr.DataArray(values, labels | coords, ("item", "condition", "layer"), name="cse")


def compare(h: xr.DataArray, a: str, b: str, **options: Any) -> Contrast:
    return ds.contrast(h, Terms((a,), (b,)), **QUICK | options)


def evidence(h: xr.DataArray, a: str = "a", b: str = "b", **parts: Any) -> Evidence:
    """The contrast ``a - b``, with every other condition of ``h`` as a control."""
    others = [str(c) for c in h["condition"].values if c not in (a, b)]
    controls = [Control(c, compare(h, c, b), compare(h, a, c)) for c in others]
    return Evidence(compare(h, a, b), controls, **parts)


def rows_of(markdown: str) -> list[list[str]]:
    """Cells of all rows of all tables, as a Markdown reader splits them: at every bar that is not escaped."""
    found = []
    for line in markdown.splitlines():
        if line.startswith("|"):
            cells = line.replace(r"\|", "\0").strip().strip("|").split("|")
            found.append([cell.replace("\0", "|").strip() for cell in cells])
    return found
