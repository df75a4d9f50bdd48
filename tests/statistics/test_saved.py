"""A contrast that was saved is the contrast that is loaded; whatever else is in the file is refused."""

import datetime
import json
import math
from dataclasses import fields, replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import depthscope as ds
from depthscope.statistics.contrast import against_zero
from depthscope.statistics.result import Cluster, Contrast
from depthscope.statistics.terms import Terms

FEW = {"permutations": 40, "resamples": 20}


def measure(items=9, layers=8, scales=0, seed=0):
    generator = np.random.default_rng(seed)
    shape = (items, 3, *([scales] if scales else []), layers)
    values = generator.normal(size=shape)
    values[:, 0, ..., 2:5] += 1.5
    values[..., 0] = np.nan  # as at a layer with too few scales
    coords = {
        "item": [f"a/ü {i}" for i in range(items)],
        "condition": ["x", "y", "z"],
        "layer": np.arange(1, layers + 1),
        "relative_depth": ("layer", np.arange(1, layers + 1) / layers),
        "word length": (("item", "condition"), generator.normal(size=(items, 3))),
        "context": (("item", "condition"), np.array([[f"{i}{c}" for c in "xyz"] for i in range(items)], dtype=object)),
    }
    dims = ["item", "condition", "layer"]
    if scales:
        dims.insert(2, "scale")
        coords |= {"scale": np.geomspace(2, 9, scales), "period": ("scale", np.geomspace(2, 9, scales) * 1.1)}
        coords["valid"] = (("scale", "layer"), np.arange(scales * layers).reshape(scales, layers) % 2 == 0)
    return xr.DataArray(values, coords, dims=dims, name="cse", attrs={"model": "made up", "normalize": 1})


CASES = {
    "plain": lambda: ds.contrast(measure(), "x", "y", **FEW),
    "adjusted": lambda: ds.contrast(measure(), "x", "y", adjust=["word length"], alternative="greater", **FEW),
    "a difference of differences": lambda: ds.contrast(measure(), "(x-y)-(z-y)", **FEW),
    "scales": lambda: ds.contrast(measure(scales=4), "x", "y", **FEW),
    "left out": lambda: ds.contrast(measure().where(measure()["item"] != "a/ü 3"), "x", "y", **FEW),
    "no cluster": lambda: ds.contrast(measure(), "y", "z", forming_p=1e-6, **FEW),
    "without spread": lambda: ds.contrast(
        xr.ones_like(measure()) * xr.DataArray([2.0, 1, 1], dims="condition"), "x", "y", **FEW
    ),
    "against zero": lambda: against_zero(measure().isel(condition=0, drop=True), "contribution", **FEW),
}


def assert_same(one, other):
    for field in fields(Contrast):
        mine, theirs = getattr(one, field.name), getattr(other, field.name)
        if isinstance(mine, xr.Dataset | xr.DataArray):
            xr.testing.assert_identical(mine, theirs)
            for name in mine.coords:
                assert mine[name].dtype == theirs[name].dtype or mine[name].dtype.kind in "OUT", name
        elif field.name == "clusters":
            assert [repr(k) for k in mine] == [repr(k) for k in theirs]
            assert all(isinstance(k, Cluster) for k in theirs)
        else:
            assert repr(mine) == repr(theirs), field.name


@pytest.mark.parametrize("case", CASES)
def test_what_was_saved_is_loaded_to_the_last_digit(case, tmp_path):
    found = CASES[case]()
    place = found.save(tmp_path / "found.json")
    again = Contrast.load(place)
    assert_same(found, again)
    pd.testing.assert_frame_equal(found.to_dataframe(), again.to_dataframe())
    pd.testing.assert_frame_equal(found.clusters_dataframe(), again.clusters_dataframe())
    assert str(found) == str(again)
    assert found.settings_text == again.settings_text
    if "scale" not in found.table.dims:
        assert repr(found.over(2, 5)) == repr(again.over(2, 5))
        assert repr(found.equivalence()) == repr(again.equivalence())
    # saved again it is the same file
    assert again.save(tmp_path / "again.json").read_bytes() == place.read_bytes()


