"""Sentences say what the tables say, and nothing else."""

from dataclasses import replace

import numpy as np

from depthscope.studies.asr.depth import by_layer
from depthscope.studies.asr.words import CAUTION, LISTED, answer, depth_words, title, word_sheet
from tests.studies.asr.made import PLAIN, explained


def test_the_answer_names_what_rests_on_nothing_and_counts_the_rest():
    said = answer([explained(PLAIN * 4)])
    assert said[0].startswith("toy wrote 20 words (language en) of fox.wav, 3.0 s in 1 window: “the quick brown")
    # of every third word silence costs nothing: 6 of 20
    assert said[1].startswith("14 of 20 words rest on the sound, 0 are unsure, and 6 rest on nothing: “brown” (")
    assert said[1].endswith(" and 3 more.")
    assert said[-1] == CAUTION
    assert "10%" in said[3]
    assert "reason to doubt" not in said[3]


def test_one_that_rests_on_nothing_and_none():
    assert "and 1 rests on nothing: “brown”" in answer([explained()])[1]
    assert answer([explained(("a", "b"))])[1].endswith("and none rests on nothing.")


def test_what_was_not_measured_is_not_told():
    one = explained(heard=False)
    bare = replace(one, words=one.words.drop(columns=["concentration"]))
    said = answer([bare])
    assert not any("rest on" in sentence for sentence in said)
    assert "own place" not in " ".join(said)
    assert answer([explained(())])[0] == "toy wrote nothing of fox.wav (3.0 s)."
    assert title([explained(())]) == "fox.wav: nothing was written"


def test_much_padding_is_a_warning():
    one = explained()
    assert "reason to doubt" in " ".join(answer([replace(one, tokens=one.tokens.assign(padding=0.6))]))
    assert "padding" not in " ".join(answer([replace(one, tokens=one.tokens.assign(padding=np.nan))]))


def test_several_sounds_are_counted_together():
    said = answer([explained(name="a"), explained(("x",), name="b")])
    assert said[0] == "toy wrote 6 words (language en) of 2 sounds, 6.0 s in 2 windows."
    assert title([explained(), explained()]) == "What 2 sounds were heard as"


def test_the_layer_that_finds_the_place_is_the_one_of_the_table():
    table = by_layer([explained(depth=4)])
    (said,) = depth_words(table)
    assert f"layer 4 has most mass inside the word ({table['inside'].max():.2f} [" in said
    assert "first found at layer" in said
    assert depth_words(table.iloc[:0]) == []


def test_the_sheet_of_many_words_shows_those_that_rest_on_least():
    sheet = word_sheet(explained(PLAIN * 12))
    assert len(sheet.rows) == LISTED
    assert "least effect of the sound" in sheet.title
    assert [row[-1] for row in sheet.rows[:20]] == ["rests on nothing"] * 20
    assert word_sheet(explained()).title == "Words"
    assert "heard" not in word_sheet(explained(heard=False)).columns
