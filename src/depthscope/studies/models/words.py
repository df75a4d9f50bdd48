"""What several models say together, in words: does the contrast recur, and where in relative depth?"""

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from depthscope.statistics.alignment import EARLY
from depthscope.statistics.result import Cluster
from depthscope.studies.contrast.across import CAUTION, HELD_EQUAL, Window, comparison_table, replications
from depthscope.studies.contrast.results import Compared, cell
from depthscope.studies.models.results import (
    Outcome,
    Studied,
    Unmeasured,
    fixed_range,
    fixed_windows,
    items_on_either_side,
    runs_of,
    studied,
    unmeasured,
)
from depthscope.words import ALPHA, effect_text, layers_text, p_text

# below this share of layers that are measured, a model is said to say little
ASKED = 0.5

INTRO = """\
Positive means higher CSE for {a} than for {b}. Relative depth is layer / number of layers. "Strongest cluster" is where a model
itself shows most: **chosen by the same data**, so its dz, the largest of many layers, is too large on average, and it tests
no hypothesis about where. The range {low:.2f} to {high:.2f} {chosen};
in every other model the layers in this range are a test that nothing in that model could tune. A model counts as a replication
if the mean over them differs at p <= .05 in the same direction; the effect is absent if two one-sided tests put |dz| below the
bound.\
"""


def verdicts(models: Sequence[Studied], rows: Sequence[Compared]) -> list[str]:
    """What all models say together, by the rules of docs/evidence.md; the claim first."""
    return [
        _claim(models),
        _listed(models, "Higher", lambda m: m.positive),
        _listed(models, "Lower", lambda m: m.negative),
        replications(rows, runs_of(models), "model"),
        *_adjusted(models, rows),
        *_signs(models, rows),
        *_strongest_places(models),
        *_little(models),
    ]


def _claim(models: Sequence[Studied]) -> str:
    """In how many higher anywhere, in how many early to mid, in how many lower? In which is the claim not borne out?"""
    higher, early, lower = (
        sum(map(bool, found)) for found in zip(*((m.positive, m.early, m.negative) for m in models), strict=True)
    )
    missing = [m.label for m in models if not m.early]
    recurs = (
        f"does not recur in every model: not in {', '.join(missing)}" if missing else "recurs in every model measured"
    )
    return (
        f"{models[0].main.name}: higher in a cluster of layers in {higher} of {len(models)} models, early to mid (a cluster "
        f"centred below relative depth {EARLY:g}) in {early} of {len(models)}; lower in a cluster in {lower} of {len(models)}. "
        f'"Higher, early to mid" {recurs}.'
    )


def _listed(models: Sequence[Studied], word: str, clusters: Callable[[Studied], list[Cluster]]) -> str:
    """Every significant cluster of one direction, by model."""
    found = [f"{m.label} {', '.join(m.place(k) for k in clusters(m))}" for m in models if clusters(m)]
    where = f" (relative depth): {'; '.join(found)}" if found else ""
    return f"{word} in {len(found)} of {len(models)}{where}."


def _adjusted(models: Sequence[Studied], rows: Sequence[Compared]) -> list[str]:
    """The same with covariates held equal: what is absent may be hidden by them, what is there may be made by them."""
    held = [row for row in rows if row.group.endswith(HELD_EQUAL)]
    if len(held) < 2 or held[0].label != models[0].label or models[0].evidence.found is None:
        return []
    sentence = replications(held, runs_of(models), "model")
    return [f"With covariates held equal: {sentence[0].lower()}{sentence[1:]}"]


def _signs(models: Sequence[Studied], rows: Sequence[Compared]) -> list[str]:
    """At the fixed relative depth, whatever p: in how many of the others is the mean above 0, in how many below?"""
    others = {m.label for m in models[1:]}
    asked = [row for row in rows if row.group == rows[0].group and row.label in others and np.isfinite(row.dz)]
    if not asked:
        return []
    above, below = ([row for row in asked if row.dz * sign > 0] for sign in (1, -1))
    return [
        f"At that relative depth the mean difference is above 0 in {len(above)} of {len(asked)} other models (at p <= .05 in "
        f"{sum(row.found for row in above)}), below 0 in {len(below)} (at p <= .05 in {sum(row.found for row in below)})."
    ]


def _strongest_places(models: Sequence[Studied]) -> list[str]:
    """What differs: the direction of the strongest significant cluster, and where it lies."""
    if len(models) < 2:
        return []
    found = [(m, k) for m in models if (k := m.evidence.found) is not None]
    parts = []
    for word, sign in (("positive", 1), ("negative", -1)):
        some = [f"{m.label} {m.place(k)}" for m, k in found if k.mass * sign > 0]
        parts += [f"{word} in {', '.join(some)}"] if some else []
    none = [m.label for m in models if m.evidence.found is None]
    parts += [f"missing in {', '.join(none)}"] if none else []
    return [f"The strongest cluster (relative depth) is {'; '.join(parts)}."]


