"""One contrast in several runs: at layers that one of them chose, and at each one's own strongest cluster."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

from depthscope.statistics.result import Cluster, Contrast
from depthscope.studies.contrast.results import Compared, Evidence
from depthscope.words import ALPHA, layers_text, p_text

Window = tuple[int, int]
# ends the heading of the rows that are adjusted for every covariate
HELD_EQUAL = "covariates held equal"


def compare(runs: Mapping[str, Evidence], windows: Mapping[str, Window], where: str) -> list[Compared]:
    """Every run at its window, plain and adjusted; then each at its own strongest cluster.

    Parameters
    ----------
    runs : mapping
        By name; the first one chose ``where`` all are compared.
    windows : mapping of (first, last)
        The layers that this is in each run; they are named where they differ between runs.
    where : str
        The windows in words, for the headings.
    """
    origin = next(iter(runs))
    tell = len(set(windows.values())) > 1
    rows = [at_window(f"{where}, chosen by {origin}", name, e.main, windows[name], tell) for name, e in runs.items()]
    for name, e in runs.items():
        adjusted = adjusted_for_all(e)
        if adjusted is not None:
            rows.append(at_window(f"{where}, {HELD_EQUAL}", name, adjusted, windows[name], tell))
    for name, e in runs.items():
        own = e.main.strongest()
        if own is not None:
            rows.append(_at_peak(name, e.main, own))
    return rows


def adjusted_for_all(e: Evidence) -> Contrast | None:
    """The main contrast with every covariate held equal, if it was asked for."""
    return e.confounding[0].adjusted.get("all") if e.confounding else None


def at_window(group: str, name: str, contrast: Contrast, window: Window, tell: bool = False) -> Compared:
    """The mean over a window; NaN where none of its layers is measured. ``tell`` names the layers."""
    effect = contrast.over(*window)
    if not isfinite(effect.dz):
        return Compared(group, name, **vars(effect), found=False, said="no layer is measured there")
    bound = contrast.settings["bound"]
    same = f"; |dz| < {bound:g}, {p_text(effect.p_equivalence)}" if effect.p_equivalence <= ALPHA else ""
    layers = f"{layers_text(*window)}, " if tell else ""
    return Compared(group, name, **vars(effect), found=effect.p <= ALPHA, said=f"{layers}{p_text(effect.p)}{same}")


def _at_peak(name: str, contrast: Contrast, own: Cluster) -> Compared:
    return Compared(
        group="its own strongest cluster, at the peak",
        label=name,
        n=contrast.n,
        dz=own.dz,
        low=own.dz_low,
        high=own.dz_high,
        p=own.p,
        p_equivalence=contrast.equivalence(own.first, own.last),
        **{
            name: float(contrast.table[column].sel(layer=own.peak_layer))
            for name, column in (("difference", "difference"), ("difference_low", "low"), ("difference_high", "high"))
        },
        found=own.p <= ALPHA,
        said=f"{layers_text(own.first, own.last)}, {p_text(own.p)}",
    )


@dataclass(frozen=True)
class Replication:
    """In which of the other runs it is there, what the first one shows; by the rows of the first group.

    Attributes
    ----------
    origin : str
        The first run, which chose where all are compared.
    shows : bool
        Whether there is anything in it that could replicate.
    held, absent, open, against, blind : list of str
        The other runs: it is there; it is shown to be smaller than ``bound``; it is not found; it is found with the
        opposite sign; no layer is measured there.
    bound : float
        Of ``|dz|``.
    """

    origin: str
    shows: bool
    held: list[str]
    absent: list[str]
    open: list[str]
    against: list[str]
    blind: list[str]
    bound: float


def replication(rows: Sequence[Compared], runs: Mapping[str, Evidence]) -> Replication:
    """Ask every other run for what the first one shows."""
    origin, *others = runs
    sign = next(row.dz for row in rows if row.label == origin)
    plain = [row for row in rows if row.group == rows[0].group and row.label in others]
    asked = [row for row in plain if isfinite(row.dz)]
    absent = [row.label for row in asked if not row.found and row.p_equivalence <= ALPHA]
    return Replication(
        origin,
        runs[origin].found is not None,
        held=[row.label for row in asked if row.found and row.dz * sign > 0],
        absent=absent,
        open=[row.label for row in asked if not row.found and row.label not in absent],
        against=[row.label for row in asked if row.found and row.dz * sign < 0],
        blind=[row.label for row in plain if row not in asked],
        bound=float(runs[origin].main.settings["bound"]),
    )
