import numpy as np
import pytest
import xarray as xr

import depthscope as ds
from depthscope.instrument.labels import by_item


def rows(items, conditions, pairs=None, **coords):
    columns = {"item": ("stimulus", items), "condition": ("stimulus", conditions)}
    if pairs is not None:
        columns["pair"] = ("stimulus", pairs)
    values = np.arange(len(items) * 2.0).reshape(-1, 2)
    more = {name: ("stimulus", value) for name, value in coords.items()}
    return xr.DataArray(values, dims=("stimulus", "layer"), coords={**columns, **more, "layer": [1, 2]})


def test_rows_find_their_place_in_whatever_order_they_come():
    table = by_item(rows(["b", "a", "b", "a"], ["x", "y", "y", "x"]))
    assert table.dims == ("item", "condition", "layer")
    assert table["item"].values.tolist() == ["b", "a"]
    assert table.sel(item="a", condition="x").values.tolist() == [6, 7]
    assert table.sel(item="b", condition="y").values.tolist() == [4, 5]


def test_what_does_not_occur_is_missing():
    table = by_item(rows(["a", "a", "b"], ["x", "y", "x"]))
    assert np.isnan(table.sel(item="b", condition="y")).all()


def test_pairs_become_entries_that_remember_their_item():
    table = by_item(rows(["a"] * 4, ["x", "y", "x", "y"], ["1", "1", "2", "2"]))
    assert table["item"].values.tolist() == ["a/1", "a/2"]
    assert table["group"].values.tolist() == ["a", "a"]


@pytest.mark.parametrize(
    ("items", "pairs"), [(["a", "a/b"], ["b/c", "c"]), (["1", "1/2"], ["2", ""]), (["x", "x\\"], ["/y", "y"])]
)
def test_no_pair_takes_the_place_of_another(items, pairs):
    traced = rows([*items, *items], ["x", "x", "y", "y"], [*pairs, *pairs])
    table = by_item(traced)
    assert table.sizes["item"] == len(set(table["item"].values)) == 2
    assert table["group"].values.tolist() == items
    assert table.values.tolist() == [[[0, 1], [4, 5]], [[2, 3], [6, 7]]]
    # an entry is called the same whatever other rows are beside it
    assert by_item(traced.isel(stimulus=[1, 3]))["item"].values.tolist() == table["item"].values.tolist()[1:]


def test_a_row_that_stands_there_twice_is_refused(refuses):
    with refuses("item 'a', condition 'x'", "occurs twice", "pair"):
        by_item(rows(["a", "a"], ["x", "x"]))


def test_covariates_come_along():
    table = by_item(rows(["a", "a"], ["x", "y"], length=[3, 4], flag=[True, False], word=["p", "q"]))
    assert float(table["length"].sel(item="a", condition="y")) == 4
    assert bool(table["flag"].sel(item="a", condition="x"))
    assert str(table["word"].sel(item="a", condition="y").values) == "q"


@pytest.mark.parametrize("missing", ["item", "condition"])
def test_rows_without_labels_stay_rows(missing):
    plain = rows(["a", "a"], ["x", "y"]).drop_vars(missing)
    assert by_item(plain).dims == ("stimulus", "layer")


def test_results_say_how_they_came_about_in_what_a_file_can_hold():
    updates = xr.DataArray(
        np.random.default_rng(0).normal(size=(2, 12, 5)),
        dims=("stimulus", "layer", "feature"),
        attrs={"model": "m", "x": 1},
    )
    h = ds.cse(updates, wavelet=ds.Haar(), padding="reflect", mask_coi=False)
    share = ds.scalogram(updates, scales=5, periods=(2, 4), share=True)
    expected = {
        "model": "m",
        "signal": "update",
        "wavelet": "haar",
        "padding": "reflect",
        "sampling": "cell",
        "mask_coi": 0,
    }
    assert expected.items() <= h.attrs.items()
    assert {
        "wavelet": "paul(4)",
        "scales": 5,
        "periods": "2 to 4 layers",
        "sampling": "point",
    }.items() <= share.attrs.items()
    assert share.attrs["long_name"] == "share of wavelet energy"
    assert "x" not in h.attrs
    assert {type(value) for one in (h, share) for value in one.attrs.values()} <= {str, int, float}
    assert "model" not in ds.scalogram(updates.to_numpy()).attrs
