"""IMPLI (Stowe, Utama & Gurevych 2022): metaphor, its literal paraphrase, the same verb used literally."""

from difflib import SequenceMatcher
from pathlib import Path

import pandas as pd

from depthscope.stimuli.detokenize import detokenize
from depthscope.stimuli.files import read_text


def read_impli(folder: Path) -> pd.DataFrame:
    """Triads from ``metaphors_manual_e.tsv`` (paraphrases) and ``metaphors_manual_ne.tsv`` (literal uses).

    The files do not mark the target. It is the one word that the literal use keeps and the paraphrase replaces; a
    metaphor for which this does not single out one word is left out. The paraphrase's target is what replaced it.
    Only the first paraphrase and the first literal use of each metaphor are taken.
    """
    paraphrases = _pairs(folder / "metaphors_manual_e.tsv")
    literals = _pairs(folder / "metaphors_manual_ne.tsv")
    rows = []
    for number, (metaphor, literal) in enumerate(literals.items()):
        if metaphor in paraphrases:
            rows += _triad(number, metaphor.split(), literal.split(), paraphrases[metaphor].split())
    return pd.DataFrame(rows)


def _pairs(path: Path) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for line in read_text(path).splitlines():
        cells = line.split("\t")
        if len(cells) >= 2 and cells[0].strip() and cells[1].strip():
            pairs.setdefault(_spaced(cells[0]), _spaced(cells[1]))
    return pairs


def _spaced(line: str) -> str:
    """The files are tokenised in part: make the final stop a token of its own everywhere."""
    line = line.strip()
    return line if not line or line[-1] not in ".!?" or line.endswith(" " + line[-1]) else f"{line[:-1]} {line[-1]}"


def _triad(number: int, metaphor: list[str], literal: list[str], paraphrase: list[str]) -> list[dict[str, object]]:
    changes = SequenceMatcher(a=metaphor, b=paraphrase, autojunk=False).get_opcodes()
    kept = [w.lower() for w in literal]
    found = [
        (position, span)
        for kind, a0, a1, *span in changes
        if kind == "replace"
        for position in range(a0, a1)
        if kept.count(metaphor[position].lower()) == 1
    ]
    if len(found) != 1:
        return []
    position, (first, last) = found[0]
    at_literal = kept.index(metaphor[position].lower())
    places = {
        "metaphor": (metaphor, position, position + 1),
        "literal": (literal, at_literal, at_literal + 1),
        "paraphrase": (paraphrase, first, last),
    }
    rows: list[dict[str, object]] = []
    for condition, (tokens, start, end) in places.items():
        text, offsets = detokenize(tokens)
        rows.append(
            {
                "item": f"impli-{number:03d}",
                "condition": condition,
                "text": text,
                "start": offsets[start][0],
                "end": offsets[end - 1][1],
            }
        )
    return rows
