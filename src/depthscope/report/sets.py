"""One contrast across sets of stimuli: does what one set shows hold in the others?"""

from collections.abc import Mapping, Sequence

from depthscope.report.evidence import ALPHA, Compared, Evidence, cell, layers_text, short_p
from depthscope.report.verdicts import control_text
from depthscope.statistics.effects import effect_text
from depthscope.statistics.result import Cluster, Contrast

INTRO = """\
The window, layers {first} to {last}, was chosen by the set `{origin}` alone: there its effect is too large; in every other set
the same layers are a test that nothing in that set could tune. "Its own strongest cluster" is where each set itself shows most;
its dz is the largest of many layers, so too large as well. A set counts as a replication if the mean over the window differs at
p <= .05 in the same direction; the effect is absent from a set if two one-sided tests put |dz| below the bound.\
"""


def compare_sets(runs: Mapping[str, Evidence]) -> list[Compared]:
    """Every set at the layers that the first one chose, plain and adjusted; and each at its own strongest cluster."""
    origin = next(iter(runs.values()))
    first, last = origin.window
    rows = []
    for name, e in runs.items():
        rows.append(_at_window(f"layers {first}-{last}, chosen by {next(iter(runs))}", name, e.main, (first, last)))
    for name, e in runs.items():
        adjusted = e.confounding[0].adjusted.get("all") if e.confounding else None
        if adjusted is not None:
            rows.append(_at_window(f"layers {first}-{last}, covariates held equal", name, adjusted, (first, last)))
    for name, e in runs.items():
        own = e.main.strongest()
        if own is not None:
            rows.append(_at_peak(name, e.main, own))
    return rows


def _at_window(group: str, name: str, contrast: Contrast, window: tuple[int, int]) -> Compared:
    effect = contrast.over(*window)
    bound = contrast.settings["bound"]
    same = f"; |dz| < {bound:g}, {short_p(effect.p_equivalence)}" if effect.p_equivalence <= ALPHA else ""
    return Compared(group, name, **vars(effect), found=effect.p <= ALPHA, said=f"{short_p(effect.p)}{same}")


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
        said=f"{layers_text(own)}, {short_p(own.p)}",
    )


def replications(rows: Sequence[Compared], runs: Mapping[str, Evidence]) -> str:
    """One sentence: in which of the other sets the effect is there."""
    origin, *others = runs
    if runs[origin].found is None:
        return f"`{origin}` itself shows nothing that could replicate; the table tells what the others show."
    sign = next(row.dz for row in rows if row.label == origin)
    plain = [row for row in rows if row.group == rows[0].group and row.label in others]
    held = [row.label for row in plain if row.found and row.dz * sign > 0]
    against = [row.label for row in plain if row.found and row.dz * sign < 0]
    absent = [row.label for row in plain if not row.found and row.p_equivalence <= ALPHA]
    open_ = [row.label for row in plain if not row.found and row.label not in absent]
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
    return f"What `{origin}` shows {'; '.join(parts)}." if parts else "There is no other set to compare with."


def summarize_sets(title: str, runs: Mapping[str, Evidence], rows: Sequence[Compared], command: str) -> str:
    """``summary.md`` of a study over sets."""
    origin = next(iter(runs))
    first, last = runs[origin].window
    table = ["| | set | n | dz [95 % interval] | |\n|---|---|---|---|---|"]
    group = ""
    for row in rows:
        shown, group = ("" if row.group == group else row.group), row.group
        table.append(
            f"| {cell(shown)} | {cell(row.label)} | {row.n} | {effect_text(row.dz, row.low, row.high)} | {row.said} |"
        )
    controls = [
        f"- {name}: {'; '.join(control_text(e, control)[1] for control in e.controls)}."
        for name, e in runs.items()
        if e.controls and e.found
    ]
    sections = [
        f"# {title}",
        f"**{replications(rows, runs)}**",
        INTRO.format(first=first, last=last, origin=origin),
        "![Forest plot](figures/forest.png)",
        "\n".join(table),
        *(["## Controls", "\n".join(controls)] if controls else []),
        "Each set has a folder of its own here, with its own `summary.md`.",
        f"To repeat it:\n\n```\n{command}\n```",
    ]
    return "\n\n".join(sections) + "\n"
