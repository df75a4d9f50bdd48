"""Simpler measures of the same trajectory, layer by layer: what conditional scale entropy has to be more than."""

from typing import Any

import numpy as np
import xarray as xr

from depthscope.arrays import Array, Float, namespace
from depthscope.errors import DepthscopeError
from depthscope.instrument.inputs import check_traced, measurable, row_dims

# what each is called where it is reported or drawn, and its unit
MEASURES = {
    "update_norm": ("log norm of the update", "ln units of the stream"),
    "cosine": ("cosine of consecutive updates", "1"),
    "curvature": ("log curvature", "ln (rad / unit of the stream)"),
    "participation": ("participation ratio of the update", "share of the width"),
    "lens_entropy": ("logit-lens entropy", "bits"),
}
# from a Gram matrix in float64, smaller angles cannot be told from a straight line
STRAIGHT = 1e-7


def baselines(traj: xr.Dataset) -> xr.Dataset:
    """Five measures of each update, none of which looks further than one layer back.

    Parameters
    ----------
    traj : Dataset from ``trace``

    Returns
    -------
    Dataset (item, condition, layer), or (stimulus, layer) where rows do not say which they are; float64, with the
    coordinates that :func:`depthscope.cse` gives.
        ``update_norm``: ``ln |u_l|``. NaN for an update of exactly zero.

        ``cosine``: ``<u_(l-1), u_l> / (|u_(l-1)| |u_l|)``, -1 to 1. NaN at layer 1.

        ``curvature``: ``ln (theta / m)``, where the states are the corners of a curve of straight pieces, ``theta`` is the
        angle by which it turns at state l - 1, ``arccos(cosine)`` in radians, and ``m = (|u_(l-1)| + |u_l|) / 2`` the length
        that belongs to that corner. NaN at layer 1 and where the curve does not turn.

        ``participation``: ``(sum_i u_i^2)^2 / (d sum_i u_i^4)`` over the d coordinates of the update, 1/d (one coordinate
        holds it all) to 1 (all alike); about 1/3 for Gaussian coordinates. As a share of the width, so that networks
        compare.

        ``lens_entropy``: bits, 0 to log2 of the vocabulary, of the distribution that the model's own final norm and head
        give to the state after layer l; only with ``trace(..., lens=True)``.

        Measures that the trace does not hold are left out.

    Raises
    ------
    DepthscopeError
        NaN or infinity in the updates; no Gram matrices; participation without the attribute ``width``.

    Notes
    -----
    Logarithms where a measure is a length or its inverse: these grow by orders of magnitude along depth and are skewed
    over texts, conditions differ in them by factors, and a change of units is a constant that cancels in every paired
    difference. Under ``u -> c u``, ``update_norm`` shifts by ``ln c`` and ``curvature`` by ``-ln c``, the same for all texts;
    ``cosine`` and ``participation`` do not change. The angle alone would be the cosine again. Under rotation of the stream
    the first three do not change; participation belongs to the network's own coordinates, lens entropy to its own head.

    References
    ----------
    Curvature of a curve of straight pieces, turning angle over length: Crane & Wardetzky (2017), Notices AMS 64:1153.
    Angle between the steps of a trajectory: Henaff, Goris & Simoncelli (2019), Nat Neurosci 22:984. Participation
    ratio: Bell & Dean (1970), Discuss Faraday Soc 50:55. Logit lens: nostalgebraist (2020), "interpreting GPT".

    Examples
    --------
    >>> simple = ds.baselines(traj)                          # doctest: +SKIP
    >>> ds.contrast(simple["cosine"], "metaphor", "literal") # doctest: +SKIP
    """
    # the Gram matrix as it was stored: taken apart at its mean and put together again it would lose digits
    check_traced(traj, "baselines")
    source, lead = measurable(traj, "update", None), row_dims(traj)
    gram = traj["gram"].transpose(*lead, "layer", "other_layer").values.astype(np.float64)
    values = from_gram(gram)
    for name in ("participation", "lens_entropy"):
        if name in traj:
            values[name] = traj[name].transpose(*lead, "layer").values.astype(np.float64)
    if "participation" in values:
        values["participation"] = values["participation"] / _width(traj)
    return xr.Dataset(
        {name: _labelled(source.wrap, column, name, source.layer_coords()) for name, column in values.items()}
    )


def from_gram(gram: Float) -> dict[str, Float]:
    """``update_norm``, ``cosine`` and ``curvature`` (..., L) from ``<u_k, u_l>`` (..., L, L)."""
    length = np.sqrt(np.maximum(np.diagonal(gram, axis1=-2, axis2=-1), 0.0))
    cosine = consecutive_cosine(np.diagonal(gram, offset=1, axis1=-2, axis2=-1), length)
    angle = np.arccos(cosine)
    mean = (length[..., :-1] + length[..., 1:]) / 2
    turned = angle > STRAIGHT
    curvature = _log(np.divide(angle, mean, out=np.zeros_like(mean), where=turned & (mean > 0)))
    return {"update_norm": _log(length), "cosine": from_second(cosine), "curvature": from_second(curvature)}


def consecutive_cosine(dot: Array, length: Array) -> Array:
    """Cosine of each update with the one before it, (..., L - 1), -1 to 1, from ``<u_(l-1), u_l>`` (..., L - 1) and ``|u_l|``
    (..., L), NumPy or torch; NaN beside an update of zero.
    """
    xp = namespace(dot)
    product = length[..., :-1] * length[..., 1:]
    some = product > 0
    cosine = dot / xp.where(some, product, xp.ones_like(product))
    return xp.where(some, xp.clip(cosine, -1.0, 1.0), xp.full_like(cosine, xp.nan))


def _log(values: Float) -> Float:
    """NaN, not minus infinity, for what is zero: no mean or test could hold it."""
    return np.log(values, out=np.full_like(values, np.nan), where=values > 0)


def from_second(values: Array) -> Array:
    """What needs two updates does not exist at layer 1: NaN before the others."""
    xp = namespace(values)
    return xp.concat([xp.full_like(values[..., :1], xp.nan), values], axis=-1)


def _labelled(wrap: Any, values: Float, name: str, coords: dict[str, Any]) -> xr.DataArray:
    labelled: xr.DataArray = wrap(values, ("layer",), coords)
    long_name, units = MEASURES[name]
    return labelled.rename(name).assign_attrs(long_name=long_name, units=units)


def _width(traj: xr.Dataset) -> int:
    if "width" not in traj.attrs:
        raise DepthscopeError(
            "the trajectories do not say how wide the model is (attribute width), of which participation is a share: "
            "trace again"
        )
    return int(traj.attrs["width"])
