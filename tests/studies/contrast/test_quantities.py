"""CSE, CSE relative to norms and the slopes: contrasts of planted trajectories, and what is said of them."""

import numpy as np
import pytest
import xarray as xr

import depthscope as ds
from depthscope.studies.contrast.codebook import TABLES
from depthscope.studies.contrast.quantities import contrast_quantities, other_quantities
from depthscope.studies.contrast.results import QUANTITY_NAMES, Quantities
from depthscope.studies.contrast.tables import quantities_layers_table, quantities_table
from depthscope.studies.contrast.verdicts.quantities import quantities_words
from tests.instrument.test_attribution import traced
from tests.studies.contrast.planted import HIGHER, LOWER, NOTHING, QUICK, compare, measure

DEPTH, ITEMS = 24, 16


def trajectories(persistence=0.0, growth=0.0, seed=0):
    """Pairs whose first condition keeps some of its direction in the middle layers, and grows more there."""
    rng = np.random.default_rng(seed)
    steps = rng.normal(size=(2 * ITEMS, DEPTH, 64))
    for layer in range(8, 18):
        steps[::2, layer] += persistence * steps[::2, layer - 1]
    steps[::2, 8:18] *= np.exp(growth * np.arange(10))[:, None]
    items = [f"i{k // 2}" for k in range(2 * ITEMS)]
    return traced(0 * steps, steps, items, ["a", "b"] * ITEMS, parts=False)


def found(traj, measure=None, **options):
    measure, options = measure or {}, {**QUICK, **options}
    main = ds.contrast(ds.cse(traj, **measure), "a", "b", **options)
    return contrast_quantities(*other_quantities(traj, measure), main, options)


def test_the_rows_are_the_contrasts_of_the_public_functions():
    traj = trajectories(0.4)
    options = {"wavelet": "dog(2)", "energy_norm": "L1", "min_scales": 3}
    quantities = found(traj, {"normalize": False, **options})
    assert list(quantities.rows) == list(QUANTITY_NAMES)
    slopes = ds.slope(traj, **options)
    expected = {name: ds.contrast(slopes[name], "a", "b", **QUICK) for name in ("total", "norms", "directions")}
    relative = ds.cse(traj, relative=True, normalize=False, **options)
    expected["relative"] = ds.contrast(relative, "a", "b", **QUICK)
    expected["autocorrelation"] = ds.contrast(ds.direction_autocorrelation(traj), "a", "b", **QUICK)
    for name, contrast in expected.items():
        xr.testing.assert_equal(quantities.rows[name].table, contrast.table)


def test_clusters_of_the_map_are_the_same_under_any_weight_and_those_of_shares_are_not():
    traj = trajectories(0.5)
    energy = ds.scalogram(traj).where(ds.scalogram(traj)["valid"])
    weight = xr.DataArray(np.random.default_rng(5).lognormal(sigma=2, size=(16, DEPTH)), dims=("scale", "layer"))

    def log_ratio(energies):
        logs = np.log(energies)
        return logs - logs.mean("scale")

    def clusters(h):
        return ds.contrast(h, "a", "b", **QUICK).clusters

    ours, theirs = clusters(ds.energy_map(traj)), clusters(log_ratio(energy * weight))
    assert ours
    for one, other in zip(ours, theirs, strict=True):
        same = ("first", "last", "periods", "cells", "p", "peak_layer")
        assert [getattr(one, name) for name in same] == [getattr(other, name) for name in same]
        assert one.mass == pytest.approx(other.mass, rel=1e-9)
    turned = [clusters(energies / energies.sum("scale")) for energies in (energy, energy * weight)]
    assert [c.cells for c in turned[0]] != [c.cells for c in turned[1]]


def test_persistence_is_told_whatever_the_weights():
    told = {norm: quantities_words(found(trajectories(0.6), {"energy_norm": norm})) for norm in ("L1", "L2")}
    assert told["L1"] == told["L2"]
    _, slope, cosine = told["L2"]
    assert cosine.startswith(
        "Without wavelets, the mean cosine of updates up to half of the depth apart is higher at layers "
    )
    assert slope.startswith(
        "Whatever the weights of the scales, updates persist more in one direction over depth: the slope "
    )
    assert "norms show nothing there (dz " in slope
    _, slope, cosine = quantities_words(found(trajectories(-0.6)))
    assert " is lower at layers " in cosine
    assert "updates persist less in one direction" in slope


def test_growth_of_norms_alone_is_told_as_that():
    relative, slope, cosine = quantities_words(found(trajectories(growth=0.25)))
    assert cosine.endswith("shows no difference at any depth")
    assert slope.startswith(
        "Whatever the weights of the scales, directions show no difference in the slope of the energy; "
    )
    assert "the slope that norms give is " in slope
    assert relative.endswith("no difference in CSE was found at any depth")


@pytest.mark.parametrize(("planted", "word"), [(HIGHER, "higher"), (LOWER, "lower")])
def test_relative_cse_is_told_with_its_cluster(planted, word):
    c, none = (
        compare(measure({"a": planted, "b": NOTHING}), "a", "b"),
        compare(measure({"a": NOTHING, "b": NOTHING}), "a", "b"),
    )
    (k,) = c.significant()
    told, slope = quantities_words(
        Quantities({"cse": c, "relative": c, "total": none, "norms": none, "directions": none}, (5, 8))
    )
    assert told == (
        f"Relative to what the norms of the updates give alone, CSE is {word} at layers 5-8 (p = .005, dz {k.effect} at layer "
        f"{k.peak_layer})"
    )
    assert slope == "Whatever the weights of the scales, directions show no difference in the slope of the energy"


