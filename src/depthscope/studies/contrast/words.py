"""The result in words, part by part, and how to read it. The rules that make the sentences stand in ``verdicts``."""

from collections.abc import Sequence

from depthscope.statistics.result import Contrast
from depthscope.studies.contrast.results import Evidence, every_contrast
from depthscope.studies.contrast.verdicts import evidence_words
from depthscope.studies.contrast.verdicts.contrast import exclusions, verdict
from depthscope.studies.contrast.verdicts.wording import window_text

READING = """\
A cluster test asks one question of the whole depth: could differences like these come from labels that mean nothing?
Its p is corrected for looking at every layer. A small p says that the conditions differ; **it does not say where**:
the edges of a cluster depend on the forming threshold, and single layers inside it are not each significant. The
effect at the peak is the largest of many and therefore too large on average: "dz at the peak, other half" is dz at the
peak that one half of the items chose, measured in the other half, mean over 200 splits; half of the items choose a
little worse than all of them, so that it is rather too small. A cluster does not say **why** the conditions differ
either: differences in surprisal, rarity or length of the words can do it. Compare with the controls before you name a
cause. Each contrast is a family of its own; "p (Holm)" is corrected for the other contrasts of the table too: with
four controls something is found in a third of all tables in which there is nothing.\
"""

COMPARED = """\
Every analysis at the same {window}: CSE is averaged over them, item by item; dz and its 95 % interval are of that one
number, and p is of {drawn}. Where a cluster of the first row chose the layers, its own effect is too large. "Cluster"
names the significant cluster of the analysis that overlaps them, if there is one. Adjusted dz is in units of what the
covariates leave; intervals (bootstrap, noncentral t) and p ({drawn}) come from different tests and can disagree at the
margin.\
"""

QUANTITIES = """\
CSE is the entropy of shares of energy, and which profile over the scales counts as flat is a choice of their weights:
L2 or L1 can turn the sign of a difference. Three quantities depend on no weight. Relative to norms, each energy is
divided by what random directions with the same update norms have on average; the slope of the energy over the period
is the sum of what norms give and of what directions give, of which the second is free of weights. Above 0 directions
persist over many layers, below 0 they turn or take back. It says nothing of norms, which are shown with it; the range
of periods and the wavelet remain choices. The mean cosine of an update with those up to half of the depth away, on
both sides, asks the same without any wavelet.\
"""

MIXED = """\
The cluster test takes items to be independent. A mixed model gives what texts of different items share, such as a
carrier frame, a variance of its own, and its p is right where that of the test is too small. It is of one number, mean
CSE over layers that the same data chose: it can weaken the result of the test, and cannot replace it. A variance of 0
is the smallest there can be: the data show nothing that is shared.\
"""


def words(
    contrasts: Sequence[Contrast], depth: int, remarks: Sequence[str], evidence: Evidence | None = None
) -> dict[str, list[str]]:
    """All sentences of a run, by the part of the report in which they stand."""
    left_out = [line for c in every_contrast(contrasts, evidence) for line in exclusions(c)]
    if evidence:
        left_out += [f"{name} is no control: {reason}." for name, reason in evidence.no_controls.items()]
        left_out += [f"No network with random weights: {evidence.no_untrained}."] if evidence.no_untrained else []
        left_out += [f"A mixed model could not be fitted: {problem}." for problem in evidence.no_mixed]
    told = {"difference": [verdict(c, depth) for c in contrasts], **(evidence_words(evidence) if evidence else {})}
    return told | {"left_out": [*left_out, *remarks]}


def compared_reading(e: Evidence) -> str:
    """What the table of all analyses shows."""
    return COMPARED.format(window=window_text(e), drawn=e.main.drawn)
