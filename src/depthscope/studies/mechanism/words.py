"""Where a difference comes from and whether it matters, in words, by the rules of docs/studies/mechanism.md."""

from depthscope.errors import listed
from depthscope.statistics.effects import Effect
from depthscope.statistics.result import Cluster, Contrast
from depthscope.studies.contrast.verdicts.quantities import quantities_words
from depthscope.studies.mechanism.baselines_words import baselines_in_short, baselines_reading
from depthscope.studies.mechanism.results import (
    CROSS,
    PART_NAMES,
    Exchange,
    HeadShares,
    Mechanism,
    carrier,
    heads_table,
    octave_shares,
    share_of,
)
from depthscope.words import ALPHA, effect_text, layers_text, p_text

TOLD = 4  # clusters over scale and layer that are named
NAMED = 3  # heads

SPLIT = """\
The split is exact: contributions of scales, and of attention, MLP and their common term, add up to the difference in
CSE. It says where in the wavelet transform, and in which modules, the numbers behind the difference arise. It is a
split of energy, not of function: an MLP writes what attention has brought it.\
"""

EXCHANGE = """\
**Exchanging states** is an intervention: the state of the target word after one layer is replaced by the one that the
same word has in the twin text, and the probability of two continuations is read. An effect says that this state, at
this layer, carries something that distinguishes the readings, for this model and these continuations. It does not say
that the breadth of the computation does it: the state is exchanged whole, not its CSE. No effect does not mean that
the layers are idle: what they write may be read elsewhere, or by no continuation of ours. The comparison with as many
other layers asks whether the layers where CSE differs are special; neighbouring layers are similar, so that the rank
among windows of neighbours stands beside its p.\
"""


def mechanism_answer(m: Mechanism, model: str, depth: int, stimuli: str) -> list[str]:
    """What was asked and what was found, in two plain sentences."""
    question = (
        f"Where does the difference in CSE between {m.main.a} and {m.main.b} come from in `{model}` ({depth} layers), and does "
        f"it matter for how the text is read? Asked of {m.main.n} items of `{stimuli}`."
    )
    k = m.found
    if k is None:
        return [question, f"No difference in CSE was found at any depth (no cluster of layers with p <= {ALPHA:g})."]
    told = [
        f"CSE is {'higher' if k.mass > 0 else 'lower'} for {m.main.a} at {layers_text(k.first, k.last)} ({p_text(k.p)})"
    ]
    if m.attribution.parts:
        name = carrier(m)
        told.append(f"most of it comes from {PART_PLAIN[name]}" if name else "no part carries most of it")
    if m.exchange is not None and m.exchange.layers is not None:
        c = m.exchange
        more = "and more than those elsewhere" if c.causal else "but no more than as many neighbouring layers elsewhere"
        told.append(
            f"states at these layers turn the reading when exchanged, {more}"
            if c.matters
            else "exchanging states at these layers is not shown to turn the reading"
        )
    return [question, f"{'; '.join(told)}."]


PART_PLAIN = {
    "attention": "attention",
    "mlp": "what the MLPs write",
    CROSS: "what attention and the MLPs have in common",
}


def mechanism_in_short(m: Mechanism) -> list[str]:
    """The result in sentences, the claim first; ``**`` marks what matters. Of simpler measures the first sentence alone."""
    parts = mechanism_words(m)
    told = {**parts, "short": [], "measures": parts.get("measures", [])[:1], "measures_reading": []}
    return [line for lines in told.values() for line in lines]


def mechanism_words(m: Mechanism) -> dict[str, list[str]]:
    """All sentences of a run, by the part of the report in which they stand, in its order."""
    told = {
        "short": [f"Every value is a mean over {layers_text(*m.window)}."],
        "difference": [_claim(m)],
        "beside": [f"{line}." for line in quantities_words(m.beside)] if m.beside else [],
        "scalograms": [*_planes(m), _bands(m)],
        "parts": [*_parts(m), *_relative_parts(m)],
        "heads": _heads(m),
        "measures": baselines_in_short(m.baselines) if m.baselines else [],
        "measures_reading": [baselines_reading(m.baselines)] if m.baselines else [],
        "causal": _exchanges(m, m.exchange) if m.exchange else [f"No states were exchanged: {m.no_exchange}."],
    }
    return {part: lines for part, lines in told.items() if lines}


