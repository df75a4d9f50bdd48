"""What quantisation costs, saves, and does to what is measured: one row per scheme, in numbers and in words."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from depthscope.studies.quantization.limits import NO_LIMITS, Limits
from depthscope.telling import Sheet
from depthscope.words import effect_text, p_text

PLAIN = "none"
NEAR = 0.02  # schemes whose bytes differ by less are equally cheap


@dataclass(frozen=True)
class SchemeRow:
    """One way to hold the weights of a model.

    Attributes
    ----------
    scheme, weights : str
        Its name (``"none"`` for the original), and how the network says it holds its weights.
    failed : str
        Why there are no numbers; empty if there are.
    weight_bytes : float
        All parameters and buffers, with the scales and tables of quantised ones, what is shared counted once.
    peak_bytes : float
        Largest memory of the process (on a GPU: on it) over what it held before loading, from loading to the last measurement.
    load_seconds : float
    prefill, decode : float
        Tokens per second, batch of one.
    perplexity : float
        Of the passage.
    agreement : float
        Share of the passage's tokens for which the likeliest one is that of the original.
    state_error, state_cosine : float
        Median over texts and layers of the relative error, and of the cosine, of the states.
    cse_drift : float
        Mean over layers of the root mean square change of CSE over its spread between items.
    effect, effect_low, effect_high : float
        dz of the main contrast at the layers of the original's strongest cluster, with its 95 % interval.
    moved, moved_low, moved_high : float
        Change of that effect, item by item, as a share of the original's size, with its 95 % interval.
    share : float
        The far end of that interval: the effect may have moved by so much.
    cluster : str
        Layers of the cluster that answers to the original's strongest (same direction, overlapping, p <= .05); empty if
        there is none.
    p : float
        Of that cluster.
    clusters : str
        All clusters with p <= .05: layers and direction.
    """

    scheme: str
    weights: str = ""
    failed: str = ""
    weight_bytes: float = np.nan
    peak_bytes: float = np.nan
    load_seconds: float = np.nan
    prefill: float = np.nan
    decode: float = np.nan
    perplexity: float = np.nan
    agreement: float = np.nan
    state_error: float = np.nan
    state_cosine: float = np.nan
    cse_drift: float = np.nan
    effect: float = np.nan
    effect_low: float = np.nan
    effect_high: float = np.nan
    moved: float = np.nan
    moved_low: float = np.nan
    moved_high: float = np.nan
    share: float = np.nan
    cluster: str = ""
    p: float = np.nan
    clusters: str = ""

    def faithful(self, share: float) -> bool:
        """The effect is found again, and has moved by less than ``share`` of its size."""
        return not self.failed and bool(self.cluster) and self.share < share


def recommended(rows: Sequence[SchemeRow], share: float, limits: Limits = NO_LIMITS) -> SchemeRow | None:
    """The cheapest scheme that keeps the effect and breaks no limit; the original if that takes no more bytes.

    Cheapest is the one with the fewest bytes of weights. ``rows`` begin with the original.
    """
    original, *others = rows
    if original.failed or not original.cluster:
        return None
    good = [row for row in others if row.faithful(share) and not limits.broken_by(row, original)]
    if not good:
        return None
    fewest = min(row.weight_bytes for row in good)
    best = min((row for row in good if row.weight_bytes <= fewest * (1 + NEAR)), key=lambda row: row.share)
    return best if best.weight_bytes < original.weight_bytes else original


def recommend(rows: Sequence[SchemeRow], share: float, limits: Limits = NO_LIMITS) -> str:
    """:func:`recommended` in words, with the rule."""
    original = rows[0]
    if original.failed:
        return "No recommendation: the original could not be measured, so there is nothing to compare with."
    if not original.cluster:
        return (
            "No recommendation: the original shows no effect (no cluster with p <= .05), so there is none to keep. Choose by "
            "the drift of CSE against the spread between items."
        )
    rule = (
        f"the fewest bytes (of several within {NEAR:.0%}, the one that moved least) among those in which the strongest "
        "cluster is found again (same direction, overlapping layers, p <= .05) and the effect, with 95 % confidence, moved "
        f"by less than {share:.0%} of its size{', and which break no limit that was set' if limits.told else ''}"
    )
    best = recommended(rows, share, limits)
    if best is None:
        return f"No scheme can be recommended by the rule: {rule}."
    if best is original:
        return f"Keep the original weights: what keeps the effect takes no fewer bytes. The rule: {rule}."
    saved = 1 - best.weight_bytes / original.weight_bytes
    return (
        f"**{best.scheme}**: {megabytes(best.weight_bytes)} of weights instead of {megabytes(original.weight_bytes)} "
        f"(-{saved:.0%}), the effect moved by at most {best.share:.0%}. The rule: {rule}."
    )


def answer(model: str, contrast: str, rows: Sequence[SchemeRow], share: float, limits: Limits = NO_LIMITS) -> list[str]:
    """What was asked and what was found, in two plain sentences; the rule of the recommendation is told elsewhere."""
    done = sum(not row.failed for row in rows[1:])
    question = f"What do {done} schemes of quantisation do to {contrast} in `{model}`, and which can be recommended?"
    return [question, recommend(rows, share, limits).partition(" The rule:")[0]]


def summarize_schemes(
    title: str,
    question: str,
    rows: Sequence[SchemeRow],
    window: str,
    share: float,
    settings: str,
    command: str,
    limits: Limits = NO_LIMITS,
) -> str:
    """``summary.md``: the recommendation, two tables, and what the columns mean."""
    lines = [f"# {title}", "", question, "", recommend(rows, share, limits), ""]
    if limits.told:
        lines += ["## Limits", "", *(f"- {line}" for line in told_limits(rows, limits)), ""]
    lines += ["## What it costs and saves", ""]
    lines += ["| scheme | weights | peak memory | load | prefill | decode | perplexity | next token agrees |"]
    lines += ["|---|---|---|---|---|---|---|---|"]
    done = [row for row in rows if not row.failed]
    lines += [
        f"| {row.scheme} | {row.weights.partition(',')[0]}: {megabytes(row.weight_bytes)} | {megabytes(row.peak_bytes)} "
        f"| {row.load_seconds:.1f} s | {row.prefill:.0f} tokens/s | {row.decode:.1f} tokens/s | {row.perplexity:,.1f} "
        f"| {row.agreement:.1%} |"
        for row in done
    ]
    lines += ["", "## What it does to the measurement", ""]
    columns = ("scheme", "error of the states", "cosine", "drift of CSE / spread", f"dz {window}", "moved")
    lines += [f"| {' | '.join((*columns, 'cluster kept', 'all clusters'))} |"]
    lines += ["|---|---|---|---|---|---|---|---|"]
    for row in done:
        moved = "" if row.scheme == PLAIN or np.isnan(row.moved) else _moved(row)
        kept = f"{row.cluster} ({p_text(row.p)})" if row.cluster else "**none**"
        effect = "" if np.isnan(row.effect) else effect_text(row.effect, row.effect_low, row.effect_high)
        lines.append(
            f"| {row.scheme} | {row.state_error:.3f} | {row.state_cosine:.4f} | {row.cse_drift:.2f} | {effect} | {moved} "
            f"| {kept} | {row.clusters or 'none'} |"
        )
    failed = [row for row in rows if row.failed]
    if failed:
        lines += ["", "Not measured:", "", *(f"- {row.scheme}: {row.failed}" for row in failed)]
    lines += ["", "## How to read this", "", *(f"- {line}" for line in (*READING, settings)), ""]
    return "\n".join([*lines, "```", command, "```", ""]) if command else "\n".join(lines)


READING = (
    "**weights**: true bytes of all parameters and buffers, with the scales of packed ones, what is shared counted once.",
    "**none** is the model as it was loaded; what was quantised at its source (GGUF) was unpacked first.",
    "**peak memory**: of a process of its own, over what it held before loading. A scheme that packs the weights as it loads "
    "has held them in full as well; a checkpoint saved in it has not. Times: medians of three, batch of one.",
    "**error of the states**: relative, median over texts and layers.",
    "**drift of CSE / spread**: root mean square change over the standard deviation between items, mean over layers; at 1 a "
    "text's CSE moves as far as texts differ.",
    "**moved**: change of the effect in units of CSE, item by item, as a share of the original's, 95 % interval; **dz** is "
    "over the spread of the scheme itself, so that the two need not agree. **dz** is at layers "
    "that the original chose, which flatters the original.",
    "One set of texts, one machine, one release of each library: other kernels round otherwise.",
)


def told_limits(rows: Sequence[SchemeRow], limits: Limits) -> list[str]:
    """Which scheme breaks which limit, a sentence each; or that none does."""
    broken = [f"{name} breaks a limit: {what}" for name, whats in limits.broken(rows).items() for what in whats]
    return broken or [f"No scheme breaks a limit ({', '.join(limits.told)})."]


def told_schemes(rows: Sequence[SchemeRow], share: float, limits: Limits = NO_LIMITS) -> list[str | Sheet]:
    """The result for a terminal."""
    columns = (
        "scheme",
        "weights",
        "perplexity",
        "error of states",
        "drift of CSE",
        "effect moved by at most (95 %)",
        "clusters",
    )
    cells = []
    for row in (row for row in rows if not row.failed):
        known = (row.scheme, megabytes(row.weight_bytes), f"{row.perplexity:,.1f}")
        if row.scheme == PLAIN:
            cells.append((*known, "", "", "", row.clusters or "none"))
            continue
        moved, kept = "", ""
        if np.isfinite(row.share):
            moved, kept = f"{row.share:.0%}", f"layers {row.cluster} kept" if row.cluster else "no cluster kept"
        cells.append((*known, f"{row.state_error:.3f}", f"{row.cse_drift:.2f}", moved, kept))
    failed = [f"{row.scheme}: not measured: {row.failed}" for row in rows if row.failed]
    kept_to = [f"note: {line}" for line in told_limits(rows, limits)] if limits.told else []
    return [Sheet(columns, cells), *failed, "", recommend(rows, share, limits).replace("**", ""), *kept_to]


def megabytes(count: float) -> str:
    """Bytes for a reader: ``538 MB``."""
    return "unknown" if np.isnan(count) else f"{count / 1e6:,.0f} MB"


def _moved(row: SchemeRow) -> str:
    return f"{row.moved:+.0%} [{row.moved_low:+.0%}, {row.moved_high:+.0%}]"
