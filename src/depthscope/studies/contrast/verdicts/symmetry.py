"""Are the differences symmetric, as sign flips take them to be? And what does the other inference say where they are not?"""

from depthscope.statistics.result import Contrast
from depthscope.studies.contrast.levels import equivalent, found_otherwise, other_p
from depthscope.words import ALPHA, layers_text, p_text

BY = {"flips": "sign flips", "bootstrap": "a studentised bootstrap"}
GIVES = {"flips": "sign flips give", "bootstrap": "a studentised bootstrap gives"}


def skewed_words(c: Contrast) -> str:
    """Of skewed differences, why p may be too small, and p of every significant cluster both ways; else empty."""
    if not c.skewed:
        return ""
    other, found = c.otherwise, c.significant(ALPHA)
    told = [f"{p_text(other_p(c, k))} at {layers_text(k.first, k.last)}" for k in found]
    why = (
        "p by sign flips may be too small"
        if c.inference == "flips"
        else "p is by a studentised bootstrap, which allows for that"
    )
    both = [f"{GIVES[other.inference]} {', '.join(told)}"] if told else []
    if not found and equivalent(c):
        both.append(f"equivalence by {BY[other.inference]} has {p_text(other.equivalence)}")
    return f"The differences are skewed ({_tail(c)}; triples test, {p_text(c.symmetry.p)}): {'; '.join([why, *both])}."


def skewed_limit(c: Contrast) -> str:
    """The same of the strongest cluster, for the answer; empty where there is nothing to say."""
    strongest = c.strongest(ALPHA)
    if strongest is None or not c.skewed:
        return ""
    gives = f"{GIVES[c.otherwise.inference]} {p_text(other_p(c, strongest))}"
    holds = "which agrees" if found_otherwise(c, strongest) else "which does not find it"
    return f"differences are skewed ({_tail(c)}): {gives}, {holds}"


def _tail(c: Contrast) -> str:
    return f"a long tail {'upwards' if c.symmetry.skew > 0 else 'downwards'}"
