"""One row per stimulus or per token: what is measured, how it is labelled, what is refused."""

import numpy as np
import pytest
import xarray as xr

import depthscope as ds
from depthscope.instrument.labels import by_item

DEPTH = 12


def traced(updates, lead="token", **coords):
    """What capture keeps of updates (row, layer, feature), whose first state is zero."""
    layers = np.arange(1, DEPTH + 1)
    states = np.concatenate([np.zeros_like(updates[:, :1]), updates.cumsum(1)], axis=1)
    data = {
        "gram": ((lead, "layer", "other_layer"), updates @ updates.swapaxes(1, 2)),
        "initial_dot": ((lead, "layer"), np.zeros(updates.shape[:2])),
        "state_norm": ((lead, "state"), np.linalg.norm(states, axis=2)),
    }
    labels = {"layer": layers, "other_layer": layers, "state": np.arange(DEPTH + 1)}
    return xr.Dataset(data, {**labels, **{name: (lead, values) for name, values in coords.items()}})


@pytest.fixture
def updates():
    return np.random.default_rng(2).normal(size=(5, DEPTH, 8))


def test_tokens_are_measured_as_stimuli_are(updates):
    tokens = traced(updates, token=np.arange(5), piece=list("abcde"))
    rows = traced(updates, "stimulus")
    for measure, dims in (
        (lambda d: ds.cse(d), ("token", "layer")),
        (lambda d: ds.scalogram(d, share=True), ("token", "scale", "layer")),
        (lambda d: ds.shares(d), ("token", "scale", "layer")),
        (lambda d: ds.cse(d, signal="state", layers=(2, 11)), ("token", "layer")),
    ):
        assert measure(tokens).dims == dims
        np.testing.assert_array_equal(measure(tokens), measure(rows))
    np.testing.assert_allclose(ds.cse(tokens), ds.cse(updates), rtol=1e-9)


def test_the_labels_of_the_tokens_travel(updates):
    tokens = traced(updates, token=np.arange(5), piece=list("abcde"), surprisal=[np.nan, 1, 2, 3, 4])
    for found in (ds.cse(tokens), ds.scalogram(tokens)):
        assert found["piece"].values.tolist() == list("abcde")
        assert found["surprisal"].dims == ("token",)
        assert found["token"].values.tolist() == [0, 1, 2, 3, 4]
        assert "other_layer" not in found.coords


def test_several_leading_dimensions_keep_their_names(updates):
    both = xr.concat([traced(updates), traced(2 * updates)], "text").assign_coords(text=["one", "two"])
    found = ds.cse(both)
    assert found.dims == ("text", "token", "layer")
    np.testing.assert_allclose(found.sel(text="one"), found.sel(text="two"), rtol=1e-9)
    assert ds.scalogram(both).dims == ("text", "token", "scale", "layer")


def test_tokens_that_are_called_item_and_condition_stay_tokens(updates):
    tokens = traced(updates, item=list("aabbc"), condition=list("xyxyx"))
    assert ds.cse(tokens).dims == ("token", "layer")
    assert by_item(ds.cse(tokens)).dims == ("token", "layer")


def test_stimuli_still_become_items_and_conditions(updates):
    rows = traced(updates, "stimulus", item=list("aabbc"), condition=list("xyxyx"))
    assert ds.cse(rows).dims == ("item", "condition", "layer")


def test_a_row_that_cannot_be_measured_is_named(updates, refuses):
    spoilt = updates.copy()
    spoilt[3, 4] = np.nan
    with refuses("token 3, piece 'd'", "at layer 5"):
        ds.cse(traced(spoilt, token=np.arange(5), piece=list("abcde")))
    spoilt[3] = 0
    with refuses("token 3", "constant"):
        ds.cse(traced(spoilt))
    with refuses("row 3", "constant"):
        ds.cse(traced(spoilt, "stimulus"))
    with refuses("item 'b', condition 'y'", "constant"):
        ds.cse(traced(spoilt, "stimulus", item=list("aabbc"), condition=list("xyxyx")))