def test_what_is_loaded_draws_itself_and_goes_on(tmp_path):
    again = Contrast.load(CASES["plain"]().save(str(tmp_path / "found.json")))
    assert len(again.plot().lines) == len(CASES["plain"]().plot().lines) > 0
    assert again.terms == Terms(("x",), ("y",))
    assert "x - y" in again._repr_html_()


def test_the_file_is_plain_json_and_whole(tmp_path):
    text = CASES["without spread"]().save(tmp_path / "found.json").read_text(encoding="utf-8")
    document = json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    assert document["kind"] == "depthscope contrast"
    assert [path.name for path in tmp_path.iterdir()] == ["found.json"]


def test_places_that_cannot_be_are_refused(tmp_path, refuses):
    found = CASES["plain"]()
    with refuses("found.nc", "saved as JSON", "found.json"):
        found.save(tmp_path / "found.nc")
    with refuses("cannot be written"):
        found.save(tmp_path / "none" / "found.json")
    with refuses("cannot be read"):
        Contrast.load(tmp_path / "none.json")
    with refuses("cannot be read"):
        Contrast.load(tmp_path)


def changed(document, **more):
    return json.dumps({**document, **more})


BROKEN = {
    "no JSON": lambda d: "found",
    "half": lambda d: json.dumps(d)[:200],
    "nothing": lambda d: "",
    "a list": lambda d: "[1, 2]",
    "another kind": lambda d: changed(d, kind="run"),
    "no contrast": lambda d: changed(
        d, contrast=None, digest="74234e98afe7498fb5daf1f36ac2d78acc339464f950703b8c019892f982b90b"
    ),
    "a number": lambda d: "7",
    "bytes": lambda d: "\udcff",
}


@pytest.mark.parametrize("what", BROKEN)
def test_what_is_no_contrast_is_refused_in_a_sentence(what, tmp_path, refuses):
    place = CASES["plain"]().save(tmp_path / "found.json")
    text = BROKEN[what](json.loads(place.read_text(encoding="utf-8")))
    place.write_bytes(text.encode("utf-8", "surrogateescape"))
    with refuses("found.json: no contrast that was saved"):
        Contrast.load(place)


def test_a_change_and_a_newer_schema_are_noticed(tmp_path, refuses):
    place = CASES["plain"]().save(tmp_path / "found.json")
    document = json.loads(place.read_text(encoding="utf-8"))
    document["contrast"]["clusters"][0]["p"] = 0.0001
    place.write_text(json.dumps(document), encoding="utf-8")
    with refuses("changed since it was saved"):
        Contrast.load(place)
    place.write_text(changed(document, schema=2), encoding="utf-8")
    with refuses("schema 2"):
        Contrast.load(place)


def labelled(name="odd", values=None, attributes=None, settings=None):
    """A contrast whose differences carry one more coordinate, or whose arrays and settings hold something odd."""
    found = CASES["plain"]()
    differences = found.differences
    if values is not None:
        differences = differences.assign_coords({name: ("item", values)})
    if attributes is not None:
        differences = differences.assign_attrs(odd=attributes)
        differences["item"].attrs["odd"] = attributes
    table = found.table.assign_attrs(odd=attributes) if attributes is not None else found.table
    more = {} if settings is None else {"odd": settings}
    return replace(found, differences=differences, table=table, settings=found.settings | more)


NINE = {
    "objects of all kinds": np.array([1, "a", None, 2.5, math.nan, True, -0.0, 2**70, "\udcff"], dtype=object),
    "text of objects": np.array([*"abcdefgh", "longer"], dtype=object),
    "text": np.array([*"abcdefgh", "longer"]),
    "whole numbers, one large": np.array([2**63, *range(8)], dtype=np.uint64),
    "nanoseconds": np.array(["2026-11-30T12:00:00.123456789", "NaT", *["1900-01-01"] * 7], dtype="datetime64[ns]"),
    "durations": np.arange(9).astype("timedelta64[s]"),
    "half precision": np.linspace(0, 1, 9).astype(np.float16),
    "the other byte order": np.linspace(0, 1, 9).astype(">f8"),
    "odd numbers": np.array([np.nan, np.inf, -np.inf, -0.0, 5e-324, 0.1, 1 / 3, 1e308, 0]),
    "truth": np.arange(9) % 2 == 0,
    "surrogates": np.array(["\ud800", "\udfff x", "\\udcff", *"abcdef"]),
}


