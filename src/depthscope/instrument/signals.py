"""What of the residual stream is transformed: the Gram matrix of each signal, from that of the updates."""

from typing import Literal, get_args

from depthscope.arrays import Array, namespace
from depthscope.errors import DepthscopeError, check_choice

Signal = Literal["update", "direction", "norm", "state"]


def signal_gram(
    gram: Array, signal: Signal = "update", initial_dot: Array | None = None, initial_norm: Array | None = None
) -> Array:
    """Gram matrix of a signal derived from the updates ``u_1 .. u_L``.

    Parameters
    ----------
    gram : array (..., L, L)
        ``<u_k, u_l>``, float64.
    signal : {"update", "direction", "norm", "state"}
        ``u_l``; ``u_l / |u_l|`` (zero stays zero); ``ln |u_l|`` less its mean over depth; the state
        ``h_l = h_0 + u_1 + .. + u_l``.
    initial_dot, initial_norm : array (..., L) and (...), optional
        ``<h_0, u_l>`` and ``|h_0|``; taken as zero if absent. Used by ``"state"`` only.

    Returns
    -------
    array (..., L, L)
    """
    check_choice("signal", signal, get_args(Signal))
    if signal == "update":
        return gram
    xp = namespace(gram)
    if signal == "state":
        states = xp.cumulative_sum(xp.cumulative_sum(gram, axis=-1), axis=-2)
        if initial_dot is not None and initial_norm is not None:
            reached = xp.cumulative_sum(initial_dot, axis=-1)
            states = states + reached[..., None, :] + reached[..., :, None]
            states = states + (initial_norm**2)[..., None, None]
        return states
    norms = xp.sqrt(xp.linalg.diagonal(gram))
    if signal == "direction":
        safe = xp.where(norms > 0, norms, xp.ones_like(norms))
        return gram / (safe[..., None, :] * safe[..., :, None])
    if not bool(xp.all(norms > 0)):
        raise DepthscopeError('signal="norm": an update is exactly zero, and its logarithm does not exist')
    log = xp.log(norms)
    log = log - xp.mean(log, axis=-1, keepdims=True)
    return log[..., None, :] * log[..., :, None]
