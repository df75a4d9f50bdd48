"""CSE beside simpler measures in words, by rules that know no condition by name (docs/studies/mechanism.md)."""

import numpy as np

from depthscope.errors import listed
from depthscope.statistics.classify import Classification, Gain, Score
from depthscope.statistics.effects import Effect
from depthscope.studies.mechanism.baselines import (
    ALL,
    CSE,
    SIMPLE,
    Baselines,
    adds,
    cluster_beyond,
    gain_of,
    most_alike,
    sees_beyond,
    signed,
    state,
    takes_away,
)
from depthscope.words import ALPHA, effect_text, layers_text, p_text


def baselines_in_short(b: Baselines) -> list[str]:
    """What do simpler measures show, what does CSE see beyond them, is it one of them, does it help to classify?"""
    lines = [_headline(b), _shown(b)]
    if b.beyond:
        lines.append(_beyond(b))
    if b.given_cse:
        lines.append(_without(b))
    if len(b.correlations):
        lines.append(_likeness(b))
    lines += [_classifier(b, c) for c in b.classified.values()]
    if b.unclassified:
        lines.append(f"**No classifier:** {b.unclassified}.")
    for name, why in {**b.missing, **b.unadjusted}.items():
        lines.append(f"Left out: {b.label(name)} ({why}).")
    return lines


def _headline(b: Baselines) -> str:
    """Yes: by every test that was possible. In part: by some. Not shown: by none."""
    tests = sees_beyond(b)
    if not tests:
        silent = b.main.over(*b.window).p > ALPHA
        why = "CSE itself shows no effect over these layers" if silent else "nothing could be compared"
        return f"**Does CSE see what simpler measures do not? Unknown:** {why}."
    names = {"equal": "the contrast at equal simpler measures"}
    names |= {feed: f"a classifier fed with {_fed(c)}" for feed, c in b.classified.items()}
    yes, no = ([names[test] for test, found in tests.items() if found is wanted] for wanted in (True, False))
    word = "Yes" if not no else "In part" if yes else "Not shown"
    parts = [f"yes by {' and by '.join(yes)}"] if yes else []
    parts += [f"not by {' or by '.join(no)}"] if no else []
    told = "; ".join(parts)
    return f"**Does CSE see what simpler measures do not? {word}.** {told[0].upper()}{told[1:]}."


def _fed(c: Classification) -> str:
    return {"layers": "every layer", "window": "means over the window"}[c.feed]


def _shown(b: Baselines) -> str:
    groups: dict[str, list[str]] = {}
    for name, contrast in b.measures.items():
        effect = contrast.over(*b.window)
        groups.setdefault(state(contrast, b.window, 0), []).append(f"{b.label(name)} ({_dz(effect)})")
    words = {
        "there": "differs in",
        "absent": f"is absent from (|dz| below {b.main.settings['bound']:g})",
        "not shown": "is not shown in",
        "not measured": "is not measured in",
    }
    told = "; ".join(f"{words[how]} {listed(groups[how], 12)}" for how in words if how in groups)
    own = [
        f"{b.label(name)} ({'higher' if k.mass > 0 else 'lower'} at {layers_text(k.first, k.last)}, {p_text(k.p)})"
        for name, c in b.measures.items()
        if (k := c.strongest(ALPHA))
    ]
    clusters = f" Own strongest clusters: {listed(own, 12)}." if own else " None of them has a cluster of its own."
    window = layers_text(*b.window)
    return (
        f"**The same contrast, {b.main.name}, on simpler measures** ({window}, where CSE has {_dz(b.main.over(*b.window))}): "
        f"it {told or 'was asked of none'}.{clusters}"
    )


def _beyond(b: Baselines) -> str:
    sign = np.sign(b.main.over(*b.window).dz)
    verdicts = {
        "there": "the effect of CSE is still there",
        "reversed": "the effect of CSE is reversed",
        "absent": f"the effect of CSE is gone (|dz| below {b.main.settings['bound']:g})",
        "not shown": "an effect of CSE is not shown",
        "not measured": "CSE is not measured",
    }
    singles = [
        f"{b.label(name)} {_dz(contrast.over(*b.window))}" for name, contrast in b.beyond.items() if name != "all"
    ]
    each = f"at equal {'; '.join(singles)}"
    if "all" not in b.beyond:
        return f"**CSE at equal simpler measures**, one at a time: {each}.{_caution(b)}"
    together = b.beyond["all"]
    words = verdicts[state(together, b.window, sign)]
    own = cluster_beyond(b)
    cluster = (
        f"with a cluster there ({layers_text(own.first, own.last)}, {p_text(own.p)})"
        if own
        else "without a cluster there"
    )
    effect = together.over(*b.window)
    return (
        f"**CSE at equal simpler measures:** with all {len(b.measures) if not b.unadjusted else 'usable ones'} held equal, "
        f"{words}: {_dz(effect)}, {p_text(effect.p)}, {cluster}. One at a time, {each}.{_caution(b)}"
    )


