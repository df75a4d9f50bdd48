"""What many finished runs say together, in words: the rules of docs/studies/compare.md."""

from collections.abc import Sequence
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from depthscope.arrays import Float
from depthscope.statistics.alignment import EARLY
from depthscope.statistics.comparison import Measured
from depthscope.statistics.meta import Pooled
from depthscope.studies.compare.results import FEW, LITTLE, Findings, is_headline, side
from depthscope.studies.contrast.results import QUANTITY_NAMES
from depthscope.words import ALPHA, effect_text, p_text

INFERENCES = """\
Two inferences, two generalisations. **These models, new items**: the mean over the models with an interval from items drawn
with replacement, the same in every model, and the cluster test that flips the sign of an item in all models at once; they say
nothing of a model that is not here. **New models like these**: the random-effects meta-analysis (Paule-Mandel,
Hartung-Knapp-Sidik-Jonkman) and its prediction interval; "like these" is as wide as the models here are different, and no
wider. g is dz corrected for its bias in small samples.\
"""
SIDES = {1: "above 0", -1: "below 0", 0: "not shown to differ from 0"}


def verdicts(c: Findings) -> list[str]:
    """The answer, from numbers alone; the claim first."""
    return [claim(c), *together(c), *quantities(c), *mechanism(c)]


def together(c: Findings) -> list[str]:
    """What the models say together: the mean, how different they are, new models, new items, along depth."""
    return [*_pooled(c), *_differences(c), *_every(c), *_items(c), *_along_depth(c)]


def answer(c: Findings) -> list[str]:
    """What was asked and what was found, in two plain sentences."""
    question = (
        f"Does {c.name} in CSE recur in {_models(len(c.models))}, averaged over relative depth {_range(c)} of each?"
    )
    found = " ".join([claim(c), *_every(c), *(f"{_headline(c, name)}." for name in c.headlines)])
    return [question, f"{found[0].upper()}{found[1:]}"]


def title_of(c: Findings) -> str:
    return f"{c.name} in {_models(len(c.models))}"


def range_title(c: Findings) -> str:
    """What the one number of each model is."""
    return f"{c.name}, mean over relative depth {_range(c)}"


def _models(count: int) -> str:
    return f"{count} model{'s' if count > 1 else ''}"


def cautions(c: Findings) -> list[str]:
    """What limits the answer."""
    low, high = c.depth
    if (low, high) == (0.0, EARLY):
        told = [
            f'The range 0 to {EARLY:g} is "early to mid", as the published claim has it: these data did not choose it.'
        ]
    else:
        told = [
            f"The range {low:g} to {high:g} was asked for: if these data suggested it, effects in it are too large."
        ]
    told += _little(c)
    if 1 < c.pooled.k < FEW:
        told.append(
            f"With {c.pooled.k} models the spread between models is hardly known, and large ones can stay hidden."
        )
    told += _shared(c)
    if c.joint is None:
        told.append(f"Nothing is said of new items in these models: {_no_joint(c)}.")
    if not c.mechanisms.empty:
        told.append(
            "Quantities of the mechanism are of the layers of each model's own strongest cluster (all layers without one), "
            "which the same data chose: those of CSE and its parts are too large, and the depth differs between models."
        )
    return [*told, *c.notes, '"Not found" is not "absent".']


def _no_joint(c: Findings) -> str:
    if c.adjusted:
        return "covariates are held equal, and those of an item differ from model to model"
    return f"the models share {len(c.shared)} item(s) with the same texts"


def claim(c: Findings) -> str:
    """In which models it is higher, lower, not found."""
    parts = [
        f"higher in {len(c.higher)} of {len(c.asked)} models{_names(c.higher)}",
        f"lower in {len(c.lower)}{_names(c.lower)}",
        f"not found in {len(c.not_found)}{_names(c.not_found)}",
    ]
    if c.negligible:
        bound = c.negligible[0].main.settings["bound"]
        parts[-1] += f", shown to be smaller than |dz| = {bound:g} in {_listed(c.negligible)}"
    if c.unmeasured:
        parts.append(f"not measured in {len(c.unmeasured)}{_names(c.unmeasured)}")
    return f"{range_title(c)}: {'; '.join(parts)} (each at p <= .05)."


