"""Is an effect specific, or do other conditions show it as well?"""

from collections.abc import Mapping

from depthscope.studies.contrast.levels import Specificity, control_level, controls_level
from depthscope.studies.contrast.results import Control, Evidence
from depthscope.studies.contrast.verdicts.wording import sentence, shown
from depthscope.words import layers_text

ANSWERS: Mapping[Specificity, str] = {
    "not specific": "No",
    "undecided": "Undecided",
    "in part": "In part",
    "specific": "Yes",
}
# how the sentence on one control begins
BEGINS: Mapping[Specificity, str] = {
    "not specific": "not against",
    "undecided": "undecided against",
    "in part": "in part against",
    "specific": "against",
}


def control_words(e: Evidence, control: Control) -> str:
    """How much of the effect one control shows, and whether the effect exceeds it."""
    name, share = control.condition, e.control_shares[control.condition]
    shows = f"{control.alone.name} {shown(control.alone, e.window, e.sign)}"
    exceeds = f"{control.excess.name} {shown(control.excess, e.window, e.sign)}"
    return f"{BEGINS[control_level(e, control)]} {name}, which shows {share} of it: {shows}, {exceeds}"


def controls_words(e: Evidence) -> str:
    """Of all controls: the answer, and a sentence for each."""
    level = controls_level(e)
    if not level:
        return "**Specific?** Nothing was found whose specificity could be asked about; the controls are in the table."
    sentences = "; ".join(control_words(e, control) for control in e.controls)
    return f"**Specific to {e.main.a} ({layers_text(*e.window)})? {ANSWERS[level]}.** {sentence(sentences)}"
