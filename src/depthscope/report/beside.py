"""What of a contrast of CSE hangs on no weight of the scales, in three rows and a sentence each (docs/relative.md)."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from depthscope.drawing.alt import p_text
from depthscope.report.evidence import ALPHA, layers_text
from depthscope.statistics.effects import effect_text
from depthscope.statistics.result import Cluster, Contrast

# rows by their short names: what each is called, and what it is measured in
ROWS = {
    "cse": "CSE",
    "relative": "CSE relative to norms",
    "total": "slope of the energy",
    "norms": "slope that norms give",
    "directions": "slope that directions give",
}


@dataclass(frozen=True)
class Beside:
    """One contrast of five quantities, of which the first hangs on the weights of the scales and the third and fourth too.

    Attributes
    ----------
    rows : dict of Contrast
        By the names of :data:`ROWS`.
    window : (first, last)
        Layers at which all are compared: those of the strongest cluster of CSE.
    """

    rows: dict[str, Contrast]
    window: tuple[int, int]


def beside_words(beside: Beside) -> list[str]:
    """What relative CSE and the slopes say, in a sentence each."""
    return [_relative(beside), _slope(beside)]


def _relative(beside: Beside) -> str:
    c = beside.rows["relative"]
    strongest = c.strongest(ALPHA)
    if strongest is None:
        return "Relative to what the norms of the updates give alone, no difference in CSE was found at any depth"
    return f"Relative to what the norms of the updates give alone, CSE is {_found(strongest)}"


def _slope(beside: Beside) -> str:
    """Directions first: their slope hangs on no weight; then what norms add, at the same layers."""
    directions, norms = beside.rows["directions"], beside.rows["norms"]
    strongest = directions.strongest(ALPHA)
    if strongest is None:
        found = norms.strongest(ALPHA)
        rest = f"; the slope that norms give is {_found(found)}" if found else ""
        return f"Whatever the weights of the scales, directions show no difference in the slope of the energy{rest}"
    more = "more" if strongest.mass > 0 else "less"
    first, last = strongest.first, strongest.last
    effect = norms.over(first, last)
    same = np.sign(effect.dz) == np.sign(strongest.mass)
    told = "norms show nothing there" if effect.p > ALPHA else f"norms go {'the same' if same else 'the other'} way"
    return (
        f"Whatever the weights of the scales, updates persist {more} in one direction over depth: the slope of the energy that "
        f"directions give is {_found(strongest)}; {told} (dz {effect_text(effect.dz, effect.low, effect.high)})"
    )


def _found(k: Cluster) -> str:
    more = "higher" if k.mass > 0 else "lower"
    return f"{more} at {layers_text(k)} ({p_text(k.p)}, dz {k.effect} at layer {k.peak_layer})"


def beside_table(beside: Beside) -> pd.DataFrame:
    """One row per quantity: its strongest cluster, and its effect at the layers where all are compared."""
    first, last = beside.window
    rows = []
    for name, contrast in beside.rows.items():
        effect, k = contrast.over(first, last), contrast.strongest()
        cluster = {field: getattr(k, field) if k else np.nan for field in ("first", "last", "mass")}
        peak = {field: getattr(k, field) if k else np.nan for field in ("peak_layer", "dz", "dz_low", "dz_high")}
        there = {"window_first": first, "window_last": last}
        there |= {f"window_{field}": getattr(effect, field) for field in ("dz", "low", "high", "p")}
        rows.append(
            {
                **{"quantity": name, "label": ROWS[name], "n": contrast.n},
                **cluster,
                "p": k.p if k else 1.0,
                **peak,
                **there,
            }
        )
    return pd.DataFrame(rows)


def beside_layers_table(beside: Beside) -> pd.DataFrame:
    """One row per quantity and layer."""
    frames = []
    for name, contrast in beside.rows.items():
        if name != "cse":  # which has a table of its own
            frame = contrast.to_dataframe()
            frame.insert(0, "quantity", name)
            frames.append(frame)
    return pd.concat(frames, ignore_index=True)
