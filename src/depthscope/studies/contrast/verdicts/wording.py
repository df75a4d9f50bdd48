"""What sentences on a contrast at a window share."""

from collections.abc import Iterator

from depthscope.statistics.result import Cluster, Contrast
from depthscope.studies.contrast.levels import presence
from depthscope.studies.contrast.results import Evidence
from depthscope.words import effect_text, layers_text, names_text, p_text


def shown(contrast: Contrast, window: tuple[int, int], sign: float) -> str:
    """What a contrast shows at the window: the same, the opposite, or nothing; always with the size of it."""
    mean, (level, cluster) = over_window(contrast, window), presence(contrast, window, sign)
    if level == "there":
        return f"is there ({at_cluster(cluster)}; {mean})"
    if level == "reversed":
        return f"goes the other way ({at_cluster(cluster)}; {mean})"
    p = p_text(contrast.over(*window).p_equivalence)
    bound = f", below |dz| = {contrast.settings['bound']:g}, {p}" if level == "equivalent" else ""
    return f"is not there ({mean}{bound})"


def at_cluster(cluster: Cluster | None) -> str:
    return f"{layers_text(cluster.first, cluster.last)}, {p_text(cluster.p)}, dz {cluster.dz:+.2f}" if cluster else ""


def over_window(contrast: Contrast, window: tuple[int, int]) -> str:
    effect = contrast.over(*window)
    return f"mean over {layers_text(*window)}: dz {effect_text(effect.dz, effect.low, effect.high)}"


def window_text(e: Evidence) -> str:
    """The window and where it comes from."""
    if e.main.clusters:
        return f"{layers_text(*e.window)}, those of the strongest cluster of {e.main.name}"
    none = f"because no layer of {e.main.name} passes the forming threshold"
    return f"{layers_text(*e.window)}, all that were measured, {none}"


def measured_text(contrast: Contrast) -> str:
    """Every layer at which a contrast is measured."""
    runs = [str(first) if first == last else f"{first} to {last}" for first, last in _runs(contrast.measured)]
    return f"every layer measured ({names_text(runs)})"


def _runs(layers: list[int]) -> Iterator[tuple[int, int]]:
    """First and last of all that follow each other without a gap."""
    firsts = [layer for layer in layers if layer - 1 not in layers]
    lasts = [layer for layer in layers if layer + 1 not in layers]
    yield from zip(firsts, lasts, strict=True)


def sides(contrast: Contrast) -> tuple[str, str]:
    """Names of both sides for a sentence."""
    left, right = (f"({side})" if " - " in side else side for side in (contrast.a, contrast.b))
    return left, right


def sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."
