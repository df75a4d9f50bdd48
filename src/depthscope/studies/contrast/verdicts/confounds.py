"""How much of an effect is left when what its conditions bring along is held equal?"""

from collections.abc import Mapping
from itertools import pairwise

from depthscope.errors import listed
from depthscope.statistics.attenuation import Left
from depthscope.statistics.result import Cluster, Contrast
from depthscope.statistics.shares import ALL as ENOUGH
from depthscope.statistics.shares import LITTLE, Share
from depthscope.studies.contrast.results import Confounding, Evidence, adjusted_for, along, there
from depthscope.studies.contrast.verdicts.wording import at_cluster, over_window, sentence
from depthscope.words import layers_text

# of the items: at least this share must lie on either side of no difference in a covariate, or adjusting extrapolates
OVERLAP = 0.05

# by what is left: the answer, and how a sentence says it
NOTHING, MOST, PART, SOME, ALL, OPEN = "No", "At most in part", "In part", "At least in part", "Yes", "Undecided"
MEANS = {
    NOTHING: "nothing that matters is left",
    MOST: "at most a part of it is left",
    PART: "a part of it is left",
    SOME: "at least a part of it is left",
    ALL: "all of it is left",
    OPEN: "how much is left is undecided",
}
BY_EXTRAPOLATION = ", but by extrapolation"


def confounds_answer(held: Confounding) -> str:
    """How much is left of a contrast with all its covariates held equal, in a word or two; empty without a cluster.

    Matching stands beside it, and cannot turn it.
    """
    if held.own is None:
        return ""
    if (left := left_of_all(held)) is None:
        return "Unknown"
    answer = answer_of(left.share)
    beyond = answer in (PART, SOME, ALL) and _extrapolated(held)
    return f"{answer}{BY_EXTRAPOLATION}" if beyond else answer


def answer_of(share: Share) -> str:
    """What a share that is left means: a key of ``MEANS``."""
    if share.word == "undecided":
        return SOME if share.low > LITTLE else MOST if share.high < ENOUGH else OPEN
    return {"too little": NOTHING, "a part": PART, "enough": ALL}[share.word]


def left_of_all(held: Confounding) -> Left | None:
    """What is left with all covariates held equal, corrected for the reliability that was given; None if it cannot be told."""
    return held.corrected or held.left.get("all")


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
    left, c = left_of_all(held), held.adjusted.get("all")
    if left is None or c is None:
        return "All covariates together cannot be held equal."
    names = listed(dict.fromkeys(c.settings["adjust"]), 12)
    how = ", along curves" if along(c) else ""
    for name, value in held.reliability.items():
        how += f", {name} taken to be measured with a reliability of {_plain(value)}"
    exact = [name for name in held.noisy if name not in held.reliability]
    how += f", {listed(exact, 12)} without error" if held.corrected and exact else ""
    test = f"{'before that correction, ' if held.corrected else ''}{_shown(c, own)}"
    return sentence(f"with {names} held equal{how}, {MEANS[answer_of(left.share)]}: {left.share} ({test})")


def _shown(c: Contrast, own: Cluster) -> str:
    """The test that stands beside a share."""
    window, sign = (own.first, own.last), 1.0 if own.mass > 0 else -1.0
    found = there(c, window, sign)
    return f"{at_cluster(found) if found else 'no cluster'}; {over_window(c, window)}, n = {c.n}"


def _alone(held: Confounding) -> list[str]:
    """Each covariate's own share of what is left."""
    single = [f"{adjusted_for(held.adjusted[k])} {left.share}" for k, left in held.left.items() if k != "all"]
    taken = ", all of them taken to be exact" if held.corrected else ""
    return [f"Left with one of them alone{taken}: {', '.join(single)}."] if single else []


def _error(held: Confounding) -> list[str]:
    """What would be left if covariates were measured with error, and at which reliability nothing would be."""
    before = held.assumed.get(1.0)
    if before is None or held.corrected is not None or answer_of(before.share) == NOTHING:
        return []
    told = []
    gone = tipping({one: left.share.value for one, left in held.assumed.items()}, LITTLE)
    unsure = tipping({one: left.share.low for one, left in held.assumed.items()}, 0.0)
    if gone is not None:
        told.append(
            f"the effect would be gone (below {100 * LITTLE:.0f} %) with a reliability of {_plain(gone)} or less"
        )
    else:
        least = min(held.assumed)
        told.append(f"with a reliability of {_plain(least)}, {held.assumed[least].share} would be left")
    if unsure is not None:
        told.append(f"its interval would reach 0 at {_plain(unsure)}")
    return [f"That takes {listed(held.noisy, 12)} to be measured without error: {', and '.join(told)}."]


def tipping(values: Mapping[float, float], level: float) -> float | None:
    """The reliability at which some value falls below a level on the way down from 1; None if it never does, or is below at 1.

    Between two reliabilities it is found on a straight line in ``1 / reliability``, along which what straight lines take
    away grows evenly.
    """
    places = sorted(values, reverse=True)
    for better, worse in pairwise(places):
        high, low = values[better], values[worse]
        if high >= level > low:
            share = (high - level) / (high - low)
            return 1 / (1 / better + share * (1 / worse - 1 / better))
        if not high >= level:
            return None
    return None


def _matched(held: Confounding) -> list[str]:
    """What is left among matched items, and whether that contradicts what adjusting says."""
    told, left = [], left_of_all(held)
    for label, share in held.left_matched.items():
        c = held.matched[label]
        what = "all of them" if label == "all" else "the word"
        apart = label == "all" and left is not None and (share.high < left.share.low or share.low > left.share.high)
        contradicts = ", which contradicts it" if apart else ""
        told.append(f"among items matched on {what} {share} (n = {c.n}){contradicts}")
    return [sentence(", ".join(told))] if told else []


def _aside(e: Evidence, held: Confounding) -> str:
    """What was not used, and what to think of the rest, in brackets."""
    idle = [name for name, reason in held.unusable.items() if reason.startswith("the same")]
    other = {name: reason for name, reason in held.unusable.items() if name not in idle}
    notes = [f"the same by design: {', '.join(idle)}"] if idle else []
    notes += [f"{name}: {reason}" for name, reason in other.items()]
    notes += [f"matched on {name}: {reason}" for name, reason in held.unmatched.items()]
    if beyond := _extrapolated(held):
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


def _extrapolated(held: Confounding) -> list[str]:
    """Covariates adjusted for that hardly any item has without a difference, or with the opposite one."""
    used = {name for c in held.adjusted.values() for name in c.settings["adjust"]}
    thin = held.balance[held.balance["overlap"] < OVERLAP] if "overlap" in held.balance else held.balance[:0]
    return [str(name) for name in thin["covariate"] if name in used]
