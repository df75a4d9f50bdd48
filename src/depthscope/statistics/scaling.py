"""Scaling laws: how a loss falls with size, what it never falls below, and how well a few runs tell."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special, stats

from depthscope.arrays import Float
from depthscope.errors import DepthscopeError, check_count
from depthscope.statistics.squares import least_squares
from depthscope.words import names_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# points beside those that the parameters take: without two, nothing says how far a run is from the law
SPARE = 2
# of the loss at the largest size: a floor below it, at any k, is none
NOTHING = 1e-3
# of the lowest losses: where the search for the floor begins
SHARES = (0.02, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95, 0.99)
# of a sum of squares: what a draw's fit may lack, which is nothing beside how draws differ
DRAWN = 1e-6
JOINT, JOINT_FLOOR = ("alpha", "beta_k", "beta_n", "gamma"), ("zeta", "eta")


@dataclass(frozen=True, repr=False)
class ScalingLaw:
    """A law that was fitted to the losses of some runs. Returned by :func:`joint_law` and :func:`power_law`.

    Attributes
    ----------
    points : DataFrame, one row per run
        What was varied, the loss, and what the law gives there (``fitted``).
    varied : tuple of str
        Columns of what was varied: ``("n", "k")``, or ``("x",)``.
    parameters : dict of str to float
        ``alpha``, ``beta_k``, ``beta_n``, ``gamma`` and, of the floor, ``zeta``, ``eta``; or ``a``, ``b``, ``c``.
    draws : array (draw, parameter)
        The same parameters fitted to the law with residuals drawn anew.
    spread : float
        Standard deviation of a run from the law, of the natural logarithm of the loss: .01 is about 1 %.
    floor_p : float
        p of an F test against the law without the floor; NaN if there is none to test.
    settings : dict
        ``floor``, ``resamples``, ``confidence``, ``seed``, ``measure``.
    """

    points: pd.DataFrame
    varied: tuple[str, ...]
    parameters: Mapping[str, float]
    draws: Float
    spread: float
    floor_p: float
    settings: Mapping[str, Any]

    @property
    def formula(self) -> str:
        """The law in symbols."""
        floor = self.settings["floor"]
        if self.varied == ("x",):
            return f"y = a x^b{' + c' if floor else ''}"
        first = "L(n, k) = exp(alpha + beta_k log k + beta_n log n + gamma log k log n)"
        return first + (" + exp(zeta + eta log k)" if floor else "")

    @property
    def floor_found(self) -> bool:
        """Whether the runs tell that there is a loss which no size goes below.

        They do if the law fits them better than the one without (``floor_p``), and if the draws in which the floor is nothing
        at some k are no more than an interval leaves out below.
        """
        if not self.settings["floor"]:
            return False
        outside = 1 - self.settings["confidence"]
        return self.floor_p <= outside and bool((self._shares < NOTHING).mean() <= outside / 2)

    @property
    def unidentified(self) -> tuple[str, ...]:
        """Parameters of which these points say nothing: those of a floor that is not found."""
        if not self.settings["floor"] or self.floor_found:
            return ()
        return JOINT_FLOOR if self.varied != ("x",) else ("c",)

    @property
    def settings_text(self) -> str:
        s = self.settings
        return (
            f"{len(self.points)} runs, {len(self.parameters)} parameters; a run lies {self.spread:.2%} from the law (1 sd); "
            f"{s['confidence']:.0%} intervals from {s['resamples']:,} draws of residuals, seed {s['seed']}"
        )

    def to_dataframe(self) -> pd.DataFrame:
        """Tidy: one row per parameter, ``estimate`` with ``low`` and ``high``, and whether it is ``identified``.

        What is not identified has no interval: NaN.
        """
        low, high = self._interval(self.draws)
        table = pd.DataFrame(
            {
                "parameter": list(self.parameters),
                "estimate": list(self.parameters.values()),
                "low": low,
                "high": high,
                "identified": [name not in self.unidentified for name in self.parameters],
            }
        )
        table.loc[~table["identified"], ["low", "high"]] = np.nan
        return table

    def predict(self, *sizes: Any) -> pd.DataFrame:
        """The loss at other sizes, in the order of :attr:`varied`: numbers or arrays, paired as NumPy pairs them.

        Returns
        -------
        DataFrame
            The sizes; ``loss``; ``low``, ``high``: the interval of the law there; ``run_low``, ``run_high``: where one more
            run will lie, if runs scatter normally; ``beyond``: outside of what was tried, where nothing but the form of the
            law speaks.
        """
        if len(sizes) != len(self.varied):
            raise DepthscopeError(f"predict takes {names_text(self.varied)}, and was given {len(sizes)} sizes")
        given = [_sizes(name, values) for name, values in zip(self.varied, sizes, strict=True)]
        flat = [one.ravel() for one in np.broadcast_arrays(*given)]
        inner = self._inner(self.draws)
        logs = _given(inner, *self._design(flat))[0]
        # of one more run; a few residuals drawn again would never be as wide as it may be
        noise = self.spread * np.random.default_rng([self.settings["seed"], 1]).standard_normal(logs.shape)
        (low, high), (run_low, run_high) = self._interval(logs), self._interval(logs + noise)
        here = _given(self._inner(np.array([list(self.parameters.values())])), *self._design(flat))[0][0]
        tried = [self.points[name] for name in self.varied]
        beyond = np.any(
            [(one < there.min()) | (one > there.max()) for one, there in zip(flat, tried, strict=True)], axis=0
        )
        numbers = {"loss": here, "low": low, "high": high, "run_low": run_low, "run_high": run_high}
        columns = {**dict(zip(self.varied, flat, strict=True)), **{name: np.exp(one) for name, one in numbers.items()}}
        return pd.DataFrame({**columns, "beyond": beyond})

    def floor(self, k: Any = 1.0) -> pd.DataFrame:
        """The loss that no number of latents goes below, at each k: ``k``, ``loss``, ``low``, ``high``; NaN if not found.

        Of a law over one size, give no k.
        """
        values = _sizes("k", k).ravel()
        count = len(self._split)
        second = self._design([np.ones_like(values), values][-len(self.varied) :])[1]
        if second is None or not self.floor_found:
            nothing = np.full(len(values), np.nan)
            return pd.DataFrame({"k": values, "loss": nothing, "low": nothing, "high": nothing})
        logs = self._inner(self.draws)[:, count:] @ second.T
        low, high = self._interval(logs)
        here = self._inner(np.array([list(self.parameters.values())]))[:, count:] @ second.T
        return pd.DataFrame({"k": values, "loss": np.exp(here[0]), "low": np.exp(low), "high": np.exp(high)})

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw the runs and the law with its interval, a line for each k; returns matplotlib axes.

        ``ax``: where to draw; default: a figure of its own, in the look of depthscope.
        """
        from depthscope.drawing.scaling import draw_law

        across = self.points[self.varied[0]]
        sizes = np.geomspace(across.min(), across.max() * 2, 60)
        if self.varied == ("x",):
            lines = self.predict(sizes).assign(k=np.nan)
            points = self.points.assign(k=np.nan)
        else:
            each = np.unique(self.points["k"])
            lines, points = self.predict(sizes[:, None], each[None, :]), self.points
        columns = {self.varied[0]: "size"}
        return draw_law(
            points.rename(columns=columns),
            lines.rename(columns=columns),
            f"Scaling law: {self.settings['measure']} over {'latents' if self.varied[0] == 'n' else 'size'}",
            "; ".join([self.formula, self.settings_text, *self._said]),
            "latents" if self.varied[0] == "n" else "size",
            self.settings["measure"],
            ax,
        )

    def __str__(self) -> str:
        lines = [f"{self.formula}: {self.settings_text}"]
        for row in self.to_dataframe().itertuples():
            interval = f"[{row.low:+.4g}, {row.high:+.4g}]" if row.identified else "[not identified]"
            lines.append(f"  {row.parameter}: {row.estimate:+.4g} {interval}")
        return "\n".join([*lines, *(f"  {sentence}" for sentence in self._said)])

    __repr__ = __str__

    @property
    def _said(self) -> list[str]:
        if not self.unidentified:
            return []
        return [
            "the irreducible term is not identified: runs like these are as likely without one; larger sizes would show "
            "whether the curve bends"
        ]

    @property
    def _split(self) -> tuple[str, ...]:
        """Parameters before those of the floor."""
        return JOINT if self.varied != ("x",) else ("a", "b")

    def _design(self, sizes: Sequence[Float]) -> tuple[Float, Float | None]:
        first, second = _terms(sizes)
        return first, second if self.settings["floor"] else None

    def _inner(self, parameters: Float) -> Float:
        """As they are in the exponent: of a power law, logarithms of ``a`` and ``c``."""
        if self.varied != ("x",):
            return parameters
        with np.errstate(divide="ignore"):  # of a floor that is nothing
            return np.where(np.arange(parameters.shape[1]) == 1, parameters, np.log(np.abs(parameters)))

    @property
    def _shares(self) -> Float:
        """Of each draw, what the floor is of the loss at the largest size, where it is least of all k."""
        sizes = [self.points[name].to_numpy(dtype=np.float64) for name in self.varied]
        first, second = _terms([np.full_like(sizes[0], sizes[0].max()), *sizes[1:]])
        inner, count = self._inner(self.draws), first.shape[1]
        shares: Float = special.expit(inner[:, count:] @ second.T - inner[:, :count] @ first.T).min(1)
        return shares

    def _interval(self, draws: Float) -> tuple[Float, Float]:
        """Quantiles of draws; farther out by as much as t is wider than the normal distribution with so few points.

        References
        ----------
        Hesterberg (2015), The American Statistician 69:371, section 4: expanded percentiles.
        """
        free = len(self.points) - len(self.parameters)
        tail = special.ndtr(stats.t.ppf((1 - self.settings["confidence"]) / 2, free))
        low, high = np.quantile(draws, (tail, 1 - tail), axis=0)
        return low, high


