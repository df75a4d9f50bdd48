"""Is an effect specific, or do other conditions show it as well?"""

from depthscope.statistics.shares import Share, Word, share_of
from depthscope.studies.contrast.results import Control, Evidence
from depthscope.studies.contrast.verdicts.wording import sentence, shown, sign_of
from depthscope.words import layers_text

# by how much of the effect a control shows: how specific the effect is, and how a sentence begins
LEVELS: dict[Word, tuple[str, str]] = {
    "too little": ("specific", "against"),
    "a part": ("in part", "in part against"),
    "enough": ("not specific", "not against"),
    "undecided": ("undecided", "undecided against"),
}


def control_text(e: Evidence, control: Control) -> tuple[str, str]:
    """One of ``specific``, ``in part``, ``not specific``, ``undecided``; and the sentence."""
    sign, name = sign_of(e), control.condition
    shows = f"{control.alone.name} {shown(control.alone, e.window, sign)}"
    exceeds = f"{control.excess.name} {shown(control.excess, e.window, sign)}"
    share = control_share(e, control)
    level, words = LEVELS[share.word]
    return level, f"{words} {name}, which shows {share} of it: {shows}, {exceeds}"


def control_share(e: Evidence, control: Control) -> Share:
    """How much of the effect a control shows as well, over the layers of the window, of the items that have both."""
    whole, part = (c.over_items(*e.window) for c in (e.main, control.alone))
    both = whole.index.intersection(part.index)
    return share_of(part.loc[both].to_numpy(), whole.loc[both].to_numpy(), seed=e.main.settings["seed"])


def controls_words(e: Evidence) -> str:
    if e.found is None:
        return (
            "**Specific?** Nothing was found whose specificity could be asked about; the controls stand in the table."
        )
    sentences = [control_text(e, control)[1] for control in e.controls]
    words = {"not specific": "No", "undecided": "Undecided", "in part": "In part", "specific": "Yes"}[controls_level(e)]
    return f"**Specific to {e.main.a} ({layers_text(*e.window)})? {words}.** {sentence('; '.join(sentences))}"


def controls_level(e: Evidence) -> str:
    """The worst that any control says; empty where there is nothing to ask of them."""
    if e.found is None or not e.controls:
        return ""
    levels = [control_text(e, control)[0] for control in e.controls]
    return next(level for level in ("not specific", "undecided", "in part", "specific") if level in levels)
