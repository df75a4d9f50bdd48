"""Trajectories that keep something of the real ones and lose their organisation in depth: what CSE is to be compared with."""

from typing import Literal, get_args

import numpy as np
import xarray as xr

from depthscope.arrays import Float
from depthscope.errors import DepthscopeError, check_choice
from depthscope.instrument.signals import signal_gram

Surrogate = Literal["order", "walk", "rotation"]

SURROGATES = {
    "order": "layer order shuffled, one order for all texts",
    "walk": "random walks: the same update norms, directions drawn anew for every text",
    "rotation": "layers rotated: the same update norms, one set of random directions for all texts",
}


def surrogate(traj: xr.Dataset, kind: Surrogate, seed: int = 0) -> xr.Dataset:
    """Trajectories without the real organisation in depth.

    Parameters
    ----------
    traj : Dataset from ``trace``
    kind : {"order", "walk", "rotation"}
        ``"order"``: the updates as they are, layers in one random order, the same for all texts; what remains is all that
        does not depend on order. ``"walk"``: every update keeps its length and takes a random direction of the model's
        width, independently for every text. ``"rotation"``: every layer is turned by a random rotation of its own, as far as
        Gram matrices can tell it: texts of a layer are taken to point alike, so that one set of random directions serves
        them all, and conditions differ by their update norms only.
    seed : int

    Returns
    -------
    Dataset
        Like ``traj``, with ``gram``, ``initial_dot``, ``update_norm`` and ``state_norm`` of the surrogate.

    Notes
    -----
    Random directions are never drawn: the Gram matrix of L + 1 Gaussian vectors in d dimensions is Wishart, and its
    Cholesky factor has independent entries (Bartlett 1933), at a cost that does not depend on d.
    """
    check_choice("surrogate", kind, get_args(Surrogate))
    generator = np.random.default_rng(seed)
    gram = traj["gram"].transpose("stimulus", "layer", "other_layer").values
    dot = traj["initial_dot"].transpose("stimulus", "layer").values
    start = traj["state_norm"].isel(state=0).values
    texts, depth = dot.shape
    if kind == "order":
        order = generator.permutation(depth)
        gram, dot = gram[:, order][:, :, order], dot[:, order]
    else:
        lengths = np.column_stack([start, np.sqrt(np.diagonal(gram, axis1=1, axis2=2))])
        cosines = random_cosines(1 if kind == "rotation" else texts, depth + 1, _width(traj), generator)
        whole = cosines * lengths[:, :, None] * lengths[:, None, :]
        gram, dot = whole[:, 1:, 1:], whole[:, 0, 1:]
    states = np.diagonal(signal_gram(gram, "state", dot, start), axis1=1, axis2=2)
    return traj.drop_vars("states", errors="ignore").assign(
        gram=(("stimulus", "layer", "other_layer"), gram),
        initial_dot=(("stimulus", "layer"), dot),
        update_norm=(("stimulus", "layer"), np.sqrt(np.diagonal(gram, axis1=1, axis2=2))),
        state_norm=(("stimulus", "state"), np.column_stack([start, np.sqrt(np.maximum(states, 0))])),
    )


def random_cosines(count: int, vectors: int, width: int, generator: np.random.Generator) -> Float:
    """Cosines between ``vectors`` independent random directions in ``width`` dimensions: (count, vectors, vectors)."""
    rank = min(vectors, width)
    factor = np.tril(generator.normal(size=(count, vectors, rank)), -1)
    own = np.arange(rank)
    factor[:, own, own] = np.sqrt(generator.chisquare(width - own, size=(count, rank)))
    factor /= np.linalg.norm(factor, axis=-1, keepdims=True)
    cosines: Float = factor @ np.swapaxes(factor, -1, -2)
    return cosines


def _width(traj: xr.Dataset) -> int:
    if "width" not in traj.attrs:
        raise DepthscopeError(
            "the trajectories do not say how wide the model is (attribute width), which random directions need: trace again"
        )
    return int(traj.attrs["width"])
