"""The recommendation and the limits in words (docs/studies/quantization.md)."""

from collections.abc import Sequence

from depthscope.statistics.result import Contrast
from depthscope.studies.quantization.limits import NO_LIMITS, Limits
from depthscope.studies.quantization.results import NEAR, SchemeRow, recommended
from depthscope.words import size_text

COSTS = """\
**none** is the model as it was loaded; what was quantised at its source (GGUF) was unpacked first. **Bytes of
weights** are true bytes of all parameters and buffers, with the scales of packed ones; what is shared is counted
once. **Peak memory** is that of a process of its own, over what it held before loading. A scheme that packs the
weights as it loads has held them in full as well; a checkpoint saved in it has not. Times are medians of three, with
a batch of one. One set of texts, one machine, one release of each library: other kernels round in other ways.\
"""

MEASURED = """\
**Error of the states** is relative, median over texts and layers. **Drift of CSE / spread** is the root mean square
change over the standard deviation between items, mean over layers; at 1 the CSE of a text moves as far as texts
differ. **Moved** is the change of the effect in units of CSE, item by item, as a share of that in the
original, with its 95 % interval; **dz** is over the spread of the scheme itself, so that the two need not agree.
**dz** is at layers that the original chose, which favours the original.\
"""


def scheme_words(c: Contrast, rows: Sequence[SchemeRow], share: float, limits: Limits) -> dict[str, list[str]]:
    """All sentences of a run, by the part of the report in which they stand."""
    return {
        "recommended": [recommend(rows, share, limits)],
        **({"limits": limit_words(rows, limits)} if limits.told else {}),
        "difference": [f"{c.name} in the original and in each scheme: {c.settings_text}."],
    }


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
        f"**{best.scheme}**: {size_text(best.weight_bytes)} of weights instead of {size_text(original.weight_bytes)} "
        f"(-{saved:.0%}), the effect moved by at most {best.share:.0%}. The rule: {rule}."
    )


def answer(model: str, contrast: str, rows: Sequence[SchemeRow], share: float, limits: Limits = NO_LIMITS) -> list[str]:
    """What was asked and what was found, in two plain sentences; the rule of the recommendation stands elsewhere."""
    done = sum(not row.failed for row in rows[1:])
    schemes = f"{done} scheme{'' if done == 1 else 's'}"
    question = f"What does quantisation ({schemes}) do to {contrast} in `{model}`, and which scheme can be recommended?"
    return [question, recommend(rows, share, limits).partition(" The rule:")[0]]


def limit_words(rows: Sequence[SchemeRow], limits: Limits) -> list[str]:
    """Which scheme breaks which limit, a sentence each; or that none does."""
    broken = [f"{name} breaks a limit: {what}" for name, whats in limits.broken(rows).items() for what in whats]
    return broken or [f"No scheme breaks a limit ({', '.join(limits.told)})."]


def failure_words(rows: Sequence[SchemeRow]) -> list[str]:
    """Which schemes could not be measured, and why."""
    return [f"{row.scheme}: not measured: {row.failed}" for row in rows if row.failed]
