import numpy as np
import pytest

from depthscope.statistics.pairing import pair
from depthscope.statistics.terms import Terms
from tests.statistics.simulated import measure

A_B, B_A = Terms(("a",), ("b",)), Terms(("b",), ("a",))


def test_differences_are_left_minus_right_item_by_item():
    h = measure([[[1, 2], [5, 9]], [[3, 3], [1, 1]]])
    paired = pair(h, B_A)
    assert paired.differences.values.tolist() == [[4, 7], [-2, -2]]
    assert paired.left.values.tolist() == [[5, 9], [1, 1]]
    assert paired.right.values.tolist() == [[1, 2], [3, 3]]
    assert pair(h.transpose("layer", "condition", "item"), B_A).differences.values.tolist() == [[4, 7], [-2, -2]]


def test_a_difference_of_differences_is_taken_item_by_item():
    values = np.random.default_rng(0).normal(size=(5, 4, 3))
    paired = pair(measure(values, "abcd"), Terms(("d", "b"), ("a", "c")))
    assert paired.left.values == pytest.approx(values[:, 3] - values[:, 1])
    assert paired.right.values == pytest.approx(values[:, 0] - values[:, 2])
    assert paired.differences.values == pytest.approx(values[:, 3] - values[:, 1] - values[:, 0] + values[:, 2])


def test_differences_of_the_last_digits_are_none_whatever_the_unit():
    digits = 1e-15 * np.random.default_rng(0).integers(-3, 4, size=(6, 4, 1))
    levels = np.concatenate([1 + digits, 1 + digits + np.array([0, 0, 1e-9, 0])[:, None]], axis=2)
    for unit in (1.0, 1e-9, 1e9):
        h = measure(unit * levels, "abcd")
        for terms in (A_B, Terms(("a", "b"), ("b", "d"))):
            assert not pair(h, terms).differences.values.any()
        found = pair(h, Terms(("c",), ("a",))).differences.values / unit
        assert not found[:, 0].any()
        assert found[:, 1] == pytest.approx(1e-9, rel=1e-5)


def test_a_missing_difference_is_not_taken_for_one_of_rounding():
    values = np.ones((12, 2, 2))
    values[:3, :, 1] = np.nan
    assert np.isnan(pair(measure(values), A_B).differences.values[:, 1]).all()


def test_layers_without_numbers_are_counted_from_1():
    h = measure(np.zeros((2, 2, 3))).drop_vars("layer")
    assert pair(h, A_B).differences["layer"].values.tolist() == [1, 2, 3]


def test_items_without_all_conditions_are_named():
    h = measure([[[1], [2]], [[np.nan], [2]], [[3], [5]]])
    paired = pair(h, A_B)
    assert paired.incomplete == ["i1"]
    assert paired.differences["item"].values.tolist() == ["i0", "i2"]


def test_a_difference_of_differences_needs_all_of_its_conditions_and_no_other():
    values = np.ones((4, 4, 1))
    values[0, 0] = values[1, 1] = values[2, 3] = np.nan
    paired = pair(measure(values, "abcd"), Terms(("a", "b"), ("c", "b")))
    assert paired.incomplete == ["i0", "i1"]
    assert paired.differences["item"].values.tolist() == ["i2", "i3"]


def test_pairs_that_a_causal_model_cannot_tell_apart_are_left_out_unless_asked_for():
    h = measure([[[1], [2]], [[4], [4]], [[3], [5]]], context=[["p", "q"], ["r", "r"], ["s", "t"]])
    assert pair(h, A_B).same_context == ["i1"]
    assert pair(h, A_B).differences.sizes["item"] == 2
    kept = pair(h, A_B, include_same_context=True)
    assert kept.same_context == ["i1"]
    assert kept.differences.values.tolist() == [[-1], [0], [-2]]


@pytest.mark.parametrize(
    ("left", "right", "left_out"),
    [
        ("a", "b", ["i0"]),
        ("ab", "cd", ["i0", "i1"]),
        ("ab", "cb", ["i0", "i2", "i3"]),  # the baseline cancels: a must differ from c, and c from b
        ("ba", "bc", ["i0", "i2", "i3"]),
    ],
)
def test_the_texts_that_are_compared_must_differ_up_to_the_target(left, right, left_out):
    context = [list(row) for row in ("ppqr", "pqrr", "pqpr", "pqqr", "pqrp", "pqrs")]
    h = measure(np.ones((6, 4, 1)), "abcd", context=context)
    assert pair(h, Terms(tuple(left), tuple(right))).same_context == left_out


def test_an_unknown_context_is_like_no_other():
    h = measure(np.ones((2, 2, 1)), context=[["", ""], ["", "p"]])
    assert pair(h, A_B).same_context == []


