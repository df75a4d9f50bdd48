"""What several models say together, in words: does the contrast recur, and where in relative depth?"""

from collections.abc import Callable, Iterable, Sequence

from depthscope.statistics.alignment import EARLY
from depthscope.statistics.result import Cluster
from depthscope.studies.contrast.across import replication
from depthscope.studies.contrast.results import Compared
from depthscope.studies.contrast.verdicts.replication import replication_words
from depthscope.studies.models.results import (
    Outcome,
    Studied,
    at_fixed,
    fixed_range,
    held_equal,
    powerless,
    runs_of,
    shallow,
    unmeasured,
    without_early,
)

INTRO = """\
Positive means higher CSE for {a} than for {b}. Relative depth is layer / number of layers. "Strongest cluster" is where a model
itself shows most: **chosen by the same data**, so its dz, the largest of many layers, is too large on average, and it tests
no hypothesis about where. The range {low:.2f} to {high:.2f} {chosen};
in every other model the layers in this range are a test that nothing in that model could tune. A model counts as a replication
if the mean over them differs at p <= .05 in the same direction; the effect is absent if two one-sided tests put |dz| below the
bound.\
"""


def title(models: Sequence[Studied]) -> str:
    return f"{models[0].main.name} in {len(models)} models"


def verdicts(models: Sequence[Studied], rows: Sequence[Compared]) -> list[str]:
    """What all models say together, by the rules of docs/evidence.md; the claim first."""
    return [
        _claim(models),
        _listed(models, "Higher", lambda m: m.positive),
        _listed(models, "Lower", lambda m: m.negative),
        replication_words(replication(rows, runs_of(models)), "model"),
        *_adjusted(models, rows),
        *_signs(models, rows),
        *_strongest_places(models),
        *_little(models),
    ]


def _claim(models: Sequence[Studied]) -> str:
    """In how many higher anywhere, in how many early to mid, in how many lower? In which is the claim not supported?"""
    higher, early, lower = (
        sum(map(bool, found)) for found in zip(*((m.positive, m.early, m.negative) for m in models), strict=True)
    )
    missing = [m.label for m in without_early(models)]
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
    held = held_equal(models, rows)
    if not held:
        return []
    sentence = replication_words(replication(held, runs_of(models)), "model")
    return [f"With covariates held equal: {sentence[0].lower()}{sentence[1:]}"]


def _signs(models: Sequence[Studied], rows: Sequence[Compared]) -> list[str]:
    """At the fixed relative depth, whatever p: in how many of the others is the mean above 0, in how many below?"""
    asked = at_fixed(models, rows)
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
    """Models that cannot say much, whatever they answer."""
    told = []
    few = [f"{m.label} ({len(m.measured)} of {m.depth} layers)" for m in shallow(models)]
    if few:
        told.append(f"At few of its layers CSE is defined in {', '.join(few)}: it says little either way.")
    if blind := [m.label for m in powerless(models)]:
        told.append(f"With so few items no cluster could be found, however large, in {', '.join(blind)}.")
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


def _chosen(origin: Studied) -> str:
    """Where the range comes from."""
    if origin.evidence.found is None:
        return f"is all that is measured of `{origin.label}`, which has no cluster to choose by"
    return f"was chosen by `{origin.label}` alone: there its own effect is too large"


def fixed_text(models: Sequence[Studied]) -> str:
    """The fixed relative depth, above the rows of a terminal."""
    low, high = fixed_range(models)
    return f"fixed: relative depth {low:.2f} to {high:.2f}, chosen by {models[0].label}"
