"""Cardillo et al. (2010, 2017), Behavior Research Methods: pairs of sentences that share their noun."""

from pathlib import Path

import pandas as pd

from depthscope.stimuli.files import read_json_lines, read_text

_CONDITIONS = {1: "literal", 2: "metaphor"}


def read_cardillo(folder: Path) -> pd.DataFrame:
    """260 pairs from ``cardillo.jsonl``: a metaphorical and a literal sentence on one target noun each."""
    path = folder / "cardillo.jsonl"
    rows = []
    for pair in read_json_lines(path, read_text(path)):
        for text, label, (start, end) in zip(
            pair["sentences"],  # type: ignore[call-overload]
            pair["labels"],
            pair["B_positions"],
            strict=True,
        ):
            rows.append(
                {
                    "item": pair["id"],
                    "condition": _CONDITIONS[label],
                    "text": text,
                    "start": start,
                    "end": end,
                    "stem": pair["stem"],
                }
            )
    return pd.DataFrame(rows)