def test_several_pairs_of_an_item_are_averaged():
    cov = [[1, 0], [5, 2], [7, 3]]
    h = measure([[[1], [2]], [[1], [4]], [[3], [5]]], group=["x", "x", "y"], cov=cov)
    paired = pair(h, B_A, covariates=["cov"])
    assert paired.differences["item"].values.tolist() == ["x", "y"]
    assert paired.differences.values.tolist() == [[2], [2]]
    assert paired.covariates.values.tolist() == [[-2], [-4]]


@pytest.mark.parametrize(
    ("left", "right", "weights"),
    [
        ("a", "b", (1, -1, 0, 0)),
        ("c", "a", (-1, 0, 1, 0)),
        ("ab", "cd", (1, -1, -1, 1)),
        ("ab", "cb", (1, 0, -1, 0)),
        ("ab", "ad", (0, -1, 0, 1)),
        ("ab", "bc", (1, -2, 1, 0)),
        ("ab", "ba", (2, -2, 0, 0)),
    ],
)
def test_covariates_and_measures_are_subtracted_alike(left, right, weights):
    values = np.random.default_rng(1).normal(size=(6, 4, 2))
    h = measure(values, "abcd", first=values[..., 0], second=values[..., 1])
    paired = pair(h, Terms(tuple(left), tuple(right)), covariates=["second", "first"])
    expected = np.einsum("c,ick->ik", weights, values)
    assert paired.differences.values == pytest.approx(expected)
    assert paired.covariates.values == pytest.approx(expected[:, ::-1])
    assert paired.covariates["covariate"].values.tolist() == ["second", "first"]


def test_items_without_a_covariate_are_named():
    h = measure([[[1], [2]], [[4], [7]], [[3], [5]]], cov=[[1, 2], [3, np.nan], [5, 8]])
    paired = pair(h, A_B, covariates=["cov"])
    assert paired.uncovered == ["i1"]
    assert paired.covariates.values.tolist() == [[-1], [-3]]
    assert paired.differences.values.tolist() == [[-1], [-2]]
    assert pair(h, A_B).uncovered == []


def test_truth_values_and_counts_are_covariates_and_texts_are_not(refuses):
    h = measure(np.ones((2, 2, 1)), early=[[True, False], [True, True]], n=[[3, 4], [5, 5]], word=[["p", "q"]] * 2)
    assert pair(h, A_B, covariates=["early", "n"]).covariates.values.tolist() == [[1, -1], [0, 0]]
    for name in ("word", "weight", "item"):
        with refuses(f"cannot adjust for '{name}'", "early, n"):
            pair(h, A_B, covariates=[name])


def test_what_cannot_be_paired_is_refused(refuses):
    h = measure([[[1], [2]], [[3], [5]]], context=[["p", "p"], ["r", "r"]])
    with refuses("'c'", "a, b"):
        pair(h, Terms(("a",), ("c",)))
    with refuses("'c'", "a, b"):
        pair(h, Terms(("a", "b"), ("c", "b")))
    for left, right in ((("a",), ("a",)), (("a", "a"), ("a", "b")), (("a", "b"), ("a", "b"))):
        with refuses("itself"):
            pair(h, Terms(left, right))
    with refuses("same up to the target", "include_same_context"):
        pair(h, A_B)
    with refuses("1 usable pair", "at least 2"):
        pair(h.drop_vars("context")[:1], A_B)
    three = measure([[[1], [2]], [[3], [5]], [[3], [np.nan]]], context=[["p", "p"], ["r", "s"], ["r", "s"]])
    words = (
        "1 usable pair(s) of 3; left out: 1 without all conditions (i2); 1 whose texts are the same up to the target"
    )
    with refuses(words, "(i0); a paired test needs at least 2 items"):
        pair(three, A_B)
    known = measure([[[1], [2]], [[3], [5]]], cov=[[1, 2], [3, np.nan]])
    with refuses("1 usable pair(s) of 2; left out: 1 without cov (i1)", "and known cov"):
        pair(known, A_B, covariates=["cov"])
    with refuses("item and condition"):
        pair(h.isel(item=0), A_B)
    with refuses("0 usable"):
        pair(measure(np.full((2, 2, 1), np.nan)), A_B)


def test_a_baseline_that_cancels_has_no_part_in_the_curves_of_covariates():
    generator = np.random.default_rng(0)
    levels = generator.normal(size=(60, 3)) * [1.0, 1.0, 20.0]
    h = measure(generator.normal(size=(60, 3, 2)), "acb").assign_coords(x=(("item", "condition"), levels))
    whole, short = (
        pair(h, t, covariates=["x"], splines=5) for t in (Terms(("a", "b"), ("c", "b")), Terms(("a",), ("c",)))
    )
    np.testing.assert_array_equal(whole.covariates.values, short.covariates.values)
    assert whole.levels.signs.tolist() == [1, -1]
