"""Is a contrast there? And what was left out of it."""

from collections.abc import Sequence

from depthscope.errors import listed
from depthscope.statistics.result import Cluster, Contrast
from depthscope.studies.contrast.levels import equivalent, finding, nearest, one_direction
from depthscope.studies.contrast.verdicts.symmetry import skewed_words
from depthscope.studies.contrast.verdicts.wording import measured_text, sides
from depthscope.words import ALPHA, layers_text, p_text


def verdict(c: Contrast, depth: int) -> str:
    """One paragraph on one contrast: is it there?"""
    return " ".join(filter(None, [_verdict(c, depth), skewed_words(c)]))


def _verdict(c: Contrast, depth: int) -> str:
    level, found = finding(c), c.significant(ALPHA)
    if level == "too few items":
        return (
            f"**{c.name}: cannot be decided.** With {c.n} items the smallest possible p is {c.smallest_p:.3g}: no effect, "
            "however large, could be found. More items are needed."
        )
    if level != "found":
        best = nearest(c)
        closest = f" The nearest: {layers_text(best.first, best.last)}, {cluster_p(best)}." if best else ""
        return (
            f"**{c.name}: not found.** No cluster of layers reaches family-wise p <= {ALPHA:g} in {c.n} items.{closest} "
            f"{equivalence_text(c)}"
        )
    left, right = sides(c)
    parts = []
    for k in found:
        parts.append(
            f"{c.measure.upper()} is {k.direction} for {left} than for {right} over {layers_text(k.first, k.last)} of {depth} "
            f"(relative depth {_relative(k, depth)}), {cluster_p(k)}, dz = {k.effect} at layer "
            f"{k.peak_layer}"
        )
    mixed = "" if one_direction(c) else " The direction changes along depth."
    return f"**{c.name}: found** in {c.n} items. {'; '.join(parts)}.{mixed}"


def _relative(k: Cluster, depth: int) -> str:
    first, last = (f"{layer / depth:.2f}" for layer in (k.first, k.last))
    return first if k.first == k.last else f"{first} to {last}"


def equivalence_text(c: Contrast) -> str:
    """Whether "no difference" is itself a finding."""
    bound = c.settings["bound"]
    if equivalent(c):
        return f"At {measured_text(c)} the effect is smaller than |dz| = {bound:g} (equivalence {p_text(c.equivalence())})."
    return f"This is no evidence that the conditions are the same: |dz| = {bound:g} is not excluded at every layer."


def cluster_p(cluster: Cluster) -> str:
    if cluster.p_low == cluster.p_high:
        return f"p = {cluster.p:.4f} (exact)"
    return f"p = {cluster.p:.4f} (Monte-Carlo 95 % interval {cluster.p_low:.4f} to {cluster.p_high:.4f})"


def exclusions(c: Contrast) -> Sequence[str]:
    """What was left out of a contrast, and why."""
    lines = []
    if c.same_context:
        lines.append(
            f"{c.name}: {len(c.same_context)} pair(s) with the same text up to the target, which a causal model cannot "
            f"tell apart, {'kept' if c.settings['include_same_context'] else 'left out'}: {listed(c.same_context, 20)}."
        )
    if c.incomplete:
        lines.append(
            f"{c.name}: {len(c.incomplete)} item(s) without all its conditions left out: {listed(c.incomplete, 20)}."
        )
    if c.partial:
        lines.append(
            f"{c.name}: {len(c.partial)} item(s) left out that are not measured at every layer at which nine tenths of the "
            f"items are: {listed(c.partial, 20)}."
        )
    if c.thin_layers:
        lines.append(
            f"{c.name}: layers {listed(map(str, c.thin_layers), 40)} left out: more than a tenth of the items are not measured "
            "there."
        )
    return lines