def test_the_tables_have_a_row_per_quantity_and_per_layer_and_every_column_is_explained():
    quantities = found(trajectories(0.6))
    table, layers = quantities_table(quantities), quantities_layers_table(quantities)
    assert list(table["quantity"]) == list(QUANTITY_NAMES)
    assert len(layers) == 5 * DEPTH
    told = TABLES
    assert list(table) == list(told["relative.csv"])
    assert set(layers) == set(told["relative-layers.csv"])
    effect = quantities.rows["directions"].over(*quantities.window)
    assert table.set_index("quantity").loc["directions", "window_dz"] == effect.dz


def test_cse_that_is_relative_already_stands_beside_itself():
    quantities = found(trajectories(0.6), {"relative": True})
    xr.testing.assert_equal(quantities.rows["cse"].table, quantities.rows["relative"].table)


def test_all_clusters_are_named_the_strongest_first():
    both = {**HIGHER, **dict.fromkeys(range(12, 19), -4.0)}
    c = compare(measure({"a": both, "b": NOTHING}), "a", "b")
    none = compare(measure({"a": NOTHING, "b": NOTHING}), "a", "b")
    rows = {"cse": c, "relative": c, "total": c, "norms": c, "directions": c, "autocorrelation": none}
    relative, slope, _ = quantities_words(Quantities(rows, (5, 8)))
    high, low = c.significant()
    told = (
        f"lower at layers 12-18 (p = .005, dz {low.effect} at layer {low.peak_layer}) and "
        f"higher at layers 5-8 (p = .005, dz {high.effect} at layer {high.peak_layer})"
    )
    assert relative.endswith(f"CSE is {told}")
    assert "persist less in one direction at some depths, more at others: " in slope
    assert f"that directions give is {told}; norms go the same way at layers 12-18 (dz " in slope
    one_way = compare(measure({"a": {**HIGHER, **dict.fromkeys(range(12, 19), 4.0)}, "b": NOTHING}), "a", "b")
    _, slope, _ = quantities_words(Quantities({**rows, "directions": one_way, "norms": none}, (5, 8)))
    assert "persist more in one direction over depth: " in slope
    assert "; norms show nothing at layers 12-18 (dz " in slope


def test_of_many_clusters_the_strongest_three_are_named_and_the_rest_counted():
    sizes = {layer: 3.0 + 0.5 * layer for layer in (2, 5, 8, 11, 14)}
    c = compare(measure({"a": sizes, "b": NOTHING}), "a", "b")
    weakest, *_, third, second, first = c.significant()
    assert [k.first for k in (weakest, first)] == [2, 14]
    told = "; ".join(f"higher at layer {k.first} (p = .005, dz {k.effect})" for k in (first, second, third))
    relative, *_ = quantities_words(Quantities({"cse": c, "relative": c}, (2, 2)))
    assert relative.endswith(f"CSE is {told} and 2 more")


def test_too_few_items_decide_nothing():
    h = measure({"a": HIGHER, "b": NOTHING}, items=4)
    c = compare(h, "a", "b")
    assert quantities_words(Quantities(dict.fromkeys(QUANTITY_NAMES, c), (5, 8))) == [
        "Cannot be decided: CSE relative to norms, slope that directions give and mean cosine of updates (with 4 items no "
        "effect, however large, could be found)"
    ]


def test_of_states_nothing_is_said_of_updates():
    for line in quantities_words(found(trajectories(0.6), {"signal": "state"})):
        assert "update" not in line
    assert any("states persist" in line for line in quantities_words(found(trajectories(2.0), {"signal": "state"})))


def test_norms_of_directions_are_equal_and_show_nothing():
    quantities = found(trajectories(0.6), {"signal": "direction"})
    assert not quantities.rows["norms"].differences.fillna(0).values.any()
    assert quantities.rows["norms"].clusters == ()


def test_a_signal_without_directions_leaves_cse_alone_and_says_so():
    quantities = found(trajectories(0.6), {"signal": "norm"})
    assert list(quantities.rows) == ["cse"]
    (told,) = quantities_words(quantities)
    assert told == (
        "Not measured: CSE relative to norms, slope of the energy, slope that norms give, slope that directions give and mean "
        "cosine of updates (the signal, the logarithm of the norm, has no direction)"
    )
    assert list(quantities_table(quantities)["quantity"]) == ["cse"]
    layers = quantities_layers_table(quantities)
    assert layers.empty
    assert set(layers) == set(TABLES["relative-layers.csv"])


def test_too_few_scales_for_a_slope_leave_the_other_rows():
    quantities = found(trajectories(0.6), {"scales": [2.0, 17.0], "min_scales": 1})
    assert set(quantities.rows) == {"cse", "relative", "autocorrelation"}
    assert quantities_words(quantities)[-1].startswith(
        "Not measured: slope of the energy, slope that norms give and slope that directions give (no layer of 24 has 2 scales"
    )
    assert len(quantities_layers_table(quantities)) == 2 * DEPTH


def test_a_row_without_a_measured_layer_is_missing_and_no_crash():
    traj = trajectories(0.6)
    others, missing = other_quantities(traj, {})
    others["directions"] = others["directions"] * np.nan
    quantities = contrast_quantities(others, missing, ds.contrast(ds.cse(traj), "a", "b", **QUICK), QUICK)
    assert "directions" not in quantities.rows
    assert quantities_words(quantities)[-1].startswith("Not measured: slope that directions give (")


def test_a_hypothesis_of_one_direction_is_one_about_cse():
    quantities = found(trajectories(0.6), alternative="greater")
    tails = {name: contrast.settings["alternative"] for name, contrast in quantities.rows.items()}
    assert tails == {"cse": "greater", "relative": "greater", **dict.fromkeys(list(QUANTITY_NAMES)[2:], "two-sided")}
