import numpy as np
import pytest
import statsmodels.api as sm
import xarray as xr
from scipy import stats
from statsmodels.stats.multitest import multipletests

import depthscope as ds
from depthscope.errors import DepthscopeWarning
from depthscope.statistics.balance import imbalance
from depthscope.statistics.contrast import against_zero
from depthscope.statistics.terms import Terms
from tests.statistics.simulated import measure, smooth


@pytest.fixture
def h():
    """30 items, three conditions, 16 layers; metaphor is higher in layers 6-9; the first layer is missing."""
    rng = np.random.default_rng(5)
    values = rng.normal(size=(30, 3, 16)) + rng.normal(size=(30, 1, 16))
    values[:, 0, 5:9] += 1.2
    values[:, :, 0] = np.nan
    coords = {
        "item": [f"i{k}" for k in range(30)],
        "condition": ["metaphor", "literal", "complex"],
        "layer": np.arange(1, 17),
        "relative_depth": ("layer", np.arange(1, 17) / 16),
    }
    return xr.DataArray(values, dims=("item", "condition", "layer"), coords=coords, name="cse")


def test_an_effect_is_found_at_its_layers(h):
    result = ds.contrast(h, "metaphor", "literal", permutations=2000)
    (found,) = result.significant()
    assert 4 <= found.first <= 7
    assert 8 <= found.last <= 11
    assert found.mass > 0
    assert found.p_low <= found.p <= 0.01
    assert found.first <= found.peak_layer <= found.last
    assert found.dz_low < found.dz < found.dz_high


def test_the_table_holds_what_its_names_say(h):
    result = ds.contrast(h, "metaphor", "literal", permutations=200)
    frame = result.to_dataframe()
    assert len(frame) == 16
    differences = (h.sel(condition="metaphor") - h.sel(condition="literal")).values[:, 1:]
    expected = stats.ttest_1samp(differences, 0)
    rows = frame[1:]
    assert rows["t"].to_numpy() == pytest.approx(expected.statistic)
    assert rows["p"].to_numpy() == pytest.approx(expected.pvalue)
    assert rows["p_holm"].to_numpy() == pytest.approx(multipletests(expected.pvalue, method="holm")[1])
    assert rows["p_bh"].to_numpy() == pytest.approx(stats.false_discovery_control(expected.pvalue))
    assert rows["low"].to_numpy() == pytest.approx(expected.confidence_interval().low)
    assert rows["dz"].to_numpy() == pytest.approx(expected.statistic / np.sqrt(30))
    assert rows["relative_depth"].to_numpy() == pytest.approx(np.arange(2, 17) / 16)
    assert frame.iloc[0][["t", "p", "dz", "difference"]].isna().all()


def test_the_direction_follows_the_order_of_the_names(h):
    there, back = (
        ds.contrast(h, *names, permutations=500) for names in (("metaphor", "literal"), ("literal", "metaphor"))
    )
    assert [c.mass for c in back.clusters] == pytest.approx([-c.mass for c in there.clusters])
    assert [c.p for c in back.clusters] == [c.p for c in there.clusters]


def test_one_sided_tests_see_one_side(h):
    assert ds.contrast(h, "metaphor", "literal", alternative="greater", permutations=500).significant()
    assert not ds.contrast(h, "metaphor", "literal", alternative="less", permutations=500).significant()


def test_nothing_is_found_where_nothing_is(h):
    assert not ds.contrast(h, "literal", "complex", permutations=1000).significant(0.01)


def test_every_choice_is_recorded(h):
    settings = ds.contrast(h, "metaphor", "literal", permutations=300, forming_p=0.1, seed=9).settings
    assert settings["permutations"] == 300
    assert settings["seed"] == 9
    assert settings["threshold_t"] == pytest.approx(stats.t.isf(0.05, 29))
    assert settings["exact"] is False


