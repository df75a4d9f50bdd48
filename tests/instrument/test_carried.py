import numpy as np
import pytest
import xarray as xr

from depthscope.instrument.carried import by_layer, carried

# log2 probabilities by hand: rows are the run (a's text, b's text), columns the probe (of a, of b)
INTACT = [[-2.0, -5.0], [-7.0, -3.0]]
# after each exchange of item i: nothing happens; the reading turns half; everything is exchanged
NOTHING = INTACT
HALFWAY = [[-3.0, -4.0], [-5.0, -4.0]]
EVERYTHING = [[-7.0, -3.0], [-2.0, -5.0]]
FURTHER_APART = [[-1.0, -6.0], [-8.0, -2.0]]


def patched(intact, *exchanges, first=None, last=None, runs=("met", "lit")):
    """What ``patch`` gives for items whose exchanges are listed as (run, probe) tables."""
    states = np.arange(len(exchanges)) if first is None else np.array(first)
    values = np.stack([np.array(table, dtype=float) for table in exchanges], axis=-1)
    return xr.Dataset(
        {
            "intact": (("item", "run", "probe"), np.array(intact, dtype=float)[None]),
            "patched": (("item", "run", "probe", "patch"), values[None]),
        },
        {
            "item": ["i"],
            "group": ("item", ["i"]),
            "run": list(runs),
            "probe": list(runs),
            "first": ("patch", states),
            "last": ("patch", states if last is None else np.array(last)),
        },
    )


def test_the_numbers_equal_those_worked_out_by_hand():
    found = carried(patched(INTACT, NOTHING, HALFWAY, EVERYTHING)).sel(item="i")
    # a's text: -2 + 5 = 3 bits for its own probe; b's text: -3 + 7 = 4 bits for its own
    assert found["preference"].values.tolist() == [3, 4]
    # halfway: 1 bit left in each, so that 2 and 3 are lost; everything: -4 and -3 left, so that 7 and 7 are lost
    assert found["effect_run"].transpose("run", "patch").values.tolist() == [[0, 2, 7], [0, 3, 7]]
    assert found["effect"].values.tolist() == [0, 2.5, 7]
    assert float(found["most"]) == 7


def test_an_exchange_of_everything_has_the_largest_effect_that_one_minus_the_ratio_is_measured_by():
    found = carried(patched(INTACT, EVERYTHING))
    assert found["effect"].isel(patch=0).values.tolist() == found["most"].values.tolist()


def test_an_exchange_that_strengthens_the_own_reading_has_an_effect_below_zero():
    found = carried(patched(INTACT, FURTHER_APART)).sel(item="i").isel(patch=0)
    # 5 and 6 bits instead of 3 and 4
    assert found["effect_run"].values.tolist() == [-2, -2]
    assert float(found["effect"]) == -2


def test_runs_may_have_effects_of_either_sign():
    one = [HALFWAY[0], FURTHER_APART[1]]
    found = carried(patched(INTACT, one)).sel(item="i").isel(patch=0)
    assert found["effect_run"].values.tolist() == [2, -2]
    assert float(found["effect"]) == 0


def test_what_makes_both_probes_less_likely_is_no_effect():
    found = carried(patched(INTACT, np.array(INTACT) - [[9.0], [4.0]]))
    assert found["effect_run"].values.tolist() == [[[0], [0]]]


def test_a_model_that_prefers_the_wrong_probe_shows_it():
    found = carried(patched([INTACT[1], INTACT[0]], INTACT)).sel(item="i")
    assert found["preference"].values.tolist() == [-4, -3]
    assert float(found["most"]) == -7


def test_the_names_of_the_conditions_do_not_matter_and_neither_does_their_order():
    expected = carried(patched(INTACT, HALFWAY))["effect"].values

    def turned(table):
        return np.array(table)[::-1, ::-1]

    back = carried(patched(turned(INTACT), turned(HALFWAY), runs=("lit", "met")))
    assert back["effect"].values == pytest.approx(expected)
    assert back["preference"].sel(run="met").item() == 3
    assert carried(patched(INTACT, HALFWAY, runs=("b", "a")))["effect"].values == pytest.approx(expected)


def test_each_item_has_its_own_numbers_and_keeps_its_labels():
    one, two = patched(INTACT, HALFWAY), patched(INTACT, FURTHER_APART).assign_coords(item=["j"], group=("item", ["g"]))
    found = carried(xr.concat([one, two], "item"))
    assert found["effect"].dims == ("item", "patch")
    assert found["effect"].sel(item="i").item() == 2.5
    assert found["effect"].sel(item="j").item() == -2
    assert found["group"].values.tolist() == ["i", "g"]


def effects(first, last, items=2):
    values = 100.0 * np.arange(items)[:, None] + np.arange(len(first))
    coords = {"item": [f"i{k}" for k in range(items)], "first": ("patch", first), "last": ("patch", last)}
    return xr.DataArray(values, dims=("item", "patch"), coords=coords, name="effect")


def test_layers_are_the_single_states_after_them_and_neither_state_0_nor_windows():
    # states 0 .. 4 alone, then windows, one of which holds a single state that is there already
    found = by_layer(effects([0, 1, 2, 3, 4, 0, 2, 3, 1], [0, 1, 2, 3, 4, 4, 4, 3, 3]), 4)
    assert found.dims == ("item", "layer")
    assert found.sel(item="i0").values.tolist() == [1, 2, 3, 4]
    assert found.sel(item="i1").values.tolist() == [101, 102, 103, 104]
    assert found["layer"].values.tolist() == [1, 2, 3, 4]
    assert found["relative_depth"].values.tolist() == [0.25, 0.5, 0.75, 1]
    assert not {"first", "last", "patch"} & {*found.coords, *found.dims}


def test_layers_are_found_in_whatever_order_the_exchanges_were_made():
    found = by_layer(effects([1, 3, 0, 2, 1], [3, 3, 0, 2, 1]), 3)
    assert found.sel(item="i0").values.tolist() == [4, 3, 1]


def test_effects_of_exchanges_become_effects_of_layers():
    found = carried(patched(INTACT, NOTHING, HALFWAY, EVERYTHING, FURTHER_APART, last=[0, 1, 2, 2], first=[0, 1, 2, 1]))
    layers = by_layer(found["effect"], 2)
    assert layers.sel(item="i").values.tolist() == [2.5, 7]
    assert layers["group"].values.tolist() == ["i"]
