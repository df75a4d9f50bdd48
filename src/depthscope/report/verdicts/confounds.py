"""Is an effect left when what the conditions bring along is held equal?"""

from collections.abc import Set
from typing import Literal, get_args

import numpy as np

from depthscope.drawing.alt import p_text
from depthscope.errors import listed
from depthscope.report.evidence import ALPHA, Confounding, Evidence, adjusted_for, along, there
from depthscope.report.verdicts.wording import at_cluster, over_window, sentence
from depthscope.statistics.effects import Effect
from depthscope.statistics.result import Cluster, Contrast

# of the items: at least this share must lie on either side of no difference in a covariate, or adjusting extrapolates
OVERLAP = 0.05


Fate = Literal["survived", "blurred", "undecided", "lost"]


FATES: dict[Fate, str] = {
    "lost": "it does not survive {}",
    "undecided": "undecided (what is left may be nothing, and may be as much as before) after {}",
    "blurred": "no cluster is left, though the mean still differs, after {}",
    "survived": "it survives {}",
}


def confounds_words(e: Evidence, held: Confounding) -> str:
    c = held.contrast
    own = c.strongest(ALPHA)
    if own is None:
        return ""
    fates = _fates(held, own)
    parts = [words.format(listed(told, 12)) for fate, words in FATES.items() if (told := fates[fate])]
    words = "; ".join(parts) or "nothing could be adjusted for"
    idle = [name for name, reason in held.unusable.items() if reason.startswith("the same")]
    other = {name: reason for name, reason in held.unusable.items() if name not in idle}
    notes = [f"the same by design: {', '.join(idle)}"] if idle else []
    notes += [f"{name}: {reason}" for name, reason in other.items()]
    notes += [f"matched on {name}: {reason}" for name, reason in held.unmatched.items()]
    beyond = _extrapolated(held)
    if beyond:
        notes.append(
            f"{', '.join(beyond)}: nearly all items differ in one direction, so that adjusting for it extrapolates"
        )
    aside = f" ({'; '.join(notes)}.)" if notes else ""
    full = held.adjusted.get("all")
    if c is not e.main and full is not None:
        aside = f" (At the layers of {e.main.name}, adjusted for {adjusted_for(full)}: {over_window(full, e.window)}.){aside}"
    return f"**{c.name}, all else equal (layers {own.first}-{own.last})? {confounds_answer(held)}.** {sentence(words)}{aside}"


def confounds_answer(held: Confounding) -> str:
    """Whether a contrast survives when its covariates are held equal, in a word or two; empty without a cluster to survive."""
    window = held.contrast.strongest(ALPHA)
    if window is None:
        return ""
    answer = _answer({fate for fate, told in _fates(held, window).items() if told})
    return f"{answer}, but by extrapolation" if answer == "Yes" and _extrapolated(held) else answer


def _fates(held: Confounding, own: Cluster) -> dict[Fate, list[str]]:
    """What a cluster survives, what only its mean survives, what leaves it open, and what it does not survive."""
    window, sign = (own.first, own.last), float(np.sign(own.mass))
    plain = held.contrast.over(*window)
    fates: dict[Fate, list[str]] = {fate: [] for fate in get_args(Fate)}
    for label, contrast in _held(held):
        found, effect = there(contrast, window, sign), contrast.over(*window)
        if found:
            fates["survived"].append(f"{label} ({at_cluster(found)}, n = {contrast.n})")
        elif effect.p <= ALPHA and effect.dz * sign > 0:
            fates["blurred"].append(f"{label} ({over_window(contrast, window)}, {p_text(effect.p)}, n = {contrast.n})")
        else:
            fate: Fate = "undecided" if _open(effect, plain, sign) else "lost"
            fates[fate].append(f"{label} ({over_window(contrast, window)}, n = {contrast.n})")
    return fates


def _open(effect: Effect, plain: Effect, sign: float) -> bool:
    """Whether what is left may be nothing and may be all of it: neither equivalent to nothing nor smaller than before."""
    most = effect.difference_high if sign > 0 else -effect.difference_low
    return effect.p > ALPHA and effect.p_equivalence > ALPHA and most >= abs(plain.difference)


def _answer(fates: Set[Fate]) -> str:
    """In a word or two, from what there was among the fates."""
    if not fates:
        return "Unknown"
    if "lost" in fates:
        return "No" if fates == {"lost"} else "Not in every way"
    if "undecided" in fates:
        return "Undecided" if fates == {"undecided"} else "Undecided in part"
    return "In the mean, not everywhere as a cluster" if "blurred" in fates else "Yes"


def _extrapolated(held: Confounding) -> list[str]:
    """Covariates adjusted for that hardly any item has without a difference, or with the opposite one."""
    used = {name for c in held.adjusted.values() for name in c.settings["adjust"]}
    thin = held.balance[held.balance["overlap"] < OVERLAP] if "overlap" in held.balance else held.balance[:0]
    return [str(name) for name in thin["covariate"] if name in used]


def _held(held: Confounding) -> list[tuple[str, Contrast]]:
    adjusted = [
        (f"adjustment for {adjusted_for(c)}".replace("for all", "for all of them") + along(c), c)
        for c in held.adjusted.values()
    ]
    matched = [(f"matching on {'all of them' if k == 'all' else 'the word'}", c) for k, c in held.matched.items()]
    return adjusted + matched
