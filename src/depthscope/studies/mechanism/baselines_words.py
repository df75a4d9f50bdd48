"""CSE beside simpler measures in words, by rules that know no condition by name (docs/studies/mechanism.md)."""

import numpy as np

from depthscope.errors import listed
from depthscope.statistics.classify import Classification, Gain, Score
from depthscope.statistics.effects import Effect
from depthscope.studies.contrast.results import cell
from depthscope.studies.mechanism.baselines import (
    ALL,
    CSE,
    FEEDS,
    SIMPLE,
    Baselines,
    adds,
    gain_of,
    measures_table,
    signed,
    state,
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
    tests = {}
    if "all" in b.beyond:
        sign = np.sign(b.main.over(*b.window).dz)
        tests["the contrast at equal simpler measures"] = state(b.beyond["all"], b.window, sign) == "there"
    tests |= {f"a classifier fed with {_fed(c)}": adds(gain_of(c)) for c in b.classified.values()}
    if not tests or b.main.over(*b.window).p > ALPHA:
        why = "nothing could be compared" if not tests else "CSE itself shows no effect over these layers"
        return f"**Does CSE see what simpler measures do not? Unknown:** {why}."
    yes, no = ([name for name, found in tests.items() if found is wanted] for wanted in (True, False))
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
        "reversed": "the effect of CSE turns round",
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
    own = max(
        (
            k
            for k in together.significant(ALPHA)
            if k.first <= b.window[1] and k.last >= b.window[0] and k.mass * sign > 0
        ),
        key=lambda k: abs(k.mass),
        default=None,
    )
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
    rows = b.correlations[(b.correlations["a"] == CSE) | (b.correlations["b"] == CSE)]
    told = []
    for over, words in (("differences", "differences of items"), ("texts", "texts within conditions")):
        some = rows[(rows["over"] == over) & rows["rho"].notna()]
        if len(some):
            row = some.iloc[int(some["rho"].abs().argmax())]
            other = row["b"] if row["a"] == CSE else row["a"]
            rho = f"rho {row['rho']:+.2f} [{row['low']:+.2f}, {row['high']:+.2f}]"
            told.append(f"over {words}, {b.label(str(other))} ({rho}, n = {int(row['n'])})")
    return f"**What CSE is most like** ({layers_text(*b.window)}): {'; '.join(told) or 'unknown'}."


def _classifier(b: Baselines, c: Classification) -> str:
    gain, back = gain_of(c), gain_of(c, "CSE")
    helped = "CSE adds to" if adds(gain) else "CSE is not shown to add to"
    if gain.p <= ALPHA and gain.auc.high < 0:
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


READING = """\
"At equal" means: the paired differences of one measure regressed on those of the others, averaged over the window, as with any
covariate; the effect is that of items in which they do not differ. Such an adjustment is linear, and it takes away too little
where what is held equal is itself noisy. The window was chosen by CSE where CSE is large: a simpler measure may have its effect
elsewhere, as its own cluster and the classifier on every layer tell. The classifier (logistic regression, ridge penalty
chosen inside, {folds} folds by item, {repeats} partitions) is scored on items it has not seen; its intervals draw items and
**do not hold the variance of training**; an AUC a little below 0.5 is what features without information get. What is told
twice can help such a classifier, so CSE must also gain more than copies of it that know of the condition only what the
simpler measures know. That nothing is shown to be added is no proof that nothing is there.\
"""


def baselines_section(b: Baselines) -> str:
    """Markdown for ``summary.md``: the sentences, three tables, how to read them."""
    told = "\n".join(f"- {line}" for line in baselines_in_short(b))
    parts = [
        "## CSE beside simpler measures",
        told,
        "![CSE beside simpler measures](figures/baselines.png)",
        _markdown(b),
    ]
    if len(b.correlations):
        parts.append(_correlation_markdown(b))
    settings = {"folds": 5, "repeats": 5}
    if b.classified:
        parts.append(_classifier_markdown(b))
        settings = next(iter(b.classified.values())).settings
    parts.append(READING.format(folds=settings["folds"], repeats=settings["repeats"]))
    return "\n\n".join(parts)


def _markdown(b: Baselines) -> str:
    head = (
        f"| measure | {layers_text(*b.window)}: dz [95 % interval] | p | own strongest cluster | at equal | dz there "
        "[95 % interval] | p |\n|---|---|---|---|---|---|---|"
    )
    lines = [head]
    for row in measures_table(b).to_dict("records"):
        own = b.main.strongest() if row["measure"] == CSE else b.measures[row["measure"]].strongest()
        cluster = f"{layers_text(own.first, own.last)}, {p_text(own.p)}" if own else "none"
        given = "all others" if row["measure"] == CSE else "CSE"
        held = (
            f"{given} | {effect_text(row['given_dz'], row['given_low'], row['given_high'])} | {row['given_p']:.4f}"
            if np.isfinite(row["given_dz"])
            else " | | "
        )
        effect = effect_text(row["dz"], row["low"], row["high"]) if np.isfinite(row["dz"]) else "not measured"
        p = f"{row['p']:.4f}" if np.isfinite(row["p"]) else ""
        lines.append(f"| {cell(row['label'])} | {effect} | {p} | {cluster} | {held} |")
    return "\n".join(lines)


def _correlation_markdown(b: Baselines) -> str:
    """Differences above the diagonal, texts below."""
    names = list(dict.fromkeys([*b.correlations["a"], *b.correlations["b"]]))
    found = {(r["over"], r["a"], r["b"]): r["rho"] for r in b.correlations.to_dict("records")}
    head = f"| rho | {' | '.join(cell(b.label(name)) for name in names)} |\n|{'---|' * (len(names) + 1)}"
    lines = [head]
    for i, row in enumerate(names):
        shown = []
        for j, column in enumerate(names):
            rho = found["differences", row, column] if i < j else found["texts", column, row] if i > j else np.nan
            shown.append(f"{rho:+.2f}" if np.isfinite(rho) else "")
        lines.append(f"| {cell(b.label(row))} | {' | '.join(shown)} |")
    kinds = b.correlations.groupby("over")["n"].first()
    note = (
        f"Spearman's rho of means over {layers_text(*b.window)}: above the diagonal of paired differences "
        f"(n = {kinds['differences']}), below it of texts within conditions (n = {kinds['texts']})."
    )
    return "\n".join([*lines, "", note])


def _classifier_markdown(b: Baselines) -> str:
    lines = ["| fed with | features from | number | AUC [95 % interval] | accuracy | bits |\n|---|---|---|---|---|---|"]
    for c in b.classified.values():
        for i, score in enumerate(c.scores.values()):
            fed = "" if i else FEEDS[c.feed]
            lines.append(
                f"| {fed} | {cell(score.name)} | {score.features} | {_auc(score)} | {score.accuracy.value:.2f} "
                f"| {score.bits.value:.3f} |"
            )
    return "\n".join(lines)
