"""The rules by which numbers become sentences. They are written out in docs/evidence.md, and know no conditions by name.

"Found" means a cluster of family-wise p <= .05. "There" means such a cluster that overlaps the window, the layers of the main
contrast's strongest cluster, in the same direction, while the mean over the window differs in that direction too.
"""

from collections.abc import Sequence, Set
from typing import Literal, get_args

import numpy as np
import xarray as xr

from depthscope.drawing.alt import p_text
from depthscope.errors import listed
from depthscope.report.evidence import (
    ALPHA,
    Confounding,
    Control,
    Evidence,
    adjusted_for,
    along,
    layers_text,
    measured_layers,
    sides,
    there,
)
from depthscope.statistics.curve import Curve
from depthscope.statistics.effects import Effect, effect_text
from depthscope.statistics.mixed import Mixed
from depthscope.statistics.nulls import Null
from depthscope.statistics.power import GOAL
from depthscope.statistics.result import Cluster, Contrast
from depthscope.statistics.shares import Share, Word, share_of

# of the specifications: at least this share must have one sign for it to be called independent of the choices
AGREEMENT = 0.9
# of the items: at least this share must lie on either side of no difference in a covariate, or adjusting extrapolates
OVERLAP = 0.05


def cluster_p(cluster: Cluster) -> str:
    if cluster.p_low == cluster.p_high:
        return f"p = {cluster.p:.4f} (exact)"
    return f"p = {cluster.p:.4f} (Monte-Carlo 95 % interval {cluster.p_low:.4f} to {cluster.p_high:.4f})"


def verdict(c: Contrast, depth: int) -> str:
    """One paragraph on one contrast: is it there?"""
    found = c.significant(ALPHA)
    if c.smallest_p > ALPHA:
        return (
            f"**{c.name}: cannot be decided.** With {c.n} items the smallest possible p is {c.smallest_p:.3g}: no effect, "
            "however large, could be found. More items are needed."
        )
    if not found:
        best = min(c.clusters, key=lambda k: k.p, default=None)
        nearest = f" The nearest: layers {best.first} to {best.last}, {cluster_p(best)}." if best else ""
        return (
            f"**{c.name}: not found.** No cluster of layers reaches family-wise p <= {ALPHA:g} in {c.n} items.{nearest} "
            f"{equivalence_text(c)}"
        )
    left, right = sides(c)
    parts = []
    for k in found:
        higher = "higher" if k.mass > 0 else "lower"
        parts.append(
            f"{c.measure.upper()} is {higher} for {left} than for {right} over layers {k.first} to {k.last} of {depth} "
            f"(relative depth {k.first / depth:.2f} to {k.last / depth:.2f}), {cluster_p(k)}, dz = {k.effect} at layer "
            f"{k.peak_layer}"
        )
    signs = {k.mass > 0 for k in found}
    mixed = " The direction changes along depth." if len(signs) > 1 else ""
    return f"**{c.name}: found** in {c.n} items. {'; '.join(parts)}.{mixed}"


def equivalence_text(c: Contrast) -> str:
    """Whether "no difference" is itself a finding."""
    bound = c.settings["bound"]
    if c.equivalence() <= ALPHA:
        layers = measured_layers(c)
        return f"At {layers} the effect is smaller than |dz| = {bound:g} (equivalence {p_text(c.equivalence())})."
    return f"This is no evidence that the conditions are the same: |dz| = {bound:g} is not excluded at every layer."


def in_short(e: Evidence) -> list[str]:
    """Specific? Confounded? Explained by a null? Dependent on a choice? Enough items? One sentence or two on each."""
    return [line for lines in evidence_words(e).values() for line in lines]


def evidence_words(e: Evidence) -> dict[str, list[str]]:
    """The same by part of the report."""
    told = {
        "controls": [_specificity(e)] if e.controls else [],
        "confounds": [line for c in e.confounding if (line := _confounds(e, c))],
        "nulls": [_null(e, null) for null in e.nulls] + ([_swapped(e)] if e.swapped is not None else []),
        "specifications": [_choices(e.curve)] if e.curve is not None else [],
        "power": [_power(e.power)] if e.power is not None else [],
        "mixed": [_mixed(e)] if e.mixed else [],
    }
    return {part: lines for part, lines in told.items() if lines}


def _sign(e: Evidence) -> float:
    return float(np.sign(e.found.mass)) if e.found else 1.0


def control_text(e: Evidence, control: Control) -> tuple[str, str]:
    """One of ``specific``, ``in part``, ``not specific``, ``undecided``; and the sentence."""
    sign, name = _sign(e), control.condition
    shows = f"{control.alone.name} {_shown(control.alone, e.window, sign)}"
    exceeds = f"{control.excess.name} {_shown(control.excess, e.window, sign)}"
    share = control_share(e, control)
    level, words = LEVELS[share.word]
    return level, f"{words} {name}, which shows {share} of it: {shows}, {exceeds}"


