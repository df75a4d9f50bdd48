"""``data.depthscope``: what xarray objects of ours look like, wherever they come from."""

import subprocess
import sys

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr

import depthscope as ds
from depthscope.drawing.alt import alt
from depthscope.store.datasets import write_netcdf, write_zarr
from tests.drawing.test_card import Read


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def traj(request):
    tiny = request.getfixturevalue("tiny")
    rows = [
        {"item": item, "condition": condition, "text": f"{start} {item}.", "target": item}
        for item in ("wall", "storm", "key")
        for condition, start in (("metaphor", "His silence was a"), ("literal", "We saw the old"))
    ]
    return ds.trace(tiny, rows, progress=False)


@pytest.fixture(scope="module")
def h(traj):
    return ds.cse(traj, scales=6)


@pytest.fixture(scope="module")
def share(traj):
    return ds.scalogram(traj, scales=6, share=True)


def curves(ax):
    return {line.get_label().split(" (n")[0]: line for line in ax.lines if not line.get_label().startswith("_")}


def test_a_measure_has_a_line_per_condition_with_its_mean(h):
    drawn = curves(h.depthscope.plot())
    assert set(drawn) == {"metaphor", "literal"}
    for name, line in drawn.items():
        np.testing.assert_allclose(line.get_ydata(), h.sel(condition=name).mean("item"))


def test_trajectories_have_the_norms_of_their_updates(traj):
    ax = traj.depthscope.plot()
    for name, line in curves(ax).items():
        rows = traj["update_norm"][traj["condition"].values == name]
        np.testing.assert_allclose(line.get_ydata(), rows.mean("stimulus"))
    assert ax.get_ylabel() == "norm of the update"
    assert "model" in ax.texts[-1].get_text()


def test_a_scalogram_is_averaged_over_what_is_not_scale_or_layer(share):
    ax = share.depthscope.plot(condition="metaphor")
    mesh = next(c for c in ax.collections if c.get_array() is not None and c.get_array().size > 10)
    expected = share.sel(condition="metaphor").mean("item").sortby("period")
    np.testing.assert_allclose(mesh.get_array().reshape(expected.shape), expected)
    assert ax.get_title(loc="left").startswith("Share of wavelet energy, metaphor, mean of 3")
    plane = share.isel(item=0, condition=0)
    assert plane.depthscope.plot().get_title(loc="left") == "Share of wavelet energy"


def test_norms_that_span_decades_are_drawn_on_a_logarithmic_axis_in_plain_numbers(traj):
    steep = traj.assign(update_norm=traj["update_norm"] * 10.0 ** traj["layer"])
    ax = steep.depthscope.plot()
    ax.figure.draw_without_rendering()
    assert ax.get_yscale() == "log"
    assert all(float(label.get_text()) > 0 for label in ax.get_yticklabels())


@pytest.mark.parametrize("selection", [{"item": "wall"}, {"item": ["wall", "key"], "condition": "literal"}])
def test_labels_choose_what_is_drawn_of_every_kind(traj, h, share, selection):
    for data in (traj, h, share):
        ax = data.depthscope.plot(**selection)
        assert "wall" in ax.get_title(loc="left")
    line = curves(h.depthscope.plot(item="wall"))["literal"]
    np.testing.assert_allclose(line.get_ydata(), h.sel(item="wall", condition="literal"))


def test_the_axes_of_the_user_are_used_and_nothing_else_is_touched(traj, h, share):
    _, panels = plt.subplots(1, 3)
    before = dict(plt.rcParams)
    for data, ax in zip((traj, h, share), panels, strict=True):
        assert data.depthscope.plot(ax) is ax
        assert data.depthscope.plot(ax=ax) is ax
    assert len(plt.get_fignums()) == 1
    assert dict(plt.rcParams) == before


def test_the_function_is_the_accessor(h):
    one, other = ds.plot(h, condition="literal"), h.depthscope.plot(condition="literal")
    np.testing.assert_array_equal(curves(one)["literal"].get_ydata(), curves(other)["literal"].get_ydata())
    assert "literal" in alt(one.figure).title


