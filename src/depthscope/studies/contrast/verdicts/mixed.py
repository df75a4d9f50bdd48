"""Do mixed models, which hold random what texts share, agree with the cluster test?"""

from depthscope.statistics.mixed import Mixed
from depthscope.studies.contrast.results import Evidence
from depthscope.studies.contrast.verdicts.wording import sign_of
from depthscope.words import ALPHA, layers_text, p_text

MIXED_MEANS = {
    "agrees": "Yes: it agrees with the cluster test",
    "undecided": "Undecided",
    "disagrees": "No: it does not agree with the cluster test",
    "failed": "Unknown: the search for its variances did not end",
}


def mixed_level(e: Evidence, model: Mixed) -> str:
    """Whether a mixed model says of the window what the cluster test says: a key of ``MIXED_MEANS``."""
    if not model.converged:
        return "failed"
    if e.found is None:  # the window is where the difference is largest, for which no p of a model is corrected
        return "undecided" if model.p <= ALPHA else "agrees"
    sign = sign_of(e)
    if model.p <= ALPHA:
        return "agrees" if model.difference * sign > 0 else "disagrees"
    most = model.high if sign > 0 else -model.low
    return "undecided" if most >= abs(e.main.over(*e.window).difference) else "disagrees"


def mixed_words(e: Evidence) -> str:
    """Of the model that holds most random."""
    model = e.mixed[-1]
    level, factors = mixed_level(e, model), mixed_name(model)
    asked = f"**With what texts share held random ({factors}), is it there too? {MIXED_MEANS[level]}.**"
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


def mixed_name(model: Mixed) -> str:
    """What a model holds random, in a word for each."""
    return " + ".join(model.levels)