# by how much of the effect a control shows: how specific the effect is, and how a sentence begins
LEVELS: dict[Word, tuple[str, str]] = {
    "too little": ("specific", "against"),
    "a part": ("in part", "in part against"),
    "enough": ("not specific", "not against"),
    "undecided": ("undecided", "undecided against"),
}


def control_share(e: Evidence, control: Control) -> Share:
    """How much of the effect a control shows as well, over the layers of the window, of the items that have both."""
    whole, part = (c.over_items(*e.window) for c in (e.main, control.alone))
    both = whole.index.intersection(part.index)
    return share_of(part.loc[both].to_numpy(), whole.loc[both].to_numpy(), seed=e.main.settings["seed"])


def _shown(contrast: Contrast, window: tuple[int, int], sign: float) -> str:
    """What a contrast shows at the window: the same, the opposite, or nothing; always with the size of it."""
    mean = _over(contrast, window)
    if cluster := there(contrast, window, sign):
        return f"is there ({_at(cluster)}; {mean})"
    if cluster := there(contrast, window, -sign):
        return f"goes the other way ({_at(cluster)}; {mean})"
    effect = contrast.over(*window)
    same = effect.p_equivalence <= ALPHA
    bound = f", below |dz| = {contrast.settings['bound']:g}, {p_text(effect.p_equivalence)}" if same else ""
    return f"is not there ({mean}{bound})"


def _at(cluster: Cluster | None) -> str:
    return f"{layers_text(cluster)}, {p_text(cluster.p)}, dz {cluster.dz:+.2f}" if cluster else ""


def _over(contrast: Contrast, window: tuple[int, int]) -> str:
    effect = contrast.over(*window)
    return f"mean over layers {window[0]}-{window[1]}: dz {effect_text(effect.dz, effect.low, effect.high)}"


def _specificity(e: Evidence) -> str:
    if e.found is None:
        return (
            "**Specific?** Nothing was found whose specificity could be asked about; the controls stand in the table."
        )
    sentences = [control_text(e, control)[1] for control in e.controls]
    words = {"not specific": "No", "undecided": "Undecided", "in part": "In part", "specific": "Yes"}[controls_level(e)]
    return (
        f"**Specific to {e.main.a} (layers {e.window[0]}-{e.window[1]})? {words}.** {_sentence('; '.join(sentences))}"
    )


def controls_level(e: Evidence) -> str:
    """The worst that any control says; empty where there is nothing to ask of them."""
    if e.found is None or not e.controls:
        return ""
    levels = [control_text(e, control)[0] for control in e.controls]
    return next(level for level in ("not specific", "undecided", "in part", "specific") if level in levels)


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def confounds_answer(held: Confounding) -> str:
    """Whether a contrast survives when its covariates are held equal, in a word or two; empty without a cluster to survive."""
    window = held.contrast.strongest(ALPHA)
    if window is None:
        return ""
    answer = _answer({fate for fate, told in _fates(held, window).items() if told})
    return f"{answer}, but by extrapolation" if answer == "Yes" and _extrapolated(held) else answer


Fate = Literal["survived", "blurred", "undecided", "lost"]


def _fates(held: Confounding, own: Cluster) -> dict[Fate, list[str]]:
    """What a cluster survives, what only its mean survives, what leaves it open, and what it does not survive."""
    window, sign = (own.first, own.last), float(np.sign(own.mass))
    plain = held.contrast.over(*window)
    fates: dict[Fate, list[str]] = {fate: [] for fate in get_args(Fate)}
    for label, contrast in _held(held):
        found, effect = there(contrast, window, sign), contrast.over(*window)
        if found:
            fates["survived"].append(f"{label} ({_at(found)}, n = {contrast.n})")
        elif effect.p <= ALPHA and effect.dz * sign > 0:
            fates["blurred"].append(f"{label} ({_over(contrast, window)}, {p_text(effect.p)}, n = {contrast.n})")
        else:
            fate: Fate = "undecided" if _open(effect, plain, sign) else "lost"
            fates[fate].append(f"{label} ({_over(contrast, window)}, n = {contrast.n})")
    return fates


def _open(effect: Effect, plain: Effect, sign: float) -> bool:
    """Whether what is left may be nothing and may be all of it: neither equivalent to nothing nor smaller than before."""
    most = effect.difference_high if sign > 0 else -effect.difference_low
    return effect.p > ALPHA and effect.p_equivalence > ALPHA and most >= abs(plain.difference)


