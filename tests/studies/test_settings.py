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
