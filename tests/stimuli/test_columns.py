"""Names of columns, and what is said where they are others."""

import pandas as pd
import pytest

import depthscope as ds
from depthscope.stimuli.columns import meant, new_names

THEIRS = {"item": "ID", "condition": "Cond", "text": "The sentence", "target": "Word"}


def test_columns_are_taken_by_the_names_that_are_told(pairs, tmp_path):
    path = tmp_path / "theirs.csv"
    theirs = pairs.assign(item=[f"00{k // 2}" for k in range(8)]).rename(columns=THEIRS)
    theirs.to_csv(path, index=False, sep=";")
    read = ds.read_stimuli(path, columns=THEIRS)
    assert read["item"].tolist()[0] == "000"  # a label under any name
    pd.testing.assert_frame_equal(read, ds.read_stimuli(theirs, columns=THEIRS))
    pd.testing.assert_frame_equal(read, ds.read_stimuli(theirs.to_dict("records"), columns=THEIRS))
    assert list(read["text"]) == list(pairs["text"])


def test_names_that_cannot_be_are_refused(refuses):
    with refuses("s: no column 'Satz' to take as text", "columns found: ID, Text"):
        new_names(["ID", "Text"], {"text": "Satz"}, "s")
    with refuses("column 'ID' cannot be both item and condition"):
        new_names(["ID", "Text"], {"item": "ID", "condition": "ID"}, "s")
    with refuses("a column text already beside 'Satz'", "rename or drop"):
        new_names(["text", "Satz"], {"text": "Satz"}, "s")
    assert new_names(["text", "target"], {"text": "target", "target": "text"}, "s") == ["target", "text"]


@pytest.mark.parametrize(
    "header",
    [
        ["Item", "CONDITION", "Text", "Target"],
        ["ID", "cond", "Sentence", "word"],
        ["Nummer", "Bedingung", "Satz", "Wort"],
        ["Numéro", "kind", "Phrase", "mot"],
    ],
)
def test_names_that_are_near_are_offered(header, refuses):
    rows = pd.DataFrame([["x", "a", "A wall.", "wall"]], columns=header)
    with refuses("no column item, condition, text", f"--column item={header[0]} --column condition={header[1]}"):
        ds.read_stimuli(rows)
    found = rows.set_axis(["item", "condition", *header[2:]], axis=1)
    with refuses("no column text", f"{{'text': '{header[2]}', 'target': '{header[3]}'}}"):
        ds.read_stimuli(found)


def test_nothing_is_offered_where_nothing_is_near():
    assert meant(["text"], ["age", "genre"]) == meant([], ["Text"]) == ""
