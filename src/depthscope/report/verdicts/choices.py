"""Does an effect depend on the settings of the measure?"""

import numpy as np

from depthscope.drawing.alt import p_text
from depthscope.report.beside import ROWS
from depthscope.report.evidence import Evidence
from depthscope.statistics.curve import Curve

# of the specifications: at least this share must have one sign for it to be called independent of the choices
AGREEMENT = 0.9


def choices_level(e: Evidence) -> str:
    """Whether the sign of the effect depends on the settings of the measure: ``no``, ``yes``, or ``opposite`` if nearly all
    others give the other sign; empty if it was not asked.
    """
    return _agreement(e.curve) if e.curve is not None else ""


def choices_words(curve: Curve) -> str:
    positive, sure, right, median = (
        curve.joint[name] for name in ("expected", "significant", "significant_expected", "median")
    )
    share = positive.observed
    asked, other = ("positive", "negative") if curve.settings["expected"] > 0 else ("negative", "positive")
    words = {
        "no": f"No: {100 * _like_default(curve):.0f} % of {len(curve.table)} settings have the same sign",
        "opposite": f"Yes: {100 * (1 - _like_default(curve)):.0f} % of {len(curve.table)} settings have the opposite sign",
        "yes": f"Yes, its sign does: {100 * share:.0f} % of {len(curve.table)} settings give a {asked} effect, "
        f"{100 * (1 - share):.0f} % a {other} one",
    }[_agreement(curve)]
    fixed = _at_fixed_layers(curve)
    return (
        f"**Does it depend on an arbitrary choice?** {words}.{fixed} {100 * sure.observed:.0f} % are significant, "
        f"{100 * right.observed:.0f} % significant and {asked} (with labels swapped {100 * right.null_low:.0f} to "
        f"{100 * right.null_high:.0f} %; joint {p_text(right.p)}); median dz {median.observed:+.2f} (with labels swapped "
        f"{median.null_low:+.2f} to {median.null_high:+.2f}; joint {p_text(median.p)})."
    )


def free_words(curve: Curve) -> list[str]:
    """The same of what hangs on no weight of the scales, in a sentence each: counts over the settings that are left."""
    return [_free(ROWS[name], one) for name, one in curve.beside.items()]


def _free(name: str, curve: Curve) -> str:
    signs = curve.table["dz"].to_numpy()
    sure, median = curve.joint["significant"], curve.joint["median"]
    return (
        f"{name[0].upper()}{name[1:]}, over the {len(curve.table)} settings in which weights cancel: above 0 in "
        f"{100 * (signs > 0).mean():.0f} %.{_at_fixed_layers(curve)} {100 * sure.observed:.0f} % are significant (with labels "
        f"swapped {100 * sure.null_low:.0f} to {100 * sure.null_high:.0f} %; joint {p_text(sure.p)}); median dz "
        f"{median.observed:+.2f} (joint {p_text(median.p)})."
    )


def _agreement(curve: Curve) -> str:
    share = _like_default(curve)
    return "no" if share >= AGREEMENT else "opposite" if share <= 1 - AGREEMENT else "yes"


def _like_default(curve: Curve) -> float:
    """Share of the specifications whose effects have the sign of the first one, which is the default."""
    signs = np.sign(curve.table["dz"].to_numpy())
    return float((signs == signs[0]).mean())


def _at_fixed_layers(curve: Curve) -> str:
    """The strongest clusters lie at any depth; at the layers of the contrast's own, signs can be others."""
    window = curve.settings.get("window")
    if window is None:
        return ""
    at = curve.table["window_dz"].dropna()
    layers = f"layer {window[0]}" if window[0] == window[1] else f"layers {window[0]}-{window[1]}"
    return (
        f" That counts the strongest cluster at any depth; over {layers}, {100 * (at > 0).mean():.0f} % are positive."
    )
