import numpy as np
import pandas as pd
import pytest

from depthscope.statistics.contrast import contrast
from depthscope.stimuli.families import by_family, families
from depthscope.studies.contrast.dependence import dependence
from depthscope.studies.contrast.verdicts.dependence import dependence_words
from tests.statistics.test_missing import measured


def table(words, **columns):
    """Two texts of each of some items, which stand for these words."""
    rows = [
        {"item": f"i{k}", "condition": c, "text": f"{c} says {word}", "target": word}
        for k, word in enumerate(words)
        for c in "ab"
    ]
    return pd.DataFrame(rows).assign(**{name: np.repeat(values, 2) for name, values in columns.items()})


def test_items_with_the_same_target_or_the_same_label_are_families():
    found = families(table(["Run", "run", "sea"], word=["x", "y", "z"], frame=["f", "f", "f"]))
    assert found == {"target": {"i0": "run", "i1": "run", "i2": "sea"}}  # words differ, and one frame is no family
    assert set(families(table(["a", "b", "c"], word=["x", "y", "x"]))) == {"word"}
    assert families(table(["a", "b", "c"], word=["x", None, "x"])) == {}


def test_an_item_of_two_labels_is_of_none():
    stimuli = table(["a", "b", "a"])
    stimuli.loc[0, "target"] = "other"
    assert families(stimuli) == {}


def test_families_become_items_and_items_their_pairs():
    stimuli = by_family(table(["run", "Run", "sea"]), "target")
    assert list(stimuli["item"]) == ["run"] * 4 + ["sea"] * 2
    assert list(stimuli["pair"]) == ["i0", "i0", "i1", "i1", "i2", "i2"]
    again = by_family(table(["run", "run"]).assign(pair=["1", "1", "2", "2"], item="x"), "target")
    assert list(again["pair"]) == ["x.1", "x.1", "x.2", "x.2"]


@pytest.mark.parametrize(
    ("column", "sentence"),
    [
        ("nothing", "--cluster-by nothing: there is no such column; choose among item, condition"),
        ("text", "--cluster-by text: item 'i0' belongs to a says run, b says run; an item belongs to one family"),
        ("gap", "--cluster-by gap: item 'i1' has no label"),
    ],
)
def test_what_makes_no_families_is_refused(column, sentence, refuses):
    with refuses(sentence):
        by_family(table(["run", "sea"], gap=["x", None]), column)


def test_dependence_is_measured_and_told_with_the_way_out():
    words = [f"w{k // 4}" for k in range(40)]
    h = measured(effect=0.0)
    shared = np.repeat(np.random.default_rng(1).normal(size=10), 4)
    h[:, 0] += 1.5 * shared[:, None]
    (told,) = map(dependence_words, dependence(contrast(h, "a", "b", permutations=200), table(words)))
    assert told.startswith(
        "40 items share 10 labels of 'target', and the intraclass correlation of their differences is 0."
    )
    assert "items are not independent" in told
    assert told.endswith("test families: --cluster-by target.")
    (told,) = map(dependence_words, dependence(contrast(measured(), "a", "b", permutations=200), table(words)))
    assert "shows no dependence and does not exclude it" in told
    assert dependence(contrast(measured(), "a", "b", permutations=200), table([f"w{k}" for k in range(40)])) == []
