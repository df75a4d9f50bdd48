"""Arrays on disk come back as they were, or not at all."""

import shutil

import numpy as np
import pytest
import xarray as xr

import depthscope as ds
from depthscope.store.datasets import digest, read_zarr, write_netcdf, write_zarr


@pytest.fixture
def data():
    """With every kind of column a table can bring."""
    generator = np.random.default_rng(0)
    return xr.Dataset(
        {"gram": (("stimulus", "layer"), generator.normal(size=(4, 3))), "norm": ("stimulus", [1.0, np.nan, 2.0, 0.0])},
        {
            "layer": [1, 2, 3],
            "item": ("stimulus", np.array(["a", "", "Café", "👩‍👩‍👧"], dtype=object)),
            "word frequency": ("stimulus", [0.5, 1.5, np.nan, 0.0]),
            "at_start": ("stimulus", [True, False, False, True]),
            "n": ("stimulus", [0, 2**40, -1, 7]),
        },
        {"model": "tiny", "token_budget": 64},
    )


@pytest.fixture
def store(data, tmp_path):
    write_zarr(data, tmp_path / "data.zarr")
    return tmp_path / "data.zarr"


def test_a_store_gives_back_numbers_labels_and_attributes(data, store):
    again = read_zarr(store, digest(data))
    xr.testing.assert_identical(again, data)


def test_writing_replaces_the_store_and_leaves_no_scratch(data, store):
    (store.parent / f".{store.name}.killed").mkdir()
    write_zarr(data.isel(stimulus=[0]), store)
    assert read_zarr(store).sizes["stimulus"] == 1
    assert [path.name for path in store.parent.iterdir()] == ["data.zarr"]


def test_every_damaged_or_missing_file_of_a_store_is_refused_or_harmless(data, store):
    expected, complaints = digest(data), []
    chunks = [path for path in store.rglob("*") if path.is_file()]
    assert len(chunks) > 20
    for path in chunks:
        good = path.read_bytes()
        for bad in (None, good[: len(good) // 2], good[:-1] + bytes([good[-1] ^ 0x55])):
            path.unlink() if bad is None else path.write_bytes(bad)
            try:
                xr.testing.assert_identical(read_zarr(store, expected), data)
            except ds.DepthscopeError as problem:
                complaints.append(str(problem))
            path.write_bytes(good)
    assert len(complaints) > len(data.variables)
    for sentence in complaints:
        assert "data.zarr: damaged" in sentence
        assert "delete it and run again" in sentence
        assert "\n" not in sentence


def test_a_changed_number_is_refused(data, store, refuses):
    expected = digest(data)
    write_zarr(data.assign(norm=data["norm"] + 1e-9), store)
    with refuses("data.zarr", "not the ones that were written", "delete it", "traced anew"):
        read_zarr(store, expected)


@pytest.mark.parametrize("change", [{"item": ["a", "", "Cafe", "👩‍👩‍👧"]}, {"layer": [1, 2, 4]}])
def test_the_digest_covers_labels(data, change):
    (name, values), *_ = change.items()
    assert digest(data.assign_coords({name: (data[name].dims, values)})) != digest(data)


def test_the_digest_covers_attributes(data):
    assert digest(data.assign_attrs(model="other")) != digest(data)


def test_a_missing_store_is_refused(store, refuses):
    shutil.rmtree(store)
    with refuses("data.zarr", "damaged"):
        read_zarr(store)


def test_netcdf_gives_back_what_the_format_can_hold(data, tmp_path):
    array = data["gram"].assign_coords(valid=("layer", [True, False, True])).rename("cse")
    write_netcdf(array, tmp_path / "cse.nc")
    with xr.open_dataset(tmp_path / "cse.nc", engine="scipy") as stored:
        assert stored["cse"].values.tobytes() == array.values.tobytes()
        assert list(stored["item"].values) == list(array["item"].values)
        assert list(stored["valid"].values) == [1, 0, 1]
        assert list(stored["word frequency"].values[:2]) == [0.5, 1.5]


def test_netcdf_is_the_same_to_the_byte_when_written_again(data, tmp_path):
    for name in ("one.nc", "two.nc"):
        write_netcdf(data["gram"].drop_vars("n"), tmp_path / name)
    assert (tmp_path / "one.nc").read_bytes() == (tmp_path / "two.nc").read_bytes()
