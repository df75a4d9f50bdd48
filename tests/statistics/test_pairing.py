import numpy as np
import pytest
import xarray as xr

from depthscope.statistics.pairing import pair


def table(values, conditions=("a", "b"), **coords):
    values = np.asarray(values, dtype=float)
    items = [f"i{k}" for k in range(len(values))]
    named = {name: (("item", "condition") if np.ndim(v) == 2 else "item", v) for name, v in coords.items()}
    return xr.DataArray(
        values, dims=("item", "condition", "layer"), coords={"item": items, "condition": list(conditions), **named}
    )


def test_differences_are_a_minus_b_item_by_item():
    h = table([[[1, 2], [5, 9]], [[3, 3], [1, 1]]])
    paired = pair(h, "b", "a")
    assert paired.differences.values.tolist() == [[4, 7], [-2, -2]]
    assert pair(h.transpose("layer", "condition", "item"), "b", "a").differences.values.tolist() == [[4, 7], [-2, -2]]


def test_items_without_both_conditions_are_named():
    h = table([[[1], [2]], [[np.nan], [2]], [[3], [5]]])
    paired = pair(h, "a", "b")
    assert paired.incomplete == ["i1"]
    assert paired.differences["item"].values.tolist() == ["i0", "i2"]


def test_pairs_that_a_causal_model_cannot_tell_apart_are_left_out_unless_asked_for():
    h = table([[[1], [2]], [[4], [4]], [[3], [5]]], context=[["p", "q"], ["r", "r"], ["s", "t"]])
    assert pair(h, "a", "b").same_context == ["i1"]
    assert pair(h, "a", "b").differences.sizes["item"] == 2
    kept = pair(h, "a", "b", include_same_context=True)
    assert kept.same_context == ["i1"]
    assert kept.differences.values.tolist() == [[-1], [0], [-2]]


def test_several_pairs_of_an_item_are_averaged():
    h = table([[[1], [2]], [[1], [4]], [[3], [5]]], group=["x", "x", "y"])
    paired = pair(h, "b", "a")
    assert paired.differences["item"].values.tolist() == ["x", "y"]
    assert paired.differences.values.tolist() == [[2], [2]]


def test_what_cannot_be_paired_is_refused(refuses):
    h = table([[[1], [2]], [[3], [5]]], context=[["p", "p"], ["r", "r"]])
    with refuses("'c'", "a, b"):
        pair(h, "a", "c")
    with refuses("itself"):
        pair(h, "a", "a")
    with refuses("same up to the target", "include_same_context"):
        pair(h, "a", "b")
    with refuses("1 usable pair", "at least 2"):
        pair(h.drop_vars("context")[:1], "a", "b")
    with refuses("item and condition"):
        pair(h.isel(item=0), "a", "b")
    with pytest.raises(ValueError, match="0 usable"):
        pair(table(np.full((2, 2, 1), np.nan)), "a", "b")