@pytest.mark.parametrize("what", NINE)
def test_coordinates_of_every_kind_come_back_as_they_are(what, tmp_path):
    found = labelled(values=NINE[what])
    again = Contrast.load(found.save(tmp_path / "found.json"))
    mine, theirs = found.differences["odd"].values, again.differences["odd"].values
    assert (mine.dtype, mine.tobytes() if mine.dtype != object else None) == (
        theirs.dtype,
        theirs.tobytes() if mine.dtype != object else None,
    )
    assert [(type(v), repr(v)) for v in mine.tolist()] == [(type(v), repr(v)) for v in theirs.tolist()]


ATTRIBUTES = {
    "like a number of ours": {"number": "NaN"},
    "like an array of ours": {"array": 1, "coordinates": 2, "name": 3},
    "like a table of ours": {"data": {}, "coordinates": {}, "attributes": {}},
    "like pairs and tuples of ours": [{"pairs": [[1, 2]]}, {"tuple": [1]}],
    "numbers as keys": {1: "a", "1": "b", None: "c", (1, 2): [3], 0.5: {"number": 7}},
    "odd numbers": [math.nan, math.inf, -math.inf, -0.0, 5e-324, 10**300],
    "tuples": (1, [2, (3, None)], "x"),
    "an array": xr.DataArray([1.5, math.nan], {"x": [1, 2]}, ["x"], name="inner"),
    "an array without a name": xr.DataArray([[1, 2]], dims=["x", "y"]),
    "text of no encoding": "a \udcff b \u2028 \0 \\u0041",
    "a lone pair": True,
}


@pytest.mark.parametrize("what", ATTRIBUTES)
def test_attributes_and_settings_of_every_kind_come_back_as_they_are(what, tmp_path):
    odd = ATTRIBUTES[what]
    found = labelled(attributes=odd, settings=odd)
    again = Contrast.load(found.save(tmp_path / "found.json"))
    places = (again.settings, again.table.attrs, again.differences.attrs, again.differences["item"].attrs)
    assert {repr(place["odd"]) for place in places} == {repr(odd)}
    assert again.save(tmp_path / "again.json").read_bytes() == (tmp_path / "found.json").read_bytes()


def endless():
    found = []
    found.append(found)
    return found


LOST = {
    "bytes": {"values": np.array([b"a"] * 9)},
    "complex numbers": {"values": np.arange(9) * 1j},
    "dates among objects": {"values": np.array([datetime.date(2026, 1, 1)] * 9, dtype=object)},
    "longer floats": {"values": np.arange(9).astype(np.longdouble) / 3},
    "a name that is no text": {"name": 7, "values": range(9)},
    "a pair that would be read as one character": {"values": np.array(["\ud83d\ude00"] * 9)},
    "an array of numpy": {"attributes": np.arange(3)},
    "a set": {"settings": {1, 2}},
    "bytes, told": {"settings": b"x"},
    "a date, told": {"attributes": np.datetime64("2026-01-01")},
    "an endless list": {"settings": endless()},
    "an endless number": {"settings": 10**5000},
    "an object": {"settings": [object()]},
}


@pytest.mark.parametrize("what", LOST)
def test_what_would_not_come_back_is_refused_before_anything_is_written(what, tmp_path, refuses):
    if np.dtype(np.longdouble).itemsize == 8 and what == "longer floats":
        pytest.skip("as long as others here")
    found = labelled(**LOST[what])
    with refuses("of the contrast", "take"):
        found.save(tmp_path / "found.json")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", ["", "x" * 300 + ".json", "a\0b.json", "a/" * 3000 + "x.json", None, 7])
def test_names_that_no_file_can_have_are_refused(path, tmp_path, monkeypatch, refuses):
    monkeypatch.chdir(tmp_path)
    with refuses():
        CASES["plain"]().save(path)
    with refuses():
        Contrast.load(path)
