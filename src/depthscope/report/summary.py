"""``summary.md``: the result in words, by rules.

The rules: a contrast is "found" if a cluster has family-wise p <= .05. The sentence names its direction, layers,
relative depth, p, and the effect at its peak with interval. Where nothing is found, it says so, and that this is no proof
of sameness. What was left out is always said, with its reason. Nothing here depends on which contrast it is.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from depthscope.errors import listed
from depthscope.statistics.result import Cluster, Contrast

ALPHA = 0.05

READING = """\
A cluster test asks one question of the whole depth: could differences like these come from labels that mean nothing? Its p is
corrected for looking at every layer. A small p says that the conditions differ; **it does not say where**: the edges of
a cluster depend on the forming threshold, and single layers inside it are not each significant. The effect at the peak is
the largest of many and therefore too large on average. A cluster does not say **why** the conditions differ either:
differences in surprisal, rarity or length of the words can do it. Compare with the controls before you name a cause. Each
contrast is a family of its own: its p is not corrected for the other contrasts.\
"""


def p_text(cluster: Cluster) -> str:
    if cluster.p_low == cluster.p_high:
        return f"p = {cluster.p:.4f} (exact)"
    return f"p = {cluster.p:.4f} (Monte-Carlo 95 % interval {cluster.p_low:.4f} to {cluster.p_high:.4f})"


def verdict(c: Contrast, depth: int) -> str:
    """One paragraph on one contrast."""
    found = c.significant(ALPHA)
    if c.smallest_p > ALPHA:
        return (
            f"**{c.name}: cannot be decided.** With {c.n} items the smallest possible p is {c.smallest_p:.3g}: no effect, "
            "however large, could be found. More items are needed."
        )
    if not found:
        best = min(c.clusters, key=lambda k: k.p, default=None)
        nearest = f" The nearest: layers {best.first} to {best.last}, {p_text(best)}." if best else ""
        return (
            f"**{c.name}: not found.** No cluster of layers reaches family-wise p <= {ALPHA:g} in {c.n} items.{nearest} "
            "This is no evidence that the conditions are the same."
        )
    parts = []
    for k in found:
        higher = "higher" if k.mass > 0 else "lower"
        parts.append(
            f"{c.measure.upper()} is {higher} for {c.a} than for {c.b} over layers {k.first} to {k.last} of {depth} "
            f"(relative depth {k.first / depth:.2f} to {k.last / depth:.2f}), {p_text(k)}, dz = {k.effect} at layer "
            f"{k.peak_layer}"
        )
    signs = {k.mass > 0 for k in found}
    mixed = " The direction changes along depth." if len(signs) > 1 else ""
    return f"**{c.name}: found** in {c.n} items. {'; '.join(parts)}.{mixed}"


def exclusions(c: Contrast) -> list[str]:
    """What was left out of a contrast, and why."""
    lines = []
    if c.same_context:
        lines.append(
            f"- {c.name}: {len(c.same_context)} pair(s) with the same text up to the target, which a causal model cannot "
            f"tell apart, {'kept' if c.settings['include_same_context'] else 'left out'}: {listed(c.same_context, 20)}."
        )
    if c.incomplete:
        lines.append(
            f"- {c.name}: {len(c.incomplete)} item(s) without both conditions left out: {listed(c.incomplete, 20)}."
        )
    return lines


def summarize(
    title: str,
    contrasts: Sequence[Contrast],
    clusters: pd.DataFrame,
    depth: int,
    remarks: Sequence[str],
    settings: Mapping[str, Any],
    command: str,
) -> str:
    """The whole of ``summary.md``."""
    left_out = [line for c in contrasts for line in exclusions(c)]
    rows = "\n".join(f"| {name} | `{str(value).replace('|', '/')}` |" for name, value in settings.items())
    sections = [
        f"# {title}",
        *(verdict(c, depth) for c in contrasts),
        "## How to read this",
        READING,
        "## All clusters",
        _table(clusters),
        "## Left out, and noticed",
        "\n".join([*left_out, *(f"- {r}" for r in remarks)]) or "Nothing.",
        "## Settings",
        f"| setting | value |\n|---|---|\n{rows}",
        "To repeat it:",
        f"```\n{command}\n```",
    ]
    return "\n\n".join(sections) + "\n"


def _table(clusters: pd.DataFrame) -> str:
    if clusters.empty:
        return "None: no layer passes the forming threshold."
    head = "| contrast | layers | mass | p | p interval | dz at peak | peak layer |\n|---|---|---|---|---|---|---|"
    lines = [
        f"| {r.contrast} | {r.first}-{r.last} | {r.mass:.1f} | {r.p:.4f} | {r.p_low:.4f} to {r.p_high:.4f} "
        f"| {r.dz:+.2f} [{r.dz_low:+.2f}, {r.dz_high:+.2f}] | {r.peak_layer} |"
        for r in clusters.itertuples()
    ]
    return "\n".join([head, *lines])
