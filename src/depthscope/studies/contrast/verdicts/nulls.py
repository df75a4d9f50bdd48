"""Is a null enough to explain an effect, and do labels that mean nothing hold their rate?"""

from typing import Literal

from depthscope.statistics.nulls import Null
from depthscope.statistics.shares import Word
from depthscope.studies.contrast.results import Evidence, there
from depthscope.studies.contrast.verdicts.wording import at_cluster, sentence, sign_of
from depthscope.words import ALPHA

NULL_MEANS: dict[Word, str] = {
    "a part": "It explains a part of the effect, not all of it",
    "enough": "It is enough to explain the effect",
    "too little": "It is too little to explain the effect",
    "undecided": "Undecided: the interval allows more than one of too little, a part and enough",
}


def null_level(e: Evidence, null: Null) -> Word | Literal[""]:
    """How much of the effect a null explains: a key of ``NULL_MEANS``; empty without an effect."""
    return "" if e.found is None or null.share is None else null.share.word


def trusted(e: Evidence) -> bool:
    """False if labels that mean nothing give more findings than they should."""
    return e.swapped is None or e.swapped.interval[0] <= ALPHA


def null_words(e: Evidence, null: Null) -> str:
    words = sentence(null.words)[:-1]
    level = null_level(e, null)
    if not level:
        return f"**{words}:** {e.main.name} is found in {null.anywhere}."
    beyond = there(null.excess, e.window, sign_of(e))
    rest = (
        f"beyond it, the conditions still differ there ({at_cluster(beyond)})"
        if beyond
        else "beyond it, nothing is found there"
    )
    assert null.size is not None
    assert null.share is not None
    # + 0.0, lest a little less than nothing be told as "-0 %"
    _, low, high = (round(100 * part, 0) + 0.0 for part in null.size)
    return (
        f"**{words}:** it has {null.share} of the size observed ({low:.0f} to {high:.0f} % in most draws; "
        f"{null.reached.found if null.reached else 0} reach it); the effect is there in {null.there}; {rest}. "
        f"{NULL_MEANS[level]}."
    )


def swapped_words(e: Evidence) -> str:
    assert e.swapped is not None
    low, high = e.swapped.interval
    fits = "as it should be" if low <= ALPHA <= high else "below what it should be: the test is cautious here"
    if not trusted(e):
        fits = "more than it should: do not trust the p of this data"
    return (
        f"**Labels swapped by coin:** something is found in {e.swapped}; nominal 5 %: {fits}. (This "
        "checks the test; that items are independent of each other is assumed.)"
    )
