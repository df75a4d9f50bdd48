"""The effect at equal covariates: a regression of paired differences on differences of covariates."""

from dataclasses import dataclass

import numpy as np

from depthscope.arrays import Float
from depthscope.errors import DepthscopeError
from depthscope.statistics.units import in_own_units

# share of the constant that covariates must leave free, or the effect cannot be told from them
FREE = 1e-8


@dataclass(frozen=True)
class Design:
    """The linear model ``d_i = effect + x_i' g + e_i`` over items, in orthonormal columns.

    Without covariates it is the one-sample model, and everything below is what it always was: the mean, its t, dz.

    Attributes
    ----------
    basis : array (item, k + 1)
        The space of the covariates, then what is left of the constant beside it.
    leverage : float
        Length of that rest: ``sqrt(n)`` without covariates. The standard error of the effect is
        ``sigma / leverage``.
    """

    basis: Float
    leverage: float

    @property
    def degrees(self) -> int:
        """Degrees of freedom of the residuals."""
        return int(self.basis.shape[0] - self.basis.shape[1])

    def without_covariates(self, values: Float) -> Float:
        """Residuals of the reduced model, which holds the covariates and no effect: (item, cell)."""
        space = self.basis[:, :-1]
        rest: Float = values - space @ (space.T @ values)
        # what the covariates explain to the last digit leaves rounding errors, which are no effect
        explained = (rest**2).sum(0) <= 1e-26 * (values**2).sum(0)
        return np.where(explained, 0.0, rest)

    def residuals(self, values: Float) -> Float:
        """Residuals of the whole model: (item, cell)."""
        rest, column = self.without_covariates(values), self.basis[:, -1]
        left: Float = rest - np.outer(column, column @ rest)
        return left

    def t_values(self, products: Float, squares: Float) -> Float:
        """t of the effect from ``basis' y`` (..., k + 1, cell) and ``|y|^2`` (cell,)."""
        effect = products[..., -1, :]
        spread = squares - effect**2
        for j in range(products.shape[-2] - 1):
            spread -= products[..., j, :] ** 2
        # equal differences leave a spread of rounding errors; what is below them counts as no spread
        flat = spread <= 1e-13 * squares
        with np.errstate(divide="ignore", invalid="ignore"):
            t: Float = effect / np.sqrt(spread / self.degrees)
        # equal, non-zero differences: as certain as can be, and still a number
        return np.where(flat, np.sign(effect) * 1e6, t) if flat.any() else t

    def fit(self, values: Float) -> tuple[Float, Float]:
        """The effect and the residual standard deviation of each cell of ``values`` (item, cell): twice (cell,)."""
        values, powers = in_own_units(values)
        rest, column = self.without_covariates(values), self.basis[:, -1]
        product = column @ rest
        residual = rest - np.outer(column, product)
        sigma = np.sqrt((residual**2).sum(0) / self.degrees)
        return np.ldexp(product / self.leverage, powers), np.ldexp(sigma, powers)


def design(n: int, covariates: Float | None = None) -> Design:
    """The model for ``n`` items with ``covariates`` (item, k), differences between the conditions, not centred.

    Covariates that depend on one another count once.

    Raises
    ------
    DepthscopeError
        Too few items for so many covariates, or covariates that leave nothing of the constant: then every item differs
        by the same amount, and no effect can be told from theirs.
    """
    constant = np.ones(n)
    if covariates is None or covariates.shape[1] == 0:
        return Design(constant[:, None] / np.sqrt(n), float(np.sqrt(n)))
    covariates, _ = in_own_units(covariates)
    scale = np.sqrt((covariates**2).mean(0))
    scaled = covariates / np.where(scale > 0, scale, 1.0)
    left, strength, _ = np.linalg.svd(scaled, full_matrices=False)
    space = left[:, strength > 1e-10 * max(1.0, float(strength.max(initial=0.0)))]
    if n - space.shape[1] - 1 < 1:
        raise DepthscopeError(f"{n} items are too few to adjust for {covariates.shape[1]} covariates")
    rest = constant - space @ (space.T @ constant)
    leverage = float(np.linalg.norm(rest))
    if leverage**2 <= FREE * n:
        raise DepthscopeError(
            "the covariates differ between the conditions by the same amounts in every item, so that no effect can be "
            "told from theirs: leave one out, or add items in which they differ otherwise"
        )
    return Design(np.column_stack([space, rest / leverage]), leverage)
