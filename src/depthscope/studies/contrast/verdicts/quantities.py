"""What of a contrast of CSE depends on no weight of the scales, in a sentence each (docs/relative.md)."""

from collections.abc import Mapping

from depthscope.statistics.result import Cluster, Contrast
from depthscope.studies.contrast.levels import finding, one_direction
from depthscope.studies.contrast.results import QUANTITY_NAMES, Quantities
from depthscope.words import ALPHA, effect_text, layers_text, names_text, p_text

TOLD = 3  # clusters that are named; relative-layers.csv has all


def quantities_words(quantities: Quantities) -> list[str]:
    """What relative CSE, the slopes and the mean cosine say, in a sentence each; then what is missing, and why."""
    told = {"relative": _relative, "directions": _slope, "autocorrelation": _cosine}
    few = {
        name: f"with {c.n} items no effect, however large, could be found"
        for name, c in quantities.rows.items()
        if name in told and finding(c) == "too few items"
    }
    found = [words(quantities) for name, words in told.items() if name in quantities.rows and name not in few]
    if quantities.signal == "state":
        found = [line.replace("update", "state") for line in found]
    return [*found, *_by_reason("Cannot be decided", few), *_by_reason("Not measured", quantities.missing)]


def _relative(quantities: Quantities) -> str:
    found = _found(quantities.rows["relative"])
    if not found:
        return "Relative to what the norms of the updates give alone, no difference in CSE was found at any depth"
    return f"Relative to what the norms of the updates give alone, CSE is {found}"


def _slope(quantities: Quantities) -> str:
    """Directions first: their slope depends on no weight; then what norms add, at the same layers."""
    directions, norms = quantities.rows["directions"], quantities.rows["norms"]
    strongest = directions.strongest(ALPHA)
    if strongest is None:
        found = _found(norms)
        rest = f"; the slope that norms give is {found}" if found else ""
        return f"Whatever the weights of the scales, directions show no difference in the slope of the energy{rest}"
    more = "more" if strongest.mass > 0 else "less"
    how = (
        f"{more} in one direction over depth"
        if one_direction(directions)
        else "less in one direction at some depths, more at others"
    )
    window = strongest.first, strongest.last
    effect, alone = norms.over(*window), len(directions.significant(ALPHA)) == 1
    where = "" if alone else f" at {layers_text(*window)}"
    same = "the same" if effect.dz * strongest.mass > 0 else "the other"
    told = f"norms go {same} way{where}" if effect.found else f"norms show nothing{where or ' there'}"
    return (
        f"Whatever the weights of the scales, updates persist {how}: the slope of the energy that directions give is "
        f"{_found(directions)}; {told} (dz {effect_text(effect.dz, effect.low, effect.high)})"
    )


def _cosine(quantities: Quantities) -> str:
    found = _found(quantities.rows["autocorrelation"])
    if not found:
        return "Without wavelets, the mean cosine of updates up to half of the depth apart shows no difference at any depth"
    return f"Without wavelets, the mean cosine of updates up to half of the depth apart is {found}"


def _found(c: Contrast) -> str:
    """The significant clusters, the strongest first."""
    found = sorted(c.significant(ALPHA), key=lambda k: -abs(k.mass))
    return names_text(map(_cluster, found), TOLD)


def _cluster(k: Cluster) -> str:
    peak = "" if k.first == k.last else f" at layer {k.peak_layer}"
    return f"{k.direction} at {layers_text(k.first, k.last)} ({p_text(k.p)}, dz {k.effect}{peak})"


def _by_reason(what: str, reasons: Mapping[str, str]) -> list[str]:
    """A sentence for each reason, with the rows that share it."""
    rows = {
        one: [QUANTITY_NAMES[name] for name in reasons if reasons[name] == one]
        for one in dict.fromkeys(reasons.values())
    }
    return [f"{what}: {names_text(names, len(QUANTITY_NAMES))} ({reason})" for reason, names in rows.items()]
