"""What many finished runs say together, in words: the rules of docs/compare.md."""

from collections.abc import Iterable, Sequence
from math import isfinite

import numpy as np
import pandas as pd

from depthscope.statistics.alignment import EARLY, layers_between
from depthscope.statistics.meta import Pooled
from depthscope.studies.compare.heads import heads_told
from depthscope.studies.compare.results import KEYS, Comparison, Measured
from depthscope.studies.contrast.results import QUANTITY_NAMES, cell
from depthscope.telling import Sheet
from depthscope.words import ALPHA, effect_text, layers_text, p_text

# below this many models the spread between them is hardly known
FEW = 5
# a correlation between models that changes nothing
LITTLE = 0.05

INFERENCES = """\
Two inferences, two generalisations. **These models, new items**: the mean over the models with an interval from items drawn
with replacement, the same in every model, and the cluster test that flips the sign of an item in all models at once; they say
nothing of a model that is not here. **New models like these**: the random-effects meta-analysis (Paule-Mandel,
Hartung-Knapp-Sidik-Jonkman) and its prediction interval; "like these" is as wide as the models here are different, and no
wider. g is dz corrected for its bias in small samples.\
"""


def verdicts(c: Comparison) -> list[str]:
    """The answer, from numbers alone; the claim first."""
    return [
        _counts(c),
        *_pooled(c),
        *_differences(c),
        *_every(c),
        *_items(c),
        *_along_depth(c),
        *beside_verdicts(c),
        *_mechanism(c),
        *_heads(c),
    ]


def answer(c: Comparison) -> list[str]:
    """What was asked and what was found, in two plain sentences."""
    question = (
        f"Does {c.name} in CSE recur in {_models(len(c.models))}, averaged over relative depth {_range(c)} of each?"
    )
    found = " ".join([_counts(c), *_every(c), *(f"{_beside_counts(c, name)}." for name in _told_beside(c))])
    return [question, f"{found[0].upper()}{found[1:]}"]


def title_of(c: Comparison) -> str:
    return f"{c.name} in {_models(len(c.models))}"


def _models(count: int) -> str:
    return f"{count} model{'s' if count > 1 else ''}"


def cautions(c: Comparison) -> list[str]:
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
    if c.no_joint:
        told.append(f"Nothing is said of new items in these models: {c.no_joint}.")
    if not c.mechanisms.empty:
        told.append(
            "Quantities of the mechanism are of the layers of each model's own strongest cluster (all layers without one), "
            "which the same data chose: those of CSE and its parts are too large, and the depth differs between models."
        )
    return [*told, *c.notes, '"Not found" is not "absent".']


def _counts(c: Comparison) -> str:
    asked = c.asked
    higher, lower = ([m for m in asked if m.effect.p <= ALPHA and m.effect.dz * sign > 0] for sign in (1, -1))
    rest = [m for m in asked if m not in higher and m not in lower]
    blind = [m for m in c.models if m not in asked]
    parts = [
        f"higher in {len(higher)} of {len(asked)} models{_names(higher)}",
        f"lower in {len(lower)}{_names(lower)}",
        f"not found in {len(rest)}{_names(rest)}",
    ]
    nothing = [m for m in rest if m.effect.p_equivalence <= ALPHA]
    if nothing:
        bound = nothing[0].main.settings["bound"]
        parts[-1] += f", shown to be smaller than |dz| = {bound:g} in {_listed(nothing)}"
    if blind:
        parts.append(f"not measured in {len(blind)}{_names(blind)}")
    return f"{c.name}, mean over relative depth {_range(c)}: {'; '.join(parts)} (each at p <= .05)."


def _pooled(c: Comparison) -> list[str]:
    p = c.pooled
    if p.k == 1:
        return [
            f"One model was measured: what is pooled is its own effect, g {_interval(p)}. How different models are "
            "cannot be told from one, nor what another would show."
        ]
    if p.low > 0 or p.high < 0:
        word = f"the mean of models like these is {'above' if p.low > 0 else 'below'} 0"
    else:
        word = "the mean of models like these is not shown to differ from 0"
    return [f"Pooled over {p.k} models: g {_interval(p)}, {p_text(p.p)}: {word}."]


