"""Is a null enough to explain an effect, and do labels that mean nothing hold their rate?"""

from collections.abc import Mapping

from depthscope.statistics.nulls import Null
from depthscope.statistics.shares import Word
from depthscope.studies.contrast.levels import null_level, swapped_level, there
from depthscope.studies.contrast.results import Evidence
from depthscope.studies.contrast.verdicts.wording import at_cluster, sentence

NULL_MEANS: Mapping[Word, str] = {
    "a part": "It explains a part of the effect, not all of it",
    "enough": "It is enough to explain the effect",
    "too little": "It is too little to explain the effect",
    "undecided": "Undecided: the interval allows more than one of too little, a part and enough",
}
SWAPPED_MEANS = {
    "nominal": "as it should be",
    "cautious": "below what it should be: the test is cautious here",
    "too many": "more than it should: do not trust the p of this data",
}


def null_words(e: Evidence, null: Null) -> str:
    """How often and how large the effect is in a null, and what lies beyond it."""
    words = sentence(null.words)[:-1]
    level = null_level(e, null)
    if not level:
        return f"**{words}:** {e.main.name} is found in {null.anywhere}."
    beyond = there(null.excess, e.window, e.sign)
    rest = (
        f"beyond it, the conditions still differ there ({at_cluster(beyond)})"
        if beyond
        else "beyond it, nothing is found there"
    )
    assert null.size is not None
    assert null.share is not None
    # + 0.0: a little less than nothing is not "-0 %"
    _, low, high = (round(100 * part, 0) + 0.0 for part in null.size)
    return (
        f"**{words}:** it has {null.share} of the size observed ({low:.0f} to {high:.0f} % in most draws; "
        f"{null.reached.found if null.reached else 0} reach it); the effect is there in {null.there}; {rest}. "
        f"{NULL_MEANS[level]}."
    )


def swapped_words(e: Evidence) -> str:
    """How often something is found where labels mean nothing; empty where it was not asked."""
    level = swapped_level(e)
    if not level:
        return ""
    return (
        f"**Labels swapped by coin:** something is found in {e.swapped}; nominal 5 %: {SWAPPED_MEANS[level]}. (This "
        "checks the test; that items are independent of each other is assumed.)"
    )
