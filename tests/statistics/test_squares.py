"""Nonlinear least squares, many problems at once."""

import numpy as np
from scipy import optimize

from depthscope.statistics.squares import least_squares

X = np.linspace(0.1, 4, 25)


def decay(parameters):
    """``a exp(-b x) + c`` and its derivatives."""
    a, b, c = (parameters[:, [i]] for i in range(3))
    falls = np.exp(-b * X)
    return a * falls + c, np.stack([falls, -a * X * falls, np.ones_like(a * falls)], axis=2)


def test_each_problem_ends_where_scipy_ends():
    generator = np.random.default_rng(0)
    true = np.stack([generator.uniform(1, 3, 20), generator.uniform(0.5, 2, 20), generator.normal(0, 1, 20)], axis=1)
    values = decay(true)[0] + 0.05 * generator.standard_normal((20, len(X)))
    found, squares = least_squares(decay, values, np.tile([1.0, 1.0, 0.0], (20, 1)))
    for one, left, y in zip(found, squares, values, strict=True):
        expected = optimize.least_squares(
            lambda p, y=y: decay(p[None])[0][0] - y, [1.0, 1.0, 0.0], method="lm", xtol=1e-12
        )
        np.testing.assert_allclose(one, expected.x, rtol=1e-5)
        np.testing.assert_allclose(left, 2 * expected.cost, rtol=1e-9)


def test_a_direction_in_which_nothing_changes_is_left_alone():
    values = np.ones((1, len(X)))
    # with a = 0, b says nothing
    found, squares = least_squares(decay, values, np.array([[0.0, 1.0, 0.5]]))
    np.testing.assert_allclose(squares, 0, atol=1e-12)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(decay(found)[0], values, atol=1e-6)


def test_what_is_solved_already_stays():
    true = np.array([[2.0, 1.0, 0.5], [1.0, 2.0, -0.5]])
    found, squares = least_squares(decay, decay(true)[0], true)
    np.testing.assert_array_equal(found, true)
    np.testing.assert_array_equal(squares, 0)