def _differences(c: Comparison) -> list[str]:
    p = c.pooled
    if p.k < 2:
        return []
    if p.q_p <= ALPHA:
        word = "the models differ more than chance would make them"
    else:
        word = "the models are not shown to differ more than chance would make them"
    if p.k == 2:
        new = "Two models give no prediction interval"
    else:
        new = f"A new model like these is expected between {p.prediction_low:+.2f} and {p.prediction_high:+.2f} (95 %)"
    return [f"{_spread(p)}: {word}. {new}."]


def _every(c: Comparison) -> list[str]:
    """Is "in every model" supported? Only if each shows it, and a new one is expected to."""
    p, asked = c.pooled, c.asked
    if p.k < 2:
        return []
    sign = 1 if p.estimate >= 0 else -1
    claim = f'"{"Higher" if sign > 0 else "Lower"} in every model"'
    against = [m for m in asked if m.effect.p <= ALPHA and m.effect.dz * sign < 0]
    missing = [m for m in asked if m.effect.p > ALPHA]
    reasons = []
    if missing:
        reasons.append(f"it is not found in {_listed(missing)}")
    if p.k == 2:
        reasons.append("two models say nothing of a third")
    elif p.prediction_low <= 0 <= p.prediction_high:
        reasons.append("a new model is expected on either side of 0")
    if against:
        return [f"{claim} is contradicted: the difference is the other way round in {_listed(against)}."]
    if reasons:
        return [f"{claim} is not supported: {'; '.join(reasons)}."]
    return [f"{claim} is supported: found in all {len(asked)}, and a new model is expected on the same side of 0."]


def _items(c: Comparison) -> list[str]:
    joint = c.joint
    if joint is None:
        return []
    if not isfinite(joint.low):
        return [
            f"These models, new items: mean g {joint.mean:+.2f}; {len(joint.items)} items are too few for an interval."
        ]
    sure = "on one side of 0" if joint.low > 0 or joint.high < 0 else "not shown to differ from 0"
    return [
        f"These models, new items: mean g {effect_text(joint.mean, joint.low, joint.high)} over {len(c.asked)} models, "
        f"{len(joint.items)} shared items: {sure}."
    ]


def _along_depth(c: Comparison) -> list[str]:
    told = []
    if c.joint is not None:
        test, grid = c.joint.test, c.grid
        found = test.significant(ALPHA)
        if found:
            parts = [
                f"{'higher' if k.mass > 0 else 'lower'} at {_span(grid[k.first - 1], grid[k.last - 1])} ({p_text(k.p)})"
                for k in found
            ]
            told.append(f"Averaged over these models, clusters of relative depth: {', '.join(parts)}.")
        elif test.smallest_p > ALPHA:
            told.append("With so few shared items no cluster along depth could be found, however large.")
        else:
            told.append("Averaged over these models, no cluster along depth is found.")
    several = c.curve["k"].values > 1
    if several.any():
        above = _spans(c.grid, several & (c.curve["low"].values > 0))
        below = _spans(c.grid, several & (c.curve["high"].values < 0))
        told.append(
            f"Pooled at each of {int(several.sum())} depths, the interval for models like these is above 0 at {above}, "
            f"below 0 at {below} (not corrected for their number: a description)."
        )
    return told


# what is said of quantities that hang on no weight; the others stand in the tables
BESIDE = ("relative", "directions")


def beside_verdicts(c: Comparison) -> list[str]:
    """CSE relative to norms and the slope that directions give, over the same range: a sentence each."""
    told = []
    for name in _told_beside(c):
        p = c.beside.get(name)
        pooled = "" if p is None else f"; pooled g {_interval(p)}, {p_text(p.p)}; {_spread(p)}"
        told.append(f"{_beside_counts(c, name)}{pooled}.")
    return told


def _told_beside(c: Comparison) -> list[str]:
    return [name for name in BESIDE if any(name in m.beside and isfinite(m.beside[name].effect.dz) for m in c.models)]