def _claim(m: Mechanism) -> str:
    k = m.found
    if k is None:
        none = f"**{m.main.name}: no cluster of layers with p <= .05** (n = {m.main.n})"
        return f"{none}; what follows is of {layers_text(*m.window)}."
    word = "higher" if k.mass > 0 else "lower"
    effect = m.main.over(*m.window)
    mean = f"{effect.difference:+.4f} [{effect.difference_low:+.4f}, {effect.difference_high:+.4f}]"
    return (
        f"**{m.main.name}: CSE is {word} at {layers_text(k.first, k.last)}** ({p_text(k.p)}, n = {m.main.n}), "
        f"there by {mean} on the mean, "
        f"dz {effect_text(effect.dz, effect.low, effect.high)}, too large because these layers were chosen by it."
    )


def _planes(m: Mechanism) -> list[str]:
    """Clusters of the shares, then of the log-ratios, which depend on no weight of the scales."""
    told = [_clusters(m.attribution.share, "share of the energy", "")]
    if m.attribution.map is not None:
        told.append(_clusters(m.attribution.map, "log-ratio of the energy", ", whatever the weights of the scales"))
    return told


def _clusters(c: Contrast, what: str, free: str) -> str:
    found = sorted(c.significant(ALPHA), key=lambda k: -abs(k.mass))
    if not found:
        return f"No cluster of scales and layers differs in its {what}{free} (p <= .05)."
    more = f"; and {len(found) - TOLD} smaller ones" if len(found) > TOLD else ""
    return f"{what[0].upper()}{what[1:]} over scale and layer{free}: {'; '.join(map(_plane, found[:TOLD]))}{more}."


def _plane(k: Cluster) -> str:
    low, high = k.periods or (float("nan"), float("nan"))
    periods = f"{low:.1f}" if low == high else f"{low:.1f} to {high:.1f}"
    return f"{'more' if k.mass > 0 else 'less'} at periods of {periods} layers, {layers_text(k.first, k.last)} ({p_text(k.p)})"


def _bands(m: Mechanism) -> str:
    """Contributions of the scales, octave by octave of Fourier period."""
    if m.found is None or not m.main.over(*m.window).difference:
        return "No difference is shown that scales could share."
    told = ", ".join(f"{share:+.0%} at periods of {low:g} to {high:.3g}" for low, high, share in octave_shares(m))
    return f"Of the difference in CSE at {layers_text(*m.window)}, scales carry {told} layers (exact, sum 100 %)."


def _parts(m: Mechanism) -> list[str]:
    a = m.attribution
    if not a.parts:
        return [f"Attention and MLP are not separated: {a.about}."]
    if m.found is None:
        return ["No difference is shown that a part could carry."]
    whole = m.main.over(*m.window)
    effects = {name: c.over(*m.window) for name, c in a.parts.items()}
    told = ", ".join(f"{PART_NAMES[name]} {share_of(e, whole):+.0%} ({p_text(e.p)})" for name, e in effects.items())
    head = "**No part carries most of the difference by itself**"
    if carrying := carrier(m):
        name = PART_NAMES[carrying]
        head = f"**{name[0].upper()}{name[1:]} carries the difference**"
    lines = [f"{head}: of it {told}."]
    if a.alone:
        alone = {name: c.over(*m.window) for name, c in a.alone.items()}
        lines.append(
            "By itself, "
            + "; ".join(
                f"{_of(name)} has dz {effect_text(e.dz, e.low, e.high)}, {p_text(e.p)}" for name, e in alone.items()
            )
            + f" at {layers_text(*m.window)}."
        )
    return lines


