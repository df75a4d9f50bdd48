"""Tidy tables hold the numbers they name."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import stats

import depthscope as ds
from depthscope.report.tables import clusters_table, contrasts_table, describe_layers, layers_table


@pytest.fixture
def h():
    """Condition b lacks one item; layer 1 is missing everywhere."""
    values = np.random.default_rng(1).normal(size=(9, 3, 6))
    values[:, 1, 2:4] += 3
    values[:, :, 0] = np.nan
    values[4, 1] = np.nan
    coords = {
        "item": [f"i{k}" for k in range(9)],
        "condition": ["a", "b", "c"],
        "layer": np.arange(1, 7),
        "relative_depth": ("layer", np.arange(1, 7) / 6),
    }
    return xr.DataArray(values, coords, ("item", "condition", "layer"), name="cse")


def test_layers_are_described_by_mean_sd_count_and_student_interval(h):
    table = layers_table(h).set_index(["condition", "layer"])
    assert len(table) == 18
    for condition, n in (("a", 9), ("b", 8)):
        values = h.sel(condition=condition, layer=4).dropna("item").values
        row = table.loc[(condition, 4)]
        assert row["n"] == n == len(values)
        assert row["mean"] == pytest.approx(values.mean())
        assert row["sd"] == pytest.approx(values.std(ddof=1))
        interval = stats.ttest_1samp(values, 0).confidence_interval()
        assert (row["low"], row["high"]) == pytest.approx(tuple(interval))
        assert row["relative_depth"] == pytest.approx(4 / 6)


def test_missing_layers_stay_missing(h):
    table = layers_table(h)
    assert table.loc[table["layer"] == 1, ["mean", "sd", "low", "high"]].isna().all(axis=None)
    assert table.loc[table["layer"] != 1, ["mean", "sd", "low", "high"]].notna().all(axis=None)


def test_a_single_item_has_a_mean_and_no_interval(h):
    described = describe_layers(h[:1])
    assert described["mean"].sel(condition="a", layer=2) == h[0, 0, 1]
    assert described[["sd", "low", "high"]].to_array().isnull().all()
    assert list(described["n"].values) == [1, 1, 1]


def test_contrasts_stand_below_each_other_with_a_row_per_layer(h):
    contrasts = [ds.contrast(h, "b", "a"), ds.contrast(h, "a", "c")]
    table = contrasts_table(contrasts)
    assert list(table["contrast"]) == ["b - a"] * 6 + ["a - c"] * 6
    assert list(table["n"]) == [8] * 6 + [9] * 6
    for c in contrasts:
        own = table[table["contrast"] == c.name]
        for name in ("difference", "low", "high", "t", "p", "p_holm", "p_bh", "dz", "mean_a", "mean_b"):
            np.testing.assert_array_equal(own[name].to_numpy(), c.table[name].values, name)


def test_clusters_have_a_row_each(h):
    contrasts = [ds.contrast(h, "b", "a"), ds.contrast(h, "a", "b")]
    table = clusters_table(contrasts)
    assert [(r.contrast, r.first, r.last, r.mass, r.p) for r in table.itertuples()] == [
        (c.name, k.first, k.last, k.mass, k.p) for c in contrasts for k in c.clusters
    ]
    assert (table["first"] <= 3).any()


def test_no_cluster_leaves_a_header(h):
    none = ds.contrast(h.fillna(0.0) * 0, "a", "b")
    table = clusters_table([none, none])
    assert table.empty
    assert list(table) == list(clusters_table([ds.contrast(h, "b", "a")]))


def test_tables_survive_a_csv_file(h, tmp_path):
    table = contrasts_table([ds.contrast(h, "b", "a")])
    table.to_csv(tmp_path / "c.csv", index=False)
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "c.csv"), table, check_dtype=False, rtol=1e-15)
