import numpy as np
import pytest
import xarray as xr
from scipy import stats
from statsmodels.stats.multitest import multipletests

import depthscope as ds


@pytest.fixture
def h():
    """30 items, three conditions, 16 layers; metaphor is higher in layers 6 to 9; the first layer is missing."""
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
