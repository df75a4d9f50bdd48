"""Rules that make the sentences about simpler measures, on data in which the answer is known."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from scipy import stats

from depthscope.statistics.classify import Classification, Estimate, Gain, Score
from depthscope.studies.mechanism.baselines import ALL, SIMPLE, Baselines, adds, baselines_tables, sees_beyond, state
from depthscope.studies.mechanism.baselines_words import baselines_in_short, baselines_reading
from depthscope.studies.mechanism.codebook import TABLES
from depthscope.studies.mechanism.figures import write_baselines_figure
from depthscope.studies.mechanism.page import CLASSIFIER, CORRELATIONS, MEASURES
from tests.studies.contrast.planted import HIGHER, LOWER, NOTHING, compare, measure, rows_of

WINDOW = (5, 8)


def gain(value=0.05, p=0.001, p_copy=0.025, smaller=SIMPLE):
    half = 0.02
    return Gain(
        ALL,
        smaller,
        Estimate(value, value - half, value + half),
        Estimate(value, value - half, value + half),
        p,
        p,
        Estimate(0.0, -0.01, 0.01),
        p_copy,
    )


def classified(*gains, feed="layers"):
    one = Estimate(0.7, 0.6, 0.8)
    scores = {name: Score(name, 3, one, one, one) for name in ("CSE", "simple", SIMPLE, ALL)}
    settings = {"folds": 5, "repeats": 8}
    main = compare(measure({"a": HIGHER, "b": NOTHING}), "a", "b")
    both = (*gains, gain(smaller="CSE", p_copy=float("nan")))
    return Classification(main.terms, feed, 24, 48, scores, both, settings)


def contrasted(shift, seed=5):
    return compare(measure({"a": shift, "b": NOTHING}, seed=seed), "a", "b")


def result(simple=NOTHING, beyond=HIGHER, **parts):
    rho = {"rho": 0.4, "low": 0.1, "high": 0.6, "n": 24, "items": 24}
    rows = [{"a": "cse", "b": "norm", "over": over, **rho} for over in ("differences", "texts")]
    given = contrasted(simple, 7)
    held = contrasted(beyond)
    for one in (given, held):
        one.settings["adjust"] = ["mean other"]
    whole = {
        "main": contrasted(HIGHER),
        "window": WINDOW,
        "measures": {"norm": contrasted(simple, 6)},
        "labels": {"norm": "log | norm"},
        "units": {"norm": "ln"},
        "beyond": {"norm": held, "all": held},
        "given_cse": {"norm": given},
        "overlap": {"cse": 0.3, "norm": 0.4},
        "correlations": pd.DataFrame(rows),
        "classified": {"layers": classified(gain())},
    }
    return Baselines(**whole | parts)


def told(b, start):
    (line,) = [line for line in baselines_in_short(b) if line.startswith(f"**{start}")]
    return line


@pytest.mark.parametrize(
    ("shift", "sign", "expected"),
    [(HIGHER, 1, "there"), (HIGHER, -1, "reversed"), (LOWER, 0, "there"), (NOTHING, 1, "not shown")],
)
def test_states_follow_the_mean_over_the_window(shift, sign, expected):
    assert state(contrasted(shift), WINDOW, sign) == expected


def test_no_effect_in_many_items_is_absent():
    many = compare(measure({"a": NOTHING, "b": NOTHING}, items=600), "a", "b")
    assert state(many, WINDOW, 1) == "absent"


def test_layers_that_nobody_measured_have_no_state():
    assert state(contrasted(HIGHER), (40, 50), 1) == "not measured"


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (gain(), True),
        (gain(p_copy=float("nan")), True),
        (gain(p=0.2), False),
        (gain(p_copy=0.2), False),
        (gain(value=-0.05), False),
    ],
)
def test_a_gain_counts_beyond_items_and_beyond_copies(one, expected):
    assert adds(one) is expected


@pytest.mark.parametrize(
    ("beyond", "p", "word"),
    [(HIGHER, 0.001, "Yes."), (HIGHER, 0.5, "In part."), (NOTHING, 0.001, "In part."), (NOTHING, 0.5, "Not shown.")],
)
def test_the_headline_counts_the_tests_that_say_so(beyond, p, word):
    b = result(beyond=beyond, classified={"layers": classified(gain(p=p))})
    assert word in told(b, "Does CSE see")


def test_where_cse_shows_nothing_nothing_can_be_beyond_it():
    assert "Unknown" in told(result(main=contrasted(NOTHING)), "Does CSE see")


def test_sentences_tell_where_the_effect_is_and_is_not():
    assert "is not shown in log | norm" in told(result(), "The same contrast")
    line = told(result(simple=LOWER), "The same contrast")
    assert "differs in log | norm" in line
    assert "lower at layers 5-8" in line
    assert "still there" in told(result(), "CSE at equal")
    assert "not shown" in told(result(beyond=NOTHING), "CSE at equal")
    assert "the effect of CSE is reversed" in told(result(beyond=LOWER), "CSE at equal")


def test_an_adjustment_that_extrapolates_says_so():
    assert "extrapolates" not in told(result(), "CSE at equal")
    assert "extrapolates" in told(result(overlap={"cse": 0.3, "norm": 0.01}), "CSE at equal")


def test_what_is_missing_is_said():
    b = result(missing={"lens": "not held"}, classified={}, unclassified="19 items are too few")
    lines = baselines_in_short(b)
    assert "Left out: lens (not held)." in lines
    assert "**No classifier:** 19 items are too few." in lines


def test_tables_are_tidy_and_hold_the_numbers():
    b = result()
    tables = baselines_tables(b)
    assert list(tables) == ["measures.csv", "correlations.csv", "classifier.csv"]
    rows = tables["measures.csv"]
    assert list(rows["measure"]) == ["cse", "norm"]
    assert rows["dz"][0] == pytest.approx(b.main.over(*WINDOW).dz)
    means = b.measures["norm"].differences.values[:, 4:8].mean(1)
    assert rows["p"][1] == pytest.approx(b.measures["norm"].over(*WINDOW).p)
    assert rows["dz"][1] == pytest.approx(stats.ttest_1samp(means, 0).statistic / np.sqrt(24))
    assert rows["cse_given_dz"][1] == pytest.approx(b.beyond["norm"].over(*WINDOW).dz)
    assert list(tables["classifier.csv"]["kind"]) == ["score"] * 4 + ["gain"] * 2
    assert set(baselines_tables(result(classified={}))) == {"measures.csv", "correlations.csv"}


def test_the_tables_are_markdown_in_which_a_bar_stays_in_its_cell():
    tables = baselines_tables(result())
    forms = (MEASURES, CORRELATIONS, CLASSIFIER)
    measures, correlations, classifier = (rows_of(form.of(tables[form.file]).markdown()) for form in forms)
    by_name = {row[0]: row for row in measures}
    assert len(by_name["log | norm"]) == len(by_name["measure"])
    assert by_name["CSE"][2:4] == ["5-8", "24"]
    assert ["cse", "norm", "texts", "+0.40 [+0.10, +0.60]", "24"] in correlations
    assert ["layers", "CSE", "", "3", "0.700 [0.600, 0.800]", "0.70", "0.700", ""] in classifier
    assert ["layers", ALL, SIMPLE, "", "0.050 [0.030, 0.070]", "", "0.050", "p = .001"] in classifier
    assert "8 partitions" in baselines_reading(result())


def test_nothing_but_the_contrast_is_still_a_section():
    bare = Baselines(contrasted(HIGHER), WINDOW, {"norm": contrasted(NOTHING)}, {"norm": "norm"}, {"norm": "ln"})
    assert sees_beyond(bare) == {}
    assert "Unknown" in told(bare, "Does CSE see")
    assert MEASURES.of(baselines_tables(bare)["measures.csv"]) is not None
    assert CORRELATIONS.of(baselines_tables(bare)["correlations.csv"]) is None
    assert "5 partitions" in baselines_reading(bare)


@pytest.mark.usefixtures("every_format")
def test_the_figure_is_written_twice_and_the_same_again(tmp_path):
    for folder in ("one", "two"):
        paths = write_baselines_figure(tmp_path / folder, result(), "a model")
        assert [path.name for path in paths] == [f"baselines.{kind}" for kind in ("png", "svg", "pdf")]
    for path in paths:
        assert path.read_bytes() == (tmp_path / "one" / path.name).read_bytes()
    assert plt.get_fignums() == []


def test_the_codebook_knows_every_column_of_the_classifier():
    table = baselines_tables(result())["classifier.csv"]
    assert sorted(table) == sorted(TABLES["classifier.csv"])
