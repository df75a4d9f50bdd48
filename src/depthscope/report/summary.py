"""``summary.md``: the result in words. The rules that make the sentences stand in ``verdicts``."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from depthscope.report.evidence import Evidence, cell, every_contrast
from depthscope.report.verdicts import exclusions, in_short, verdict
from depthscope.statistics.effects import effect_text
from depthscope.statistics.result import Contrast

READING = """\
A cluster test asks one question of the whole depth: could differences like these come from labels that mean nothing? Its p is
corrected for looking at every layer. A small p says that the conditions differ; **it does not say where**: the edges of
a cluster depend on the forming threshold, and single layers inside it are not each significant. The effect at the peak is
the largest of many and therefore too large on average. A cluster does not say **why** the conditions differ either:
differences in surprisal, rarity or length of the words can do it. Compare with the controls before you name a cause. Each
contrast is a family of its own: its p is not corrected for the other contrasts.\
"""

COMPARED = """\
Every analysis at the same {window}: CSE is averaged over them, item by item; dz and its 95 % interval are of that one number,
and p is of sign flips. Where a cluster of the first row chose the layers, its own effect is too large. "Cluster" names the
significant cluster of the analysis that overlaps them, if there is one. Adjusted dz is in units of what the covariates leave;
intervals (bootstrap, noncentral t) and p (flips) come from different tests and can part at the margin.\
"""


def summarize(
    title: str,
    contrasts: Sequence[Contrast],
    depth: int,
    remarks: Sequence[str],
    settings: Mapping[str, Any],
    command: str,
    evidence: Evidence | None = None,
) -> str:
    """The whole of ``summary.md``."""
    all_tested = every_contrast(contrasts, evidence)
    left_out = [line for c in all_tested for line in exclusions(c)]
    if evidence:
        left_out += [f"- {name} is no control: {reason}." for name, reason in evidence.no_controls.items()]
        left_out += [f"- No network with random weights: {evidence.no_untrained}."] if evidence.no_untrained else []
    rows = "\n".join(f"| {name} | `{cell(value)}` |" for name, value in settings.items())
    told = [f"- {line}" for line in in_short(evidence)] if evidence else []
    sections = [
        f"# {title}",
        *(verdict(c, depth) for c in contrasts),
        *(["\n".join(told)] if told else []),
        *(_evidence(evidence) if evidence else []),
        "## How to read this",
        READING,
        "## All clusters",
        _table(all_tested),
        "## Left out, and noticed",
        "\n".join([*left_out, *(f"- {r}" for r in remarks)]) or "Nothing.",
        "## Settings",
        f"| setting | value |\n|---|---|\n{rows}",
        "To repeat it:",
        f"```\n{command}\n```",
    ]
    return "\n\n".join(sections) + "\n"


def _evidence(e: Evidence) -> list[str]:
    lines = ["| | analysis | n | dz [95 % interval] | p | cluster |\n|---|---|---|---|---|---|"]
    for group, rows in groupby(e.compared, lambda row: row.group):
        for i, r in enumerate(rows):
            effect = effect_text(r.dz, r.low, r.high)
            shown = "" if i else cell(group)
            lines.append(f"| {shown} | {cell(r.label)} | {r.n} | {effect} | {r.p:.4f} | {r.said} |")
    return [
        "## The evidence in one table",
        COMPARED.format(window=e.window_text),
        "\n".join(lines),
    ]


def evidence_lines(e: Evidence) -> list[str]:
    """The evidence for a terminal: the table in columns, then the sentences."""
    wide = max(len(row.label) for row in e.compared)
    lines = [f"mean CSE over {e.window_text}:"]
    for group, rows in groupby(e.compared, lambda row: row.group):
        lines.append(f"  {group}")
        for r in rows:
            effect = effect_text(r.dz, r.low, r.high)
            lines.append(f"    {r.label:{wide}}  n = {r.n:<4} dz {effect}  p = {r.p:.4f}  cluster: {r.said}")
    return [*lines, "", *(line.replace("**", "") for line in in_short(e))]


def _table(contrasts: Sequence[Contrast]) -> str:
    lines = [
        f"| {cell(c.name)} | {k.first}-{k.last} | {k.mass:.1f} | {k.p:.4f} | {k.p_low:.4f} to {k.p_high:.4f} "
        f"| {k.effect} | {k.peak_layer} |"
        for c in contrasts
        for k in c.clusters
    ]
    if not lines:
        return "None: no layer passes the forming threshold."
    head = "| contrast | layers | mass | p | p interval | dz at peak | peak layer |\n|---|---|---|---|---|---|---|"
    return "\n".join([head, *lines])