def _beside_counts(c: Comparison, name: str) -> str:
    effects = [m.beside[name].effect for m in c.models if name in m.beside]
    asked = [e for e in effects if isfinite(e.dz)]
    higher, lower = (sum(e.p <= ALPHA and e.dz * sign > 0 for e in asked) for sign in (1, -1))
    row = QUANTITY_NAMES[name]
    return (
        f"{row[0].upper()}{row[1:]}, which hangs on no weight of the scales, over the same range: higher in {higher} of "
        f"{_models(len(asked))}, lower in {lower}, not found in {len(asked) - higher - lower}"
    )


def _mechanism(c: Comparison) -> list[str]:
    """The pooled quantities of the runs' ``mechanism.csv``."""
    return [
        f"{key}: pooled over {p.k} models dz {_interval(p)}, {p_text(p.p)}; {_spread(p)}."
        for key, p in c.mechanism.items()
        if _is_told(key)
    ]


def _is_told(key: str) -> bool:
    """Of what hangs on no weight, the headlines; the others stand in the tables alone."""
    return key in BESIDE or not ((key in QUANTITY_NAMES and key != "cse") or key.startswith("relative_"))


def _heads(c: Comparison) -> list[str]:
    return heads_told(c.heads, [m.label for m in c.models if m.source.heads is None])


def _little(c: Comparison) -> list[str]:
    """Models of which the range says little: half of its layers or fewer are measured."""
    shallow = []
    for m in c.asked:
        first, last = layers_between(m.depth, *c.depth)
        if 2 * len(m.measured) <= last - first + 1:
            shallow.append(f"{m.label} ({len(m.measured)} of {last - first + 1} layers)")
    return [f"Half of the range or less is measured in {', '.join(shallow)}: it says little."] if shallow else []


def _shared(c: Comparison) -> list[str]:
    if c.pooled.k < 2:
        return []
    told = "The meta-analysis takes the sampling errors of the models to be independent"
    if c.joint is None or not isfinite(c.joint.correlation):
        return [f"{told}; models that read the same items are not."]
    r = c.joint.correlation
    if abs(r) <= LITTLE:
        word = "little is lost by it"
    else:
        look = "alike" if r > 0 else "different"
        word = f"that lets models look more {look} than they are, and the pooled interval ignores it"
    return [f"{told}; over the shared items their differences correlate by {r:+.2f} on average: {word}."]


def told(c: Comparison) -> list[str | Sheet]:
    """The comparison for a terminal."""
    lines: list[str | Sheet] = [_sheet(c), "", *verdicts(c), "", *(f"note: {line}" for line in cautions(c))]
    table = mechanism_cells(c)
    if not table.empty:
        rows = [(str(label), *row) for label, row in zip(table.index, table.values.tolist(), strict=True)]
        lines += ["", Sheet(("model", *table.columns), rows)]
    return lines


def summarize(c: Comparison, files: Iterable[str]) -> str:
    """``summary.md`` of a comparison."""
    claim, *more = verdicts(c)
    mechanism = mechanism_cells(c)
    sections = [
        f"# {title_of(c)}",
        *answer(c),
        f"**{claim}**",
        "\n".join(f"- {line}" for line in more),
        INFERENCES,
        "What limits this:",
        "\n".join(f"- {line}" for line in cautions(c)),
        _table(c),
        "![dz by relative depth, and the forest](figures/compare.png)",
        *(["## Mechanism", _mechanism_table(mechanism)] if not mechanism.empty else []),
        f"All numbers: {', '.join(f'`{name}`' for name in files)}. The rules: docs/compare.md.",
        f"To repeat it:\n\n```\n{c.command}\n```",
    ]
    return "\n\n".join(sections) + "\n"


def figure_words(c: Comparison) -> tuple[str, str, str]:
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


