"""Logistic regressions on one latent each, of all latents at once: Newton's method over the entries that are not zero."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse, special

from depthscope.arrays import Float

RIDGE = 1.0  # of the weight of a latent whose standard deviation is 1: that of scikit-learn with C=1
STEPS, HALVINGS = 50, 20
CLOSE = 1e-10  # step, beside 1, at which nothing changes any more


@dataclass(frozen=True, eq=False)
class Fits:
    """One regression per latent, ``p(true) = 1 / (1 + exp(-(weight x / scale + bias)))``.

    Attributes
    ----------
    weight, bias, scale : array (latent,)
        ``scale``: the standard deviation of the latent over the texts; 1 for one that never varies.
    loss : array (latent,)
        Cross-entropy on the texts that it was fitted to, nats per text.
    """

    weight: Float
    bias: Float
    scale: Float
    loss: Float

    def predict(self, latent: int, values: Float) -> Float:
        """Log odds of values (text,) of one latent."""
        odds: Float = values / self.scale[latent] * self.weight[latent] + self.bias[latent]
        return odds


def fit_each(values: sparse.csc_matrix, labels: NDArray[np.bool_], ridge: float = RIDGE) -> Fits:
    """Fit every latent by itself.

    Minimised is the sum of the losses over texts and half the ``ridge`` times the square of the weight, as scikit-learn does
    with ``C = 1 / ridge`` on ``x / scale``; the bias is free. Texts in which a latent does not fire share one prediction,
    so that memory and time go with the entries that are not zero.

    Parameters
    ----------
    values : sparse matrix (text, latent)
    labels : bool array (text,)
        Of both kinds.
    """
    texts, latents = values.shape
    filled = np.diff(values.indptr)
    owner = np.repeat(np.arange(latents), filled)
    entry = np.asarray(values.data, dtype=np.float64)
    mean = np.bincount(owner, entry, latents) / texts
    square = np.bincount(owner, entry**2, latents) / texts
    variance = np.maximum(square - mean**2, 0)
    scale = np.where(variance > 1e-20 * square, np.sqrt(variance), 1.0)
    scale[scale == 0] = 1.0
    x = entry / scale[owner]
    truth = labels[values.indices].astype(np.float64)
    # of the texts in which a latent does not fire: how many, and how many of them are true
    rest = texts - filled
    rest_true = labels.sum() - np.bincount(owner, truth, latents)
    weight = np.zeros(latents)
    bias = np.full(latents, special.logit(labels.mean()))

    def objective(weight: Float, bias: Float) -> Float:
        odds = x * weight[owner] + bias[owner]
        each = np.bincount(owner, np.logaddexp(0, odds) - truth * odds, latents)
        total: Float = each + rest * np.logaddexp(0, bias) - rest_true * bias + ridge / 2 * weight**2
        return total

    now = objective(weight, bias)
    for _ in range(STEPS):
        odds = special.expit(x * weight[owner] + bias[owner])
        still = special.expit(bias)
        error, spread = odds - truth, odds * (1 - odds)
        slope_w = np.bincount(owner, error * x, latents) + ridge * weight
        slope_b = np.bincount(owner, error, latents) + rest * still - rest_true
        ww = np.bincount(owner, spread * x * x, latents) + ridge
        wb = np.bincount(owner, spread * x, latents)
        bb = np.bincount(owner, spread, latents) + rest * still * (1 - still) + 1e-12
        det = ww * bb - wb**2
        step_w, step_b = (bb * slope_w - wb * slope_b) / det, (ww * slope_b - wb * slope_w) / det
        size = np.ones(latents)
        for _ in range(HALVINGS):
            after = objective(weight - size * step_w, bias - size * step_b)
            worse = after > now + 1e-12 * np.abs(now)
            if not worse.any():
                break
            size = np.where(worse, size / 2, size)
        size = np.where(after > now + 1e-12 * np.abs(now), 0.0, size)
        weight, bias = weight - size * step_w, bias - size * step_b
        now = objective(weight, bias)
        if np.max(np.abs(size * step_w) + np.abs(size * step_b), initial=0.0) < CLOSE:
            break
    return Fits(weight, bias, scale, (now - ridge / 2 * weight**2) / texts)


def losses(odds: Float, labels: NDArray[np.bool_]) -> Float:
    """Cross-entropy of each answer, (text,), in nats, from log odds."""
    found: Float = np.logaddexp(0, odds) - labels * odds
    return found