def _pooled(c: Findings) -> list[str]:
    p = c.pooled
    if p.k == 1:
        return [
            f"One model was measured: what is pooled is its own effect, g {_interval(p)}. How different models are "
            "cannot be known from one, nor what another would show."
        ]
    word = f"the mean of models like these is {SIDES[side(p.low, p.high)]}"
    return [f"Pooled over {p.k} models: g {_interval(p)}, {p_text(p.p)}: {word}."]


def _differences(c: Findings) -> list[str]:
    p = c.pooled
    if p.k < 2:
        return []
    if c.heterogeneous:
        word = "the models differ more than chance would make them"
    else:
        word = "the models are not shown to differ more than chance would make them"
    if p.k == 2:
        new = "Two models give no prediction interval"
    else:
        new = f"A new model like these is expected between {p.prediction_low:+.2f} and {p.prediction_high:+.2f} (95 %)"
    return [f"{_spread(p)}: {word}. {new}."]


def _every(c: Findings) -> list[str]:
    """Is "in every model" supported?"""
    if c.every_model == "not asked":
        return []
    said = f'"{"Higher" if c.sign > 0 else "Lower"} in every model" is {c.every_model}'
    if c.every_model == "contradicted":
        return [f"{said}: the difference has the opposite sign in {_listed(c.contradicting)}."]
    if c.every_model == "supported":
        return [f"{said}: found in all {len(c.asked)}, and a new model is expected on the same side of 0."]
    reasons = [f"it is not found in {_listed(c.not_found)}"] if c.not_found else []
    if c.pooled.k == 2:
        reasons.append("two models say nothing of a third")
    elif c.open_prediction:
        reasons.append("a new model is expected on either side of 0")
    return [f"{said}: {'; '.join(reasons)}."]


def _items(c: Findings) -> list[str]:
    joint = c.joint
    if joint is None:
        return []
    if not isfinite(joint.low):
        return [
            f"These models, new items: mean g {joint.mean:+.2f}; {len(joint.items)} items are too few for an interval."
        ]
    sure = "on one side of 0" if side(joint.low, joint.high) else SIDES[0]
    return [
        f"These models, new items: mean g {effect_text(joint.mean, joint.low, joint.high)} over {len(c.asked)} models, "
        f"{len(joint.items)} shared items: {sure}."
    ]


def _along_depth(c: Findings) -> list[str]:
    told = []
    if c.clusters:
        parts = [
            f"{'higher' if k.mass > 0 else 'lower'} at {_span(c.grid[k.first - 1], c.grid[k.last - 1])} ({p_text(k.p)})"
            for k in c.clusters
        ]
        told.append(f"Averaged over these models, clusters of relative depth: {', '.join(parts)}.")
    elif c.few_items:
        told.append("With so few shared items no cluster along depth could be found, however large.")
    elif c.joint is not None:
        told.append("Averaged over these models, no cluster along depth is found.")
    if c.points_pooled:
        told.append(
            f"Pooled at each of {c.points_pooled} depths, the interval for models like these is above 0 at "
            f"{_spans(c.grid, c.above)}, below 0 at {_spans(c.grid, c.below)} (not corrected for their number: a description)."
        )
    return told


def quantities(c: Findings) -> list[str]:
    """CSE relative to norms and the slope that directions give, over the same range: a sentence each."""
    told = []
    for name in c.headlines:
        p = c.beside.get(name)
        pooled = "" if p is None else f"; pooled g {_interval(p)}, {p_text(p.p)}; {_spread(p)}"
        told.append(f"{_headline(c, name)}{pooled}.")
    return told


