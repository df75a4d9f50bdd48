"""A specification curve: one effect per defensible setting, and one inference over all of them."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from depthscope.arrays import Float
from depthscope.errors import DepthscopeError
from depthscope.statistics.bootstrap import dz_interval
from depthscope.statistics.permutation import ClusterTest, cluster_test
from depthscope.telling import Sheet
from depthscope.words import p_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# what is asked of the whole curve, in words
QUESTIONS = {
    "median": "median effect (dz)",
    "significant": "share significant",
    "significant_expected": "share significant with the expected sign",
    "expected": "share with the expected sign",
}


@dataclass(frozen=True)
class Joint:
    """One number of the whole curve, what 95 % of the curves with swapped labels give for it, and p."""

    observed: float
    null_low: float
    null_median: float
    null_high: float
    p: float


@dataclass(frozen=True, repr=False)
class Curve:
    """Effects of all specifications, and the curves that swapped labels give.

    Attributes
    ----------
    table : DataFrame, one row per specification, in the order given
        The choices; ``dz`` at the peak of the strongest cluster, its 95 % interval ``low``, ``high``, ``layer`` of the
        peak, ``first`` and ``last`` layer of the cluster, ``mass``, family-wise ``p``; ``window_dz`` at fixed layers,
        if there is a window. Where no layer passes the forming threshold, the largest effect is given with p = 1 and no
        layers.
    joint : dict of Joint
        ``median`` effect, share ``significant``, share ``significant_expected`` with the expected sign, share with the
        ``expected`` sign.
    band : array (2, specifications)
        2.5 and 97.5 % of the permuted curves, each put in order.
    settings : dict
        n, permutations, seed, expected sign, forming p.
    beside : dict of Curve
        The same of other quantities of the same trajectories, by their names: :func:`depthscope.specification_curve`.
    """

    table: pd.DataFrame
    joint: dict[str, Joint]
    band: Float
    settings: dict[str, Any]
    beside: dict[str, "Curve"] = field(default_factory=dict)

    @property
    def settings_text(self) -> str:
        s = self.settings
        return (
            f"n = {s['n']} items in all of {len(self.table)} specifications; {s['permutations']:,} joint sign flips, "
            f"forming p {s['forming_p']:g}, seed {s['seed']}"
        )

    def joint_dataframe(self) -> pd.DataFrame:
        """Tidy: one row per question asked of the whole curve."""
        return pd.DataFrame([{"question": name, **vars(joint)} for name, joint in self.joint.items()])

    def plot(self, source: str = "") -> "Axes":
        """Draw the ordered curve, and below it which choices made each of its points; returns the curve's axes.

        It takes two axes, one above the other, and so a figure of its own; place it by ``.figure`` of what is returned.
        ``source``, such as the model and the stimuli, goes before the settings in the line below.
        """
        from depthscope.drawing.curve import draw_curve

        return draw_curve(
            self.table, self.band, self.settings["choices"], "; ".join(filter(None, [source, self.settings_text]))
        )

    def _repr_html_(self) -> str:
        """The card that a notebook shows."""
        from depthscope.drawing.card import card, picture

        rows = [
            [QUESTIONS[name], f"{j.observed:+.2f}", f"{j.null_low:+.2f} to {j.null_high:+.2f}", p_text(j.p)]
            for name, j in self.joint.items()
        ]
        table = Sheet(["asked of the whole curve", "observed", "with labels swapped", "p"], rows)
        return card("Specification curve", [self.settings_text], table, picture(self.plot))

    def __str__(self) -> str:
        lines = [f"specification curve: {self.settings_text}"]
        for name, joint in self.joint.items():
            lines.append(
                f"  {QUESTIONS[name]}: {joint.observed:+.2f}; with labels swapped {joint.null_low:+.2f} to "
                f"{joint.null_high:+.2f}; p = {joint.p:.4f}"
            )
        return "\n".join(lines)

    __repr__ = __str__


def joint_curve(
    specifications: Iterable[tuple[dict[str, str], xr.DataArray]],
    *,
    expected: int = 1,
    window: tuple[int, int] | None = None,
    permutations: int = 1000,
    forming_p: float = 0.05,
    alpha: float = 0.05,
    resamples: int = 2000,
    seed: int = 0,
) -> Curve:
    """Test one contrast under every specification, with the same sign flips for all.

    Parameters
    ----------
    specifications : iterable of (choices, differences)
        What makes each specification, in words (the dashboard below the curve), and the differences (item, layer) that it
        gives. The items must be the same, in the same order. May be a generator: no more than one is held at a time.
    expected : {1, -1}
        Sign that the hypothesis asks for.
    window : (first, last), optional
        Layers at which all specifications are compared too: ``window_dz``, of the mean over them. Strongest clusters may lie at
        other depths, where another sign says nothing about these.
    permutations : int
        Joint flips of items: under each, every specification is computed again.

    Notes
    -----
    A specification is significant if the family-wise p of its strongest cluster is at most ``alpha``; under flip j its p is
    the rank of that flip's largest mass among all. The joint p counts flips whose curve is at least as extreme as the
    observed one: two-sided for the median (farther from 0), one-sided for the shares. Because the flips are joint, the
    dependence between specifications is in them.

    References
    ----------
    Simonsohn, Simmons & Nelson (2020), Nature Human Behaviour 4:1208.
    """
    growing = GrowingCurve(expected, window, permutations, forming_p, alpha, resamples, seed)
    for choices, differences in specifications:
        growing.add(choices, differences)
    return growing.curve()


class GrowingCurve:
    """:func:`joint_curve`, whose specifications come one at a time, so that several quantities can be asked of each."""

    def __init__(
        self,
        expected: int = 1,
        window: tuple[int, int] | None = None,
        permutations: int = 1000,
        forming_p: float = 0.05,
        alpha: float = 0.05,
        resamples: int = 2000,
        seed: int = 0,
    ) -> None:
        self.expected, self.window, self.permutations, self.forming_p = expected, window, permutations, forming_p
        self.alpha, self.resamples, self.seed = alpha, resamples, seed
        self.choices: list[str] = []
        self.items: list[Any] | None = None
        self.rows: list[dict[str, Any]] = []
        self.masses: list[Float] = []
        self.peaks: list[Float] = []

    def add(self, choices: dict[str, str], differences: xr.DataArray) -> None:
        """One more specification: what makes it, and the differences (item, layer) that it gives."""
        labels = list(differences["item"].values)
        if self.items is not None and labels != self.items:
            raise DepthscopeError("a specification has other items than the first one: joint flips need the same items")
        self.items, self.choices = labels, list(choices)
        values = differences.transpose("item", "layer").values
        test = cluster_test(
            values, permutations=self.permutations, forming_p=self.forming_p, seed=self.seed, peaks=True
        )
        layers, window = differences["layer"].values, self.window
        at = {} if window is None else {"window_dz": _dz_over(values[:, (layers >= window[0]) & (layers <= window[1])])}
        self.rows.append({**choices, **_strongest(test, values, layers, self.resamples, self.seed), **at})
        self.masses.append(test.null)
        self.peaks.append(test.peaks / np.sqrt(len(values)))

    def curve(self) -> Curve:
        """All of them together."""
        if self.items is None:
            raise DepthscopeError("a specification curve needs at least one specification that the data allow")
        table = pd.DataFrame(self.rows)
        null_mass, null_dz = np.stack(self.masses), np.stack(self.peaks)
        settings = {
            "n": len(self.items),
            "permutations": null_mass.shape[1],
            "forming_p": self.forming_p,
            "alpha": self.alpha,
            "seed": self.seed,
            "expected": self.expected,
            "choices": self.choices,
            "window": self.window,
        }
        band = np.quantile(np.sort(null_dz, axis=0), (0.025, 0.975), axis=1)
        return Curve(table, _joint(table, null_mass, null_dz, self.expected, self.alpha), band, settings)


def _dz_over(differences: Float) -> float:
    """dz of the mean over those layers that were measured; NaN for none."""
    present = np.isfinite(differences).all(0)
    means = differences[:, present].mean(1) if present.any() else np.full(len(differences), np.nan)
    spread = float(means.std(ddof=1))
    return float(means.mean() / spread) if spread > 0 else float("nan")


def _strongest(
    test: ClusterTest, differences: Float, layers: NDArray[np.int64], resamples: int, seed: int
) -> dict[str, Any]:
    main = max(test.clusters, key=lambda cells: abs(cells.mass), default=None)
    where = np.isfinite(differences).all(0) if main is None else main.where
    peak = int(np.argmax(np.where(where, np.abs(test.t), -1)))
    low, high = dz_interval(differences[:, [peak]], resamples=resamples, seed=seed)
    spans = np.flatnonzero(where)
    return {
        "dz": float(test.t[peak] / np.sqrt(len(differences))),
        "low": float(low[0]),
        "high": float(high[0]),
        "layer": int(layers[peak]),
        "first": int(layers[spans[0]]) if main else np.nan,
        "last": int(layers[spans[-1]]) if main else np.nan,
        "mass": main.mass if main else 0.0,
        "p": test.p_value(main.mass)[0] if main else 1.0,
    }


def _joint(table: pd.DataFrame, mass: Float, dz: Float, expected: int, alpha: float) -> dict[str, Joint]:
    """Compare the observed curve with those of the flips; ``mass`` and ``dz`` are (specification, flip)."""
    flips = mass.shape[1]
    ranked = np.sort(mass, axis=1)
    # how many flips of the same specification have at least this mass, itself among them; equal masses differ in their last
    # digit according to the order of summation
    least = mass * (1 - 1e-12)
    beyond = np.stack([flips - np.searchsorted(row, own) for row, own in zip(ranked, least, strict=True)])
    found = (beyond / flips <= alpha) & (mass > 0)
    signed = np.sign(dz) == expected
    sure = (table["p"] <= alpha).to_numpy()
    right = (np.sign(table["dz"]) == expected).to_numpy()
    null = {
        "median": np.median(dz, axis=0),
        "significant": found.mean(0),
        "significant_expected": (found & signed).mean(0),
        "expected": signed.mean(0),
    }
    observed = {
        "median": float(np.median(table["dz"])),
        "significant": float(sure.mean()),
        "significant_expected": float((sure & right).mean()),
        "expected": float(right.mean()),
    }
    rows = {}
    for name, values in null.items():
        one = observed[name]
        extreme = np.abs(values) >= abs(one) if name == "median" else values >= one
        low, middle, high = np.quantile(values, (0.025, 0.5, 0.975))
        p = (1 + int(extreme.sum())) / (1 + flips)
        rows[name] = Joint(one, float(low), float(middle), float(high), p)
    return rows
