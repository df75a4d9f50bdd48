"""What is refused before a model is loaded, or said."""

import pandas as pd

from depthscope.studies.settings import Settings, prepare


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