def test_scales_and_layers_make_two_dimensional_clusters():
    rng = np.random.default_rng(1)
    u = rng.normal(size=(25, 2, 20, 6))
    wave = np.cos(2 * np.pi * np.arange(20) / 4)[:, None] * rng.normal(size=6)
    u[:, 0] += wave
    updates = xr.DataArray(
        u, dims=("item", "condition", "layer", "feature"), coords={"item": np.arange(25), "condition": ["a", "b"]}
    )
    result = ds.contrast(ds.scalogram(updates, share=True), "a", "b", permutations=500)
    positive = [c for c in result.significant() if c.mass > 0]
    assert positive
    assert all(c.periods[0] <= 4.5 and c.periods[1] >= 3.5 for c in positive[:1])
    frame = result.to_dataframe()
    assert {"scale", "layer", "period"} <= set(frame.columns)
    assert len(frame) == 16 * 20
    assert result.plot().get_ylabel() == "Fourier period (layers)"


def test_the_plot_marks_what_was_found(h):
    ax = ds.contrast(h, "metaphor", "literal", permutations=500).plot()
    assert ax.get_xlabel() == "layer"
    texts = [text.get_text() for text in ax.texts]
    assert any("n = 30" in text and "seed 0" in text for text in texts)
    assert any(text.startswith("p ") for text in texts)


def test_the_words_name_the_clusters(h):
    assert "dz" in str(ds.contrast(h, "metaphor", "literal", permutations=100))
    flat = h.copy(data=np.zeros(h.shape))
    assert "no cluster" in str(ds.contrast(flat, "metaphor", "literal", permutations=100))


def test_settings_that_mean_nothing_are_refused(h, refuses):
    with refuses("alternative", "two-sided"):
        ds.contrast(h, "metaphor", "literal", alternative="both")
    with refuses("permutations"):
        ds.contrast(h, "metaphor", "literal", permutations=0)
    with refuses("forming_p"):
        ds.contrast(h, "metaphor", "literal", forming_p=2)
    with refuses("'metaphors'", "metaphor, literal, complex"):
        ds.contrast(h, "metaphors", "literal")


def test_too_few_items_for_any_verdict_say_so(h):
    few = ds.contrast(h[:5], "metaphor", "literal")
    assert few.settings["exact"]
    assert few.smallest_p == 2 / 32
    assert "too few items" in str(few)
    assert "interval" in str(few) or not few.clusters
    assert ds.contrast(h[:6], "metaphor", "literal").smallest_p < 0.05
    assert ds.contrast(h[:5], "metaphor", "literal", alternative="greater").smallest_p < 0.05


def test_it_shows_itself_in_a_few_lines(h):
    assert repr(ds.contrast(h, "metaphor", "literal", permutations=50)).count("\n") < 12


