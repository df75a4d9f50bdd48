"""The regression of differences, against statsmodels and scipy."""

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from depthscope.statistics.design import design


def regression(covariates=2, items=30, seed=0):
    """Differences (item, 5) that depend on covariates of very different scales, whose means are not 0."""
    rng = np.random.default_rng(seed)
    x = (rng.normal(size=(items, covariates)) + 0.7) * 10.0 ** np.arange(covariates)
    return rng.normal(size=(items, 5)) + 0.4 + 0.5 * x[:, :1], x


def t_of(model, y):
    return model.t_values(model.basis.T @ y, (y**2).sum(0))


@pytest.mark.parametrize("covariates", [1, 2, 4])
def test_the_effect_is_the_intercept_of_an_ordinary_regression(covariates):
    y, x = regression(covariates)
    model = design(len(y), x)
    effect, sigma = model.fit(y)
    t = t_of(model, y)
    for cell in range(y.shape[1]):
        ols = sm.OLS(y[:, cell], sm.add_constant(x)).fit()
        assert effect[cell] == pytest.approx(ols.params[0], rel=1e-10)
        assert sigma[cell] == pytest.approx(np.sqrt(ols.mse_resid), rel=1e-10)
        assert sigma[cell] / model.leverage == pytest.approx(ols.bse[0], rel=1e-10)
        assert t[cell] == pytest.approx(ols.tvalues[0], rel=1e-10)
        assert model.degrees == ols.df_resid


@pytest.mark.parametrize("covariates", [None, np.zeros((30, 0)), np.zeros((30, 2))])
def test_without_covariates_it_is_the_test_of_the_mean(covariates):
    y, _ = regression()
    model = design(30, covariates)
    effect, sigma = model.fit(y)
    assert effect == pytest.approx(y.mean(0), rel=1e-12)
    assert sigma == pytest.approx(y.std(0, ddof=1), rel=1e-12)
    assert t_of(model, y) == pytest.approx(stats.ttest_1samp(y, 0).statistic, rel=1e-12)
    assert model.leverage == pytest.approx(np.sqrt(30))
    assert model.degrees == 29


def test_the_reduced_model_holds_the_covariates_and_no_constant():
    y, x = regression()
    rest = design(len(y), x).without_covariates(y)
    for cell in range(y.shape[1]):
        assert rest[:, cell] == pytest.approx(sm.OLS(y[:, cell], x).fit().resid, rel=1e-9, abs=1e-12)


def test_covariates_that_depend_on_one_another_count_once():
    y, x = regression()
    once, thrice = design(30, x), design(30, np.column_stack([x, 3 * x[:, 0], x.sum(1)]))
    assert thrice.degrees == once.degrees == 27
    assert thrice.leverage == pytest.approx(once.leverage, rel=1e-12)
    assert t_of(thrice, y) == pytest.approx(t_of(once, y), rel=1e-10)


def test_units_and_order_of_covariates_do_not_matter():
    y, x = regression()
    assert t_of(design(30, x[:, ::-1] * (1e6, -1e-6)), y) == pytest.approx(t_of(design(30, x), y), rel=1e-10)


def test_covariates_that_differ_by_the_same_amount_in_every_item_are_refused(refuses):
    _, x = regression()
    with refuses("same amounts in every item", "leave one out"):
        design(30, np.full((30, 1), -2.0))
    with refuses("same amounts in every item"):
        design(30, np.column_stack([x[:, 0], 1.5 - x[:, 0]]))


@pytest.mark.parametrize(("items", "covariates"), [(4, 3), (3, 3), (2, 1)])
def test_too_few_items_for_the_covariates_are_refused(items, covariates, refuses):
    with refuses(f"{items} items are too few", f"{covariates} covariates"):
        design(items, np.random.default_rng(0).normal(size=(items, covariates)))


def test_one_degree_of_freedom_is_enough():
    y, x = regression(items=4)
    ols = sm.OLS(y[:, 0], sm.add_constant(x)).fit()
    assert t_of(design(4, x), y[:, :1]) == pytest.approx([ols.tvalues[0]], rel=1e-10)


def test_t_is_finite_where_differences_are_equal():
    model = design(5)
    assert t_of(model, np.zeros((5, 2))).tolist() == [0, 0]
    assert t_of(model, np.full((5, 2), 0.3)).tolist() == [1e6, 1e6]
    assert t_of(model, np.full((5, 1), -0.3))[0] == -1e6


def test_what_covariates_explain_to_the_last_digit_is_no_effect():
    _, x = regression()
    model = design(30, x)
    rest = model.without_covariates(np.column_stack([x @ (2.0, 0.1), x[:, 1] / 3]))
    assert t_of(model, rest).tolist() == [0, 0]
    assert [values.tolist() for values in model.fit(x)] == [[0, 0], [0, 0]]
