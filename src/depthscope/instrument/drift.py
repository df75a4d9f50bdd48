"""How far the states of a changed model are from those of the original, layer by layer."""

import numpy as np

from depthscope.arrays import Float


def state_drift(states: Float, reference: Float) -> tuple[Float, Float]:
    """Relative error and cosine of each state.

    ``error = |h' - h| / |h|``, ``cosine = <h', h> / (|h'| |h|)``, over features.

    Parameters
    ----------
    states, reference : array (..., feature)
        ``h'`` and ``h``.

    Returns
    -------
    error : array (...)
        0 or more; NaN where ``h`` is zero.
    cosine : array (...)
        -1 to 1; NaN where either is zero.
    """
    ours, theirs = (np.asarray(x, dtype=np.float64) for x in (states, reference))
    norm, length = np.linalg.norm(theirs, axis=-1), np.linalg.norm(ours, axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        error = np.linalg.norm(ours - theirs, axis=-1) / norm
        cosine = (ours * theirs).sum(-1) / (norm * length)
    return np.where(norm > 0, error, np.nan), cosine.clip(-1, 1)
