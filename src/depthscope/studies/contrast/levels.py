"""What the numbers of a contrast are taken to mean: the rules of docs/evidence.md, which know no condition by name.

"Found" means a cluster of family-wise p <= .05. "There" means such a cluster that overlaps the window, the layers of the main
contrast's strongest cluster, in the same direction, while the mean over the window differs in that direction too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from depthscope.arrays import Float
from depthscope.statistics.curve import Curve
from depthscope.statistics.effects import holm
from depthscope.statistics.mixed import Mixed
from depthscope.statistics.nulls import Null
from depthscope.statistics.result import Cluster, Contrast
from depthscope.statistics.shares import ALL as ENOUGH
from depthscope.statistics.shares import LITTLE, Share, Word
from depthscope.studies.contrast.results import Confounding, Control, Evidence, every_contrast
from depthscope.words import ALPHA

# --- one contrast

Finding = Literal["too few items", "found", "equivalent", "not found"]
Presence = Literal["there", "reversed", "equivalent", "not there"]

# of dz: from this share on, what other halves show is as much
AS_MUCH = 0.95


def finding(c: Contrast) -> Finding:
    """Whether a difference is found at any depth; if not, whether it is shown to be smaller than the bound everywhere."""
    if c.smallest_p > ALPHA:
        return "too few items"
    if c.significant(ALPHA):
        return "found"
    return "equivalent" if equivalent(c) else "not found"


def equivalent(c: Contrast) -> bool:
    """At every layer measured, the effect is smaller than the bound."""
    return c.equivalence() <= ALPHA


def nearest(c: Contrast) -> Cluster | None:
    """The cluster of the smallest p, whatever that is."""
    return min(c.clusters, key=lambda k: k.p, default=None)


def one_direction(c: Contrast) -> bool:
    """All clusters that are found go the same way."""
    return len({np.sign(k.mass) for k in c.significant(ALPHA)}) == 1


def there(contrast: Contrast, window: tuple[int, int], sign: float) -> Cluster | None:
    """The strongest significant cluster of a contrast in the direction ``sign`` that overlaps the window, if the mean over the
    window differs in that direction too (p <= .05): a cluster that only touches the window is not enough.
    """
    facing = [
        c for c in contrast.significant(ALPHA) if c.first <= window[1] and c.last >= window[0] and c.mass * sign > 0
    ]
    if not facing:
        return None
    effect = contrast.over(*window)
    return max(facing, key=lambda cluster: abs(cluster.mass)) if effect.found and effect.dz * sign > 0 else None


def presence(contrast: Contrast, window: tuple[int, int], sign: float) -> tuple[Presence, Cluster | None]:
    """Whether an effect in the direction ``sign`` is there, or the opposite one, or neither; and its cluster."""
    if cluster := there(contrast, window, sign):
        return "there", cluster
    if cluster := there(contrast, window, -sign):
        return "reversed", cluster
    return ("equivalent" if contrast.over(*window).equivalent else "not there"), None


@dataclass(frozen=True)
class Selection:
    """dz over the layers of the strongest cluster: ``own``, of the items that chose them; ``other``, of the other halves.

    ``as_much``: the second is as good as the first.
    """

    own: float
    other: float
    as_much: bool


def selection(c: Contrast) -> Selection | None:
    """How large the effect is where other items chose its layers; None without a finding, or with too few items to halve."""
    strongest, other = c.strongest(ALPHA), c.halves.window
    if strongest is None or np.isnan(other):
        return None
    own = c.over(strongest.first, strongest.last).dz
    return Selection(own, other, other / own >= AS_MUCH)


def other_p(c: Contrast, k: Cluster) -> float:
    """p of one of its clusters by the other inference."""
    return c.otherwise.p[c.clusters.index(k)]


def found_otherwise(c: Contrast, k: Cluster) -> bool:
    """Whether the other inference finds that cluster too."""
    return other_p(c, k) <= ALPHA


# --- several contrasts


def corrected(contrasts: Sequence[Contrast]) -> list[list[float]]:
    """Of each contrast, the p of its clusters corrected for there being several contrasts (Holm).

    The contrasts are ranked by the p of their strongest cluster; a cluster's p is multiplied as that of its contrast is, and is
    no smaller than that.
    """
    own = np.array([min((k.p for k in c.clusters), default=1.0) for c in contrasts])
    stepped = holm(own)
    times = len(own) - np.argsort(np.argsort(own, kind="stable"), kind="stable")
    return [
        [float(min(1.0, max(least, k.p * factor))) for k in c.clusters]
        for c, least, factor in zip(contrasts, stepped, times, strict=True)
    ]


def lost_by_correction(e: Evidence) -> tuple[int, float] | None:
    """Number of contrasts and the p of the main one, if it would not be found with p corrected for its controls; else None."""
    contrasts = every_contrast([e.main], e)
    p = min(corrected(contrasts)[0])
    return (len(contrasts), p) if p > ALPHA else None


# --- controls

Specificity = Literal["not specific", "undecided", "in part", "specific"]
# by how much of the effect a control shows, the worst first
SPECIFICITY: Mapping[Word, Specificity] = {
    "enough": "not specific",
    "undecided": "undecided",
    "a part": "in part",
    "too little": "specific",
}


def control_level(e: Evidence, control: Control) -> Specificity:
    """How specific one control leaves the effect."""
    return SPECIFICITY[e.control_shares[control.condition].word]


def controls_level(e: Evidence) -> Specificity | Literal[""]:
    """The worst that any control says; empty where there is nothing to ask of them."""
    if e.found is None or not e.controls:
        return ""
    levels = [control_level(e, control) for control in e.controls]
    return next(level for level in SPECIFICITY.values() if level in levels)


# --- covariates held equal

# of an effect, what is left of it
Rest = Literal["No", "At most in part", "In part", "At least in part", "Yes", "Undecided"]
BY_EXTRAPOLATION = ", but by extrapolation"


def rest_of(share: Share) -> Rest:
    """What a share that is left means."""
    if share.word == "undecided":
        return "At least in part" if share.low > LITTLE else "At most in part" if share.high < ENOUGH else "Undecided"
    rests: dict[Word, Rest] = {"too little": "No", "a part": "In part", "enough": "Yes"}
    return rests[share.word]


def confounds_answer(held: Confounding) -> str:
    """How much is left of a contrast with all its covariates held equal, in a word or two; empty without a cluster.

    Matched items are reported too, and cannot change it.
    """
    if held.own is None:
        return ""
    if held.remaining is None:
        return "Unknown"
    answer = rest_of(held.remaining.share)
    beyond = answer in ("In part", "At least in part", "Yes") and held.extrapolated
    return f"{answer}{BY_EXTRAPOLATION}" if beyond else answer


def contradicts(held: Confounding, matched: Share) -> bool:
    """The interval of what is left among matched items, and that of what is left with covariates held equal, do not overlap."""
    left = held.remaining
    return left is not None and (matched.high < left.share.low or matched.low > left.share.high)


@dataclass(frozen=True)
class Reliabilities:
    """What measurement error would do: ``gone``, the reliability below which nothing that matters would be left; ``unsure``,
    that below which the interval would reach 0; None where that does not happen. ``least``: the smallest that was tried.
    """

    gone: float | None
    unsure: float | None
    least: float


def needed_reliabilities(held: Confounding) -> Reliabilities | None:
    """How well covariates must be measured; None where it was not asked, was given, or nothing is left anyhow."""
    exact = held.assumed.get(1.0)
    if exact is None or held.corrected is not None or rest_of(exact.share) == "No":
        return None
    gone = tipping({one: left.share.value for one, left in held.assumed.items()}, LITTLE)
    unsure = tipping({one: left.share.low for one, left in held.assumed.items()}, 0.0)
    return Reliabilities(gone, unsure, min(held.assumed))


def tipping(values: Mapping[float, float], level: float) -> float | None:
    """The reliability at which some value falls below a level on the way down from 1; None if it never does, or is below at 1.

    Between two reliabilities it is found on a straight line in ``1 / reliability``, along which what straight lines take
    away grows evenly.
    """
    places = sorted(values, reverse=True)
    for better, worse in pairwise(places):
        high, low = values[better], values[worse]
        if high >= level > low:
            share = (high - level) / (high - low)
            return 1 / (1 / better + share * (1 / worse - 1 / better))
        if not high >= level:
            return None
    return None


# --- nulls and labels that mean nothing


def null_level(e: Evidence, null: Null) -> Word | Literal[""]:
    """How much of the effect a null explains; empty without an effect."""
    return "" if e.found is None or null.share is None else null.share.word


def explanations(e: Evidence) -> dict[Word, list[str]]:
    """Names of the nulls by how much of the effect they explain, or may explain. Where one is enough, no other is named."""
    levels = {null.name: null_level(e, null) for null in e.nulls}
    words: tuple[Word, ...] = ("enough", "a part", "undecided")
    named = {word: names for word in words if (names := [name for name, level in levels.items() if level == word])}
    return {"enough": named["enough"]} if "enough" in named else named


def swapped_level(e: Evidence) -> Literal["nominal", "cautious", "too many", ""]:
    """How often something is found where labels mean nothing, compared with the nominal 5 %; empty where it was not asked."""
    if e.swapped is None:
        return ""
    low, high = e.swapped.interval
    return "too many" if low > ALPHA else "cautious" if high < ALPHA else "nominal"


def trusted(e: Evidence) -> bool:
    """False if labels that mean nothing give more findings than they should."""
    return swapped_level(e) != "too many"


# --- arbitrary choices

Dependence = Literal["no", "yes", "opposite"]
# of the specifications: at least this share must have one sign for it to be called independent of the choices
AGREEMENT = 0.9


@dataclass(frozen=True)
class Signs:
    """Signs of an effect under all specifications.

    Where all scales have the same filter, as some have of Haar in a shallow model, texts differ by rounding alone, which is no
    difference and has no sign.

    Attributes
    ----------
    count, without : int
        Specifications whose effect has a sign, and the others.
    like_default, expected, above : float
        Of those with a sign, the share that has the sign of the first one, which is the default; the one that was expected; +.
    above_window : float
        The share of effects above 0 at fixed layers; NaN where none was asked about.
    """

    count: int
    without: int
    like_default: float
    expected: float
    above: float
    above_window: float

    @property
    def dependence(self) -> Dependence:
        """Whether the sign depends on the choices; ``opposite``: nearly all others give the other sign."""
        if self.like_default >= AGREEMENT:
            return "no"
        return "opposite" if self.like_default <= 1 - AGREEMENT else "yes"


def signs_of(curve: Curve) -> Signs:
    """Count the signs of the effects of a specification curve."""
    dz: Float = curve.table["dz"].to_numpy(dtype=np.float64)
    signs: Float = np.sign(dz[dz != 0])
    asked = curve.settings.get("window") is not None
    at = curve.table["window_dz"].dropna() if asked else curve.table["dz"][:0]

    def share(which: NDArray[np.bool_]) -> float:
        return float(which.mean()) if which.size else 0.0

    return Signs(
        count=len(signs),
        without=len(dz) - len(signs),
        like_default=share(signs == signs[0]) if signs.size else 1.0,
        expected=share(signs == curve.settings["expected"]),
        above=share(signs > 0),
        above_window=share(at.to_numpy() > 0) if len(at) else float("nan"),
    )


def choices_level(e: Evidence) -> Dependence | Literal[""]:
    """Whether the sign of the effect depends on the settings of the measure; empty if it was not asked."""
    return signs_of(e.curve).dependence if e.curve is not None else ""


# --- mixed models

Agreement = Literal["agrees", "undecided", "disagrees", "failed"]


def mixed_level(e: Evidence, model: Mixed) -> Agreement:
    """Whether a mixed model says of the window what the cluster test says."""
    if not model.converged:
        return "failed"
    if e.found is None:  # the window is where the difference is largest, for which no p of a model is corrected
        return "undecided" if model.p <= ALPHA else "agrees"
    if model.p <= ALPHA:
        return "agrees" if model.difference * e.sign > 0 else "disagrees"
    most = model.high if e.sign > 0 else -model.low
    return "undecided" if most >= abs(e.main.over(*e.window).difference) else "disagrees"
