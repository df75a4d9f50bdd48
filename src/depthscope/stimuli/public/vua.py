"""VU Amsterdam Metaphor Corpus, in the layout of the shared task: naturalistic uses of verbs and nouns."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from depthscope.errors import DepthscopeError
from depthscope.stimuli.files import read_text
from depthscope.stimuli.public.pairing import Use, pair_uses

_PARTS = ("train", "val", "test")


def read_vua_verbs(folder: Path) -> pd.DataFrame:
    """Pairs of uses of one verb from ``VUA_formatted_{train,val,test}.csv``."""
    return pair_uses(
        Use(
            row["verb"],
            tuple(row["sentence"].split()),
            int(row["verb_idx"]),
            row["label"] == "1",
            f"{row['text_idx']}:{row['sentence_idx']}",
        )
        for row in _rows(folder, "VUA_formatted")
    )


def read_vua_nouns(folder: Path) -> pd.DataFrame:
    """Pairs of uses of one noun form from ``VUA_seq_formatted_{train,val,test}.csv``."""
    return pair_uses(use for row in _rows(folder, "VUA_seq_formatted") for use in _nouns(row))


def _nouns(row: dict[str, str]) -> Iterator[Use]:
    tokens = tuple(row["sentence"].split())
    labels = json.loads(row["label_seq"])
    kinds = json.loads(row["pos_seq"].replace("'", '"'))
    if not len(tokens) == len(labels) == len(kinds):
        return
    for position, (label, kind) in enumerate(zip(labels, kinds, strict=True)):
        if kind == "NOUN" and tokens[position].isalpha() and len(tokens[position]) > 2:
            origin = f"{row['txt_id']}:{row['sen_ix']}"
            yield Use(tokens[position].lower(), tokens, position, label == 1, origin)


def _rows(folder: Path, stem: str) -> Iterator[dict[str, str]]:
    present = [path for part in _PARTS if (path := folder / f"{stem}_{part}.csv").is_file()]
    if not present:
        raise DepthscopeError(f"{folder}: none of {stem}_train.csv, {stem}_val.csv, {stem}_test.csv is there")
    for path in present:
        # the published training file is in Latin-1
        yield from csv.DictReader(io.StringIO(read_text(path, fallback="latin-1")))