def _table(c: Comparison) -> str:
    names = ("model", "layers (of)", "n", f"mean difference over {_range(c)}", "dz [95 % interval]", "p", "g")
    lines = [f"| {' | '.join(names)} |", "|---" * len(names) + "|"]
    for m in c.models:
        if not isfinite(m.effect.dz):
            lines.append(f"| {cell(m.label)} | none of {m.depth} is measured there | {m.main.n} | | | | |")
            continue
        e = m.effect
        cells = [m.label, f"{_layers(m)} ({m.depth})", m.main.n, _difference(m), effect_text(e.dz, e.low, e.high)]
        lines.append(f"| {' | '.join(map(cell, [*cells, p_text(e.p), f'{m.g:+.2f}']))} |")
    p = c.pooled
    if p.k > 1:
        lines.append(f"| **pooled** | | k = {p.k} | | {_interval(p)} | {p_text(p.p)} | {p.estimate:+.2f} |")
    if isfinite(p.prediction_low):
        lines.append(f"| a new model like these | | | | [{p.prediction_low:+.2f}, {p.prediction_high:+.2f}] | | |")
    if c.joint is not None and isfinite(c.joint.low):
        j = c.joint
        lines.append(
            f"| mean of these models, new items | | {len(j.items)} | | {effect_text(j.mean, j.low, j.high)} | | {j.mean:+.2f} |"
        )
    return "\n".join(lines)


def _sheet(c: Comparison) -> Sheet:
    rows = []
    for m in c.models:
        e = m.effect
        found = (_layers(m), effect_text(e.dz, e.low, e.high), p_text(e.p))
        rows.append((m.label, f"n = {m.main.n}", *(found if m.measured else ("not measured there", "", ""))))
    p = c.pooled
    if p.k > 1:
        rows.append(("pooled", f"k = {p.k}", "", f"g {_interval(p)}", p_text(p.p)))
    columns = ("model", "items", "layers", "dz [95 % interval]", "p")
    return Sheet(columns, rows, f"{c.name}, mean over relative depth {_range(c)}")


def mechanism_cells(c: Comparison) -> pd.DataFrame:
    """Model x quantity, as text ``value [low, high]``, with a last row of pooled dz; blank where a run has none."""
    table = c.mechanisms
    if table.empty:
        return pd.DataFrame()
    found = [str(key) for key in dict.fromkeys(table["key"]) if _is_told(str(key))]
    keys = [*(k for k in KEYS if k in found), *(k for k in found if k not in KEYS)]
    cells = pd.DataFrame("", index=[m.label for m in c.models], columns=keys)
    for row in table[table["key"].isin(keys)].to_dict("records"):
        cells.loc[row["model"], row["key"]] = _value(row["value"], row["low"], row["high"])
    if c.mechanism:
        cells.loc["pooled dz"] = [_interval(c.mechanism[key]) if key in c.mechanism else "" for key in keys]
    return cells


def _mechanism_table(cells: pd.DataFrame) -> str:
    lines = [f"| model | {' | '.join(map(cell, cells.columns))} |", "|---" * (len(cells.columns) + 1) + "|"]
    lines += [
        f"| {cell(label)} | {' | '.join(map(cell, row))} |"
        for label, row in zip(cells.index, cells.values, strict=True)
    ]
    return "\n".join(lines)


def _value(value: float, low: float, high: float) -> str:
    if not isfinite(value):
        return ""
    return f"{value:+.3g} [{low:+.3g}, {high:+.3g}]" if isfinite(low) else f"{value:+.3g}"


def _spread(p: Pooled) -> str:
    return f"I² {p.i2:.0%}, tau {p.tau:.2f}, Q({p.k - 1}) = {p.q:.1f}, {p_text(p.q_p)}"


def _interval(p: Pooled) -> str:
    return effect_text(p.estimate, p.low, p.high)


def _difference(m: Measured) -> str:
    e = m.effect
    return f"{e.difference:+.2g} [{e.difference_low:+.2g}, {e.difference_high:+.2g}]"


def _layers(m: Measured) -> str:
    return layers_text(m.measured[0], m.measured[-1])


def _range(c: Comparison) -> str:
    return f"{c.depth[0]:g} to {c.depth[1]:g}"


def _names(models: Sequence[Measured]) -> str:
    return f" ({_listed(models)})" if models else ""


def _listed(models: Sequence[Measured]) -> str:
    return ", ".join(m.label for m in models)


def _span(first: float, last: float) -> str:
    return f"{first:.2f}" if first == last else f"{first:.2f}-{last:.2f}"


def _spans(grid: np.ndarray, there: np.ndarray) -> str:
    """Runs of neighbouring points, in words."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], there, [False]]).astype(int)))
    found = [_span(grid[a], grid[b - 1]) for a, b in edges.reshape(-1, 2)]
    return ", ".join(found) or "none"
