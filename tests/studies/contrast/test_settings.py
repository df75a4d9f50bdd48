"""What is refused before a model is loaded, or said."""

from dataclasses import replace

import pandas as pd

from depthscope.studies.contrast.confounds import CONFOUNDS
from depthscope.studies.contrast.remarks import language_remarks
from depthscope.studies.contrast.settings import Settings, prepare, settled


def test_contrasts_of_one_name_are_refused(tmp_path, refuses):
    path = tmp_path / "named.csv"
    conditions = ("a", "b - c", "a - b", "c")
    rows = [(item, c, f"{c} x {item}.", item) for item in ("wall", "sea") for c in conditions]
    pd.DataFrame(rows, columns=["item", "condition", "text", "target"]).to_csv(path, index=False)
    with refuses("two contrasts", "'a - b - c'", "('a',) minus ('b - c',)", "rename a condition"):
        prepare(Settings(stimuli=str(path), contrasts=("a-b - c", "a - b-c")))
    assert len(prepare(Settings(stimuli=str(path), contrasts=("a-b - c", "a-b - c"), confounds=("surprisal",)))[1]) == 2


def written(pairs, tmp_path, **more):
    path = tmp_path / "sheet.csv"
    columns = {"item": "ID", "text": "Sentence"}
    pairs.assign(**more).rename(columns=columns).to_csv(path, sep=";", index=False, encoding="cp1252")
    return Settings(stimuli=str(path), table={"columns": columns, "encoding": "cp1252"}, confounds=("surprisal", *more))


def test_a_table_is_read_as_it_is_told(pairs, tmp_path):
    table, _ = prepare(written(pairs, tmp_path, age=["3,5", "4"] * 4))
    assert table["text"].tolist() == pairs["text"].tolist()
    assert table["age"].tolist() == [3.5, 4] * 4


def test_covariates_that_are_no_numbers_are_refused_with_what_they_hold(pairs, tmp_path, refuses):
    with refuses("confound 'genre'", "not a column of numbers", "'news', 'fiction'", "code", "choose among surprisal"):
        prepare(written(pairs, tmp_path, genre=["news", "fiction"] * 4))
    with refuses("confound 'rt'", "'1,234' can be read in two ways", "--decimal"):
        prepare(written(pairs, tmp_path, rt=["1,234", "2,345"] * 4))


GERMAN = [
    ("Schlüssel", "Geduld ist immer der"),
    ("Hai", "Der neue Anwalt ist ein"),
    ("Mauer", "Sein Schweigen wurde eine"),
]


def german(tmp_path, sentence="{start} {word}, {condition}."):
    path = tmp_path / "german.csv"
    rows = [
        (word, c, sentence.format(start=start, word=word, condition=f"{c} gesagt"), word)
        for word, start in GERMAN
        for c in ("metaphor", "literal")
    ]
    pd.DataFrame(rows, columns=["item", "condition", "text", "target"]).to_csv(path, index=False)
    return Settings(stimuli=str(path))


def test_the_language_is_found_recorded_and_said(tmp_path):
    asked = german(tmp_path)
    used = settled(asked)
    assert (asked.language, used.language, settled(used)) == (None, "de", used)
    table, _ = prepare(used)
    assert table["log_frequency"].min() > 2.5
    (told,) = language_remarks(asked, used, table)
    assert "found in the texts (de)" in told
    assert language_remarks(used, used, table) == []
    unknown = table.assign(log_frequency=0.0)
    assert "3 target(s) are not in the list of words (de)" in language_remarks(used, used, unknown)[0]


def test_the_built_in_set_is_english():
    assert settled(Settings()).language == "en"
    assert settled(Settings(language="de")).language == "de"


def test_a_language_that_is_not_certain_is_asked_for_where_it_matters(tmp_path, refuses):
    asked = german(tmp_path, "xq {condition[0]} {word}")
    assert settled(asked) == asked
    with refuses("the language of the texts", "not certain", "--language"):
        prepare(asked)
    with refuses("contrast 'a-b'"):
        prepare(replace(asked, contrasts=("a-b",)))
    for one in (replace(asked, evidence="none", confounds=CONFOUNDS), replace(asked, confounds=("surprisal",))):
        assert settled(one).language is None
        table, _ = prepare(one)
        assert "log_frequency" not in table
        assert "target_length" in table
        assert "the targets have no log_frequency" in language_remarks(one, settled(one), table)[0]


def test_covariates_that_nothing_would_adjust_for_are_refused(pairs, tmp_path, refuses):
    asked = written(pairs, tmp_path, age=["3,5", "4"] * 4)
    with refuses("--confound surprisal age", "--evidence none", "quick or full"):
        prepare(replace(asked, evidence="none"))
    for heard in (asked, replace(asked, evidence="none", confounds=CONFOUNDS)):
        assert len(prepare(heard)[0]) == len(pairs)