def _relative_parts(m: Mechanism) -> list[str]:
    """The same of CSE relative to norms, where a difference in it is shown; of the slope there is no such split."""
    parts = m.attribution.relative_parts
    if not parts or m.beside is None or "relative" not in m.beside.rows:
        return []
    none = "the slope that directions give is not split, for the logarithm of a sum is no sum over parts"
    whole = m.beside.rows["relative"].over(*m.window)
    if whole.p > ALPHA:
        return [
            f"Relative to norms, no difference in CSE is shown at {layers_text(*m.window)} that a part could carry; {none}."
        ]
    effects = {name: c.over(*m.window) for name, c in parts.items()}
    told = ", ".join(f"{PART_NAMES[name]} {share_of(e, whole):+.0%} ({p_text(e.p)})" for name, e in effects.items())
    return [f"Of the difference in CSE relative to norms at {layers_text(*m.window)}: {told}; {none}."]


def _heads(m: Mechanism) -> list[str]:
    if m.no_heads:
        return [f"Heads are not separated: {m.no_heads}."]
    if m.heads is None:
        return []
    if m.found is None:
        return ["No difference is shown that heads could carry."]
    return _heads_words(m.heads, m.main.over(*m.window))


def _heads_words(h: HeadShares, whole: Effect) -> list[str]:
    """The heads that carry most of the difference ``whole``, and how many do."""
    frame, shown = heads_table(h), int(h.shown.sum())
    columns = (frame[name].head(NAMED).tolist() for name in ("layer", "head", "difference", "p_holm"))
    named = [
        f"layer {layer} head {head} {difference / whole.difference:+.0%} (corrected {p_text(p)})"
        for layer, head, difference, p in zip(*columns, strict=True)
    ]
    shares = {name: effect.difference / whole.difference for name, effect in h.sums.items()}
    count = f"{shown} of {len(frame)} heads contribute (p <= {ALPHA:g}, corrected after Holm for all of them)"
    head = f"**{count}**" if shown else f"**No single head is shown to contribute**: {count}"
    return [
        f"{head}; the largest contributions are {listed(named)}.",
        f"All heads together make up {shares['heads']:+.0%} of the difference, the MLPs {shares['mlp']:+.0%}, what attention "
        f"writes that is of no head {shares['rest']:+.0%}: each has half of what it has in common with the others.",
    ]


def _of(name: str) -> str:
    return f"the trajectory of {'the MLPs' if name == 'mlp' else 'attention'}"


def _exchanges(m: Mechanism, e: Exchange) -> list[str]:
    (layer, size), most = e.peak, e.most
    fit = "; ".join(f"{run} texts prefer theirs by {_bits(p)}" for run, p in e.preference.items())
    lines = [
        f"The probes work: {fit}." if e.probes_work else f"The probes: {fit}.",
        f"Exchanging the target's state turns the reading most after layer {layer}: {size:.2f} bits, {size / most:.0%} of the "
        f"{most:.1f} bits that all of the text makes.",
    ]
    if e.together is not None:
        lines.append(f"All states of {layers_text(*m.window)} exchanged at once: {_bits(e.together)}.")
    c = e.layers
    if c is None:
        return [*lines, "No cluster of CSE to compare with the other layers."]
    place = f"rank {c.rank} of {c.windows} windows of as many neighbouring layers" if c.windows else "not neighbours"
    verdict = "**Layers where CSE differs are not shown to matter for the reading**"
    if e.matters:
        more = "and more than as many others" if e.causal else "but are not shown to matter more than as many others"
        verdict = f"**Layers where CSE differs matter for the reading, {more}**"
    lines.append(
        f"{verdict}: one state exchanged there makes {_bits(c.inside)} on average ({p_text(c.inside.p)}), elsewhere "
        f"{_bits(c.outside)}; difference {_bits(c.excess)}; against sets of as many layers {p_text(c.p_sets)}, {place}."
    )
    return lines


def _bits(e: Effect) -> str:
    return f"{e.difference:.2f} [{e.difference_low:.2f}, {e.difference_high:.2f}] bits"


def left_out(m: Mechanism) -> list[str]:
    """What the exchange of states leaves out."""
    e = m.exchange
    return (
        [f"Without probes in both conditions, left out of the exchange: {listed(e.without)}."]
        if e and e.without
        else []
    )