def _little(models: Sequence[Studied]) -> list[str]:
    """Models that cannot say much, however they answer."""
    told = []
    shallow = [
        f"{m.label} ({len(m.measured)} of {m.depth} layers)" for m in models if len(m.measured) < ASKED * m.depth
    ]
    if shallow:
        told.append(f"At few of its layers CSE is defined in {', '.join(shallow)}: it says little either way.")
    powerless = [m.label for m in models if m.main.smallest_p > ALPHA]
    if powerless:
        told.append(f"With so few items no cluster could be found, however large, in {', '.join(powerless)}.")
    return told


def failures(outcomes: Iterable[Outcome]) -> list[str]:
    return [f"{one.label} was not measured: {one.reason}" for one in unmeasured(outcomes)]


def answer(models: Sequence[Studied]) -> list[str]:
    """What was asked and what was found, in two plain sentences."""
    main = models[0].main
    return [f"Does {main.name} in CSE recur in {len(models)} models, and at the same relative depth?", _claim(models)]


def intro(models: Sequence[Studied]) -> str:
    """What the numbers mean."""
    low, high = fixed_range(models)
    origin = models[0]
    return INTRO.format(a=origin.main.a, b=origin.main.b, low=low, high=high, chosen=_chosen(origin))


def summarize_models(title: str, outcomes: Sequence[Outcome], rows: Sequence[Compared], command: str) -> str:
    """``summary.md`` of a study over models."""
    models = studied(outcomes)
    claim, *more = verdicts(models, rows)
    sections = [
        f"# {title}",
        answer(models)[0],
        f"**{claim}**",
        "\n".join(f"- {line}" for line in [*more, *failures(outcomes)]),
        CAUTION,
        intro(models),
        _models_rows(outcomes, rows),
        "![dz by relative depth](figures/depths.png)",
        "![Forest plot](figures/forest.png)",
        comparison_table("model", rows),
        "Each model has a folder of its own here, with its own `summary.md`. All numbers: `models.csv`.",
        f"To repeat it:\n\n```\n{command}\n```",
    ]
    return "\n\n".join(sections) + "\n"


def _chosen(origin: Studied) -> str:
    """Where the range comes from."""
    if origin.evidence.found is None:
        return f"is all that is measured of `{origin.label}`, which has no cluster to choose by"
    return f"was chosen by `{origin.label}` alone: there its own effect is too large"


def _models_rows(outcomes: Sequence[Outcome], rows: Sequence[Compared]) -> str:
    """Markdown: one line per model."""
    models = studied(outcomes)
    windows, low_high = fixed_windows(models), "{:.2f}-{:.2f}".format(*fixed_range(models))
    at_fixed: Mapping[str, Compared] = {row.label: row for row in rows if row.group == rows[0].group}
    names = (
        *("model", "class", "layers (measured)", "features", "quantisation", "n"),
        *("strongest cluster, chosen by the same data", "dz at its peak", "p"),
        *(f"mean over {low_high}", "dz", "p", "items above / below 0"),
    )
    lines = [f"| {' | '.join(names)} |", "|---" * len(names) + "|"]
    for one in outcomes:
        if isinstance(one, Unmeasured):
            lines.append(f"| {cell(one.label)} | not measured: {cell(one.reason)} |" + " |" * (len(names) - 2))
            continue
        cells = [one.label, one.model_class, f"{one.depth} ({_ends(one.measured)})", one.width, one.quantization]
        cells += [one.main.n, *_strongest_cells(one)]
        cells += _fixed_cells(one, windows[one.label], at_fixed[one.label])
        lines.append(f"| {' | '.join(map(cell, cells))} |")
    notes = [f"- {m.label}: {m.about}" for m in models if m.about]
    return "\n".join(lines) + ("\n\n" + "\n".join(notes) if notes else "")


def _ends(layers: Sequence[int]) -> str:
    return f"{layers[0]}-{layers[-1]}"


def _strongest_cells(m: Studied) -> list[str]:
    k = m.main.strongest()
    if k is None:
        return ["none", "", ""]
    where = f"{layers_text(k.first, k.last)} of {m.depth} ({m.place(k)})"
    return [where, f"{k.effect} at {k.peak_layer}", p_text(k.p)]


def _fixed_cells(m: Studied, window: Window, row: Compared) -> list[str]:
    if not np.isfinite(row.dz):
        return ["no layer is measured there", "", "", ""]
    higher, lower = items_on_either_side(m.main, window)
    return [layers_text(*window), effect_text(row.dz, row.low, row.high), p_text(row.p), f"{higher} / {lower}"]
