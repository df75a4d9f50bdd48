"""Does an effect depend on the settings of the measure?"""

from math import isnan

from depthscope.statistics.curve import Curve
from depthscope.studies.contrast.levels import Signs, signs_of
from depthscope.studies.contrast.results import QUANTITY_NAMES
from depthscope.words import layers_text, p_text


def choices_words(curve: Curve) -> str:
    """The answer, how many settings have which sign, and the joint tests."""
    sure, right, median = (curve.joint[name] for name in ("significant", "significant_expected", "median"))
    signs = signs_of(curve)
    asked, other = ("positive", "negative") if curve.settings["expected"] > 0 else ("negative", "positive")
    words = {
        "no": f"No: {100 * signs.like_default:.0f} % of {signs.count} settings have the same sign",
        "opposite": f"Yes: {100 * (1 - signs.like_default):.0f} % of {signs.count} settings have the opposite sign",
        "yes": f"Yes, its sign does: {100 * signs.expected:.0f} % of {signs.count} settings give a {asked} effect, "
        f"{100 * (1 - signs.expected):.0f} % a {other} one",
    }[signs.dependence]
    return (
        f"**Does it depend on an arbitrary choice?** {words}.{_without_sign(signs)}{_at_fixed_layers(curve, signs)} "
        f"{100 * sure.observed:.0f} % are significant, "
        f"{100 * right.observed:.0f} % significant and {asked} (with labels swapped {100 * right.null_low:.0f} to "
        f"{100 * right.null_high:.0f} %; joint {p_text(right.p)}); median dz {median.observed:+.2f} (with labels swapped "
        f"{median.null_low:+.2f} to {median.null_high:+.2f}; joint {p_text(median.p)})."
    )


def free_words(curve: Curve) -> list[str]:
    """The same of what depends on no weight of the scales, in a sentence each: counts over the settings that are left."""
    return [_free(QUANTITY_NAMES[name], one) for name, one in curve.beside.items()]


def _free(name: str, curve: Curve) -> str:
    signs = signs_of(curve)
    sure, median = curve.joint["significant"], curve.joint["median"]
    share = f"{100 * signs.above:.0f} %" if signs.count else "none"
    return (
        f"Difference in {name}, over the {signs.count} settings in which weights cancel: above 0 in {share}."
        f"{_without_sign(signs)}{_at_fixed_layers(curve, signs)} {100 * sure.observed:.0f} % are significant (with labels "
        f"swapped {100 * sure.null_low:.0f} to {100 * sure.null_high:.0f} %; joint {p_text(sure.p)}); median dz "
        f"{median.observed:+.2f} (joint {p_text(median.p)})."
    )


def _without_sign(signs: Signs) -> str:
    return (
        f" {signs.without} more leave no difference, beyond rounding, between any two texts." if signs.without else ""
    )


def _at_fixed_layers(curve: Curve, signs: Signs) -> str:
    """The strongest clusters lie at any depth; at the layers of the contrast's own, signs can be others."""
    if isnan(signs.above_window):
        return ""
    return (
        f" That counts the strongest cluster at any depth; over {layers_text(*curve.settings['window'])}, "
        f"{100 * signs.above_window:.0f} % are positive."
    )