def _confounds(e: Evidence, held: Confounding) -> str:
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
        aside = f" (At the layers of {e.main.name}, adjusted for {adjusted_for(full)}: {_over(full, e.window)}.){aside}"
    return f"**{c.name}, all else equal (layers {own.first}-{own.last})? {confounds_answer(held)}.** {_sentence(words)}{aside}"


FATES: dict[Fate, str] = {
    "lost": "it does not survive {}",
    "undecided": "undecided (what is left may be nothing, and may be as much as before) after {}",
    "blurred": "no cluster is left, though the mean still differs, after {}",
    "survived": "it survives {}",
}


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


NULL_MEANS: dict[Word, str] = {
    "a part": "It explains a part of the effect, not all of it",
    "enough": "It is enough to explain the effect",
    "too little": "It is too little to explain the effect",
    "undecided": "Undecided: the interval allows more than one of too little, a part and enough",
}


def null_level(e: Evidence, null: Null) -> Word | Literal[""]:
    """How much of the effect a null explains: a key of ``NULL_MEANS``; empty without an effect."""
    return "" if e.found is None or null.share is None else null.share.word


def trusted(e: Evidence) -> bool:
    """False if labels that mean nothing give more findings than they should."""
    return e.swapped is None or e.swapped.interval[0] <= ALPHA


def _null(e: Evidence, null: Null) -> str:
    words = _sentence(null.words)[:-1]
    level = null_level(e, null)
    if not level:
        return f"**{words}:** {e.main.name} is found in {null.anywhere}."
    beyond = there(null.excess, e.window, _sign(e))
    rest = (
        f"beyond it, the conditions still differ there ({_at(beyond)})"
        if beyond
        else "beyond it, nothing is found there"
    )
    assert null.size is not None
    assert null.share is not None
    # + 0.0, lest a little less than nothing be told as "-0 %"
    _, low, high = (round(100 * part, 0) + 0.0 for part in null.size)
    return (
        f"**{words}:** it has {null.share} of the size observed ({low:.0f} to {high:.0f} % in most draws; "
        f"{null.reached.found if null.reached else 0} reach it); the effect is there in {null.there}; {rest}. "
        f"{NULL_MEANS[level]}."
    )


def _swapped(e: Evidence) -> str:
    assert e.swapped is not None
    low, high = e.swapped.interval
    fits = "as it should be" if low <= ALPHA <= high else "below what it should be: the test is cautious here"
    if not trusted(e):
        fits = "more than it should: do not trust the p of this data"
    return (
        f"**Labels swapped by coin:** something is found in {e.swapped}; nominal 5 %: {fits}. (This "
        "checks the test; that items are independent of each other is assumed.)"
    )


def choices_level(e: Evidence) -> str:
    """Whether the sign of the effect depends on the settings of the measure: ``no``, ``yes``, or ``opposite`` if nearly all
    others give the other sign; empty if it was not asked.
    """
    return _agreement(e.curve) if e.curve is not None else ""


def _agreement(curve: Curve) -> str:
    share = _like_default(curve)
    return "no" if share >= AGREEMENT else "opposite" if share <= 1 - AGREEMENT else "yes"


def _like_default(curve: Curve) -> float:
    """Share of the specifications whose effects have the sign of the first one, which is the default."""
    signs = np.sign(curve.table["dz"].to_numpy())
    return float((signs == signs[0]).mean())


def _choices(curve: Curve) -> str:
    positive, sure, right, median = (
        curve.joint[name] for name in ("expected", "significant", "significant_expected", "median")
    )
    share = positive.observed
    asked, other = ("positive", "negative") if curve.settings["expected"] > 0 else ("negative", "positive")
    words = {
        "no": f"No: {100 * _like_default(curve):.0f} % of {len(curve.table)} settings have the same sign",
        "opposite": f"Yes: {100 * (1 - _like_default(curve)):.0f} % of {len(curve.table)} settings have the opposite sign",
        "yes": f"Yes, its sign does: {100 * share:.0f} % of {len(curve.table)} settings give a {asked} effect, "
        f"{100 * (1 - share):.0f} % a {other} one",
    }[_agreement(curve)]
    fixed = _at_fixed_layers(curve)
    return (
        f"**Does it depend on an arbitrary choice?** {words}.{fixed} {100 * sure.observed:.0f} % are significant, "
        f"{100 * right.observed:.0f} % significant and {asked} (with labels swapped {100 * right.null_low:.0f} to "
        f"{100 * right.null_high:.0f} %; joint {p_text(right.p)}); median dz {median.observed:+.2f} (with labels swapped "
        f"{median.null_low:+.2f} to {median.null_high:+.2f}; joint {p_text(median.p)})."
    )


