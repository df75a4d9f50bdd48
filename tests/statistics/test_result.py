"""What is asked of a contrast afterwards: windows of layers, equivalence, the strongest cluster."""

import numpy as np
import pytest
import xarray as xr

import depthscope as ds
from depthscope.statistics.effects import equivalence_p, mean_effect
from tests.statistics.simulated import measure, smooth


@pytest.fixture
def h():
    """40 items, 16 layers: a is higher in layers 4-7, lower in 11-12; the first layer is missing."""
    rng = np.random.default_rng(2)
    values = np.stack([smooth(rng, 40, 16), smooth(rng, 40, 16)], axis=1)
    values[:, 0, 3:7] += 1.2
    values[:, 0, 10:12] -= 1.5
    values[:, :, 0] = np.nan
    return measure(values, x=values[:, :, 3] + rng.normal(size=(40, 2)))


def differences(h, first, last):
    inside = h.sel(condition="a") - h.sel(condition="b")
    return inside.sel(layer=slice(first, last)).values


def test_the_effect_over_layers_is_that_of_the_mean_over_them(h):
    result = ds.contrast(h, "a", "b", permutations=500, resamples=300, seed=4, bound=0.3)
    expected = mean_effect(differences(h, 5, 9).mean(1), permutations=500, resamples=300, bound=0.3, seed=4)
    assert result.over(5, 9) == expected
    assert expected.n == 40
    assert expected.low < expected.dz < expected.high
    assert result.over(1, 3).dz == pytest.approx(mean_effect(differences(h, 2, 3).mean(1)).dz)


def test_the_effect_over_layers_is_adjusted_as_the_contrast_is(h):
    result = ds.contrast(h, "a", "b", adjust=["x"], permutations=500, seed=4)
    gaps = (h["x"].sel(condition="a") - h["x"].sel(condition="b")).values[:, None]
    means = differences(h, 4, 7).mean(1)
    assert result.over(4, 7) == mean_effect(means, gaps, permutations=500, seed=4)
    assert result.over(4, 7).dz != pytest.approx(mean_effect(means).dz, rel=0.01)


def test_one_layer_is_a_window_too(h):
    result = ds.contrast(h, "a", "b", permutations=200)
    assert result.over(8, 8).dz == pytest.approx(float(result.table["dz"].sel(layer=8)))


def test_layers_count_from_1_where_the_measure_does_not_number_them(h):
    numbered = ds.contrast(h, "a", "b", permutations=200)
    plain = ds.contrast(h.drop_vars("layer"), "a", "b", permutations=200)
    assert plain.clusters == numbered.clusters
    assert plain.over(4, 7) == numbered.over(4, 7)
    assert plain.equivalence(4, 7) == numbered.equivalence(4, 7)
    assert plain.to_dataframe()["layer"].tolist() == list(range(1, 17))


def test_where_nothing_was_measured_there_is_no_effect_and_no_equivalence(h):
    result = ds.contrast(h, "a", "b", permutations=200)
    nothing = result.over(1, 1)
    assert nothing.n == 40
    assert np.isnan([nothing.dz, nothing.low, nothing.high, nothing.p, nothing.p_equivalence]).all()
    assert np.isnan(result.equivalence(1, 1))


def test_equivalence_over_layers_is_the_largest_p_of_its_layers(h):
    result = ds.contrast(h, "a", "b", permutations=200, bound=0.4)
    t = result.table["t"].values
    p = equivalence_p(t, 39, np.sqrt(40), 0.4)
    assert result.table["p_equivalence"].values == pytest.approx(p, nan_ok=True)
    assert result.equivalence(8, 10) == pytest.approx(p[7:10].max())
    assert result.equivalence(13, 16) == pytest.approx(p[12:].max())
    assert result.equivalence(first=8) == pytest.approx(p[7:].max())
    assert result.equivalence(last=3) == pytest.approx(p[1:3].max())
    assert result.equivalence() == pytest.approx(np.nanmax(p))
    assert result.equivalence(8, 10) < result.equivalence() > 0.99


def test_equivalence_at_equal_covariates_has_the_degrees_of_freedom_that_are_left(h):
    result = ds.contrast(h, "a", "b", adjust=["x"], permutations=200, bound=0.4)
    t, dz = (result.table[name].values[1:] for name in ("t", "dz"))
    leverage = (t / dz)[0]
    assert leverage < np.sqrt(40)
    assert result.table["p_equivalence"].values[1:] == pytest.approx(equivalence_p(t, 38, leverage, 0.4))


def test_the_strongest_cluster_is_that_of_the_largest_mass(h):
    result = ds.contrast(h, "a", "b", permutations=200)
    strongest = result.strongest()
    assert len(result.clusters) > 1
    assert strongest.mass == max(abs(c.mass) for c in result.clusters)
    back = ds.contrast(h, "b", "a", permutations=200).strongest()
    assert back.mass == pytest.approx(-strongest.mass)
    flat = h.copy(data=np.zeros(h.shape))
    assert ds.contrast(flat, "a", "b", permutations=20).strongest() is None


def test_tables_are_tidy(h):
    result = ds.contrast(h, "a", "b", permutations=200)
    clusters = result.clusters_dataframe()
    assert clusters["mass"].tolist() == [c.mass for c in result.clusters]
    assert set(clusters["contrast"]) == {"a - b"}
    layers = result.to_dataframe().set_index("layer")
    first = result.clusters[0]
    assert layers.loc[first.first : first.last, "cluster_p"].tolist() == [first.p] * first.cells


def test_words_name_the_covariates(h):
    result = ds.contrast(h, "a", "b", adjust=["x"], permutations=200)
    assert "adjusted for x" in str(result).splitlines()[0]
    assert result.settings_text.endswith("; adjusted for x")
    assert "adjusted" not in str(ds.contrast(h, "a", "b", permutations=200))


def test_the_window_is_the_strongest_cluster_and_without_any_all_that_is_measured(h):
    found = ds.contrast(h, "a", "b", permutations=200)
    assert found.measured == list(range(2, 17))
    strongest = found.strongest()
    assert strongest.direction == ("higher" if strongest.mass > 0 else "lower")
    assert found.window == (strongest.first, strongest.last)
    up, down = (k for k in found.significant())
    assert (up.direction, down.direction) == ("higher", "lower")
    gap = h.copy()
    gap.loc[{"layer": [9, 16]}] = np.nan
    gap.loc[{"condition": "a"}] = gap.sel(condition="b").values
    none = ds.contrast(gap, "a", "b", permutations=200)
    assert none.clusters == ()
    assert none.measured == [*range(2, 9), *range(10, 16)]
    assert none.window == (2, 15)


def test_over_scales_a_layer_is_measured_where_any_scale_is():
    values = np.random.default_rng(1).normal(size=(12, 2, 3, 5))
    values[:, :, 0, 1] = values[:, :, :, 4] = np.nan
    h = xr.DataArray(values, {"condition": ["a", "b"]}, ("item", "condition", "scale", "layer"))
    assert ds.contrast(h, "a", "b", permutations=100).measured == [1, 2, 3, 4]
