"""What a run found, gathered. What that is taken to mean is in :mod:`depthscope.studies.contrast.levels`."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd
import xarray as xr

from depthscope.statistics.attenuation import Left, left_adjusted, left_among
from depthscope.statistics.calibration import Rate
from depthscope.statistics.curve import Curve
from depthscope.statistics.mixed import Mixed
from depthscope.statistics.nulls import Null
from depthscope.statistics.result import Cluster, Contrast
from depthscope.statistics.shares import Share, share_of
from depthscope.words import ALPHA, p_text, range_text

# quantities by their short names: what each is called
QUANTITY_NAMES = {
    "cse": "CSE",
    "relative": "CSE relative to norms",
    "total": "slope of the energy",
    "norms": "slope that norms give",
    "directions": "slope that directions give",
    "autocorrelation": "mean cosine of updates",
}
SLOPES = ("total", "norms", "directions")

# why a covariate is not adjusted for that no condition of any item differs in
SAME = "the same in all conditions of every item"
# of the items: at least this share must lie on either side of no difference in a covariate, or adjusting extrapolates
OVERLAP = 0.05


@dataclass(frozen=True)
class Control:
    """Another condition ``c``: whether it differs from the baseline as well, and whether the contrast exceeds it."""

    condition: str
    alone: Contrast
    excess: Contrast


@dataclass(frozen=True)
class Confounding:
    """One contrast with covariates held equal.

    Attributes
    ----------
    contrast : Contrast
        As it is.
    balance : DataFrame
        How far each covariate differs (:func:`depthscope.statistics.balance.imbalance`).
    unusable : dict
        Covariates that cannot be adjusted for, with the reason.
    adjusted : dict of Contrast
        By covariate, and under ``"all"`` for all of them together, along curves of their levels where the items allow it.
    lines : dict of Contrast
        The same along straight lines, where ``adjusted`` is along curves.
    assumed : dict of Left
        By reliability: what would be left under all of them, if those that may be measured with error (``noisy``) had it.
    corrected : Left or None
        What is left at the reliability that the user gave (``reliability``).
    matched : dict of Contrast
        On items among which covariates are balanced; by what they are matched on.
    unmatched : dict
        Matchings that left too few items: the reason.
    """

    contrast: Contrast
    balance: pd.DataFrame
    unusable: dict[str, str]
    adjusted: dict[str, Contrast]
    matched: dict[str, Contrast]
    unmatched: dict[str, str]
    lines: dict[str, Contrast] = field(default_factory=dict)
    assumed: dict[float, Left] = field(default_factory=dict)
    noisy: list[str] = field(default_factory=list)
    reliability: dict[str, float] = field(default_factory=dict)
    corrected: Left | None = None

    @property
    def remaining(self) -> Left | None:
        """What is left with all covariates held equal, corrected for the reliability that was given; None if it is unknown."""
        return self.corrected or self.left.get("all")

    @property
    def extrapolated(self) -> list[str]:
        """Covariates adjusted for that hardly any item has without a difference, or with the opposite one."""
        used = {name for c in self.adjusted.values() for name in c.settings["adjust"]}
        thin = self.balance[self.balance["overlap"] < OVERLAP] if "overlap" in self.balance else self.balance[:0]
        return [str(name) for name in thin["covariate"] if name in used]

    @property
    def idle(self) -> list[str]:
        """Covariates that are the same on both sides of every item."""
        return [name for name, reason in self.unusable.items() if reason == SAME]

    @property
    def own(self) -> Cluster | None:
        """The cluster that is asked about: the strongest of the contrast, if it is significant."""
        return self.contrast.strongest(ALPHA)

    @cached_property
    def left(self) -> dict[str, Left]:
        """What is left of the effect over the layers of its own cluster, by what ``adjusted`` holds equal; {} without one."""
        return {} if self.own is None else {k: _left(c, self.own) for k, c in self.adjusted.items()}

    @cached_property
    def left_matched(self) -> dict[str, Share]:
        """The same among the items of ``matched``."""
        return {} if self.own is None else {k: _among(self.contrast, c, self.own) for k, c in self.matched.items()}


def _left(adjusted: Contrast, own: Cluster) -> Left:
    values = adjusted.over_items(own.first, own.last).to_numpy()
    return left_adjusted(values, adjusted.covariates.values, seed=adjusted.settings["seed"])


def _among(plain: Contrast, matched: Contrast, own: Cluster) -> Share:
    values = plain.over_items(own.first, own.last)
    kept = values.index.isin(matched.differences["item"].values)
    return left_among(values.to_numpy(), kept, seed=plain.settings["seed"])


def adjusted_for(contrast: Contrast) -> str:
    """The covariate that is held equal, or that all are."""
    names = contrast.settings["adjust"]
    return str(names[0]) if len(names) == 1 else "all"


def curved(contrast: Contrast) -> bool:
    """Covariates were followed along curves of their levels, not along straight lines."""
    return len(set(contrast.settings["adjust"])) < contrast.covariates.sizes["covariate"]


@dataclass(frozen=True)
class Compared:
    """One analysis at the layers where all are compared.

    Attributes
    ----------
    group, label : str
    n : int
    dz, low, high, p : float
        The effect on the mean over the window, its 95 % interval, and p by sign flips or resamples.
    p_equivalence : float
        That |dz| of this mean is below the bound.
    difference, difference_low, difference_high : float
        The effect in the units of the measure, with its 95 % interval (Student).
    found : bool
        p <= .05.
    said : str
        The significant cluster of the analysis that overlaps the window, in words.
    """

    group: str
    label: str
    n: int
    dz: float
    low: float
    high: float
    p: float
    p_equivalence: float
    difference: float
    difference_low: float
    difference_high: float
    found: bool
    said: str

    @property
    def equivalent(self) -> bool:
        """The effect is smaller than the bound."""
        return self.p_equivalence <= ALPHA


@dataclass(frozen=True)
class Evidence:
    """Everything that speaks for or against one contrast. What was not asked for is empty.

    ``no_controls`` says of other conditions why they cannot be controls, ``no_untrained`` why there is no random network,
    ``no_mixed`` which mixed models could not be fitted, and why. The last of ``mixed`` holds most random.
    """

    main: Contrast
    controls: list[Control] = field(default_factory=list)
    no_controls: dict[str, str] = field(default_factory=dict)
    covariates: pd.DataFrame = field(default_factory=pd.DataFrame)
    confounding: list[Confounding] = field(default_factory=list)
    swapped: Rate | None = None
    nulls: list[Null] = field(default_factory=list)
    untrained: list[Contrast] = field(default_factory=list)
    no_untrained: str = ""
    curve: Curve | None = None
    power: xr.Dataset | None = None
    mixed: list[Mixed] = field(default_factory=list)
    no_mixed: list[str] = field(default_factory=list)

    @property
    def found(self) -> Cluster | None:
        """The strongest cluster of the main contrast, if it is significant."""
        return self.main.strongest(ALPHA)

    @property
    def window(self) -> tuple[int, int]:
        """The layers at which everything is compared: those of the main contrast's strongest cluster, else all of them."""
        return self.main.window

    @property
    def sign(self) -> float:
        """The direction of what was found, 1 or -1; 1 without a finding."""
        return float(np.sign(self.found.mass)) if self.found else 1.0

    @property
    def main_confounding(self) -> Confounding | None:
        """The main contrast with covariates held equal, if it was asked for."""
        return next((held for held in self.confounding if held.contrast is self.main), None)

    @cached_property
    def control_shares(self) -> dict[str, Share]:
        """By condition, how much of the effect a control shows as well, over the layers of the window, of items with both."""
        return {control.condition: self._control_share(control.alone) for control in self.controls}

    def _control_share(self, control: Contrast) -> Share:
        whole, part = (c.over_items(*self.window) for c in (self.main, control))
        both = whole.index.intersection(part.index)
        return share_of(part.loc[both].to_numpy(), whole.loc[both].to_numpy(), seed=self.main.settings["seed"])

    @property
    def control_contrasts(self) -> list[Contrast]:
        return [c for control in self.controls for c in (control.alone, control.excess)]

    def analyses(self) -> Iterator[tuple[str, str, Contrast]]:
        """Group, label and contrast of every analysis that is comparable with the main one."""
        yield "the contrast", self.main.name, self.main
        for contrast in self.control_contrasts:
            yield "controls", contrast.name, contrast
        for confounding in self.confounding:
            group = f"{confounding.contrast.name}, all else equal"
            for contrast in (*confounding.adjusted.values(), *confounding.lines.values()):
                yield group, f"adjusted for {adjusted_for(contrast)}{', curved' if curved(contrast) else ''}", contrast
            for name, contrast in confounding.matched.items():
                yield group, f"matched on {name}", contrast
        for null in self.nulls:
            yield f"{self.main.name}, beyond a null", null.name, null.excess
        for number, contrast in enumerate(self.untrained):
            yield f"{self.main.name}, untrained network", f"random weights {number}", contrast

    @cached_property
    def compared(self) -> list[Compared]:
        """Every analysis at the layers of the window."""
        first, last = self.window
        rows = []
        for group, label, contrast in self.analyses():
            effect = contrast.over(first, last)
            facing = [c for c in contrast.significant(ALPHA) if c.first <= last and c.last >= first]
            main = max(facing, key=lambda c: abs(c.mass), default=None)
            said = f"{main.direction} at {range_text(main.first, main.last)}, {p_text(main.p)}" if main else "no"
            rows.append(Compared(group, label, **vars(effect), found=effect.found, said=said))
        return rows


@dataclass(frozen=True)
class Quantities:
    """One contrast of six quantities (docs/relative.md).

    CSE, the slope of the energy and that of norms depend on the weights of the scales; the other three do not.

    Attributes
    ----------
    rows : dict of Contrast
        By the names of :data:`QUANTITY_NAMES`.
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


def every_contrast(contrasts: Sequence[Contrast], evidence: Evidence | None) -> list[Contrast]:
    """The contrasts asked for, then the controls that are not among them."""
    asked = [c.terms.reduced for c in contrasts]
    controls = evidence.control_contrasts if evidence else []
    return [*contrasts, *(c for c in controls if c.terms not in asked)]