def _at_fixed_layers(curve: Curve) -> str:
    """The strongest clusters lie at any depth; at the layers of the contrast's own, signs can be others."""
    window = curve.settings.get("window")
    if window is None:
        return ""
    at = curve.table["window_dz"].dropna()
    layers = f"layer {window[0]}" if window[0] == window[1] else f"layers {window[0]}-{window[1]}"
    return (
        f" That counts the strongest cluster at any depth; over {layers}, {100 * (at > 0).mean():.0f} % are positive."
    )


def _power(power: xr.Dataset) -> str:
    observed = power["rate"].sel(share=1.0)
    enough = [int(n) for n in power["n"].values[observed.values >= GOAL]]
    rates = ", ".join(
        f"{100 * float(r):.0f} % with {int(n)}" for n, r in zip(power["n"].values, observed.values, strict=True)
    )
    smallest = ", ".join(
        f"{dz:.2f} with {int(n)}"
        for n, dz in zip(power["n"].values, power["smallest_dz"].values, strict=True)
        if np.isfinite(dz)
    )
    answer = (
        f"{enough[0]} items are enough for {100 * GOAL:.0f} % power"
        if enough
        else "more items are needed than were tried"
    )
    return (
        f"**How many items?** For an effect like this one (dz {float(power['dz'].sel(share=1.0)):+.2f} at its peak), {answer}: "
        f"it is detected in {rates} items. Smallest peak |dz| found at {100 * GOAL:.0f} % power: {smallest or 'none'}."
    )


MIXED_MEANS = {
    "agrees": "Yes: it agrees with the cluster test",
    "undecided": "Undecided",
    "disagrees": "No: it does not agree with the cluster test",
    "failed": "Unknown: the search for its variances did not end",
}


def mixed_level(e: Evidence, model: Mixed) -> str:
    """Whether a mixed model says of the window what the cluster test says: a key of ``MIXED_MEANS``."""
    if not model.converged:
        return "failed"
    if e.found is None:  # the window is where the difference is largest, for which no p of a model is corrected
        return "undecided" if model.p <= ALPHA else "agrees"
    sign = _sign(e)
    if model.p <= ALPHA:
        return "agrees" if model.difference * sign > 0 else "disagrees"
    most = model.high if sign > 0 else -model.low
    return "undecided" if most >= abs(e.main.over(*e.window).difference) else "disagrees"


def _mixed(e: Evidence) -> str:
    """Of the model that holds most random."""
    model = e.mixed[-1]
    level, factors = mixed_level(e, model), mixed_name(model)
    asked = f"**With what texts share held random ({factors}), is it there too? {MIXED_MEANS[level]}.**"
    if level == "failed":
        return asked
    first, last = e.window
    told = (
        f"The mean over layers {first}-{last} differs by {model.difference:+.4g} [{model.low:+.4g}, {model.high:+.4g}] "
        f"({model.n} texts, t({model.df}) = {model.t:.2f}, {p_text(model.p)})"
    )
    why = ""
    if level == "undecided":
        why = (
            "; that may be nothing, and may be as much as the cluster test saw"
            if e.found
            else "; no cluster is found, and the p of the model knows nothing of the layers that were looked at"
        )
    notes = (
        [f"The variance of {' and '.join(model.singular)} is estimated as 0 (a singular fit)."]
        if model.singular
        else []
    )
    if not model.crossed:
        notes.append("Nothing is crossed with items, so that this is near the paired test; see --crossed.")
    return " ".join([asked, f"{told}{why}.", *notes])


def mixed_name(model: Mixed) -> str:
    """What a model holds random, in a word for each."""
    return " + ".join(model.levels)


def exclusions(c: Contrast) -> Sequence[str]:
    """What was left out of a contrast, and why."""
    lines = []
    if c.same_context:
        lines.append(
            f"{c.name}: {len(c.same_context)} pair(s) with the same text up to the target, which a causal model cannot "
            f"tell apart, {'kept' if c.settings['include_same_context'] else 'left out'}: {listed(c.same_context, 20)}."
        )
    if c.incomplete:
        lines.append(
            f"{c.name}: {len(c.incomplete)} item(s) without all its conditions left out: {listed(c.incomplete, 20)}."
        )
    if c.partial:
        lines.append(
            f"{c.name}: {len(c.partial)} item(s) left out that are not measured at every layer at which nine tenths of the "
            f"items are: {listed(c.partial, 20)}."
        )
    if c.thin_layers:
        lines.append(
            f"{c.name}: layers {listed(map(str, c.thin_layers), 40)} left out: more than a tenth of the items are not measured "
            "there."
        )
    return lines
