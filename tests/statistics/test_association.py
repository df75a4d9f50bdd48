"""Correlations against SciPy and pingouin; planted likeness between items is told from likeness between conditions."""

import numpy as np
import pingouin
import pytest
from scipy import stats

from depthscope.statistics.association import correlations, kept_texts, over_window, spearman
from depthscope.statistics.terms import Terms
from tests.statistics.simulated import measure

TERMS = Terms(("a",), ("b",))
WINDOW = (2, 4)


@pytest.fixture
def drawn():
    rng = np.random.default_rng(4)
    shared = rng.normal(size=(60, 2, 1))
    first = shared + rng.normal(size=(60, 2, 6))
    return measure(first + np.array([5.0, 0.0])[:, None]), measure(-shared + rng.normal(size=(60, 2, 6)))


def row(table, over, a="x", b="y"):
    (found,) = table[(table["a"] == a) & (table["b"] == b) & (table["over"] == over)].to_dict("records")
    return found


def test_rho_is_scipys_of_means_over_the_window(drawn):
    table = correlations({"x": drawn[0], "y": drawn[1]}, TERMS, WINDOW, resamples=50)
    x, y = (h.values[..., 1:4].mean(-1) for h in drawn)
    gaps = row(table, "differences")
    assert gaps["rho"] == pytest.approx(stats.spearmanr(x[:, 0] - x[:, 1], y[:, 0] - y[:, 1]).statistic)
    assert (gaps["n"], gaps["items"]) == (60, 60)
    texts = row(table, "texts")
    centred = [(v - v.mean(0)).ravel() for v in (x, y)]
    assert texts["rho"] == pytest.approx(stats.spearmanr(*centred).statistic)
    assert (texts["n"], texts["items"]) == (120, 60)


def test_the_interval_is_near_that_of_pingouin(drawn):
    gaps = row(correlations({"x": drawn[0], "y": drawn[1]}, TERMS, WINDOW), "differences")
    x, y = (h.values[:, 0, 1:4].mean(-1) - h.values[:, 1, 1:4].mean(-1) for h in drawn)
    low, high = pingouin.compute_bootci(x, y, func="spearman", paired=True, method="per", seed=1, decimals=6)
    assert [gaps["low"], gaps["high"]] == pytest.approx([low, high], abs=0.04)


def test_texts_of_an_item_are_drawn_together():
    """Two texts that say the same are no two observations: the interval is that of the items."""
    rng = np.random.default_rng(1)
    x, y = (np.repeat(rng.normal(size=(40, 1, 5)), 2, axis=1) for _ in range(2))
    texts = row(correlations({"x": measure(x), "y": measure(y)}, TERMS, WINDOW), "texts")
    low, high = pingouin.compute_bootci(
        x[:, 0, 1:4].mean(-1), y[:, 0, 1:4].mean(-1), func="spearman", paired=True, method="per", seed=1, decimals=6
    )
    assert [texts["low"], texts["high"]] == pytest.approx([low, high], abs=0.06)


def test_a_difference_between_conditions_is_no_correlation_of_texts():
    rng = np.random.default_rng(2)
    shift = np.array([4.0, 0.0])[:, None]
    x, y = (measure(rng.normal(size=(80, 2, 5)) + shift) for _ in range(2))
    texts = row(correlations({"x": x, "y": y}, TERMS, WINDOW), "texts")
    assert texts["low"] < 0 < texts["high"]


def test_every_pair_of_measures_has_its_two_rows_and_the_same_seed_its_numbers(drawn):
    measures = {"x": drawn[0], "y": drawn[1], "z": -drawn[0]}
    table = correlations(measures, TERMS, WINDOW, resamples=40, seed=3)
    assert len(table) == 6
    assert row(table, "differences", "x", "z")["rho"] == pytest.approx(-1)
    assert table.equals(correlations(measures, TERMS, WINDOW, resamples=40, seed=3))


def test_pairs_of_an_item_are_averaged_and_incomplete_ones_left_out(drawn):
    x, y = (h.assign_coords(group=("item", [f"g{k // 2}" for k in range(60)])) for h in drawn)
    x[7, 1], y[7, 1] = np.nan, np.nan
    table = correlations({"x": x, "y": y}, TERMS, WINDOW, resamples=20)
    assert row(table, "differences")["items"] == 30
    assert kept_texts(x, TERMS).sizes["item"] == 59
    means = [np.stack([h.values[k : k + 2][np.isfinite(h.values[k : k + 2, 1, 0])].mean(0) for k in range(0, 60, 2)])
             for h in (x, y)]  # fmt: skip
    gaps = [(m[:, 0] - m[:, 1])[:, 1:4].mean(-1) for m in means]
    assert row(table, "differences")["rho"] == pytest.approx(stats.spearmanr(*gaps).statistic)


def test_a_difference_of_differences_has_its_three_conditions():
    rng = np.random.default_rng(5)
    x, y = (measure(rng.normal(size=(30, 3, 5)), "abc") for _ in range(2))
    table = correlations({"x": x, "y": y}, Terms(("a", "c"), ("b", "c")), WINDOW, resamples=20)
    assert row(table, "texts")["n"] == 90


def test_what_has_no_spread_or_is_not_measured_has_no_correlation(drawn):
    flat = drawn[0] * 0 + 1.0
    absent = drawn[0].copy()
    absent[:, :, :4] = np.nan
    table = correlations({"x": drawn[0], "flat": flat, "absent": absent}, TERMS, WINDOW, resamples=20)
    assert table["rho"].isna().all()
    assert np.isnan(over_window(absent.sel(condition="a"), WINDOW)).all()


def test_ties_share_their_rank():
    x = np.random.default_rng(0).integers(0, 4, size=(50, 3)).astype(float)
    np.testing.assert_allclose(spearman(x), stats.spearmanr(x).statistic)


def test_other_items_are_refused(drawn, refuses):
    with refuses("different items"):
        correlations({"x": drawn[0], "y": drawn[1][:50]}, TERMS, WINDOW)
    with refuses("at least one measure"):
        correlations({}, TERMS, WINDOW)
