"""CSE beside simpler measures of the same trajectory: numbers, tables, the figure.

At the window, the layers of the strongest cluster of CSE, an effect on the mean is "there" if it differs at p <= .05 in the
direction of CSE's, "reversed" if in the other, "absent" if |dz| is below the bound by equivalence at p <= .05, else
"not shown". A simpler measure may go up where CSE goes down, so that of the simpler ones either direction counts as "there".
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from depthscope.drawing.saving import save
from depthscope.statistics.classify import Classification, Estimate, Gain
from depthscope.statistics.result import Contrast
from depthscope.studies.contrast.results import OVERLAP
from depthscope.studies.mechanism.draw_baselines import MeasurePanel, ScoreRow, draw_baselines
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


def write_baselines_figure(folder: Path, b: Baselines, source: str) -> list[Path]:
    """``baselines``: every measure by depth, and what a classifier makes of them."""
    folder.mkdir(parents=True, exist_ok=True)
    figure = draw_baselines(
        _panels(b),
        b.window,
        _score_rows(b),
        _said(b),
        f"{b.main.name}: CSE beside simpler measures",
        f"{source}; {b.main.settings_text}",
    )
    return save(figure, folder / "baselines")


def signed(value: float) -> str:
    """+ 0.0, lest a little less than nothing be told as -0.000."""
    return f"{round(value, 3) + 0.0:+.3f}"


def _panels(b: Baselines) -> list[MeasurePanel]:
    held: Mapping[str, Contrast | None] = {CSE: b.beyond.get("all"), **{n: b.given_cse.get(n) for n in b.measures}}
    panels = []
    for name, contrast in {CSE: b.main, **b.measures}.items():
        given = held[name]
        panels.append(
            MeasurePanel(
                b.label(name),
                contrast.table,
                contrast.spans,
                given.table["dz"] if given is not None else None,
                "at equal simpler measures" if name == CSE else "at equal CSE",
            )
        )
    return panels


def _score_rows(b: Baselines) -> list[ScoreRow]:
    names = list(next(iter(b.classified.values())).scores) if b.classified else []
    return [ScoreRow(n, {FEEDS[c.feed]: _triple(c.scores[n].auc) for c in b.classified.values()}) for n in names]


def _said(b: Baselines) -> str:
    gains = {FEEDS[feed]: gain_of(c) for feed, c in b.classified.items()}
    told = [
        f"{feed} {signed(gain.auc.value)}, {'adds' if adds(gain) else 'not shown to add'}"
        for feed, gain in gains.items()
    ]
    return f"What CSE adds to AUC: {'; '.join(told)}" if told else ""


def _triple(estimate: Estimate) -> tuple[float, float, float]:
    return estimate.value, estimate.low, estimate.high
