"""The answer to our own question in sentences, by written rules."""

from depthscope.statistics.effects import Effect
from depthscope.studies.sae.question.ablation import INSTEAD, OF
from depthscope.studies.sae.question.depth import AGAINST
from depthscope.studies.sae.question.results import Asked, Question
from depthscope.words import layers_text, names_text, p_text

SELECTIVE_READING = (
    "A latent is selective if it fires more on the targets of one condition than of the other, item by item, with p <= .05 "
    "corrected for all latents that fire on targets (the largest t under flips of the signs of items). As many of them are "
    "followed, chosen on one half of the items and measured on the other, so that no latent is called strong by the items that "
    "chose it."
)
WHERE_READING = (
    "The difference between the conditions is projected on the direction that each followed latent writes, in what every layer "
    "adds to the stream. Matched are latents of the same dictionary that fire as often and as strongly on the targets, and as "
    "much in both conditions. A dictionary knows what its own layer carries, so that a peak near it is partly its own doing, "
    "which matched latents share. A few dictionaries are a few points: no correlation over their layers is asked."
)
WITHOUT_READING = (
    "What the followed latents write is taken out of the state of the target, after the dictionary's layer, and CSE is "
    "measured again. Instead of them: matched latents, as they fire; the same amounts along the directions of these; along "
    "directions at random. The last two change each state by as much. What is taken out is not counted as an update. Only "
    "layers behind it can compute otherwise; CSE before them can move all the same, since its transform sees layers around "
    "each one."
)
INSTEAD_TOLD = {
    "matched": "matched latents",
    "directions": "as much along their directions",
    "random": "as much along random directions",
}
AGAINST_TOLD = {"matched": "matched latents", "random": "random directions"}


def title(found: Question, model: str) -> str:
    return f"{found.main.name} in {model}: latents of sparse autoencoders, and CSE"


def answer(found: Question, model: str) -> list[str]:
    """The question, and the three answers."""
    a, one = found.main.a, found.asked
    k = found.cluster
    where = f"CSE is {k.direction} there at {layers_text(k.first, k.last)}" if k else "no difference in CSE is found"
    layers = names_text(asked.layer for asked in one)
    asked = (
        f"Do latents that fire more on {a} sit where CSE differs in `{model}`, and does CSE change without them? Asked of "
        f"dictionaries at {'layer' if len(one) == 1 else 'layers'} {layers} and {found.main.n} items; {where}."
    )
    counts = names_text(f"{len(x.selectivity.selective)} of {x.selectivity.tested} at layer {x.layer}" for x in one)
    told = (
        f"**Latents fire more on {a}** ({counts} that fire on targets)"
        if found.found
        else f"**No latent is shown to fire more on {a}**"
    )
    return [asked, f"{told}; {_at_cluster(found)}; {_changes(found)}."]


def _at_cluster(found: Question) -> str:
    if found.at_cluster is None:
        return "without a difference in CSE it is not asked where they sit"
    if not found.at_cluster:
        return "they are **not shown to sit where CSE differs** more than latents like them"
    names = names_text(x.layer for x, placed in zip(found.asked, found.placed, strict=True) if placed)
    return f"they **sit where CSE differs**, more than latents like them (dictionary at layer {names})"


def _changes(found: Question) -> str:
    if not found.changes_cse:
        return "and the contrast of CSE is **not shown to change without them** more than without others"
    names = names_text(x.layer for x, changed in zip(found.asked, found.changed, strict=True) if changed)
    return f"and **without them the contrast of CSE changes** more than without others (dictionary at layer {names})"


def words(found: Question) -> dict[str, list[str]]:
    """All sentences, by the parts of the page."""
    return {
        "selective": [_selective(found, one) for one in found.asked],
        "where": [_where(found, i) for i in range(len(found.asked))],
        "without": [_without(found, i) for i in range(len(found.asked))],
    }


def _selective(found: Question, one: Asked) -> str:
    a, b, x = found.main.a, found.main.b, one.selectivity
    count = x.by_activation
    told = (
        f"**Layer {x.layer}: {len(x.selective)} latents fire more on {a}, {len(x.opposite)} more on {b}**, of {x.tested} that "
        f"fire on targets ({p_text(count.count_p)} for as many); {count.weak} differ weakly, "
        f"{count.weak_null.mean():.0f} by chance"
    )
    if one.controls.random:
        counts = [len(other.selective) + len(other.opposite) for other in one.controls.random]
        told += f"; of random directions {sum(counts) / len(counts):.0f} are selective on average"
    if (control := one.controls.untrained) is not None:
        told += f", of a dictionary of the untrained model {len(control.selective) + len(control.opposite)}"
    strong = (
        f"On items that did not choose them, {len(x.chosen[0])} followed latents separate the conditions by dz "
        f"{x.strength.dz:+.2f} [{x.strength.low:+.2f}, {x.strength.high:+.2f}]"
    )
    if one.controls.random:
        dz = [other.strength.dz for other in one.controls.random]
        strong += f"; as many random directions by {sum(dz) / len(dz):+.2f} on average ({p_text(one.strength_p)})"
    shares = f"{x.share_a.difference:.1%} of the energy of states in {a}, {x.share_b.difference:.1%} in {b}"
    carried = f"The selective ones write {shares}"
    if not len(x.selective):
        carried = "None is selective, and the strongest are followed all the same"
    return f"{told}. {strong}. {carried}."


def _where(found: Question, number: int) -> str:
    x = found.asked[number].place
    update, state = x.update, x.state
    told = (
        f"**Layer {x.layer}: written most at layer {update.peak}** [{update.peak_low}, {update.peak_high}]; in the stream the "
        f"conditions lie farthest apart along them at layer {state.peak} [{state.peak_low}, {state.peak_high}]"
    )
    if found.cluster is None:
        return f"{told}."
    others = "; ".join(
        f"{AGAINST_TOLD[name]} {x.drawn[name].mean():+.2f}, {p_text(float(found.place_p[name][number]))}"
        for name in AGAINST
    )
    return (
        f"{told}. At {layers_text(*x.inside)} the dz of updates is larger by {x.excess:+.2f} than elsewhere, rank {x.rank} of "
        f"{x.windows} windows of as many layers; correlation with being there {x.likeness:+.2f} ({others})."
    )


def _without(found: Question, number: int) -> str:
    x = found.asked[number].ablation
    change = x.of["contrast"]
    share = f", {change.window.difference / x.intact:+.0%} of it" if x.intact else ""
    draws = len(change.drawn[INSTEAD[0]])
    others = "; ".join(
        f"{INSTEAD_TOLD[name]} {change.drawn[name].mean():+.5f}, {p_text(float(found.change_p[name][number]))}"
        for name in INSTEAD
    )
    sides = " and ".join(
        f"that of {name} by {_difference(x.of[of].window)}"
        for name, of in zip((found.main.a, found.main.b), OF[1:], strict=True)
    )
    return (
        f"**Layer {x.layer}: without them the contrast at {layers_text(*x.inside)} changes by {_difference(change.window)}**"
        f"{share} ({p_text(float(found.items_p[number]))} over items). Instead of them, {draws} draws each: {others}. CSE "
        f"itself: {sides}; what is taken out has {x.size_a:.1%} of the norm of the state in {found.main.a}, {x.size_b:.1%} in "
        f"{found.main.b}."
    )


def _difference(effect: Effect) -> str:
    return f"{effect.difference:+.5f} [{effect.difference_low:+.5f}, {effect.difference_high:+.5f}]"