def confounded(seed=0, items=60, covariate_effect=1.0, effect=0.0):
    """Layers 4 to 8 follow two correlated covariates that are larger in a; layers 13-17 have an effect of their own."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(items, 2, 2)) @ ((1, 0.7), (0, 0.7))
    x[:, 0] += (1.2, 0.5)
    values = np.stack([smooth(rng, items, 20), smooth(rng, items, 20)], axis=1)
    values[..., 3:8] += covariate_effect * (x @ (0.8, 0.4))[..., None]
    values[:, 0, 12:17] += effect
    return measure(values, x=x[..., 0], y=x[..., 1])


def gaps(h, *names):
    return np.stack([(h[n].sel(condition="a") - h[n].sel(condition="b")).values for n in names], -1)


def test_the_adjusted_table_is_that_of_a_regression_on_the_differences_of_the_covariates():
    h = confounded()
    result = ds.contrast(h, "a", "b", adjust=["x", "y"], permutations=100)
    frame = result.to_dataframe()
    d = result.differences.values
    for layer in range(20):
        ols = sm.OLS(d[:, layer], sm.add_constant(gaps(h, "x", "y"))).fit()
        row = frame.iloc[layer]
        assert row["difference"] == pytest.approx(ols.params[0], rel=1e-10)
        assert row["t"] == pytest.approx(ols.tvalues[0], rel=1e-10)
        assert row["p"] == pytest.approx(ols.pvalues[0], rel=1e-9)
        assert row[["low", "high"]].tolist() == pytest.approx(ols.conf_int()[0], rel=1e-9)
        assert row["dz"] == pytest.approx(ols.params[0] / np.sqrt(ols.mse_resid), rel=1e-10)
        assert row["dz_low"] < row["dz"] < row["dz_high"]
    assert frame["mean_a"].to_numpy() == pytest.approx(h.sel(condition="a").mean("item").values)
    assert result.settings["adjust"] == ["x", "y"]
    assert result.settings["threshold_t"] == pytest.approx(stats.t.isf(0.025, 57))


def test_an_effect_that_covariates_carry_is_found_and_goes_when_they_are_held_equal():
    plain, held = (
        [ds.contrast(confounded(seed), "a", "b", adjust=names, permutations=300, resamples=20) for seed in range(7)]
        for names in ((), ("x", "y"))
    )
    assert sum(any(c.first <= 6 <= c.last for c in one.significant()) for one in plain) >= 6
    assert sum(bool(one.significant()) for one in held) <= 2
    # the adjusted t is centred on 0: its mean over studies has a standard error of at most 1 / sqrt(7)
    t = np.array([one.table["t"].values[3:8] for one in held])
    assert abs(t.mean()) < 3 / np.sqrt(7)


def test_one_of_two_covariates_does_not_remove_what_the_other_carries():
    h = confounded(items=120, covariate_effect=2.0)
    one, both = (ds.contrast(h, "a", "b", adjust=names, permutations=300) for names in (["y"], ["y", "x"]))
    assert any(c.first <= 6 <= c.last for c in one.significant())
    assert not any(c.first <= 8 and c.last >= 4 for c in both.significant())


def test_an_effect_beside_a_confound_stays_and_is_found_at_its_layers():
    h = confounded(items=100, effect=0.8)
    plain, held = (ds.contrast(h, "a", "b", adjust=names, permutations=500) for names in ((), ("x", "y")))
    assert len(plain.significant()) == 2
    (found,) = held.significant()
    assert 11 <= found.first <= 14
    assert 15 <= found.last <= 19
    inside = held.table.sel(layer=slice(13, 17))
    assert ((inside["low"] < 0.8) & (inside["high"] > 0.8)).all()


def test_an_effect_that_covariates_hide_appears_when_they_are_held_equal():
    h = confounded(items=100, covariate_effect=-1.0)
    h[:, 0, 3:8] += 0.8 * 1.2 + 0.4 * 0.5  # what the covariates take away on average
    assert not ds.contrast(h, "a", "b", permutations=300).significant()
    (found,) = ds.contrast(h, "a", "b", adjust=["x", "y"], permutations=300).significant()
    assert found.mass > 0
    assert found.first <= 6 <= found.last


def test_where_nothing_is_planted_nothing_is_found_with_covariates_either():
    h = confounded(covariate_effect=0.0)
    assert not ds.contrast(h, "a", "b", permutations=500).significant()
    assert not ds.contrast(h, "a", "b", adjust=["x", "y"], permutations=500).significant()


def test_adjusting_for_what_does_not_differ_changes_nothing():
    h = confounded()
    h = h.assign_coords(same=h["x"].isel(condition=0).expand_dims(condition=h["condition"]).transpose(*h["x"].dims))
    plain = ds.contrast(h, "a", "b", permutations=300)
    with pytest.warns(DepthscopeWarning, match="adjust='same' changes nothing"):
        held = ds.contrast(h, "a", "b", adjust=["same"], permutations=300)
    assert [c.p for c in held.clusters] == [c.p for c in plain.clusters]
    assert held.table["t"].values == pytest.approx(plain.table["t"].values)


def test_items_without_a_covariate_are_left_out_and_named():
    h = confounded()
    h["x"][3, 1] = np.nan
    result = ds.contrast(h, "a", "b", adjust=["x"], permutations=50)
    assert result.uncovered == ["i3"]
    assert result.n == 59
    assert ds.contrast(h, "a", "b", permutations=50).n == 60


def test_equal_differences_at_equal_covariates_are_certain_and_have_no_interval():
    h = confounded()
    h[:, 0, 0] = h[:, 1, 0] + 0.3 + 2 * (h["x"][:, 0] - h["x"][:, 1])
    h[:, 0, 1] = h[:, 1, 1] + 2 * (h["x"][:, 0] - h["x"][:, 1])
    table = ds.contrast(h, "a", "b", adjust=["x"], permutations=50).table
    assert table["difference"].values[:2] == pytest.approx([0.3, 0])
    assert table["t"].values[:2].tolist() == [1e6, 0]
    assert np.isnan(table["dz_low"].values[0])
    assert table["p_equivalence"].values[0] == pytest.approx(1, abs=1e-6)


def four(seed=3, items=40):
    rng = np.random.default_rng(seed)
    values = np.stack([smooth(rng, items, 12) for _ in range(4)], axis=1) + rng.normal(size=(items, 1, 12))
    values[:, 0, 4:8] += 1.5
    values[:, 2, 4:8] += 0.7
    return measure(values, "abcd", x=rng.normal(size=(items, 4)))


def test_a_contrast_is_asked_for_in_three_ways():
    h = four()
    results = [
        ds.contrast(h, *words, permutations=200)
        for words in (("a", "b"), ("a-b",), (" a - b ",), (Terms(("a",), ("b",)),))
    ]
    assert len({str(result) for result in results}) == 1
    assert (results[0].a, results[0].b, results[0].name) == ("a", "b", "a - b")


def test_a_difference_of_differences_is_tested_like_any_difference():
    h = four()
    result = ds.contrast(h, "(a-b)-(c-d)", permutations=500)
    by_hand = (h.sel(condition="a") - h.sel(condition="b")).values - (
        h.sel(condition="c") - h.sel(condition="d")
    ).values
    assert result.table["t"].values == pytest.approx(stats.ttest_1samp(by_hand, 0).statistic)
    assert (result.a, result.b, result.name) == ("a - b", "c - d", "(a - b) - (c - d)")
    (found,) = result.significant()
    assert found.first <= 6 <= found.last
    assert result.table["mean_b"].values == pytest.approx((h[:, 2] - h[:, 3]).mean("item").values)


def test_a_shared_baseline_cancels():
    h = four()
    both, direct = (ds.contrast(h, text, adjust=["x"], permutations=300) for text in ("(a-b)-(c-b)", "a-c"))
    assert both.name == "(a - b) - (c - b)"
    assert [c.p for c in both.clusters] == [c.p for c in direct.clusters]
    for name in ("difference", "low", "high", "t", "p", "dz", "dz_low", "dz_high", "p_equivalence"):
        assert both.table[name].values == pytest.approx(direct.table[name].values, rel=1e-6, abs=1e-9), name


def test_contrasts_and_bounds_that_mean_nothing_are_refused(h, refuses):
    for bound in (0, -0.2, float("nan")):
        with refuses("bound", "above 0"):
            ds.contrast(h, "metaphor", "literal", bound=bound)
    with refuses("cannot adjust for 'surprisal'"):
        ds.contrast(h, "metaphor", "literal", adjust=["surprisal"])
    with refuses("'metaphor-metaphor'", "(a-b)-(c-d)"):
        ds.contrast(h, "metaphor-metaphor")
    with refuses("item and condition"):
        ds.contrast(h.values, "a-b")


def differing(h, a="metaphor", b="literal"):
    return h.sel(condition=a, drop=True) - h.sel(condition=b, drop=True)


@pytest.mark.parametrize(
    "choice", [{}, {"alternative": "greater"}, {"forming_p": 0.2, "seed": 4}, {"bound": 0.5, "resamples": 50}], ids=str
)
def test_differences_that_are_there_already_give_the_contrast_they_came_from(h, choice):
    expected = ds.contrast(h, "metaphor", "literal", permutations=300, **choice)
    found = against_zero(differing(h), "gain", permutations=300, **choice)
    assert found.clusters == expected.clusters
    assert found.clusters
    assert found.settings == expected.settings
    assert found.n == 30
    for name in set(expected.table) - {"mean_a", "mean_b"}:
        assert np.array_equal(found.table[name].values, expected.table[name].values, equal_nan=True), name
    assert found.differences.values == pytest.approx(expected.differences.values, nan_ok=True)
    assert found.table["mean_a"].values == pytest.approx(expected.table["difference"].values, nan_ok=True)
    assert np.nanmax(np.abs(found.table["mean_b"].values)) == 0


def test_differences_carry_their_name(h):
    found = against_zero(differing(h), "gain", permutations=20)
    assert (found.a, found.b, found.name) == ("gain", "0", "gain - 0")
    assert found.measure == "gain"


def test_layers_at_which_differences_are_missing_stay_missing(h):
    d = differing(h)
    d[:4, 10] = np.nan
    found = against_zero(d, "gain", permutations=50).table
    missing = [0, 10]
    for name in ("difference", "t", "p", "low", "dz", "mean_a", "mean_b"):
        assert np.flatnonzero(np.isnan(found[name].values)).tolist() == missing, name
    assert found["layer"].values.tolist() == list(range(1, 17))
    assert found["relative_depth"].values == pytest.approx(np.arange(1, 17) / 16)


def test_items_without_any_difference_are_left_out_and_named(h):
    d = differing(h)
    d[7] = np.nan
    found = against_zero(d, "gain", permutations=50)
    assert found.n == 29
    assert found.incomplete == ["i7"]
    rest = against_zero(d.drop_sel(item="i7"), "gain", permutations=50)
    assert np.array_equal(found.table["t"].values, rest.table["t"].values, equal_nan=True)


def test_differences_of_one_item_are_averaged(h):
    names = [f"g{k // 2}" for k in range(30)]
    d = differing(h).assign_coords(group=("item", names))
    found = against_zero(d, "gain", permutations=100)
    means = d.values.reshape(15, 2, 16).mean(1)
    assert found.n == 15
    assert found.differences["item"].values.tolist() == [f"g{k}" for k in range(15)]
    assert found.differences.values == pytest.approx(means, nan_ok=True)
    assert found.table["t"].values[1:] == pytest.approx(stats.ttest_1samp(means[:, 1:], 0).statistic)
    together = ds.contrast(h.assign_coords(group=("item", names)), "metaphor", "literal", permutations=100)
    assert [c.p for c in found.clusters] == [c.p for c in together.clusters]


def test_differences_over_scales_and_layers_make_clusters_of_both():
    rng = np.random.default_rng(8)
    values = rng.normal(size=(20, 2, 6, 10))
    values[:, 0, 2:4, 3:7] += 2
    coords = {
        "item": np.arange(20),
        "condition": ["a", "b"],
        "layer": np.arange(1, 11),
        "scale": np.arange(6),
        "period": ("scale", np.geomspace(2, 5, 6)),
    }
    h = xr.DataArray(values, coords, ("item", "condition", "scale", "layer"))
    expected = ds.contrast(h, "a", "b", permutations=100)
    found = against_zero(h.sel(condition="a", drop=True) - h.sel(condition="b", drop=True), "d", permutations=100)
    assert found.clusters == expected.clusters
    assert any(c.first <= 4 <= 7 <= c.last and c.periods is not None for c in found.significant())


@pytest.mark.parametrize(
    "option",
    [
        {"permutations": 1e2},
        {"permutations": "100"},
        {"permutations": True},
        {"seed": 1.5},
        {"bound": "x"},
        {"forming_p": "a"},
    ],
)
def test_options_of_odd_types_are_refused(option, refuses):
    h = two_conditions()
    with refuses(next(iter(option)), "number"):
        ds.contrast(h, "a", "b", **option)


def test_a_constant_difference_is_the_same_in_every_unit():
    h = two_conditions()
    h[:, 0, 1], h[:, 1, 1] = 1.0, 0.0
    one, tenth = (ds.contrast(h * unit, "a", "b", permutations=50).table["dz"].values for unit in (1.0, 0.1))
    assert one == pytest.approx(tenth, rel=1e-9)


def two_conditions():
    values = np.random.default_rng(0).normal(size=(8, 2, 6))
    coords = {"item": [f"i{k}" for k in range(8)], "condition": ["a", "b"], "layer": np.arange(1, 7)}
    return xr.DataArray(values, coords, ("item", "condition", "layer"), name="cse")


@pytest.mark.parametrize("factor", [1e300, 1e200, 1e-200, 1e-300])
def test_no_unit_changes_a_contrast(h, factor):
    power = np.ldexp(1.0, int(np.log2(factor)))  # so that no digit changes
    plain, found = (ds.contrast(one, "metaphor", "literal", permutations=200, resamples=200) for one in (h, h * power))
    for name in ("t", "p", "dz", "dz_low", "dz_high", "p_equivalence", "cluster"):
        np.testing.assert_array_equal(found.table[name], plain.table[name])
    for name in ("difference", "low", "high"):
        np.testing.assert_array_equal(found.table[name] / power, plain.table[name])
    assert [c.p for c in found.clusters] == [c.p for c in plain.clusters]


@pytest.mark.parametrize("factor", [1e300, 1e200, 1e-200, 1e-300])
def test_no_unit_changes_what_is_adjusted_for(factor):
    h = confounded()
    scaled = h.assign_coords(x=h["x"] * factor)
    options = {"adjust": ["x"], "permutations": 200}
    plain, found = (ds.contrast(one, "a", "b", **options) for one in (h, scaled))
    np.testing.assert_allclose(found.table["t"], plain.table["t"], rtol=1e-9)
    ours, theirs = (imbalance(one, Terms(("a",), ("b",)), ["x"]) for one in (scaled, h))
    for name in ("smd", "overlap"):
        np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-9)
    for name in ("difference", "low", "high"):
        np.testing.assert_allclose(ours[name] / factor, theirs[name], rtol=1e-9)


def test_differences_of_covariates_that_no_double_holds_are_refused(refuses):
    h = confounded()
    ends = np.broadcast_to([1.7e308, -1.7e308], h["x"].shape)
    with refuses("cannot adjust for 'x'", "too large"):
        ds.contrast(h.assign_coords(x=(h["x"].dims, ends)), "a", "b", adjust=["x"])


def named(h, conditions):
    return h.isel(condition=list(range(len(conditions)))).assign_coords(condition=conditions)


def test_a_condition_that_occurs_twice_is_refused(h, refuses):
    for conditions in (["a", "b", "a"], ["a", "b", "b"], ["c", "c", "a"], [1, "1", "a"]):
        with refuses("occurs 2 times", "a name of its own"):
            ds.contrast(named(h, conditions), "a", conditions[1])
        with refuses("occurs 2 times"):
            ds.contrast(named(h, conditions), f"a-{conditions[1]}")


def test_conditions_may_be_numbers(h, refuses):
    plain = ds.contrast(h, "metaphor", "literal", permutations=50).table["t"]
    for numbered in (named(h, [0, 1, 2]), h.drop_vars("condition")):
        for names in ((0, 1), ("0", "1"), ("0-1",)):
            np.testing.assert_array_equal(ds.contrast(numbered, *names, permutations=50).table["t"], plain)
    with refuses("give names of conditions"):
        ds.contrast(h, ["metaphor"], "literal")


@pytest.mark.parametrize(
    ("broken", "word"),
    [
        (lambda h: h.assign_coords(layer=[1, 1, *range(3, 17)]), "whole numbers in ascending order"),
        (lambda h: h.assign_coords(layer=range(16, 0, -1)), "whole numbers in ascending order"),
        (lambda h: h.assign_coords(layer=np.linspace(0, 1, 16)), "whole numbers in ascending order"),
        (lambda h: h.assign_coords(layer=[*range(1, 16), np.nan]), "whole numbers in ascending order"),
        (lambda h: h.assign_coords(layer=list("abcdefghijklmnop")), "whole numbers in ascending order"),
        (lambda h: h.astype(str), "no real numbers"),
        (lambda h: h.astype(complex), "no real numbers"),
        (lambda h: h.fillna(0).astype("datetime64[ns]"), "no real numbers"),
        (lambda h: h.astype(object).where(h < 1, "x"), "no real numbers"),
        (lambda h: h.where(h < 1, 1.5e308), "too large to be subtracted"),
    ],
)
def test_an_array_that_leaves_a_doubt_is_refused(h, broken, word, refuses):
    with refuses(word):
        ds.contrast(broken(h), "metaphor", "literal")


def test_an_array_of_objects_that_are_numbers_is_read(h):
    plain, found = (ds.contrast(one, "metaphor", "literal", permutations=50) for one in (h, h.astype(object)))
    np.testing.assert_array_equal(found.table["t"], plain.table["t"])
