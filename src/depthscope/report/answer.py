"""The answer before everything else: what was asked, and what was found, in two plain sentences.

The rules are those of ``summary.md`` (docs/evidence.md): a cluster of family-wise p <= .05 is found; what stands against it is
said in the same breath.
"""

from depthscope.drawing.alt import p_text
from depthscope.report.evidence import ALPHA, Evidence, layers_text, sides
from depthscope.report.verdicts import confounds_answer, controls_level, depends_on_choices
from depthscope.statistics.result import Cluster, Contrast

SPECIFIC = {
    "not specific": "it is not specific to {a}",
    "undecided": "whether it is specific to {a} is undecided",
    "in part": "it is specific to {a} in part",
    "specific": "it is specific to {a} as far as the controls tell",
}
HELD = {
    "Yes": "it survives when covariates are held equal",
    "Yes, but by extrapolation": "it survives when covariates are held equal, though only by extrapolation",
    "In the mean, not everywhere as a cluster": "with covariates held equal it is left in the mean, not in every cluster",
    "Not in every way": "it does not survive every way of holding covariates equal",
    "No": "it does not survive when covariates are held equal",
}


def asked(c: Contrast, model: str, depth: int, stimuli: str) -> str:
    """What was asked, of what."""
    left, right = sides(c)
    return (
        f"Does conditional scale entropy (CSE) differ between {left} and {right} in `{model}` ({depth} layers)? "
        f"Asked of {c.n} items of `{stimuli}`."
    )


def answered(c: Contrast, evidence: Evidence | None, depth: int) -> str:
    """What was found, and what stands against it."""
    if c.smallest_p > ALPHA:
        return f"It cannot be decided: with {c.n} items no effect, however large, could be found."
    strongest = c.strongest(ALPHA)
    if strongest is None:
        same = "; at every layer it is smaller than |dz| = {:g}".format(c.settings["bound"])
        return (
            f"No difference was found at any depth (no cluster of layers with p <= {ALPHA:g})"
            f"{same if c.equivalence() <= ALPHA else ', which is no evidence that there is none'}."
        )
    told = [_found(c, strongest, depth), *_rest(c, strongest)]
    limits = _limits(evidence) if evidence else []
    return f"{', '.join(told)}{'; ' if limits else ''}{joined(limits)}."


def _found(c: Contrast, k: Cluster, depth: int) -> str:
    left, right = sides(c)
    return f"CSE is {_word(k)} for {left} than for {right} at {layers_text(k)} of {depth} ({p_text(k.p)})"


def _rest(c: Contrast, strongest: Cluster) -> list[str]:
    """The other clusters, those of the same direction first."""
    others = [k for k in c.significant(ALPHA) if k is not strongest]
    told = []
    for same in (True, False):
        some = [k for k in others if (_word(k) == _word(strongest)) is same]
        told += [f"{'also' if same else _word(some[0])} at {joined([layers_text(k) for k in some])}"] if some else []
    return told


def _word(k: Cluster) -> str:
    return "higher" if k.mass > 0 else "lower"


def _limits(e: Evidence) -> list[str]:
    level, choices = controls_level(e), depends_on_choices(e)
    own = next((held for held in e.confounding if held.contrast is e.main), None)
    held = HELD.get(confounds_answer(own)) if own else None
    told = [SPECIFIC[level].format(a=e.main.a)] if level else []
    told += [held] if held else []
    if choices is not None:
        told.append("its sign depends on arbitrary choices" if choices else "its sign does not depend on a choice")
    return told


def joined(parts: list[str]) -> str:
    """``a, b and c``."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}" if parts else ""