def test_in_a_notebook_it_says_what_was_measured_of_what_and_how(traj, h, share):
    expected = {
        "Trajectories": (traj, "6 stimuli x 6 layers", ("model ", "subtoken last")),
        "Conditional scale entropy": (
            h,
            "3 items x 2 conditions x 6 layers",
            ("wavelet paul(4)", "scales 6", "mask coi 1"),
        ),
        "Share of wavelet energy": (share, "3 items x 2 conditions x 6 scales x 6 layers", ("padding zero", "model ")),
    }
    for title, (data, shape, settings) in expected.items():
        read = Read(data.depthscope._repr_html_())
        assert read.words[:2] == [title, shape]
        assert all(word in read.words[2] for word in settings)
        assert read.tags.count("img") == 1
        assert repr(data.depthscope).splitlines()[:2] == [title, shape]
    assert plt.get_fignums() == []


def test_what_a_file_gives_back_is_drawn_the_same(traj, h, share, tmp_path):
    write_netcdf(h, tmp_path / "cse.nc")
    write_zarr(traj, tmp_path / "t.zarr")
    with xr.open_dataset(tmp_path / "cse.nc", engine="scipy") as stored:
        drawn = curves(stored.depthscope.plot())
        assert stored["cse"].attrs["wavelet"] == "paul(4)"
        np.testing.assert_allclose(drawn["literal"].get_ydata(), h.sel(condition="literal").mean("item"))
    with xr.open_zarr(tmp_path / "t.zarr") as stored:
        assert set(curves(stored.depthscope.plot(item="wall"))) == {"metaphor", "literal"}


def test_what_cannot_be_drawn_is_refused_in_one_sentence(traj, h, share, refuses):
    with refuses("item='sea'", "choose among", "wall"):
        h.depthscope.plot(item="sea")
    with refuses("layers=3", "there is"):
        h.depthscope.plot(layers=3)
    with refuses("no layers"):
        h.mean("layer").rename("x").depthscope.plot()
    with refuses("there is no value"):
        (h * np.nan).depthscope.plot()
    with refuses("coordinates period and coi"):
        share.drop_vars("coi").depthscope.plot()
    for data, name in ((share, "layer"), (share, "item"), (h, "layer"), (traj, "item")):
        with refuses(f"{name}=[] chooses nothing", "one label"):
            data.depthscope.plot(**{name: []})
    for data in (share[:0], h[:0], h[..., :0], share.isel(scale=[])):
        with refuses("no value to draw"):
            data.depthscope.plot()
    with refuses("name the variable"):
        xr.Dataset({"a": h, "b": h}).depthscope.plot()
    with refuses("Dataset of nothing"):
        xr.Dataset().depthscope.plot()


def test_one_scale_and_one_layer_are_drawn(share, h):
    for data in (share.isel(scale=[2]), share.isel(layer=[2]), h.isel(layer=[2])):
        assert "img" in Read(data.depthscope._repr_html_()).tags


def test_what_cannot_be_drawn_has_a_card_all_the_same(h, share):
    kinds = (xr.Dataset(), xr.Dataset({"a": h, "b": h}), h.mean("layer"), xr.DataArray(3.0), h[:0], share[:0])
    for data in kinds:
        assert "img" not in Read(data.depthscope._repr_html_()).tags


@pytest.mark.parametrize(
    "code",
    [
        "import xarray, depthscope",
        "import depthscope; depthscope.cse; import xarray",
        "from depthscope import trace; import xarray",
        "from depthscope.instrument.cse import cse; import xarray, depthscope; depthscope.plot",
    ],
)
def test_the_accessor_is_there_whichever_came_first(code):
    code += "\nprint(hasattr(xarray.DataArray, 'depthscope'), hasattr(xarray.Dataset, 'depthscope'))"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True True"
