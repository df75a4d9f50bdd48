"""Which claims about LEAF-X hold, in sentences by rule."""

from collections.abc import Sequence

from depthscope.drawing.reading import some
from depthscope.studies.asr.ablation.claims import FAILS, HOLDS, MAIN, OPEN, UNKNOWN, Claim, Findings, Tested
from depthscope.studies.asr.ablation.measuring import METRICS
from depthscope.words import names_text, range_text

SHORT = {"tloc": "mass inside the word", "d_aopc_silence": "log p lost to silence"}
ALL = 20  # names in a sentence that says which hold
READING = (
    "Every claim is a difference of two methods on the same words, with a 95 % interval by bootstrap over clips; above 0 the "
    "claim holds, below it does not, and an interval that holds 0 settles nothing. Intervals are not widened for the number of "
    "claims: of twenty that are not true one is expected to be called decided."
)
RIVALS_READING = (
    "Mass inside the true word asks whether a map is where the word is spoken; D-AOPC, how many nats the word loses when the "
    "frames of most mass go, whether it needs them. SPR and sharpness only ask whether a map is narrow: chance, a map as wide "
    "as a word at a random place, is. Infidelity is 0 where a map foretells what each loss costs, and 1 where it foretells "
    "nothing. Silencing is measured on a sample of words, the same for all methods; intervals are over clips."
)


def title(found: Findings) -> str:
    return f"Which claims about LEAF-X hold in {names_text(found.models)}"


def answer(found: Findings, words: int, clips: int) -> list[str]:
    """What was measured, and what is decided in the same way in every model, by each of the two metrics that are told."""
    said = [f"{names_text(found.models)} on {some(words, 'word')} of {some(clips, 'sound')}."]
    for metric in MAIN:
        counts = [one.words for one in found.tested if one.metric == metric]
        if counts:
            said.append(
                f"By {SHORT[metric]} ({range_text(min(counts), max(counts))} words) {_everywhere(found, metric)}."
            )
    return [*said, *sharp_or_faithful(found)]


def _everywhere(found: Findings, metric: str) -> str:
    many = len(found.models) > 1
    parts = [
        f"{begun}: {names_text([one.says for one in claims], ALL)}"
        for decision, begun in (
            (HOLDS, "these claims hold in every model" if many else "these claims hold"),
            (FAILS, "these hold in none" if many else "these do not"),
            (OPEN, "these are settled in none" if many else "these are not settled"),
        )
        if (claims := found.everywhere(metric, decision))
    ]
    return "; ".join(parts) if parts else "no claim is decided in the same way in all models"


def sharp_or_faithful(found: Findings) -> list[str]:
    """Whether LEAF-X is faithful, or only sharp, beside the plain mean of all attention."""
    said = []
    for model in found.models:
        sharp, faithful = found.sharp_or_faithful(model)
        if UNKNOWN in (sharp, faithful):
            continue
        narrow = {HOLDS: "sharper than", FAILS: "less sharp than", OPEN: "about as sharp as"}[sharp]
        needed = {HOLDS: "more", FAILS: "less", OPEN: "not measurably more or less"}[faithful]
        said.append(f"In {model} LEAF-X is {narrow} the plain mean of attention, and {needed} faithful.")
    return said


def claims_words(found: Findings) -> list[str]:
    """One paragraph a claim."""
    return [
        " ".join([f"**{_begun(claim.says)}?**", *(_sentence(found.of(claim.key, metric)) for metric in MAIN)]).strip()
        for claim in _known(found)
    ]


def _known(found: Findings) -> Sequence[Claim]:
    return list(dict.fromkeys(one.claim for one in found.tested))


def _begun(text: str) -> str:
    return text[:1].upper() + text[1:]


def _sentence(tested: Sequence[Tested]) -> str:
    if not tested:
        return ""
    parts = []
    for decision in (HOLDS, FAILS, OPEN):
        own = [
            f"{one.model} ({one.difference:+.2f} [{one.low:+.2f}, {one.high:+.2f}], {some(one.words, 'word')})"
            for one in tested
            if one.decision == decision
        ]
        if own:
            parts.append(f"{decision} in {names_text(own)}")
    metric = tested[0].metric
    return f"{_begun(SHORT.get(metric, METRICS[metric].label))}: {'; '.join(parts)}." if parts else ""
