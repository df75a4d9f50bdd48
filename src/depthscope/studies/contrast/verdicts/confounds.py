"""How much of an effect is left when covariates are held equal?"""

from collections.abc import Mapping

from depthscope.errors import listed
from depthscope.statistics.result import Cluster, Contrast
from depthscope.statistics.shares import LITTLE
from depthscope.studies.contrast.levels import (
    Rest,
    confounds_answer,
    contradicts,
    needed_reliabilities,
    rest_of,
    there,
)
from depthscope.studies.contrast.results import Confounding, Evidence, adjusted_for, curved
from depthscope.studies.contrast.verdicts.wording import at_cluster, over_window, sentence
from depthscope.words import layers_text

MEANS: Mapping[Rest, str] = {
    "No": "nothing that matters is left",
    "At most in part": "at most a part of it is left",
    "In part": "a part of it is left",
    "At least in part": "at least a part of it is left",
    "Yes": "all of it is left",
    "Undecided": "how much is left is undecided",
}


def confounds_words(e: Evidence, held: Confounding) -> str:
    """The answer, how much is left under all covariates together, under each alone, and among matched items."""
    own = held.own
    if own is None:
        return ""
    told = [_together(held, own), *_alone(held), *_error(held)]
    told += _matched(held)
    words = " ".join(told) if held.adjusted or held.matched else "Nothing could be adjusted for."
    return (
        f"**{held.contrast.name}, all else equal ({layers_text(own.first, own.last)})? {confounds_answer(held)}.** {words}"
        f"{_aside(e, held)}"
    )


def _together(held: Confounding, own: Cluster) -> str:
    left, c = held.remaining, held.adjusted.get("all")
    if left is None or c is None:
        return "All covariates together cannot be held equal."
    names = listed(dict.fromkeys(c.settings["adjust"]), 12)
    how = ", along curves" if curved(c) else ""
    for name, value in held.reliability.items():
        how += f", {name} taken to be measured with a reliability of {_plain(value)}"
    exact = [name for name in held.noisy if name not in held.reliability]
    how += f", {listed(exact, 12)} without error" if held.corrected and exact else ""
    test = f"{'before that correction, ' if held.corrected else ''}{_shown(c, own)}"
    return sentence(f"with {names} held equal{how}, {MEANS[rest_of(left.share)]}: {left.share} ({test})")


def _shown(c: Contrast, own: Cluster) -> str:
    """The test that is reported with a share."""
    window = own.first, own.last
    found = there(c, window, own.mass)
    return f"{at_cluster(found) if found else 'no cluster'}; {over_window(c, window)}, n = {c.n}"


def _alone(held: Confounding) -> list[str]:
    """Each covariate's own share of what is left."""
    single = [f"{adjusted_for(held.adjusted[k])} {left.share}" for k, left in held.left.items() if k != "all"]
    taken = ", all of them taken to be exact" if held.corrected else ""
    return [f"Left with one of them alone{taken}: {', '.join(single)}."] if single else []


def _error(held: Confounding) -> list[str]:
    """What would be left if covariates were measured with error, and at which reliability nothing would be."""
    needed = needed_reliabilities(held)
    if needed is None:
        return []
    if needed.gone is not None:
        gone = _plain(needed.gone)
        told = [f"the effect would be gone (below {100 * LITTLE:.0f} %) with a reliability of {gone} or less"]
    else:
        told = [f"with a reliability of {_plain(needed.least)}, {held.assumed[needed.least].share} would be left"]
    if needed.unsure is not None:
        told.append(f"its interval would reach 0 at {_plain(needed.unsure)}")
    return [f"That takes {listed(held.noisy, 12)} to be measured without error: {', and '.join(told)}."]


def _matched(held: Confounding) -> list[str]:
    """What is left among matched items, and whether that contradicts what adjusting says."""
    told = []
    for label, share in held.left_matched.items():
        c = held.matched[label]
        what = "all of them" if label == "all" else "the word"
        against = ", which contradicts it" if label == "all" and contradicts(held, share) else ""
        told.append(f"among items matched on {what} {share} (n = {c.n}){against}")
    return [sentence(", ".join(told))] if told else []


def _aside(e: Evidence, held: Confounding) -> str:
    """What was not used, and what to think of the rest, in brackets."""
    notes = [f"the same by design: {', '.join(held.idle)}"] if held.idle else []
    notes += [f"{name}: {reason}" for name, reason in held.unusable.items() if name not in held.idle]
    notes += [f"matched on {name}: {reason}" for name, reason in held.unmatched.items()]
    if beyond := held.extrapolated:
        notes.append(
            f"{', '.join(beyond)}: nearly all items differ in one direction, so that adjusting for it extrapolates"
        )
    aside = f" ({'; '.join(notes)}.)" if notes else ""
    full = held.adjusted.get("all")
    if held.contrast is not e.main and full is not None:
        return f" (At the layers of {e.main.name}, adjusted for {adjusted_for(full)}: {over_window(full, e.window)}.){aside}"
    return aside


def _plain(reliability: float) -> str:
    """``.62``."""
    return f"{reliability:.2g}".removeprefix("0")
