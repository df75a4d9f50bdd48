"""One contrast in several runs: at layers that one of them chose, and at each one's own strongest cluster."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from math import isfinite

from depthscope.statistics.result import Cluster, Contrast
from depthscope.studies.contrast.results import Compared, Evidence, cell
from depthscope.telling import Sheet
from depthscope.words import ALPHA, effect_text, layers_text, p_text

Window = tuple[int, int]
# ends the heading of the rows that are adjusted for every covariate
HELD_EQUAL = "covariates held equal"

CAUTION = """\
Counts of models are no test. Models share the items, and partly their architecture and training data, so that they are not
independent; and where labels mean nothing, one model in twenty shows some cluster all the same. "Not found" is not "absent".\
"""


def compare(runs: Mapping[str, Evidence], windows: Mapping[str, Window], where: str) -> list[Compared]:
    """Every run at its window, plain and adjusted; then each at its own strongest cluster.

    Parameters
    ----------
    runs : mapping
        By name; the first one chose ``where`` all are compared.
    windows : mapping of (first, last)
        The layers that this is in each run; they are told where they differ between runs.
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


def replications(rows: Sequence[Compared], runs: Mapping[str, Evidence], what: str) -> str:
    """One sentence: in which of the other runs the effect is there, by the rows of the first group.

    ``what`` they are: sets, models.
    """
    origin, *others = runs
    if runs[origin].found is None:
        return f"`{origin}` itself shows nothing that could replicate; the table tells what the others show."
    sign = next(row.dz for row in rows if row.label == origin)
    plain = [row for row in rows if row.group == rows[0].group and row.label in others]
    asked = [row for row in plain if isfinite(row.dz)]
    held = [row.label for row in asked if row.found and row.dz * sign > 0]
    against = [row.label for row in asked if row.found and row.dz * sign < 0]
    absent = [row.label for row in asked if not row.found and row.p_equivalence <= ALPHA]
    open_ = [row.label for row in asked if not row.found and row.label not in absent]
    blind = [row.label for row in plain if row not in asked]
    parts = []
    if held:
        parts.append(f"replicates in {', '.join(held)}")
    if absent:
        bound = runs[origin].main.settings["bound"]
        parts.append(f"is absent from {', '.join(absent)} (|dz| below {bound:g})")
    if open_:
        parts.append(f"is not found in {', '.join(open_)}")
    if against:
        parts.append(f"is reversed in {', '.join(against)}")
    if blind:
        parts.append(f"cannot be asked of {', '.join(blind)} (no layer is measured there)")
    return f"What `{origin}` shows {'; '.join(parts)}." if parts else f"There is no other {what} to compare with."


def comparison_table(what: str, rows: Sequence[Compared]) -> str:
    """Markdown: a row for each effect, under the name of its group."""
    lines = [f"| | {what} | n | dz [95 % interval] | |\n|---|---|---|---|---|"]
    for group, some in groupby(rows, lambda row: row.group):
        for i, row in enumerate(some):
            shown = "" if i else cell(group)
            lines.append(f"| {shown} | {cell(row.label)} | {row.n} | {_effect(row)} | {cell(row.said)} |")
    return "\n".join(lines)


def comparison_sheet(what: str, rows: Sequence[Compared]) -> Sheet:
    """The same for a terminal."""
    lines: list[tuple[str, ...]] = []
    for group, some in groupby(rows, lambda row: row.group):
        lines += [(group,), *((row.label, str(row.n), _effect(row), row.said) for row in some)]
    return Sheet((what, "n", "dz [95 % interval]", "layers, p"), lines)


def _effect(row: Compared) -> str:
    return effect_text(row.dz, row.low, row.high) if isfinite(row.dz) else "not estimated"
