"""A mixed model finds what was planted, is the paired test where nothing is crossed, and mends its p where something is."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from depthscope.statistics.mixed import mixed_model

ITEMS = 24


def texts(seed, effect=0.0, frame_sd=0.0, frames=4, unit=1e-3):
    """Each condition has its own frames, which items share; three layers, of which the last is another matter."""
    rng = np.random.default_rng(seed)
    of_item = rng.normal(size=ITEMS)
    rows = []
    for j, condition in enumerate(("a", "b")):
        of_frame = rng.normal(size=frames) * frame_sd
        for i in range(ITEMS):
            value = of_item[i] + of_frame[i % frames] + (effect if j == 0 else 0.0) + 0.5 * rng.normal()
            rows += [(f"i{i}", condition, f"{condition}{i % frames}", layer, 0.95 + unit * value) for layer in (1, 2)]
            rows.append((f"i{i}", condition, f"{condition}{i % frames}", 3, 5.0))
    return pd.DataFrame(rows, columns=["item", "condition", "frame", "layer", "cse"])


def paired(table):
    wide = table[table["layer"] == 1].pivot(index="item", columns="condition", values="cse")
    return stats.ttest_rel(wide["a"], wide["b"]), float((wide["a"] - wide["b"]).mean())


@pytest.mark.parametrize("unit", [1.0, 1e-3])
def test_with_nothing_crossed_it_is_the_paired_test(unit):
    table = texts(0, effect=0.4, unit=unit)
    found, (test, mean) = mixed_model(table, "a", "b", layers=(1, 2)), paired(table)
    assert found.converged
    assert found.n == 2 * ITEMS
    assert found.difference == pytest.approx(mean, rel=1e-6)
    assert found.df == ITEMS - 1
    assert found.t == pytest.approx(test.statistic, rel=1e-3)
    assert found.p == pytest.approx(test.pvalue, rel=1e-2)
    interval = test.confidence_interval()
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high), rel=1e-2)
    assert found.sds["residual"] / unit == pytest.approx(0.5, rel=0.3)


def test_a_planted_effect_is_found_beside_a_crossed_factor():
    found = mixed_model(texts(1, effect=3.0, frame_sd=0.5, frames=8), "a", "b", crossed=["frame"], layers=(1, 2))
    assert found.low < 3e-3 < found.high
    assert found.p < 0.01
    assert 0.2e-3 < found.sds["frame"] < 1.0e-3
    assert mixed_model(texts(1, effect=3.0), "b", "a", layers=(1, 2)).difference < 0


def test_where_texts_share_frames_the_paired_p_is_wrong_and_this_one_is_not():
    drawn = [texts(seed, frame_sd=1.0) for seed in range(20)]
    naive = sum(paired(table)[0].pvalue <= 0.05 for table in drawn)
    crossed = sum(mixed_model(table, "a", "b", crossed=["frame"], layers=(1, 2)).p <= 0.05 for table in drawn)
    assert naive >= 6  # one is what it should be
    assert crossed <= 2


def test_rows_that_no_contrast_tests_are_left_out():
    table = texts(2, effect=1.0)
    more = table[table["item"] == "i0"].assign(item="new", cse=9.0, in_contrast=False)
    both = pd.concat([table.assign(in_contrast=True), more])
    assert mixed_model(both, "a", "b", layers=(1, 2)) == mixed_model(table, "a", "b", layers=(1, 2))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"crossed": ["verb"]}, ("no column", "verb")),
        ({"crossed": ["one"]}, ("'one' has 1 levels",)),
        ({"crossed": ["own"]}, ("'own' has 48 levels in 48 texts",)),
        ({"layers": (7, 9)}, ("no row of condition a, b",)),
    ],
)
def test_what_cannot_be_fitted_is_refused(options, words, refuses):
    table = texts(3).assign(one="x")
    table["own"] = table["item"] + table["condition"]
    with refuses(*words):
        mixed_model(table, "a", "b", **{"layers": (1, 2), **options})
