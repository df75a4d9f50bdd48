"""CSE beside simpler measures of the same trajectory: numbers, decisions, tables.

At the window, the layers of the strongest cluster of CSE, an effect on the mean is "there" if it differs at p <= .05 in the
direction of the effect on CSE, "reversed" if in the other, "absent" if |dz| is below the bound by equivalence at p <= .05,
else "not shown". A simpler measure may go up where CSE goes down, so for these an effect in either direction is "there".
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from depthscope.statistics.classify import Classification, Estimate, Gain
from depthscope.statistics.result import Cluster, Contrast
from depthscope.studies.contrast.results import OVERLAP
from depthscope.words import ALPHA

CSE = "cse"
# sets of features of the classifier, beside each measure alone
SIMPLE, ALL = "all simpler measures", "all simpler measures and CSE"
FEEDS = {"layers": "every layer", "window": "mean over the window"}


@dataclass(frozen=True)
class Baselines:
    """One contrast of CSE and of simpler measures.

    Attributes
    ----------
    main : Contrast
        Of CSE.
    window : (first, last)
        The layers at which measures are compared: those of the strongest cluster of CSE.
    measures : dict of Contrast
        Of each simpler measure.
    labels, units : dict of str
        By measure, in words.
    missing : dict
        Measures that could not be compared, with the reason.
    beyond : dict of Contrast
        CSE at equal window means of one simpler measure; under ``"all"``, of all of them together.
    given_cse : dict of Contrast
        Each simpler measure at equal window means of CSE.
    unadjusted : dict
        Adjustments that were not possible, with the reason.
    overlap : dict
        By measure, the share of items on the rarer side of no difference in it.
    correlations : DataFrame
        From :func:`depthscope.statistics.association.correlations`.
    classified : dict of Classification
        By feed.
    unclassified : str
        Why there is none, if so.
    """

    main: Contrast
    window: tuple[int, int]
    measures: dict[str, Contrast]
    labels: dict[str, str]
    units: dict[str, str]
    missing: dict[str, str] = field(default_factory=dict)
    beyond: dict[str, Contrast] = field(default_factory=dict)
    given_cse: dict[str, Contrast] = field(default_factory=dict)
    unadjusted: dict[str, str] = field(default_factory=dict)
    overlap: dict[str, float] = field(default_factory=dict)
    correlations: pd.DataFrame = field(default_factory=pd.DataFrame)
    classified: dict[str, Classification] = field(default_factory=dict)
    unclassified: str = ""

    @property
    def extrapolated(self) -> list[str]:
        """Measures that hardly any item has without a difference, or with the opposite one."""
        return [name for name, share in self.overlap.items() if share < OVERLAP]

    def label(self, name: str) -> str:
        return "CSE" if name == CSE else self.labels.get(name, name)


def state(contrast: Contrast, window: tuple[int, int], sign: float) -> str:
    """``there``, ``reversed``, ``absent`` or ``not shown``; with a ``sign`` of 0 either direction is there."""
    effect = contrast.over(*window)
    if not np.isfinite(effect.dz):
        return "not measured"
    if effect.p <= ALPHA:
        return "there" if effect.dz * sign >= 0 else "reversed"
    return "absent" if effect.p_equivalence <= ALPHA else "not shown"


def gain_of(c: Classification, smaller: str = SIMPLE) -> Gain:
    """What all measures together have beyond ``smaller``."""
    return next(gain for gain in c.gains if (gain.larger, gain.smaller) == (ALL, smaller))


def adds(gain: Gain) -> bool:
    """AUC is higher, beyond what resampled items leave open and beyond what a copy of the smaller set would gain."""
    above = gain.p <= ALPHA and gain.auc.low > 0
    return above and not gain.p_copy > ALPHA  # NaN: not compared with copies


def takes_away(gain: Gain) -> bool:
    """AUC is lower, beyond what resampled items leave open."""
    return gain.p <= ALPHA and gain.auc.high < 0


def signed(value: float) -> str:
    """Three decimals and the sign; a little less than nothing is +0.000, not -0.000."""
    return f"{round(value, 3) + 0.0:+.3f}"


def measures_table(b: Baselines) -> pd.DataFrame:
    """One row per measure, CSE first.

    ``dz`` with ``low``, ``high``, ``p`` and ``p_equivalence`` of the mean over the window ``first`` to ``last``;
    ``difference`` with its interval, in ``units``; ``cluster_*``: the measure's own strongest cluster (chosen by the same
    data), with dz at its peak; ``given`` and ``given_*``: the same mean at equal window means of other measures;
    ``cse_given_*``: CSE at equal window means of this one measure; ``overlap``.
    """
    return pd.DataFrame([_row(b, name, contrast) for name, contrast in {CSE: b.main, **b.measures}.items()])


def _row(b: Baselines, name: str, contrast: Contrast) -> dict[str, Any]:
    own = contrast.strongest()
    parts = ("first", "last", "p", "dz", "dz_low", "dz_high", "peak_layer")
    held = b.beyond.get("all") if name == CSE else b.given_cse.get(name)
    alone = b.beyond.get(name) if name != CSE else None
    return {
        "contrast": b.main.name,
        "measure": name,
        "label": b.label(name),
        "units": b.units.get(name, "1"),
        "first": b.window[0],
        "last": b.window[1],
        **vars(contrast.over(*b.window)),
        **{f"cluster_{part}": getattr(own, part) if own else np.nan for part in parts},
        "given": ", ".join(_given(held)) if held else "",
        **_brief("given", held, b.window),
        **_brief("cse_given", alone, b.window),
        "overlap": b.overlap.get(name, np.nan),
    }


def _brief(prefix: str, contrast: Contrast | None, window: tuple[int, int]) -> dict[str, float]:
    names = ("dz", "low", "high", "p", "p_equivalence")
    effect = contrast.over(*window) if contrast else None
    return {f"{prefix}_{name}": getattr(effect, name) if effect else float("nan") for name in names}


def _given(contrast: Contrast) -> list[str]:
    return [str(name) for name in contrast.settings["adjust"]]


def classifier_table(b: Baselines) -> pd.DataFrame:
    """One row per feed and set of features, then one per gain; ``kind`` says which. A gain in bits is log loss saved."""
    rows = []
    for feed, c in b.classified.items():
        shared = {"contrast": c.terms.name, "feed": feed, "items": c.items, "texts": c.texts}
        for score in c.scores.values():
            figures = {
                **_spread("auc", score.auc),
                **_spread("accuracy", score.accuracy),
                **_spread("bits", score.bits),
            }
            rows.append({**shared, "kind": "score", "set": score.name, "features": score.features, **figures})
        for gain in c.gains:
            figures = {**_spread("auc", gain.auc), **_spread("bits", gain.bits), **_spread("copy", gain.copy)}
            figures |= {"p": gain.p, "p_bits": gain.p_bits, "p_copy": gain.p_copy}
            rows.append({**shared, "kind": "gain", "set": gain.larger, "beyond": gain.smaller, **figures})
    return pd.DataFrame(rows)


def _spread(name: str, estimate: Estimate) -> dict[str, float]:
    return {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}


def baselines_tables(b: Baselines) -> dict[str, pd.DataFrame]:
    """Tidy tables by the name of their file."""
    tables = {"measures.csv": measures_table(b), "correlations.csv": b.correlations}
    return tables | ({"classifier.csv": classifier_table(b)} if b.classified else {})


def sees_beyond(b: Baselines) -> dict[str, bool]:
    """By test, whether CSE sees what simpler measures do not.

    ``"equal"``: its effect is still there at equal simpler measures; a feed of the classifier: it adds to them there. Empty
    where nothing could be compared, or CSE itself shows no effect over the window.
    """
    effect = b.main.over(*b.window)
    if effect.p > ALPHA:
        return {}
    tests = {feed: adds(gain_of(c)) for feed, c in b.classified.items()}
    if "all" not in b.beyond:
        return tests
    return {"equal": state(b.beyond["all"], b.window, np.sign(effect.dz)) == "there", **tests}


def cluster_beyond(b: Baselines) -> Cluster | None:
    """CSE's strongest cluster in its own direction, at the window, with all simpler measures held equal."""
    sign, (first, last) = np.sign(b.main.over(*b.window).dz), b.window
    clusters = [
        k for k in b.beyond["all"].significant(ALPHA) if k.first <= last and k.last >= first and k.mass * sign > 0
    ]
    return max(clusters, key=lambda k: abs(k.mass), default=None)


def most_alike(b: Baselines, over: str) -> "pd.Series[Any] | None":
    """The row of ``correlations`` over ``differences`` or ``texts`` in which a measure is most like CSE; None if none is."""
    c = b.correlations
    rows = c[((c["a"] == CSE) | (c["b"] == CSE)) & (c["over"] == over) & c["rho"].notna()]
    return rows.iloc[int(rows["rho"].abs().argmax())] if len(rows) else None
