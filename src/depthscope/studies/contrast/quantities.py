"""What of a contrast of CSE hangs on no weight of the scales, in rows and a sentence each (docs/relative.md)."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from depthscope.statistics.result import Cluster, Contrast
from depthscope.words import ALPHA, effect_text, layers_text, names_text, p_text

# rows by their short names: what each is called, and what it is measured in
ROWS = {
    "cse": "CSE",
    "relative": "CSE relative to norms",
    "total": "slope of the energy",
    "norms": "slope that norms give",
    "directions": "slope that directions give",
    "autocorrelation": "mean cosine of updates",
}
SLOPES = ("total", "norms", "directions")
TOLD = 3  # clusters that are named; relative-layers.csv has all


@dataclass(frozen=True)
class Beside:
    """One contrast of six quantities, of which the first hangs on the weights of the scales and the third and fourth too.

    Attributes
    ----------
    rows : dict of Contrast
        By the names of :data:`ROWS`.
    window : (first, last)
        Layers at which all are compared: those of the strongest cluster of CSE.
    missing : mapping
        Of rows that could not be computed: why not.
    signal : str
        What was transformed.
    """

    rows: dict[str, Contrast]
    window: tuple[int, int]
    missing: Mapping[str, str] = field(default_factory=dict)
    signal: str = "update"


def beside_words(beside: Beside) -> list[str]:
    """What relative CSE, the slopes and the mean cosine say, in a sentence each; then what is missing, and why."""
    told = {"relative": _relative, "directions": _slope, "autocorrelation": _cosine}
    few = {
        name: f"with {c.n} items no effect, however large, could be found"
        for name, c in beside.rows.items()
        if name in told and c.smallest_p > ALPHA
    }
    found = [words(beside) for name, words in told.items() if name in beside.rows and name not in few]
    if beside.signal == "state":
        found = [line.replace("update", "state") for line in found]
    return [*found, *_by_reason("Cannot be decided", few), *_by_reason("Not measured", beside.missing)]


def _relative(beside: Beside) -> str:
    found = _found(beside.rows["relative"])
    if not found:
        return "Relative to what the norms of the updates give alone, no difference in CSE was found at any depth"
    return f"Relative to what the norms of the updates give alone, CSE is {found}"


def _slope(beside: Beside) -> str:
    """Directions first: their slope hangs on no weight; then what norms add, at the same layers."""
    directions, norms = beside.rows["directions"], beside.rows["norms"]
    strongest = directions.strongest(ALPHA)
    if strongest is None:
        found = _found(norms)
        rest = f"; the slope that norms give is {found}" if found else ""
        return f"Whatever the weights of the scales, directions show no difference in the slope of the energy{rest}"
    signs = {np.sign(k.mass) for k in directions.significant(ALPHA)}
    more = "more" if strongest.mass > 0 else "less"
    how = (
        f"{more} in one direction over depth"
        if len(signs) == 1
        else "less in one direction at some depths, more at others"
    )
    first, last = strongest.first, strongest.last
    effect = norms.over(first, last)
    same = np.sign(effect.dz) == np.sign(strongest.mass)
    there = "there" if len(directions.significant(ALPHA)) == 1 else f"at {layers_text(strongest.first, strongest.last)}"
    told = f"norms show nothing {there}" if effect.p > ALPHA else f"norms go {'the same' if same else 'the other'} way"
    told += "" if effect.p > ALPHA or there == "there" else f" {there}"
    return (
        f"Whatever the weights of the scales, updates persist {how}: the slope of the energy that directions give is "
        f"{_found(directions)}; {told} (dz {effect_text(effect.dz, effect.low, effect.high)})"
    )


def _cosine(beside: Beside) -> str:
    found = _found(beside.rows["autocorrelation"])
    if not found:
        return "Without wavelets, the mean cosine of updates up to half of the depth apart shows no difference at any depth"
    return f"Without wavelets, the mean cosine of updates up to half of the depth apart is {found}"


def _found(c: Contrast) -> str:
    """The significant clusters, the strongest first."""
    found = sorted(c.significant(ALPHA), key=lambda k: -abs(k.mass))
    return names_text(map(_cluster, found), TOLD)


def _cluster(k: Cluster) -> str:
    more = "higher" if k.mass > 0 else "lower"
    peak = "" if k.first == k.last else f" at layer {k.peak_layer}"
    return f"{more} at {layers_text(k.first, k.last)} ({p_text(k.p)}, dz {k.effect}{peak})"


def _by_reason(what: str, reasons: Mapping[str, str]) -> list[str]:
    """A sentence for each reason, with the rows that share it."""
    return [
        f"{what}: {names_text([ROWS[name] for name in reasons if reasons[name] == reason], len(ROWS))} ({reason})"
        for reason in dict.fromkeys(reasons.values())
    ]


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
    frames = {name: contrast.to_dataframe() for name, contrast in beside.rows.items()}
    head = frames.pop("cse")[:0]  # which has a table of its own
    for name, frame in frames.items():
        frame.insert(0, "quantity", name)
    return pd.concat(frames.values(), ignore_index=True) if frames else head.assign(quantity="")
