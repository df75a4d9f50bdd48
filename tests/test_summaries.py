"""Means and how well they are known."""

import numpy as np
import pytest
import xarray as xr
from scipy import stats

from depthscope.summaries import describe_layers, describe_rows, mean_interval


def test_the_interval_of_the_mean_is_students():
    x = np.random.default_rng(3).normal(size=(20, 4))
    expected = stats.ttest_1samp(x, 0).confidence_interval(0.95)
    low, high = mean_interval(x)
    assert low == pytest.approx(expected.low)
    assert high == pytest.approx(expected.high)


def test_one_row_has_no_interval():
    assert np.isnan(mean_interval(np.ones((1, 3)))).all()


def test_rows_without_any_value_do_not_count():
    rows = np.array([[1.0, 2.0], [np.nan, np.nan], [3.0, 6.0]])
    told = describe_rows({"a": rows, "b": rows[:1]}, {"condition": ["a", "b"], "layer": [1, 2]})
    assert list(told["n"].values) == [2, 1]
    np.testing.assert_array_equal(told["mean"], [[2, 4], [1, 2]])
    assert np.isnan(told["sd"].sel(condition="b")).all()
    h = xr.DataArray(rows[:, None], dims=("item", "condition", "layer"), coords={"condition": ["a"], "layer": [1, 2]})
    np.testing.assert_array_equal(describe_layers(h)["mean"], told["mean"].sel(condition=["a"]))
