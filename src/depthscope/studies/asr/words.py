"""What was transcribed and what it rests on, in sentences by rule: the numbers of the results, and nothing they do not say."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from depthscope.drawing.reading import short, some
from depthscope.studies.asr.depth import FOUND, finding
from depthscope.studies.asr.results import ENOUGH, LITTLE, NOTHING, SOUND, UNKNOWN, UNSURE, Explanation
from depthscope.telling import Sheet
from depthscope.words import names_text

# words and sounds that are named; rows of a table in a terminal
NAMED, LISTED = 3, 40
# letters of a transcript that stand in a title, and in a sentence
QUOTED, TOLD = 70, 300
# share of mass in padding from which on it is told in the first sentences
MUCH_PADDING = 0.25

CAUTION = (
    "A sharp map is not a faithful one: it shows where the model attends, and only silencing the sound there shows whether "
    "the word needs it."
)
READING = (
    "A map says how much of a token rests on each moment, and sums to 1 over the sound. Heard is what it costs a word, in nats "
    "of its log probability, to silence the moments where its map is highest, beyond as much silence at other words; "
    f"total, to silence the whole sound. A word that loses less than {LITTLE:g} nats with the whole sound rests on nothing: it "
    f"would have been written anyway. One that loses {ENOUGH:g} or more rests on the sound, which does not make it right: "
    "whether it was misheard is better told by its probability. Concentration is the mass between its own start and end; "
    "agreement, how much the maps of its layers overlap."
)


def answer(explanations: Sequence[Explanation]) -> list[str]:
    """What was found, the most important first: the text, what rests on nothing, how concentrated the maps are."""
    return [_transcribed(explanations), *_resting(explanations), *_concentrated(explanations), CAUTION]


def title(explanations: Sequence[Explanation]) -> str:
    """The beginning of what was said, or how many sounds there are."""
    if len(explanations) != 1:
        return f"What {some(len(explanations), 'sound')} were heard as"
    return quoted(explanations[0].text) or f"{explanations[0].name}: nothing was written"


def _transcribed(explanations: Sequence[Explanation]) -> str:
    count = sum(len(one.words) for one in explanations)
    seconds = sum(one.seconds for one in explanations)
    windows = sum(len(one.windows) for one in explanations)
    models = names_text(dict.fromkeys(one.model for one in explanations))
    languages = names_text(dict.fromkeys(one.language for one in explanations if one.language))
    sounds = explanations[0].name if len(explanations) == 1 else some(len(explanations), "sound")
    if not count:
        return f"{models} wrote nothing of {sounds} ({seconds:.1f} s)."
    said = f" (language {languages})" if languages else ""
    text = f": “{quoted(explanations[0].text, TOLD).rstrip('.')}”" if len(explanations) == 1 else ""
    return (
        f"{models} wrote {some(count, 'word')}{said} of {sounds}, {seconds:.1f} s in {some(windows, 'window')}{text}."
    )


def _resting(explanations: Sequence[Explanation]) -> list[str]:
    words = pd.concat([one.words for one in explanations])
    known = words[words["verdict"] != UNKNOWN]
    if not len(known):
        return []
    counts = known["verdict"].value_counts()
    nothing = known[known["verdict"] == NOTHING]
    first = (
        f"{counts.get(SOUND, 0)} of {some(len(known), 'word')} rest on the sound, {counts.get(UNSURE, 0)} are unsure"
    )
    if not len(nothing):
        return [f"{first}, and none rests on nothing."]
    named = [
        f"“{short(str(text))}” ({start:.2f} s)" for text, start in zip(nothing["text"], nothing["start"], strict=True)
    ]
    rest = "rests" if len(nothing) == 1 else "rest"
    return [f"{first}, and {len(nothing)} {rest} on nothing: {names_text(named, NAMED)}."]


def _concentrated(explanations: Sequence[Explanation]) -> list[str]:
    tokens = pd.concat([one.tokens for one in explanations])
    words = pd.concat([one.words for one in explanations])
    if not len(tokens):
        return []
    parts = [f"Maps have a mean entropy of {tokens['entropy'].mean():.2f} (0: one moment, 1: spread evenly)"]
    if "concentration" in words and words["concentration"].notna().any():
        parts.append(f"with {words['concentration'].mean():.0%} of a word's mass at its own place")
    said = [f"{', '.join(parts)}."]
    padding = float(tokens["padding"].mean())
    if np.isfinite(padding) and padding > 0:
        much = " That much attention to nothing is a reason to doubt raw maps." if padding >= MUCH_PADDING else ""
        said.append(f"Of the attention {padding:.0%} lay in padding and was left out.{much}")
    return said


def depth_words(table: pd.DataFrame) -> list[str]:
    """At which layer words find their place; nothing for a table without rows."""
    first = finding(table)
    if first is None:
        return []
    best = table.iloc[int(table["inside"].argmax())]
    interval = f" [{best['inside_low']:.2f}, {best['inside_high']:.2f}]" if np.isfinite(best["inside_low"]) else ""
    count = some(int(best["words"]), "word")
    return [
        f"Over {count}, layer {int(best['layer'])} has most mass inside the word ({best['inside']:.2f}{interval}). The place "
        f"is first found at layer {first}, which has {FOUND:.0%} of that or more."
    ]


def word_sheet(one: Explanation) -> Sheet:
    """The words of a sound for a terminal; of many, those that rest on least, and those that are least likely."""
    words, title = one.words, "Words"
    if len(words) > LISTED:
        by = "total" if "total" in words and words["total"].notna().any() else "probability"
        title = f"Words: the {LISTED} of {len(words)} with the least {'effect of the sound' if by == 'total' else by}"
        words = words.sort_values(by, kind="stable").head(LISTED)
    columns = [name for name in ("heard", "total", "concentration") if name in words]
    rows = [
        [
            short(str(row["text"])),
            f"{row['start']:.2f}",
            f"{row['end']:.2f}",
            f"{row['probability']:.3f}",
            *(f"{row[name]:.2f}" if np.isfinite(row[name]) else "" for name in columns),
            row["verdict"],
        ]
        for _, row in words.iterrows()
    ]
    return Sheet(["word", "start", "end", "probability", *columns, "verdict"], rows, title)


def quoted(text: str, letters: int = QUOTED) -> str:
    """The beginning of a text, on one line."""
    line = " ".join(text.split())
    return line if len(line) <= letters else f"{line[: letters - 1]}…"
