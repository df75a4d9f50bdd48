"""Do mixed models, which hold random what texts share, agree with the cluster test?"""

from collections.abc import Mapping

from depthscope.studies.contrast.levels import Agreement, mixed_level
from depthscope.studies.contrast.results import Evidence
from depthscope.words import layers_text, p_text

MIXED_MEANS: Mapping[Agreement, str] = {
    "agrees": "Yes: it agrees with the cluster test",
    "undecided": "Undecided",
    "disagrees": "No: it does not agree with the cluster test",
    "failed": "Unknown: the search for its variances did not end",
}


def mixed_words(e: Evidence) -> str:
    """Of the model that holds most random."""
    model = e.mixed[-1]
    level = mixed_level(e, model)
    asked = f"**With what texts share held random ({model.name}), is it there too? {MIXED_MEANS[level]}.**"
    if level == "failed":
        return asked
    told = (
        f"The mean over {layers_text(*e.window)} differs by {model.difference:+.4g} [{model.low:+.4g}, {model.high:+.4g}] "
        f"({model.n} texts, t({model.df}) = {model.t:.2f}, {p_text(model.p)})"
    )
    why = ""
    if level == "undecided":
        why = (
            "; that may be nothing, and may be as much as the cluster test saw"
            if e.found
            else "; no cluster is found, and the p of the model knows nothing of the layers that were looked at"
        )
    notes = (
        [f"The variance of {' and '.join(model.singular)} is estimated as 0 (a singular fit)."]
        if model.singular
        else []
    )
    if not model.crossed:
        notes.append("Nothing is crossed with items, so that this is near the paired test; see --crossed.")
    return " ".join([asked, f"{told}{why}.", *notes])