def _headline(c: Findings, name: str) -> str:
    found, row = c.headlines[name], QUANTITY_NAMES[name]
    return (
        f"{row[0].upper()}{row[1:]}, which depends on no weight of the scales, over the same range: higher in "
        f"{found.higher} of {_models(found.asked)}, lower in {found.lower}, not found in {found.not_found}"
    )


def mechanism(c: Findings) -> list[str]:
    """The pooled quantities of the runs' ``mechanism.csv``; then their heads."""
    pooled = [
        f"{key}: pooled over {p.k} models dz {_interval(p)}, {p_text(p.p)}; {_spread(p)}."
        for key, p in c.mechanism.items()
        if is_headline(key)
    ]
    return [*pooled, *_heads(c)]


def _heads(c: Findings) -> list[str]:
    if c.heads.empty:
        return []
    each = [
        f"{row['label']}: {row['found']} of {row['heads']} heads contribute (p <= {ALPHA:g} after Holm), "
        f"{row['half']} make half of all that is contributed, centred at relative depth {row['centre']:.2f}"
        for row in c.heads.to_dict("records")
        if row["half"] is not None
    ]
    without = [m.label for m in c.models if m.source.heads is None]
    missing = f" Without heads: {', '.join(without)}." if without else ""
    rule = "Heads have no counterparts in another model, and are counted, not matched"
    return [f"{rule}: {'; '.join(each) or 'none contributes anything'}.{missing}"]


def _little(c: Findings) -> list[str]:
    few = [f"{m.label} ({len(m.measured)} of {size} layers)" for m, size in c.shallow]
    return [f"Half of the range or less is measured in {', '.join(few)}: it says little."] if few else []


def _shared(c: Findings) -> list[str]:
    if c.pooled.k < 2:
        return []
    told = "The meta-analysis takes the sampling errors of the models to be independent"
    if c.joint is None or not isfinite(c.joint.correlation):
        return [f"{told}; models that read the same items are not."]
    r = c.joint.correlation
    if abs(r) <= LITTLE:
        word = "little is lost by it"
    else:
        look = "similar" if r > 0 else "different"
        word = f"that lets models look more {look} than they are, and the pooled interval ignores it"
    return [f"{told}; over the shared items their differences correlate by {r:+.2f} on average: {word}."]


def figure_words(c: Findings) -> tuple[str, str, str]:
    """Title, line below and words on heterogeneity for the figure."""
    main = c.models[0].main
    title = f"{title_of(c)}, at the same relative depth"
    words = f"{_spread(c.pooled)}; k = {c.pooled.k}" if c.pooled.k > 1 else "one model: nothing to pool"
    flips = f"{main.settings['permutations']:,} {main.drawn}, seed {main.settings['seed']}"
    text = (
        f"Thin: one model each; filled marker: p <= .05 ({flips}); intervals 95 % (BCa over items), cut at the axes. Pooled: "
        "random effects, Paule-Mandel, Hartung-Knapp-Sidik-Jonkman, for models like these"
    )
    return title, text, words


def _spread(p: Pooled) -> str:
    return f"I² {p.i2:.0%}, tau {p.tau:.2f}, Q({p.k - 1}) = {p.q:.1f}, {p_text(p.q_p)}"


def _interval(p: Pooled) -> str:
    return effect_text(p.estimate, p.low, p.high)


def _range(c: Findings) -> str:
    return f"{c.depth[0]:g} to {c.depth[1]:g}"


def _names(models: Sequence[Measured]) -> str:
    return f" ({_listed(models)})" if models else ""


def _listed(models: Sequence[Measured]) -> str:
    return ", ".join(m.label for m in models)


def _span(first: float, last: float) -> str:
    return f"{first:.2f}" if first == last else f"{first:.2f}-{last:.2f}"


def _spans(grid: Float, there: NDArray[np.bool_]) -> str:
    """Runs of neighbouring points, in words."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], there, [False]]).astype(int)))
    found = [_span(grid[a], grid[b - 1]) for a, b in edges.reshape(-1, 2)]
    return ", ".join(found) or "none"