def joint_law(
    n: Any,
    k: Any,
    loss: Any,
    *,
    floor: bool = True,
    measure: str = "loss",
    resamples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> ScalingLaw:
    """The loss of sparse autoencoders over the number of latents n and of active ones k, jointly.

    ``L(n, k) = exp(alpha + beta_k log k + beta_n log n + gamma log k log n) + exp(zeta + eta log k)``: a power of n whose
    exponent depends on k, above a floor that more latents do not lower.

    Parameters
    ----------
    n, k, loss : arrays (run,)
        Above 0. Runs that differ by their seed alone are runs of their own.
    floor : bool
        False: without the second term, which takes fewer points.
    measure : str
        What the loss is, for the figure.
    resamples, confidence, seed
        Of the intervals: residuals of the law, in logarithms and widened by their leverage, are drawn anew.

    Returns
    -------
    ScalingLaw

    Raises
    ------
    DepthscopeError
        Numbers that are not above 0, or fewer runs or sizes than the law has to be told from: with the floor, it has six
        parameters.

    References
    ----------
    Gao et al. (2024), arXiv 2406.04093, section 3.1.3.
    """
    sizes = {"n": _sizes("n", n), "k": _sizes("k", k)}
    return _law(sizes, _sizes("loss", loss), "loss", floor, measure, resamples, confidence, seed)


def power_law(
    x: Any,
    y: Any,
    *,
    floor: bool = False,
    measure: str = "loss",
    resamples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> ScalingLaw:
    """``y = a x^b``, or with a floor ``y = a x^b + c``, by least squares of the logarithms.

    Parameters
    ----------
    x, y : arrays (run,)
        Above 0.
    floor, measure, resamples, confidence, seed
        As in :func:`joint_law`.

    Raises
    ------
    DepthscopeError
        As in :func:`joint_law`.
    """
    return _law({"x": _sizes("x", x)}, _sizes("y", y), "y", floor, measure, resamples, confidence, seed)


def _law(
    sizes: Mapping[str, Float],
    loss: Float,
    name: str,
    floor: bool,
    measure: str,
    resamples: int,
    confidence: float,
    seed: int,
) -> ScalingLaw:
    check_count("resamples", resamples, 100)
    if not 0.5 <= confidence < 1:
        raise DepthscopeError(f"confidence={confidence!r}: give a share from .5 to below 1, such as .95")
    one = tuple(sizes) == ("x",)
    names = ("a", "b", *(("c",) if floor else ())) if one else (*JOINT, *(JOINT_FLOOR if floor else ()))
    _check_enough(sizes, loss, names, floor)
    raw = list(sizes.values())
    # logarithms from their middle: far from it, all columns would be nearly one another's
    middles = [float(np.log(values).mean()) for values in raw]
    first, second = _terms([values / np.exp(m) for values, m in zip(raw, middles, strict=True)])
    floors = second if floor else None
    logs = np.log(loss)
    starts = np.stack(list(_starts(first, floors, loss, raw[-1] if not one else np.ones_like(loss))))
    fits, squares = _fit(first, floors, np.broadcast_to(logs, (len(starts), len(logs))), starts)
    best = fits[np.argmin(squares)]
    fitted, slopes = (part[0] for part in _given(best[None], first, floors))
    left = logs - fitted
    free = len(logs) - len(names)
    leverage = np.einsum("mp,pm->m", slopes, np.linalg.pinv(slopes, rcond=1e-8))
    wide = left / np.sqrt(np.clip(1 - leverage, 1 / len(logs), None))
    drawn = np.random.default_rng(seed).choice(wide - wide.mean(), (resamples, len(logs)))
    # from the best fit and from where there is nearly no floor, of which one may be the end of a valley
    ends = [_fit(first, floors, fitted + drawn, np.tile(start, (resamples, 1)), DRAWN) for start in (best, starts[0])]
    draws = np.where((ends[0][1] <= ends[1][1])[:, None], ends[0][0], ends[1][0])
    outer = _uncentred(np.vstack([best, draws]), middles, first.shape[1])
    if one:
        outer = np.where(np.arange(outer.shape[1]) == 1, outer, np.exp(outer))
    points = pd.DataFrame({**sizes, name: loss, "fitted": np.exp(fitted)})
    settings = {
        "floor": floor,
        "measure": measure,
        "resamples": resamples,
        "confidence": confidence,
        "seed": seed,
    }
    spread = float(np.sqrt((left**2).sum() / free))
    bare = _fit(first, None, logs[None], starts[:1])[1][0]
    more = len(names) - first.shape[1]
    gained = (bare - (left**2).sum()) / max(more, 1) / max(spread**2, np.finfo(np.float64).tiny)
    floor_p = float(stats.f.sf(gained, more, free)) if floor else float("nan")
    parameters = {name: float(value) for name, value in zip(names, outer[0], strict=True)}
    return ScalingLaw(points, tuple(sizes), parameters, outer[1:], spread, floor_p, settings)


def _terms(sizes: Sequence[Float]) -> tuple[Float, Float]:
    """What the logarithms of the two terms are linear in: (point, parameter) of the power, and of the floor."""
    logs = [np.log(values) for values in sizes]
    ones = np.ones_like(logs[0])
    if len(logs) == 1:
        return np.stack([ones, logs[0]], axis=1), ones[:, None]
    n, k = logs
    return np.stack([ones, k, n, k * n], axis=1), np.stack([ones, k], axis=1)


def _given(parameters: Float, first: Float, second: Float | None) -> tuple[Float, Float]:
    """Logarithms that the law gives, (problem, point), and their derivatives by the parameters."""
    count = first.shape[1]
    power = parameters[:, :count] @ first.T
    if second is None:
        return power, np.broadcast_to(first, (len(parameters), *first.shape))
    ground = parameters[:, count:] @ second.T
    share = special.expit(power - ground)[:, :, None]
    return np.logaddexp(power, ground), np.concatenate([share * first, (1 - share) * second], axis=2)


def _fit(first: Float, second: Float | None, logs: Float, starts: Float, gain: float = 1e-12) -> tuple[Float, Float]:
    if second is None:  # a line, which needs no search
        found = logs @ np.linalg.pinv(first).T
        return found, ((logs - found @ first.T) ** 2).sum(1)
    return least_squares(lambda parameters: _given(parameters, first, second), logs, starts, gain)


def _starts(first: Float, second: Float | None, loss: Float, groups: Float) -> "list[Float]":
    """Floors at shares of the lowest loss of each k, and the power law of what is left above them."""
    if second is None:
        return [np.zeros(first.shape[1])]
    lowest = np.array([loss[groups == one].min() for one in groups])
    found = []
    for share in SHARES:
        above = np.linalg.lstsq(first, np.log(loss - share * lowest), rcond=None)[0]
        found.append(np.concatenate([above, np.linalg.lstsq(second, np.log(share * lowest), rcond=None)[0]]))
    return found


def _uncentred(parameters: Float, middles: Sequence[float], count: int) -> Float:
    """Parameters of logarithms as they are, from those of logarithms from their middle."""
    outer = parameters.copy()
    if len(middles) == 1:
        outer[:, 0] -= parameters[:, 1] * middles[0]
        return outer
    n, k = middles
    level, by_k, by_n, both = (parameters[:, i] for i in range(4))
    outer[:, 0] = level - by_k * k - by_n * n + both * n * k
    outer[:, 1], outer[:, 2] = by_k - both * n, by_n - both * k
    if parameters.shape[1] > count:
        outer[:, count] = parameters[:, count] - parameters[:, count + 1] * k
    return outer


def _check_enough(sizes: Mapping[str, Float], loss: Float, names: Sequence[str], floor: bool) -> None:
    lengths = {name: len(values) for name, values in {**sizes, "loss": loss}.items()}
    if len(set(lengths.values())) > 1 or loss.ndim != 1:
        raise DepthscopeError(
            f"a scaling law needs as many sizes as losses, one of each for every run: there are {lengths}"
        )
    least = len(names) + SPARE
    if len(loss) < least:
        raise DepthscopeError(
            f"a scaling law with {len(names)} parameters ({', '.join(names)}) needs {least} runs at least, and there are "
            f"{len(loss)}{'; train more, or leave the floor out (floor=False)' if floor else '; train more'}"
        )
    for name, values in sizes.items():
        wanted = 3 if floor and name in ("n", "x") else 2
        if (there := len(np.unique(values))) < wanted:
            more = "the floor is told from the bend of the curve" if wanted == 3 else "a slope takes two"
            raise DepthscopeError(
                f"a scaling law needs {wanted} different values of {name} at least, and there "
                f"{'is' if there == 1 else 'are'} {there}: {more}"
            )


def _sizes(name: str, values: Any) -> Float:
    """Numbers above 0."""
    try:
        found: NDArray[np.float64] = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise DepthscopeError(f"{name}: holds what is no number; give numbers above 0") from None
    wrong = ~(np.isfinite(found) & (found > 0))
    if wrong.any():
        where = int(np.flatnonzero(wrong.ravel())[0])
        raise DepthscopeError(
            f"{name}: number {where + 1} is {found.ravel()[where]}, and a law of powers needs numbers above 0; leave "
            "that run out"
        )
    return found
