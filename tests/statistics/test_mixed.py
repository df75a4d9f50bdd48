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


@pytest.mark.parametrize("power", [-700, 700])
def test_no_unit_of_the_measure_changes_it(power):
    table = texts(0, effect=0.4)
    plain = mixed_model(table, "a", "b", layers=(1, 2))
    found = mixed_model(table.assign(cse=np.ldexp(table["cse"], power)), "a", "b", layers=(1, 2))
    assert (found.t, found.p) == (plain.t, plain.p)
    assert np.ldexp(found.difference, -power) == plain.difference


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


def test_a_variance_at_its_bound_is_told_and_changes_nothing():
    """Differences larger than chance would make them: the variance of items cannot be negative, and is 0."""
    rng = np.random.default_rng(1)
    of_item, noise = rng.normal(size=ITEMS), 0.1 * rng.normal(size=(2, ITEMS))
    a, b = of_item + noise[0], -of_item + noise[1]
    rows = [(f"i{i}", c, 1, y[i]) for i in range(ITEMS) for c, y in (("a", a), ("b", b))]
    found = mixed_model(pd.DataFrame(rows, columns=["item", "condition", "layer", "cse"]), "a", "b")
    assert found.converged
    assert found.singular == ["item"]
    assert found.t == pytest.approx(stats.ttest_ind(a, b).statistic, rel=1e-5)
    assert mixed_model(texts(0), "a", "b", layers=(1, 2)).singular == []


def swayed(seed, sway=1.0, items=24, frames=6):
    """Both texts of an item have its frame, and a frame changes the difference between the conditions."""
    rng = np.random.default_rng(seed)
    of_frame, rows = rng.normal(size=frames) * sway, []
    for i in range(items):
        level = rng.normal()
        for condition, side in (("a", 0.5), ("b", -0.5)):
            value = level + side * of_frame[i % frames] + 0.3 * rng.normal()
            rows.append((f"i{i}", condition, f"f{i % frames}", 1, value))
    return pd.DataFrame(rows, columns=["item", "condition", "frame", "layer", "cse"])


def test_what_stands_in_both_conditions_may_change_the_difference():
    drawn = [swayed(seed, items=60) for seed in range(10)]
    models = [mixed_model(table, "a", "b", crossed=["frame"]) for table in drawn]
    assert all(list(model.levels) == ["item", "frame", "frame:condition"] for model in models)
    assert all((model.df, model.levels["frame:condition"]) == (5, 12) for model in models)
    assert sum(paired(table)[0].pvalue <= 0.05 for table in drawn) >= 4
    assert sum(model.p <= 0.05 for model in models) <= 1


def test_several_texts_of_an_item_in_a_condition_are_no_items_more():
    """Four pairs for each of six items, whose differences go with the item: the test on means of items is right."""
    table = swayed(3).rename(columns={"item": "pair", "frame": "item"})
    table["cse"] += table["item"].str[1:].astype(float)
    found = mixed_model(table, "a", "b")
    assert list(found.levels) == ["item", "item:condition"]
    means = table.groupby(["item", "condition"])["cse"].mean().unstack()
    assert found.n == 48
    assert found.t == pytest.approx(stats.ttest_rel(means["a"], means["b"]).statistic, rel=1e-3)


def test_levels_that_stand_in_one_condition_each_take_a_degree_more():
    assert mixed_model(texts(1, frames=4), "a", "b", crossed=["frame"], layers=(1, 2)).df == 8 - 2
    assert mixed_model(swayed(1), "a", "b", crossed=["frame"]).df == 6 - 1


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
        ({"crossed": ["gaps"]}, ("'gaps' has 3 levels in 48 texts, or gaps",)),
        ({"crossed": ["side"]}, ("'side' has one level in each condition",)),
        ({"crossed": ["same"]}, ("'same' says of every text what 'item' says",)),
        ({"layers": (7, 9)}, ("no row of condition a, b",)),
        ({"measure": "flat"}, ("flat is the same in all 48 texts",)),
        ({"measure": "endless"}, ("endless is no finite number in 2 of 48 texts",)),
        ({"measure": "one"}, ("one is not a column of numbers",)),
    ],
)
def test_what_cannot_be_fitted_is_refused(options, words, refuses):
    table = texts(3).assign(one="x", flat=0.9)
    table["endless"] = table["cse"].where(table["item"] != "i3", np.inf)
    table["own"], table["side"] = table["item"] + table["condition"], table["condition"]
    table["same"], table["gaps"] = table["item"].str[1:].astype(int), table["frame"].str[1].replace("3", "")
    with refuses(*words):
        mixed_model(table, "a", "b", **{"layers": (1, 2), **options})
