"""Every specification on every choice of target token, from trajectories alone."""

import numpy as np
import pytest

import depthscope as ds
from depthscope.instrument.specifications import specifications
from depthscope.studies.contrast.curve import specification_curve

OPTIONS = {"permutations": 30, "resamples": 20, "forming_p": 0.2, "seed": 3}
NEEDED = ("item", "condition", "context")


@pytest.fixture(scope="module")
def few(traj):
    """Eight items, and no coordinate that the curve does not need: each specification is then quick."""
    items = list(dict.fromkeys(traj["item"].values))[:8]
    kept = traj.isel(stimulus=traj["item"].isin(items).values)
    return kept.drop_vars([name for name, c in kept.coords.items() if "stimulus" in c.dims and name not in NEEDED])


@pytest.fixture(scope="module")
def real(few):
    return ds.contrast(ds.cse(few), "metaphor", "literal", **OPTIONS)


def agrees(row, contrast):
    """The strongest cluster; without one, the largest effect, with p = 1."""
    k, dz = contrast.strongest(), np.abs(contrast.table["dz"])
    if k is None:
        layer = int(dz.fillna(-1).idxmax("layer"))
        expected = (np.nan, np.nan, layer, float(contrast.table["dz"].sel(layer=layer)), 0.0, 1.0)
    else:
        expected = (k.first, k.last, k.peak_layer, k.dz, k.mass, k.p)
    found = [row[name] for name in ("first", "last", "layer", "dz", "mass", "p")]
    return np.allclose(np.array(found, dtype=float), np.array(expected, dtype=float), equal_nan=True)


@pytest.fixture(scope="module")
def two_tokens(few, real):
    """A second choice under which one item's texts are the same up to the target."""
    changed = few["context"].copy()
    changed[(few["item"] == "storm").values] = "the same"
    size = np.linspace(1, 2, 10)
    other = few.assign_coords(context=changed).assign(gram=few["gram"] * np.outer(size, size))
    return other, specification_curve({"last": few, "first": other}, real, permutations=OPTIONS["permutations"])


def test_all_specifications_are_there_for_every_choice_of_token(two_tokens):
    _, curve = two_tokens
    table = curve.table
    count = len(specifications(10))
    assert list(table["target token"]) == ["last"] * count + ["first"] * count
    choices = ["wavelet", "periods", "padding", "signal", "norm", "edges"]
    expected = [plan.choices for plan in specifications(10)] * 2
    assert table[choices].to_dict("records") == expected
    assert curve.settings["choices"] == [*choices, "target token"]


