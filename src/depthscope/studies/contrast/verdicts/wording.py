"""What sentences on a contrast at a window share."""

import numpy as np

from depthscope.statistics.result import Cluster, Contrast
from depthscope.studies.contrast.results import Evidence, there
from depthscope.words import ALPHA, effect_text, layers_text, p_text


def sign_of(e: Evidence) -> float:
    return float(np.sign(e.found.mass)) if e.found else 1.0


def shown(contrast: Contrast, window: tuple[int, int], sign: float) -> str:
    """What a contrast shows at the window: the same, the opposite, or nothing; always with the size of it."""
    mean = over_window(contrast, window)
    if cluster := there(contrast, window, sign):
        return f"is there ({at_cluster(cluster)}; {mean})"
    if cluster := there(contrast, window, -sign):
        return f"goes the other way ({at_cluster(cluster)}; {mean})"
    effect = contrast.over(*window)
    same = effect.p_equivalence <= ALPHA
    bound = f", below |dz| = {contrast.settings['bound']:g}, {p_text(effect.p_equivalence)}" if same else ""
    return f"is not there ({mean}{bound})"


def at_cluster(cluster: Cluster | None) -> str:
    return f"{layers_text(cluster.first, cluster.last)}, {p_text(cluster.p)}, dz {cluster.dz:+.2f}" if cluster else ""


def over_window(contrast: Contrast, window: tuple[int, int]) -> str:
    effect = contrast.over(*window)
    return f"mean over {layers_text(*window)}: dz {effect_text(effect.dz, effect.low, effect.high)}"


def sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."
