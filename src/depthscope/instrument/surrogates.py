"""Trajectories that keep something of the real ones and lose their organisation in depth: what CSE is to be compared with."""

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
import xarray as xr

from depthscope.arrays import Float
from depthscope.errors import DepthscopeError, check_choice, check_count
from depthscope.instrument.inputs import check_traced, row_dims
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
    traj : Dataset from ``trace``, ``trace_text`` or ``from_states``
    kind : {"order", "walk", "rotation"}
        ``"order"``: the updates as they are, layers in one random order, the same for all texts; what remains is all that
        does not depend on order. ``"walk"``: every update keeps its length and takes a random direction of the model's
        width, independently for every text. ``"rotation"``: every layer is turned by a random rotation of its own, as far as
        Gram matrices can show it: texts of a layer are taken to point alike, so that one set of random directions serves
        them all, and conditions differ by their update norms only.
    seed : int

    Returns
    -------
    Dataset
        Like ``traj``, with ``gram``, ``initial_dot``, ``update_norm`` and ``state_norm`` of the surrogate.

    Raises
    ------
    DepthscopeError
        Plain arrays (:func:`depthscope.from_states` makes trajectories of them), another kind, trajectories that do not
        say how wide their model is.

    Notes
    -----
    Random directions are never drawn: the Gram matrix of L + 1 Gaussian vectors in d dimensions is Wishart, and its
    Cholesky factor has independent entries (Bartlett 1933), at a cost that does not depend on d.
    """
    check_choice("surrogate", kind, get_args(Surrogate))
    check_traced(traj, "surrogate")
    check_count("seed", seed, 0)
    generator = np.random.default_rng(seed)
    lead = row_dims(traj)
    gram, dot, norm = (
        _by_row(traj[name], lead, dims)
        for name, dims in (("gram", ("layer", "other_layer")), ("initial_dot", ("layer",)), ("state_norm", ("state",)))
    )
    start = norm[:, 0]
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
    norms = np.column_stack([start, np.sqrt(np.maximum(states, 0))])
    shape = tuple(traj.sizes[dim] for dim in lead)
    return traj.drop_vars("states", errors="ignore").assign(
        gram=((*lead, "layer", "other_layer"), gram.reshape(*shape, depth, depth)),
        initial_dot=((*lead, "layer"), dot.reshape(*shape, depth)),
        update_norm=((*lead, "layer"), np.sqrt(np.diagonal(gram, axis1=1, axis2=2)).reshape(*shape, depth)),
        state_norm=((*lead, "state"), norms.reshape(*shape, depth + 1)),
    )


def _by_row(values: xr.DataArray, lead: Sequence[str], dims: tuple[str, ...]) -> Float:
    """(rows, ...), of rows over any dimensions."""
    ordered = values.transpose(*lead, *dims)
    rows: Float = ordered.values.reshape(-1, *(values.sizes[dim] for dim in dims))
    return rows


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