def _caution(b: Baselines) -> str:
    if not b.extrapolated:
        return ""
    names = listed((b.label(name) for name in b.extrapolated), 12)
    return f" Nearly all items differ in one direction in {names}, so that holding it equal extrapolates."


def _without(b: Baselines) -> str:
    told = []
    for name, contrast in b.given_cse.items():
        how = state(contrast, b.window, np.sign(b.measures[name].over(*b.window).dz))
        told.append(f"{b.label(name)}: {how}, {_dz(contrast.over(*b.window))}")
    return f"**Simpler measures at equal CSE:** {'; '.join(told)}."


def _likeness(b: Baselines) -> str:
    told = []
    for over, words in (("differences", "differences of items"), ("texts", "texts within conditions")):
        row = most_alike(b, over)
        if row is not None:
            other = row["b"] if row["a"] == CSE else row["a"]
            rho = f"rho {row['rho']:+.2f} [{row['low']:+.2f}, {row['high']:+.2f}]"
            told.append(f"over {words}, {b.label(str(other))} ({rho}, n = {int(row['n'])})")
    return f"**What CSE is most like** ({layers_text(*b.window)}): {'; '.join(told) or 'unknown'}."


def _classifier(b: Baselines, c: Classification) -> str:
    gain, back = gain_of(c), gain_of(c, "CSE")
    helped = "CSE adds to" if adds(gain) else "CSE is not shown to add to"
    if takes_away(gain):
        helped = "CSE takes away from"
    others = "they add to CSE" if adds(back) else "they are not shown to add to CSE"
    favoured = " (layers that CSE chose, in its favour)" if c.feed == "window" else ""
    return (
        f"**Classifier of condition, fed with {_fed(c)}{favoured}:** AUC {_auc(c.scores['CSE'])} of CSE alone, "
        f"{_auc(c.scores[SIMPLE])} of {SIMPLE}, {_auc(c.scores[ALL])} with CSE. {helped} the simpler measures "
        f"({_gain_text(gain)}); {others} ({_gain_text(back)})."
    )


def _auc(score: Score) -> str:
    return f"{score.auc.value:.2f} [{score.auc.low:.2f}, {score.auc.high:.2f}]"


def _gain_text(gain: Gain) -> str:
    auc = gain.auc
    text = f"AUC {signed(auc.value)} [{signed(auc.low)}, {signed(auc.high)}], {p_text(gain.p)}"
    if np.isfinite(gain.p_copy):
        text += f"; a copy of what they know gains {signed(gain.copy.value)}, as much or more: {p_text(gain.p_copy)}"
    return text


def _dz(effect: Effect) -> str:
    return f"dz {effect_text(effect.dz, effect.low, effect.high)}"


# of the classifier, where there is none
FOLDS = {"folds": 5, "repeats": 5}
READING = """\
"At equal" means: the paired differences of one measure regressed on those of the others, averaged over the window, as
with any covariate; the effect is that of items in which they do not differ. What is held equal is, for CSE, all
simpler measures, and for each of these, CSE. Such an adjustment is linear, and it takes away too little where what is
held equal is itself noisy. The window was chosen by CSE where CSE is large: a simpler measure may have its effect
elsewhere, as its own cluster and the classifier on every layer show. The classifier (logistic regression, ridge
penalty chosen inside, {folds} folds by item, {repeats} partitions) is scored on items it has not seen; its intervals
draw items and **do not hold the variance of training**; an AUC a little below 0.5 is what features without
information get. Features that say the same thing twice can help such a classifier, so CSE must also gain more than
copies of it that know of the condition only what the simpler measures know. That nothing is shown to be added is no
proof that nothing is there.\
"""


def baselines_reading(b: Baselines) -> str:
    """How to read the part of the report."""
    settings = next((c.settings for c in b.classified.values()), FOLDS)
    return READING.format(folds=settings["folds"], repeats=settings["repeats"])
