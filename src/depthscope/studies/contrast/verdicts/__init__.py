"""The rules by which numbers become sentences, as docs/evidence.md puts them; what is decided stands in ``levels``."""

from depthscope.studies.contrast.results import Evidence
from depthscope.studies.contrast.verdicts.choices import choices_words, free_words
from depthscope.studies.contrast.verdicts.confounds import confounds_words
from depthscope.studies.contrast.verdicts.controls import controls_words
from depthscope.studies.contrast.verdicts.mixed import mixed_words
from depthscope.studies.contrast.verdicts.nulls import null_words, swapped_words
from depthscope.studies.contrast.verdicts.power import power_words


def in_short(e: Evidence) -> list[str]:
    """Specific? Confounded? Explained by a null? Dependent on a choice? Enough items? One sentence or two on each."""
    return [line for lines in evidence_words(e).values() for line in lines]


def evidence_words(e: Evidence) -> dict[str, list[str]]:
    """The same by part of the report."""
    told = {
        "controls": [controls_words(e)] if e.controls else [],
        "confounds": [confounds_words(e, held) for held in e.confounding],
        "nulls": [*(null_words(e, null) for null in e.nulls), swapped_words(e)],
        "specifications": [choices_words(e.curve), *free_words(e.curve)] if e.curve is not None else [],
        "power": [power_words(e.power)] if e.power is not None else [],
        "mixed": [mixed_words(e)] if e.mixed else [],
    }
    lines = {part: [line for line in some if line] for part, some in told.items()}
    return {part: some for part, some in lines.items() if some}
