"""Which items and which layers take part where measurements are missing: by one rule, and with counts."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import depthscope as ds
from depthscope.statistics.missing import complete, thin
from depthscope.studies.contrast.verdicts.contrast import exclusions

N, LAYERS = 40, 12


def measured(seed=0, effect=0.8, n=N):
    values = np.random.default_rng(seed).normal(size=(n, 2, LAYERS))
    values[:, 0, 4:9] += effect
    coords = {"item": [f"i{k}" for k in range(n)], "condition": ["a", "b"], "layer": np.arange(1, LAYERS + 1)}
    return xr.DataArray(values, coords, ("item", "condition", "layer"), name="cse")


@given(st.integers(1, 30), st.integers(1, 12), st.floats(0, 0.6), st.integers(0, 999))
def test_nothing_is_missing_between_what_takes_part(n, layers, share, seed):
    there = np.random.default_rng(seed).random((n, layers)) >= share
    items, cells = complete(there)
    assert there[np.ix_(items, cells)].all()
    assert ((~there[:, cells]).mean(0) <= 0.1 + 1e-12).all()
    assert not (thin(there, cells) & cells).any()
    # no item leaves for a layer that has left
    assert (items == there[:, cells].all(1)).all()


def test_one_item_that_was_cut_short_costs_itself_and_no_layer():
    h = measured()
    whole = ds.contrast(h.isel(item=slice(1, None)), "a", "b", permutations=200)
    h[0, :, 5:] = np.nan
    found = ds.contrast(h, "a", "b", permutations=200)
    assert found.partial == ["i0"]
    assert found.thin_layers == []
    assert found.n == N - 1
    xr.testing.assert_equal(found.table, whole.table)
    assert "1 item(s) left out that are not measured at every layer" in "".join(exclusions(found))


def test_one_missing_number_does_not_split_a_cluster():
    h = measured()
    h[3, 1, 6] = np.nan
    found = ds.contrast(h, "a", "b", permutations=200)
    assert found.n == N - 1
    assert len(found.significant()) == 1
    assert found.strongest().first <= 6
    assert found.strongest().last >= 8


def test_layers_that_many_items_lack_leave_and_are_named():
    h = measured()
    h[: N // 2, 0, 10:] = np.nan
    found = ds.contrast(h, "a", "b", permutations=200)
    assert found.n == N
    assert found.partial == []
    assert found.thin_layers == [11, 12]
    assert np.isnan(found.table["t"].values[10:]).all()
    assert np.isfinite(found.table["t"].values[:10]).all()
    assert "layers 11, 12 left out" in "".join(exclusions(found))


def test_layers_that_nobody_has_are_missing_by_design_and_not_told():
    h = measured()
    h[:, :, :2] = np.nan
    found = ds.contrast(h, "a", "b", permutations=200)
    assert (found.n, found.partial, found.thin_layers) == (N, [], [])


def test_items_of_which_each_lacks_another_layer_are_refused_with_their_number(refuses):
    h = measured(n=LAYERS)
    for k in range(LAYERS):
        h[k, 0, k] = np.nan
    with refuses("12 not measured at a layer at which most are"):
        ds.contrast(h, "a", "b", permutations=200)


def test_of_several_pairs_of_an_item_only_the_short_one_leaves():
    h = measured(n=6).assign_coords(group=("item", ["x", "x", "y", "z", "u", "v"]))
    h[0, 0, 2] = np.nan
    h = xr.concat(
        [h, measured(1, n=10).assign_coords(item=[f"j{k}" for k in range(10)], group=("item", list("klmnopqrst")))],
        "item",
    )
    found = ds.contrast(h, "a", "b", permutations=200)
    assert found.partial == ["i0"]
    assert found.n == 15
    assert found.differences.sel(item="x").values == pytest.approx((h[1, 0] - h[1, 1]).values)


def test_a_map_over_scales_leaves_out_cells_by_the_same_rule():
    values = np.random.default_rng(2).normal(size=(20, 2, 4, 9))
    values[:, :, 3, :2] = np.nan  # by design
    values[5, 1, 0, 4] = np.nan
    h = xr.DataArray(values, {"condition": ["a", "b"]}, ("item", "condition", "scale", "layer"), name="share")
    found = ds.contrast(h, "a", "b", permutations=200)
    assert found.partial == ["5"]
    assert int(np.isfinite(found.table["t"]).sum()) == 4 * 9 - 2


def test_it_is_saved_with_the_contrast(tmp_path):
    h = measured()
    h[0, :, 5:] = np.nan
    found = ds.contrast(h, "a", "b", permutations=200)
    again = ds.Contrast.load(found.save(tmp_path / "c.json"))
    assert again.partial == found.partial
    assert again.thin_layers == found.thin_layers


def test_where_every_layer_is_too_thin_there_is_nothing_to_test(refuses):
    h = measured()
    h[: N // 2, :, : LAYERS // 2] = np.nan
    h[N // 2 :, :, LAYERS // 2 :] = np.nan
    with refuses(f"no layer is measured in at least nine tenths of its {N} pairs"):
        ds.contrast(h, "a", "b", permutations=200)
