"""Does an effect depend on the settings of the measure?"""

import numpy as np

from depthscope.arrays import Float
from depthscope.statistics.curve import Curve
from depthscope.studies.contrast.results import QUANTITY_NAMES, Evidence
from depthscope.words import layers_text, p_text

# of the specifications: at least this share must have one sign for it to be called independent of the choices
AGREEMENT = 0.9


def choices_level(e: Evidence) -> str:
    """Whether the sign of the effect depends on the settings of the measure: ``no``, ``yes``, or ``opposite`` if nearly all
    others give the other sign; empty if it was not asked.
    """
    return _agreement(e.curve) if e.curve is not None else ""


def choices_words(curve: Curve) -> str:
    sure, right, median = (curve.joint[name] for name in ("significant", "significant_expected", "median"))
    signs = _signs(curve)
    asked, other = ("positive", "negative") if curve.settings["expected"] > 0 else ("negative", "positive")
    share = float((signs == curve.settings["expected"]).mean()) if signs.size else 0.0
    words = {
        "no": f"No: {100 * _like_default(curve):.0f} % of {len(signs)} settings have the same sign",
        "opposite": f"Yes: {100 * (1 - _like_default(curve)):.0f} % of {len(signs)} settings have the opposite sign",
        "yes": f"Yes, its sign does: {100 * share:.0f} % of {len(signs)} settings give a {asked} effect, "
        f"{100 * (1 - share):.0f} % a {other} one",
    }[_agreement(curve)]
    rest = f"{_without_sign(curve)}{_at_fixed_layers(curve)}"
    return (
        f"**Does it depend on an arbitrary choice?** {words}.{rest} {100 * sure.observed:.0f} % are significant, "
        f"{100 * right.observed:.0f} % significant and {asked} (with labels swapped {100 * right.null_low:.0f} to "
        f"{100 * right.null_high:.0f} %; joint {p_text(right.p)}); median dz {median.observed:+.2f} (with labels swapped "
        f"{median.null_low:+.2f} to {median.null_high:+.2f}; joint {p_text(median.p)})."
    )


def free_words(curve: Curve) -> list[str]:
    """The same of what hangs on no weight of the scales, in a sentence each: counts over the settings that are left."""
    return [_free(QUANTITY_NAMES[name], one) for name, one in curve.beside.items()]


def _free(name: str, curve: Curve) -> str:
    signs = _signs(curve)
    sure, median = curve.joint["significant"], curve.joint["median"]
    share = f"{100 * (signs > 0).mean():.0f} %" if signs.size else "none"
    return (
        f"Difference in {name}, over the {len(signs)} settings in which weights cancel: above 0 in {share}."
        f"{_without_sign(curve)}{_at_fixed_layers(curve)} {100 * sure.observed:.0f} % are significant (with labels swapped "
        f"{100 * sure.null_low:.0f} to {100 * sure.null_high:.0f} %; joint {p_text(sure.p)}); median dz "
        f"{median.observed:+.2f} (joint {p_text(median.p)})."
    )


def _agreement(curve: Curve) -> str:
    share = _like_default(curve)
    return "no" if share >= AGREEMENT else "opposite" if share <= 1 - AGREEMENT else "yes"


def _like_default(curve: Curve) -> float:
    """Share of the specifications whose effects have the sign of the first one, which is the default."""
    signs = _signs(curve)
    return float((signs == signs[0]).mean()) if signs.size else 1.0


def _signs(curve: Curve) -> Float:
    """Of the specifications that have one: where all scales have the same filter, as some have of Haar in a shallow model,
    texts differ by rounding alone, which is no difference.
    """
    dz: Float = curve.table["dz"].to_numpy(dtype=np.float64)
    signs: Float = np.sign(dz[dz != 0])
    return signs


def _without_sign(curve: Curve) -> str:
    count = len(curve.table) - len(_signs(curve))
    return f" {count} more leave no difference, beyond rounding, between any two texts." if count else ""


def _at_fixed_layers(curve: Curve) -> str:
    """The strongest clusters lie at any depth; at the layers of the contrast's own, signs can be others."""
    window = curve.settings.get("window")
    if window is None or not (known := curve.table["window_dz"].notna()).any():
        return ""
    at = curve.table.loc[known, "window_dz"]
    return (
        f" That counts the strongest cluster at any depth; over {layers_text(*window)}, {100 * (at > 0).mean():.0f} % are "
        "positive."
    )
