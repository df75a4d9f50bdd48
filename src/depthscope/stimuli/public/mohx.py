"""MOH-X (Mohammad, Shutova & Turney 2016): verbs in metaphorical and literal sentences."""

import csv
import io
from pathlib import Path

import pandas as pd

from depthscope.stimuli.files import read_text
from depthscope.stimuli.public.pairing import Use, pair_uses


def read_mohx(folder: Path) -> pd.DataFrame:
    """Verb pairs from ``MOH-X_formatted_svo_cleaned.csv``; the rule is in :func:`pair_uses`.

    Most cues in MOH-X follow the verb: at the verb, a causal model has often seen the same words in both sentences.
    Such pairs are found when they are traced, and left out of tests.
    """
    text = read_text(folder / "MOH-X_formatted_svo_cleaned.csv")
    return pair_uses(
        Use(row["verb"], tuple(row["sentence"].split()), int(row["verb_idx"]), row["label"] == "1", "moh-x")
        for row in csv.DictReader(io.StringIO(text))
    )
