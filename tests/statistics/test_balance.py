"""Covariates by condition, and subsets of items that are balanced on them."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import depthscope as ds
from depthscope.statistics.balance import TOLERANCE, balanced_subset, describe_covariates, imbalance, matched_items
from depthscope.statistics.terms import Terms
from tests.statistics.simulated import measure, smooth

TERMS = Terms(("a",), ("b",))


def confounded(seed=0, items=150):
    """Two covariates that are larger in a, and a measure that follows the first of them in layers 3-7."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(items, 3, 2)) * (1, 5)
    x[:, 0] += (0.6, 2)
    values = np.stack([smooth(rng, items, 12) for _ in range(3)], axis=1)
    values[..., 2:7] += 1.5 * x[..., :1]
    return measure(values, "abc", x=x[..., 0], y=x[..., 1])


def only(h, items):
    return h.sel(item=list(items))


def test_covariates_are_described_as_pandas_does():
    h = confounded()
    h["x"][:9, 1] = np.nan
    h[20, 2] = np.nan  # a text that was not measured
    found = describe_covariates(h, ["y", "x"])
    assert list(found["covariate"]) == ["y"] * 3 + ["x"] * 3
    for _, row in found.iterrows():
        column = pd.Series(h[row["covariate"]].sel(condition=row["condition"]).values)
        if row["condition"] == "c":
            column = column.drop(20)
        expected = column.describe()
        ours = row[["n", "mean", "sd", "min", "q25", "median", "q75", "max"]].astype(float)
        assert ours.tolist() == pytest.approx(expected.tolist(), rel=1e-12)


def test_a_condition_without_values_is_passed_over_and_one_value_has_no_spread():
    h = measure(np.ones((3, 3, 2)), "abc", x=[[1, np.nan, 5], [3, np.nan, np.nan], [8, np.nan, np.nan]])
    found = describe_covariates(h, ["x"]).set_index("condition")
    assert found["n"].to_dict() == {"a": 3, "c": 1}
    assert np.isnan(found.loc["c", "sd"])
    assert found.loc["c", "median"] == 5


def test_the_order_of_dimensions_does_not_matter_and_scales_are_cells_like_layers():
    h = confounded()
    h[4, 1] = np.nan
    expected = describe_covariates(h, ["x", "y"])
    assert expected["n"].tolist() == [150, 149, 150] * 2
    for other in (h.transpose("layer", "condition", "item"), h.expand_dims(scale=3, axis=2)):
        pd.testing.assert_frame_equal(describe_covariates(other, ["x", "y"]), expected)


def test_imbalance_is_the_mean_of_the_paired_differences_with_students_interval():
    h = confounded()
    found = imbalance(h, TERMS, ["x", "y"]).set_index("covariate")
    assert set(found["contrast"]) == {"a - b"}
    for name in ("x", "y"):
        a, b = (h[name].sel(condition=c).values for c in "ab")
        row, paired = found.loc[name], stats.ttest_rel(a, b)
        assert row["n"] == 150
        assert row["difference"] == pytest.approx((a - b).mean())
        assert tuple(row[["low", "high"]]) == pytest.approx(tuple(paired.confidence_interval(0.95)))
        assert row["smd"] == pytest.approx((a - b).mean() / np.concatenate([a, b]).std())


@pytest.mark.parametrize(
    ("gaps", "overlap"),
    [
        ([1, 2, 3, 4], 0.0),
        ([-1, -2, -3, -4], 0.0),
        ([1, 2, 3, -4], 0.25),
        ([1, -2, -3, -4], 0.25),
        ([1, 2, -3, -4], 0.5),
        ([1, 2, 3, 0], 0.25),
        ([1, 2, -3, 0], 0.5),
        ([0, 0, 0, 0], 1.0),
    ],
)
def test_overlap_is_the_share_on_the_rarer_side_of_no_difference(gaps, overlap):
    h = measure(np.random.default_rng(1).normal(size=(4, 2, 3)), "ab", x=np.column_stack([gaps, np.zeros(4)]))
    assert imbalance(h, TERMS, ["x"])["overlap"].tolist() == [overlap]