def test_items_that_one_choice_leaves_out_are_left_out_of_all(two_tokens, few, real):
    other, curve = two_tokens
    assert real.n == 8
    assert curve.settings["n"] == 7
    for row, traced in ((0, few), (len(curve.table) // 2, other)):
        without = traced.isel(stimulus=(few["item"] != "storm").values)
        assert agrees(curve.table.iloc[row], ds.contrast(ds.cse(without), "metaphor", "literal", **OPTIONS))
    assert not agrees(curve.table.iloc[0], real)


@pytest.fixture(scope="module")
def shallow(few):
    """Six of the ten layers, at which some specifications are not possible."""
    real = ds.contrast(ds.cse(few, layers=(3, 8)), "metaphor", "literal", **OPTIONS)
    return real, specification_curve(
        {"mean": few}, real, layers=(3, 8), permutations=OPTIONS["permutations"], beside=True
    )


def test_what_a_shallow_model_does_not_allow_is_left_out(shallow, few):
    table = shallow[1].table
    allowed = []
    for plan in specifications(10, (3, 8)):
        try:
            ds.cse(few, **plan.options)
            allowed.append(plan.choices)
        except ds.DepthscopeError:
            continue
    assert 0 < len(allowed) < len(specifications(10))
    assert table[list(allowed[0])].to_dict("records") == allowed
    assert "target token" not in table  # where there is one, it is no choice


def test_a_row_is_the_contrast_under_its_specification(shallow, few):
    real, curve = shallow
    plans = {tuple(plan.choices.values()): plan for plan in specifications(10, (3, 8))}
    names = list(next(iter(plans.values())).choices)
    assert 0 < int((curve.table["mass"] == 0).sum()) < len(curve.table)
    for _, row in curve.table.iloc[::20].iterrows():
        options = plans[tuple(row[names])].options
        assert agrees(row, ds.contrast(ds.cse(few, **options), real.terms, **OPTIONS))
    assert agrees(curve.table.iloc[0], real)


def test_flips_and_threshold_of_the_curve_are_those_of_the_contrast(shallow):
    real, curve = shallow
    for name in ("seed", "forming_p"):
        assert curve.settings[name] == real.settings[name] == OPTIONS[name]


def test_trajectories_that_say_no_condition_are_refused_by_name(few, real, refuses):
    for data in (few["gram"].values, few["gram"]):
        with refuses("specification_curve needs trajectories", "from_states"):
            specification_curve(data, real)
    for data in (few.drop_vars("condition"), few.drop_vars("item"), few.rename(stimulus="token")):
        with refuses("specification_curve", "item and condition", "from_states"):
            specification_curve(data, real)
    with refuses("no initial_dot"):
        specification_curve({"last": few, "first": few.drop_vars("initial_dot")}, real)
    with refuses("a contrast, not of a dict"):
        specification_curve(few, {})


def test_a_depth_at_which_the_default_itself_is_not_possible_still_has_a_curve(few):
    layers = (4, 7)
    with pytest.raises(ds.DepthscopeError, match="leave no room for periods"):
        ds.cse(few, layers=layers)
    h = ds.cse(few, layers=layers, periods=(2, 3), mask_coi=False)
    curve = specification_curve(
        {"last": few}, ds.contrast(h, "metaphor", "literal", **OPTIONS), layers=layers, permutations=10
    )
    assert 0 < len(curve.table) < len(specifications(10))
    assert set(curve.table["periods"]) == {"2 to L/3"}  # 2 to L/2 is empty


def test_beside_it_is_what_hangs_on_no_weight_over_the_settings_that_are_left(shallow, few):
    curve = shallow[1]
    left = curve.table[(curve.table["norm"] == "L2") & (curve.table["signal"] != "norm")]
    axes = ["wavelet", "periods", "padding", "signal", "edges"]
    plans = {tuple(plan.choices[axis] for axis in axes): plan for plan in specifications(10, (3, 8))}
    assert set(curve.beside) == {"relative", "directions"}
    for name, one in curve.beside.items():
        assert one.settings["choices"] == axes
        assert one.table[axes].values.tolist() == left[axes].values.tolist()
        assert set(one.joint) == set(curve.joint)
        for row, norm in ((0, "L2"), (0, "L1"), (len(left) // 3, "L1")):
            options = {**plans[tuple(one.table.loc[row, axes])].options, "energy_norm": norm}
            h = ds.cse(few, relative=True, **options) if name == "relative" else ds.slope(few, **options)["directions"]
            assert agrees(one.table.iloc[row], ds.contrast(h, "metaphor", "literal", **OPTIONS)), (name, row)


def test_nothing_stands_beside_it_unless_it_is_asked_for(two_tokens):
    assert two_tokens[1].beside == {}


def test_settings_whose_scales_are_one_filter_have_no_effect_of_either_sign(few, real):
    curve = specification_curve(few, real, permutations=10, beside=True)
    for name, one in curve.beside.items():
        table = one.table
        # averaged over cells, Haar at periods of 2 to 3.3 layers
        same = (table["wavelet"] == "haar") & (table["periods"] == "2 to L/3")
        assert same.any(), name
        assert (table.loc[same, "dz"] == 0).all(), name
        assert (table.loc[same, "p"] == 1).all(), name
        assert (table.loc[~same, "dz"].abs() > 1e-6).all(), name
