"""The answer before everything else: what was asked, and what was found, in two plain sentences.

The rules are those of docs/evidence.md: a cluster of family-wise p <= .05 is found; what speaks against it is said in the same
sentence.
"""

from collections.abc import Sequence

from depthscope.statistics.result import Cluster, Contrast
from depthscope.statistics.shares import Word
from depthscope.studies.contrast.levels import (
    BY_EXTRAPOLATION,
    choices_level,
    confounds_answer,
    controls_level,
    explanations,
    finding,
    lost_by_correction,
    mixed_level,
    trusted,
)
from depthscope.studies.contrast.results import Confounding, Evidence
from depthscope.studies.contrast.verdicts.selection import selection_words
from depthscope.studies.contrast.verdicts.symmetry import skewed_limit
from depthscope.studies.contrast.verdicts.wording import measured_text, sides
from depthscope.words import ALPHA, layers_text, names_text, p_text

SPECIFIC = {
    "not specific": "it is not specific to {a}",
    "undecided": "whether it is specific to {a} is undecided",
    "in part": "it is specific to {a} in part",
    "specific": "it is specific to {a} as far as the controls show",
}
CHOICES = {
    "no": "its sign does not depend on a choice",
    "yes": "its sign depends on arbitrary choices",
    "opposite": "nearly all other settings give the opposite sign",
}
MIXED = {
    "undecided": "whether it is there with {} held random is undecided",
    "disagrees": "a mixed model that holds {} random does not agree with it",
}
UNTRUSTED = "the test finds more than it should where labels mean nothing, so that its p cannot be trusted"
NULL = "what nulls without organisation in depth show ({})"
EXPLAINS: dict[Word, str] = {
    "enough": "{} is enough to explain it",
    "a part": "{} explains a part of it",
    "undecided": "whether {} explains it is undecided",
}
HELD = {
    "Yes": "all of it is left when covariates are held equal",
    "At least in part": "at least a part of it is left when covariates are held equal",
    "At most in part": "at most a part of it is left when covariates are held equal",
    "In part": "a part of it is left when covariates are held equal",
    "Undecided": "how much of it is left when covariates are held equal is undecided",
    "No": "nothing that matters of it is left when covariates are held equal",
}


# what a reader must know before any number, in a sentence each
WHAT = (
    "CSE (conditional scale entropy) says how evenly what the blocks of the model add to a token is spread over fast and slow "
    "structure along depth: 0 if all of it is of one scale, 1 if every scale has an equal share."
)
DZ = (
    "dz is a mean difference between paired texts in standard deviations of these differences: 0 is none, by convention 0.2 is "
    "small, 0.5 medium and 0.8 large; the brackets behind it hold its 95 % interval."
)


def asked(c: Contrast, model: str, depth: int, stimuli: str) -> str:
    """What was asked, of what."""
    left, right = sides(c)
    return (
        f"Does conditional scale entropy (CSE) differ between {left} and {right} in `{model}` ({depth} layers)? "
        f"Asked of {c.n} items of `{stimuli}`."
    )


def answered(c: Contrast, evidence: Evidence | None, depth: int) -> str:
    """What was found, and what speaks against it, in one sentence."""
    found, limits = _answer(c, evidence, depth)
    return f"{found}{'; ' if limits else ''}{names_text(limits)}."


def points(c: Contrast, evidence: Evidence | None, depth: int, quantities: Sequence[str] = ()) -> list[str]:
    """The same as a list: what was found, how large it is, what other ``quantities`` show, and each point against it."""
    found, limits = _answer(c, evidence, depth)
    size = [words for words in [selection_words(c)] if words]
    return [f"**{found}.**", *(f"{one[0].upper()}{one[1:]}." for one in (*size, *quantities, *limits))]


def _answer(c: Contrast, evidence: Evidence | None, depth: int) -> tuple[str, list[str]]:
    level, strongest = finding(c), c.strongest(ALPHA)
    if level == "too few items":
        return f"It cannot be decided: with {c.n} items no effect, however large, could be found", []
    if strongest is None:
        smaller = f"; at {measured_text(c)} it is smaller than |dz| = {c.settings['bound']:g}"
        same = smaller if level == "equivalent" else ", which is no evidence that there is none"
        return f"No difference was found at any depth (no cluster of layers with p <= {ALPHA:g}){same}", []
    told = [_found(c, strongest, depth), *_rest(c, strongest)]
    limits = _limits(evidence) if evidence else []
    skewed = [words for words in [skewed_limit(c)] if words]
    if len(told) > 1 and limits:  # of several clusters that were named, which one the rest is about
        limits[0] = limits[0].replace("it ", f"the difference at {layers_text(strongest.first, strongest.last)} ", 1)
    return ", ".join(told), [*skewed, *limits]


def _found(c: Contrast, k: Cluster, depth: int) -> str:
    left, right = sides(c)
    return (
        f"CSE is {k.direction} for {left} than for {right} at {layers_text(k.first, k.last)} of {depth} ({p_text(k.p)})"
    )


def _rest(c: Contrast, strongest: Cluster) -> list[str]:
    """The other clusters, those of the same direction first."""
    others = [k for k in c.significant(ALPHA) if k is not strongest]
    told = []
    for same in (True, False):
        some = [k for k in others if (k.direction == strongest.direction) is same]
        told += (
            [f"{'also' if same else some[0].direction} at {names_text([layers_text(k.first, k.last) for k in some])}"]
            if some
            else []
        )
    return told


def _limits(e: Evidence) -> list[str]:
    level = controls_level(e)
    told = _corrected(e)
    told += [SPECIFIC[level].format(a=e.main.a)] if level else []
    told += _held(e.main_confounding) if e.main_confounding else []
    told += _explained(e)
    told += [CHOICES[choices]] if (choices := choices_level(e)) else []
    # with items alone it is the paired test again
    crossed = [model for model in e.mixed[-1:] if model.crossed]
    told += [MIXED[fit].format(names_text(m.levels)) for m in crossed if (fit := mixed_level(e, m)) in MIXED]
    return told if trusted(e) else [*told, UNTRUSTED]


def _held(own: Confounding) -> list[str]:
    answer = confounds_answer(own)
    told = HELD.get(answer.removesuffix(BY_EXTRAPOLATION))
    return [f"{told}{', though only by extrapolation' if BY_EXTRAPOLATION in answer else ''}"] if told else []


def _corrected(e: Evidence) -> list[str]:
    """That it would not be found if its p were corrected for the controls that are reported with it."""
    if (lost := lost_by_correction(e)) is None:
        return []
    count, p = lost
    return [f"corrected for {count} contrasts, it has {p_text(p)} (Holm)"]


def _explained(e: Evidence) -> list[str]:
    """By which nulls it is explained, or may be; random networks count as one."""
    return [EXPLAINS[word].format(NULL.format(names_text(names))) for word, names in explanations(e).items()]