def test_imbalance_of_a_difference_of_differences_counts_every_condition_with_its_sign():
    h = confounded()
    row = imbalance(h, Terms(("a", "b"), ("b", "c")), ["y"]).iloc[0]
    assert row["difference"] == pytest.approx((h["y"][:, 0] - 2 * h["y"][:, 1] + h["y"][:, 2]).mean())
    assert row["smd"] == pytest.approx(row["difference"] / h["y"].values.std())


def test_a_subset_of_items_keeps_the_units_of_the_whole():
    h = confounded()
    items = [f"i{k}" for k in range(10, 40)]
    row = imbalance(h, TERMS, ["x"], items).iloc[0]
    difference = (h["x"][10:40, 0] - h["x"][10:40, 1]).mean()
    assert row["n"] == 30
    assert row["difference"] == pytest.approx(difference)
    assert row["smd"] == pytest.approx(difference / h["x"].values[:, :2].std())


def test_one_item_has_no_interval():
    row = imbalance(confounded(), TERMS, ["x"], ["i3"]).iloc[0]
    assert row["n"] == 1
    assert np.isnan(row[["low", "high"]].astype(float)).all()


@pytest.mark.parametrize("tolerance", [TOLERANCE, 0.02])
def test_matched_items_are_balanced_within_the_tolerance(tolerance):
    h = confounded()
    assert (imbalance(h, TERMS, ["x", "y"])["smd"] > 0.3).all()
    items = matched_items(h, TERMS, ["x", "y"], tolerance)
    matched = imbalance(h, TERMS, ["x", "y"], items)
    assert 50 < len(items) == matched["n"].iloc[0] < 150
    assert (matched["smd"].abs() <= tolerance).all()
    # no more than needed: the last to go was one too many to keep
    assert (matched["smd"].abs() > tolerance - 0.02).any()


def test_what_is_balanced_already_is_kept_whole():
    h = confounded()
    assert matched_items(h, TERMS, []) == list(h["item"].values)
    assert matched_items(h, TERMS, ["x"], tolerance=5) == list(h["item"].values)
    assert matched_items(h, TERMS, ["x"]) != list(h["item"].values)


def test_the_item_goes_whose_removal_balances_best():
    gaps = np.random.default_rng(1).normal(0.4, 1, size=(40, 2))
    kept = list(range(40))
    while np.abs(gaps[kept].mean(0)).max() > 0.1:
        rest = [[k for k in kept if k != gone] for gone in kept]
        kept = min(rest, key=lambda rows: np.abs(gaps[rows].mean(0)).max())
    assert 10 < len(kept) < 40
    assert balanced_subset(gaps).tolist() == kept


def test_items_that_all_differ_in_the_same_direction_cannot_be_matched():
    assert balanced_subset(np.full((6, 1), 0.5)).tolist() == []
    assert balanced_subset(np.zeros((0, 2))).tolist() == []


def test_matching_never_looks_at_what_is_measured():
    h = confounded()
    expected = matched_items(h, TERMS, ["x", "y"])
    assert matched_items(h, TERMS, ["x", "y"]) == expected
    values = np.random.default_rng(5).permuted(h.values.ravel()).reshape(h.shape)
    assert matched_items(h.copy(data=values), TERMS, ["x", "y"]) == expected


def test_matching_depends_on_the_items_not_on_their_order():
    h = confounded()
    back = matched_items(h[::-1], TERMS, ["x", "y"])
    assert back[::-1] == matched_items(h, TERMS, ["x", "y"])


def test_a_confound_is_gone_among_matched_items_and_an_effect_is_not():
    h = confounded()
    items = matched_items(h, TERMS, ["x"])
    assert any(c.first <= 5 <= c.last for c in ds.contrast(h, "a-b", permutations=300).significant())
    assert not ds.contrast(only(h, items), "a-b", permutations=300).significant()
    h[:, 0, 8:11] += 1
    (found,) = ds.contrast(only(h, items), "a-b", permutations=300).significant()
    assert found.first <= 10 <= found.last


def test_items_with_several_pairs_are_named_by_the_item():
    h = measure(np.ones((4, 2, 1)), group=["p", "p", "q", "r"], x=[[1, 0], [0, 2], [0, 1], [5, 0]])
    # the pairs of p are averaged: -0.5, -1, 5
    assert imbalance(h, TERMS, ["x"])["difference"].tolist() == pytest.approx([3.5 / 3])
    assert matched_items(h, TERMS, ["x"], tolerance=0.5) == ["p", "q"]
