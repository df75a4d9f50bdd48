"""Tidy tables hold the numbers they name."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import stats

import depthscope as ds
from depthscope.statistics.attenuation import Left
from depthscope.statistics.balance import imbalance
from depthscope.statistics.nulls import against
from depthscope.statistics.power import power_curve
from depthscope.statistics.shares import Share
from depthscope.statistics.terms import Terms
from depthscope.studies.contrast.results import Compared, Confounding, Evidence
from depthscope.studies.contrast.tables import (
    attenuation_table,
    balance_table,
    clusters_table,
    contrasts_table,
    describe_layers,
    evidence_table,
    layers_table,
    nulls_table,
    power_table,
    texts_table,
)
from tests.studies.contrast.planted import DEPTH, HALF, HIGHER, NOTHING, compare, evidence, measure
from tests.studies.contrast.verdicts.planted import IDLE, covariates


@pytest.fixture
def h():
    """Condition b lacks one item; layer 1 is missing everywhere."""
    values = np.random.default_rng(1).normal(size=(9, 3, 6))
    values[:, 1, 2:4] += 3
    values[:, :, 0] = np.nan
    values[4, 1] = np.nan
    coords = {
        "item": [f"i{k}" for k in range(9)],
        "condition": ["a", "b", "c"],
        "layer": np.arange(1, 7),
        "relative_depth": ("layer", np.arange(1, 7) / 6),
    }
    return xr.DataArray(values, coords, ("item", "condition", "layer"), name="cse")


def test_layers_are_described_by_mean_sd_count_and_student_interval(h):
    table = layers_table(h).set_index(["condition", "layer"])
    assert len(table) == 18
    for condition, n in (("a", 9), ("b", 8)):
        values = h.sel(condition=condition, layer=4).dropna("item").values
        row = table.loc[(condition, 4)]
        assert row["n"] == n == len(values)
        assert row["mean"] == pytest.approx(values.mean())
        assert row["sd"] == pytest.approx(values.std(ddof=1))
        interval = stats.ttest_1samp(values, 0).confidence_interval()
        assert (row["low"], row["high"]) == pytest.approx(tuple(interval))
        assert row["relative_depth"] == pytest.approx(4 / 6)


def test_texts_are_rows_by_layer_with_their_pairs_groups_and_whether_they_are_tested():
    """Item k has two pairs, of which one lacks b; m is whole; c is in no contrast."""
    rows = [
        (*name, c)
        for name, cs in ((("k", "x"), "ab"), (("k", "y/z"), "a"), (("m", ""), "bac"), (("n", ""), "ab"))
        for c in cs
    ]
    updates = np.random.default_rng(0).normal(size=(len(rows), 10, 4))
    item, pair, condition = (np.array(column, dtype=object) for column in zip(*rows, strict=True))
    table = {
        "item": item,
        "pair": pair,
        "condition": condition,
        "frame": condition,
        "text": item,
        "words": np.arange(8),
    }
    layers = np.arange(1, 11)
    traj = xr.Dataset(
        {
            "gram": (("stimulus", "layer", "other_layer"), updates @ updates.swapaxes(1, 2)),
            "initial_dot": (("stimulus", "layer"), np.zeros((len(rows), 10))),
            "state_norm": (("stimulus", "state"), np.ones((len(rows), 11))),
        },
        {name: ("stimulus", values) for name, values in table.items()}
        | {"layer": layers, "other_layer": layers, "relative_depth": ("layer", layers / 10)},
    )
    h = ds.cse(traj, scales=6)
    found = texts_table(traj, h, ds.contrast(h, "a", "b", permutations=20, resamples=20))
    columns = ["item", "pair", "condition", "layer", "relative_depth", "cse", "in_contrast", "frame", "words"]
    assert list(found) == columns
    measured = [int(layer) for layer in layers if np.isfinite(h.sel(layer=layer)).any()]
    assert 0 < len(measured) < 10
    assert list(found["layer"]) == measured * len(rows)
    texts = found.drop_duplicates(["item", "pair", "condition"])
    assert list(zip(texts["item"], texts["pair"], texts["condition"], strict=True)) == rows
    assert list(texts["in_contrast"]) == [True, True, False, True, True, False, True, True]
    assert list(texts["words"]) == list(range(8))
    one = found[(found["pair"] == "y/z")]
    np.testing.assert_array_equal(one["cse"], h.sel(item="k/y/z", condition="a", layer=measured).values)


def test_missing_layers_stay_missing(h):
    table = layers_table(h)
    assert table.loc[table["layer"] == 1, ["mean", "sd", "low", "high"]].isna().all(axis=None)
    assert table.loc[table["layer"] != 1, ["mean", "sd", "low", "high"]].notna().all(axis=None)


def test_a_single_item_has_a_mean_and_no_interval(h):
    described = describe_layers(h[:1])
    assert described["mean"].sel(condition="a", layer=2) == h[0, 0, 1]
    assert described[["sd", "low", "high"]].to_array().isnull().all()
    assert list(described["n"].values) == [1, 1, 1]


def test_contrasts_stand_below_each_other_with_a_row_per_layer(h):
    contrasts = [ds.contrast(h, "b", "a"), ds.contrast(h, "a", "c")]
    table = contrasts_table(contrasts)
    assert list(table["contrast"]) == ["b - a"] * 6 + ["a - c"] * 6
    assert list(table["n"]) == [8] * 6 + [9] * 6
    for c in contrasts:
        own = table[table["contrast"] == c.name]
        for name in ("difference", "low", "high", "t", "p", "p_holm", "p_bh", "dz", "mean_a", "mean_b"):
            np.testing.assert_array_equal(own[name].to_numpy(), c.table[name].values, name)


def test_clusters_have_a_row_each(h):
    contrasts = [ds.contrast(h, "b", "a"), ds.contrast(h, "a", "b")]
    table = clusters_table(contrasts)
    assert [(r.contrast, r.first, r.last, r.mass, r.p) for r in table.itertuples()] == [
        (c.name, k.first, k.last, k.mass, k.p) for c in contrasts for k in c.clusters
    ]
    assert (table["first"] <= 3).any()


def test_no_cluster_leaves_a_header(h):
    none = ds.contrast(h.fillna(0.0) * 0, "a", "b")
    table = clusters_table([none, none])
    assert table.empty
    assert list(table) == list(clusters_table([ds.contrast(h, "b", "a")]))


def test_tables_survive_a_csv_file(h, tmp_path):
    table = contrasts_table([ds.contrast(h, "b", "a")])
    table.to_csv(tmp_path / "c.csv", index=False)
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "c.csv"), table, check_dtype=False, rtol=1e-15)


@pytest.fixture(scope="module")
def e():
    """Evidence of every kind on planted data: one covariate is usable, one is not, one is known nowhere."""
    gaps = np.column_stack([np.tile([1.0, -1.0, -1.0, 1.0], 6)] + [np.zeros(24)] * 2)
    planted = {"a": HIGHER, "b": NOTHING, "c": HALF}
    coords = {"rarity": (("item", "condition"), gaps), "length": (("item", "condition"), 0 * gaps + 3)}
    h = measure(planted, **coords)
    main = compare(h, "a", "b")
    balance = imbalance(h, main.terms, ["rarity", "length"])
    held = Confounding(
        main, balance, {"length": "the same"}, {"rarity": compare(h, "a", "b", adjust=["rarity"])}, {}, {}
    )
    excess = Confounding(
        compare(h, "a", "c"), imbalance(h, Terms(("a",), ("c",)), ["rarity", "length"]), {}, {}, {}, {}
    )
    draws = [measure(planted, seed=seed) for seed in (7, 8)]
    nulls = [against(draws[:k], h, main, name, "words", permutations=50) for k, name in ((1, "one"), (2, "two"))]
    power = power_curve(main.differences.values, sizes=(10, 20), shares=(0.0, 1.0), draws=3, permutations=50)
    return evidence(h, confounding=[held, excess], nulls=nulls, power=power)


def test_the_evidence_has_a_row_per_analysis(e):
    table = evidence_table(e)
    effect = ["n", "dz", "low", "high", "p", "p_equivalence", "difference", "difference_low", "difference_high"]
    assert list(table) == ["group", "label", *effect, "significant", "cluster"]
    fields = table.rename(columns={"significant": "found", "cluster": "said"})
    assert [Compared(**row) for row in fields.to_dict("records")] == e.compared
    assert list(table["label"]) == ["a - b", "c - b", "a - c", "adjusted for rarity", "one", "two"]


def test_nulls_have_a_row_per_condition_and_layer_with_their_draws(e):
    table = nulls_table(e)
    assert len(table) == 2 * 2 * DEPTH
    assert set(zip(table["null"], table["draws"], strict=True)) == {("one", 1), ("two", 2)}
    expected = e.nulls[1].expected
    own = table[table["null"] == "two"].set_index(["condition", "layer"])
    for name in ("mean", "low", "high", "difference", "difference_low", "difference_high"):
        here = expected[name].sel(layer=7)
        assert own.loc[("b", 7), name] == (here.sel(condition="b") if "condition" in here.dims else here)


def test_balance_says_of_every_contrast_why_a_covariate_was_not_adjusted_for(e):
    table = balance_table(e)
    assert list(zip(table["contrast"], table["covariate"], strict=True)) == [
        ("a - b", "rarity"),
        ("a - b", "length"),
        ("a - c", "rarity"),
        ("a - c", "length"),
    ]
    assert list(table["not_adjusted"].fillna("")) == ["", "the same", "", ""]
    first = e.confounding[0].balance.iloc[0]
    names = ["n", "difference", "low", "high", "smd", "overlap"]
    assert table.loc[0, names].tolist() == first[names].tolist()


def test_what_is_left_has_a_row_for_whatever_is_held_equal_and_for_every_assumed_reliability():
    h = measure({"a": HIGHER, "b": NOTHING}).assign_coords(covariates(drive=np.linspace(-1, 2, 24), idle=IDLE))
    main = compare(h, "a", "b")
    adjusted = {
        name: compare(h, "a", "b", adjust=names) for name, names in (("idle", ["idle"]), ("all", ["idle", "drive"]))
    }
    assumed = {one: Left(Share(one, 0.0, 1.0), one, 0.0, 1.0) for one in (1.0, 0.5)}
    balance = imbalance(h, main.terms, ["idle", "drive"])
    matched = {"all": compare(h[:22], "a", "b")}
    held = Confounding(
        main,
        balance,
        {},
        adjusted,
        matched,
        {},
        {},
        assumed,
        ["drive"],
        {"drive": 0.5},
        Left(Share(0.1, 0, 0.15), 1, 2, 3),
    )
    table = attenuation_table(Evidence(main, confounding=[held])).fillna({"reliability": ""})
    assert list(zip(table["held"], table["covariates"], table["reliability"], table["n"], strict=True)) == [
        ("adjusted", "idle", "", 24),
        ("adjusted", "all", "", 24),
        ("adjusted", "all", "drive=0.5", 24),
        ("adjusted", "all", "drive=0.5", 24),
        ("matched", "all", "", 22),
    ]
    left = held.left["idle"]
    assert table.loc[0, ["share", "share_low", "difference_high"]].tolist() == [
        left.share.value,
        left.share.low,
        left.high,
    ]
    assert table["left"].tolist()[2:4] == ["No", "Undecided"]
    assert (set(table["first"]), set(table["last"])) == ({5}, {8})


def test_power_has_a_row_per_size_and_number_of_items(e):
    table = power_table(e).set_index(["share", "n"])
    assert len(table) == 4
    assert table.loc[(1.0, 20), "rate"] == e.power["rate"].sel(share=1.0, n=20)
    assert table.loc[(1.0, 20), "dz"] == e.power["dz"].sel(share=1.0)


@pytest.mark.parametrize("make", [evidence_table, nulls_table, balance_table, power_table])
def test_tables_of_the_evidence_survive_a_csv_file(e, make, tmp_path):
    table = make(e)
    table.to_csv(tmp_path / "t.csv", index=False)
    stored = pd.read_csv(tmp_path / "t.csv")
    pd.testing.assert_frame_equal(stored, table.reset_index(drop=True), check_dtype=False, rtol=1e-15)
