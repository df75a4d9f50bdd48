"""The filter bank: every choice of the transform as one linear map from depth to (scale, layer)."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from depthscope.arrays import (
    DEEP_ENOUGH,
    Array,
    DepthGram,
    Float,
    as_array,
    float64,
    is_torch,
    like,
    namespace,
    split_at_mean,
)
from depthscope.errors import DepthscopeError, check_choice
from depthscope.instrument.wavelets import Sampling, Wavelet, wavelet

Padding = Literal["zero", "reflect", "symmetric", "periodic", "renormalize"]
EnergyNorm = Literal["L1", "L2"]
ZeroMean = Literal["none", "filter", "signal"]

MIN_DEPTH = 4
SHORTEST = 2.0
_NUMPY_MODE = {"reflect": "reflect", "symmetric": "symmetric", "periodic": "wrap"}


@dataclass(frozen=True, eq=False, repr=False)
class FilterBank:
    """The plan of a transform over ``L`` layers at ``S`` scales.

    Attributes
    ----------
    filters : complex array (S, L, L)
        ``W(s, l) = sum_k filters[s, l, k] u_k``; padding, normalisation and mean removal are folded in.
    scale : array (S,)
        Wavelet scale, in layers.
    period : array (S,)
        Fourier period of each scale, in layers.
    coi : array (L,)
        Longest Fourier period at each layer that no edge influences, in layers.
    valid : bool array (S, L)
        Cells outside the cone of influence.
    """

    filters: NDArray[np.complex128]
    scale: Float
    period: Float
    coi: Float
    valid: NDArray[np.bool_]

    @property
    def depth(self) -> int:
        return int(self.filters.shape[1])

    def __repr__(self) -> str:
        low, high = self.period.min(), self.period.max()
        return (
            f"FilterBank({self.depth} layers, {len(self.scale)} scales, Fourier periods {low:.3g} to {high:.3g} layers)"
        )

    @cached_property
    def quadratic(self) -> tuple[Float, Float, Float]:
        """What the energy is linear in: maps from the distinct entries of the centred Gram matrix, from the
        products with the mean, and from the mean's square, (L (L + 1) / 2, S L), (L, S L) and (S L,).
        """
        rows, columns = np.triu_indices(self.depth)
        f = self.filters.reshape(-1, self.depth)
        leak = f.sum(-1)  # what the filter makes of a constant
        products = (f[:, rows] * f[:, columns].conj()).real * np.where(rows == columns, 1.0, 2.0)
        crossed = 2 * (f * leak[:, None].conj()).real
        return np.ascontiguousarray(products.T), np.ascontiguousarray(crossed.T), np.abs(leak) ** 2

    def _beside(self, reference: Array) -> tuple[Array, ...]:
        """:attr:`quadratic` and the indices of the distinct entries, where the reference is: sent to a GPU once."""
        place = str(reference.device) if is_torch(reference) else ""
        if place not in self._sent:
            constants = (*self.quadratic, *np.triu_indices(self.depth))
            self._sent[place] = tuple(like(one, reference) for one in constants)
        return self._sent[place]

    @cached_property
    def _sent(self) -> dict[str, tuple[Array, ...]]:
        return {}

    def energy(self, gram: "DepthGram | Array") -> Array:
        """Scalogram of a Gram matrix, ``E(s,l) = f(s,l)' G f(s,l)``.

        Parameters
        ----------
        gram : DepthGram, or array (..., L, L)
            Symmetric; NumPy or torch.

        Returns
        -------
        array (..., S, L), float64, >= 0
        """
        xp = namespace(gram.centred if isinstance(gram, DepthGram) else as_array(gram))
        # rounding may leave a vanishing energy a hair below zero
        return xp.clip(self.form(gram), 0.0, None)

    def random_energy(self, gram: "DepthGram | Array") -> Array:
        """The energy that random directions with the same norms have, ``E0(s,l) = sum_k |f_k(s,l)|^2 G_kk``.

        The mean over independent directions, uniform on the sphere: all products between different updates are 0 on average.
        It is what :func:`depthscope.surrogate` with ``"walk"`` gives on average, without a draw.

        Parameters
        ----------
        gram : DepthGram, or array (..., L, L)
            Of which the diagonal is read, the squared norms of the updates.

        Returns
        -------
        array (..., S, L), float64, >= 0
        """
        parts = gram if isinstance(gram, DepthGram) else split_at_mean(float64(as_array(gram)))
        xp = namespace(parts.centred)
        squares = (
            xp.linalg.diagonal(parts.centred) + 2 * parts.mean_dot + parts.mean_square[..., None]
        )  # of each update
        powers = like(self.powers, parts.centred)
        energy = xp.clip(squares, 0.0, None) @ powers
        return xp.reshape(energy, (*parts.mean_square.shape, len(self.scale), self.depth))

    @cached_property
    def powers(self) -> Float:
        """``|f_k(s,l)|^2``, (L, S L): of each update, by how much its squared norm counts in each cell."""
        return np.ascontiguousarray((np.abs(self.filters) ** 2).reshape(-1, self.depth).T)

    def form(self, gram: "DepthGram | Array") -> Array:
        """The same of any symmetric matrix: of inner products between two parts it may be negative."""
        parts = gram if isinstance(gram, DepthGram) else split_at_mean(float64(as_array(gram)))
        xp = namespace(parts.centred)
        depth = parts.centred.shape[-1]
        if depth != self.depth:
            raise DepthscopeError(f"a Gram matrix over {depth} layers meets filters for {self.depth}")
        products, crossed, square, rows, columns = self._beside(parts.centred)
        energy = parts.centred[..., rows, columns] @ products
        energy = energy + parts.mean_dot @ crossed + parts.mean_square[..., None] * square
        return xp.reshape(energy, (*parts.mean_square.shape, len(self.scale), depth))


def filter_bank(
    depth: int,
    wavelet: "str | Wavelet" = "paul(4)",
    scales: int | Sequence[float] | Float = 16,
    periods: tuple[float, float] | None = None,
    padding: Padding = "zero",
    energy_norm: EnergyNorm = "L2",
    zero_mean: ZeroMean = "none",
    sampling: Sampling | None = None,
) -> FilterBank:
    """Build the filters of a transform; the same settings give the same, cached, object.

    Parameters
    ----------
    depth : int
        Number of layers ``L``, at least 4.
    wavelet : str or Wavelet
        ``"paul(4)"``, ``"morlet(6)"``, ``"dog(2)"`` (Mexican hat), ``"haar"``, any order or omega0, or an object.
    scales : int or sequence of float
        Number of scales, geometric in Fourier period; or the wavelet scales themselves, in layers.
    periods : (low, high), optional
        Range of Fourier periods in layers, by default 2 (the shortest that layers can resolve) to L/2.
        Stated as periods, so that wavelets can be compared.
    padding : {"zero", "reflect", "symmetric", "periodic", "renormalize"}
        What is beyond the first and last layer: nothing; a mirror on the last sample; a mirror beside it;
        the other end (each extends by L layers on both sides); or nothing, with each truncated filter scaled back
        to its full energy.
    energy_norm : {"L2", "L1"}
        Filters scaled by ``s^-1/2`` (white noise has a flat spectrum, with Paul and Morlet wavelets; DOG(2) doubles it at
        its shortest scale, Haar lowers it there) or by ``s^-1`` (an oscillation of given amplitude has the same height at
        every scale).
    zero_mean : {"none", "filter", "signal"}
        A sampled wavelet is not exactly zero-mean at periods near 2 layers. Leave it; correct the filter by a
        multiple of its envelope; or take the mean over depth from the signal.
    sampling : {"point", "cell"}, optional
        Take the wavelet at each layer, or average it over the unit cell around it. Default: the wavelet's own
        (``"cell"`` for Haar, else ``"point"``).

    Raises
    ------
    DepthscopeError
        If the depth is below 4 or the scales do not fit it.
    """
    if np.ndim(scales) == 0:
        count: int | tuple[float, ...] = _count(scales)
    else:
        count = tuple(float(s) for s in np.asarray(scales).ravel())
    span = None if periods is None else (float(periods[0]), float(periods[1]))
    return _bank(depth, _as_wavelet(wavelet), count, span, padding, energy_norm, zero_mean, sampling)


_as_wavelet = wavelet


def _count(scales: Any) -> int:
    if int(scales) != scales or not 2 <= scales <= 512:
        raise DepthscopeError(f"scales={scales}: give a whole number from 2 to 512, or the scales themselves")
    return int(scales)


@lru_cache(maxsize=64)
def _bank(
    depth: int,
    shape: Wavelet,
    scales: int | tuple[float, ...],
    periods: tuple[float, float] | None,
    padding: Padding,
    energy_norm: EnergyNorm,
    zero_mean: ZeroMean,
    sampling: Sampling | None,
) -> FilterBank:
    for name, value, allowed in (
        ("padding", padding, get_args(Padding)),
        ("energy_norm", energy_norm, get_args(EnergyNorm)),
        ("zero_mean", zero_mean, get_args(ZeroMean)),
        ("sampling", sampling, (*get_args(Sampling), None)),
    ):
        check_choice(name, value, allowed)
    if depth < MIN_DEPTH:
        raise DepthscopeError(f"{depth} layers are too few for a transform along depth: at least {MIN_DEPTH}")
    scale = _scales(depth, shape, scales, periods)

    # The extended signal covers L layers on either side, so no offset exceeds 2 L - 1.
    reach = 2 * depth - 1
    offsets = np.arange(-reach, reach + 1, dtype=np.float64)
    taps = np.stack([shape.taps(offsets, s, sampling) for s in scale]).astype(np.complex128)
    if energy_norm == "L1":
        taps /= np.sqrt(scale)[:, None]
    if zero_mean == "filter":
        envelope = np.abs(taps)
        taps -= envelope * (taps.sum(1) / envelope.sum(1))[:, None]

    layers = np.arange(depth)
    filters = taps.conj()[:, reach + layers[None, :] - layers[:, None]]
    if padding in _NUMPY_MODE:
        filters = _fold(taps.conj(), depth, reach, _NUMPY_MODE[padding])
    elif padding == "renormalize":
        full = (np.abs(taps) ** 2).sum(1)[:, None]
        kept = (np.abs(filters) ** 2).sum(-1)
        filters = filters * np.sqrt(full / kept)[:, :, None]
    if zero_mean == "signal":
        filters = filters - filters.mean(-1, keepdims=True)

    edge = np.minimum(layers, depth - 1 - layers)
    return FilterBank(
        filters=filters,
        scale=scale,
        period=scale * shape.fourier_factor,
        coi=edge / shape.coi_factor * shape.fourier_factor,
        valid=edge[None, :] >= shape.coi_factor * scale[:, None],
    )


def _scales(depth: int, shape: Wavelet, scales: int | tuple[float, ...], periods: tuple[float, float] | None) -> Float:
    if isinstance(scales, tuple):
        if periods is not None:
            raise DepthscopeError("both scales and periods say which scales to use: give a count with periods")
        chosen = np.asarray(scales)
    else:
        low, high = periods or (SHORTEST, depth / 2)
        if periods is None and not low < high:
            raise DepthscopeError(
                f"{depth} layers leave no room for periods from {low:g} layers to half of the depth: the defaults need "
                f"{DEEP_ENOUGH} layers; choose a deeper model, or periods=(2, {depth}) and mask_coi=False"
            )
        if not SHORTEST <= low < high:
            raise DepthscopeError(
                f"periods {low:g} to {high:g} (default 2 to L/2, with L = {depth} layers): give a shorter and a longer "
                f"one, from {SHORTEST:g} layers, the shortest that layers can resolve"
            )
        chosen = np.geomspace(low, high, scales) / shape.fourier_factor
    if len(chosen) < 2 or not np.all(np.isfinite(chosen)) or np.any(chosen <= 0):
        raise DepthscopeError("the scales must be at least two positive, finite numbers of layers")
    if len(np.unique(chosen)) < len(chosen):
        raise DepthscopeError("two of the scales are the same: breadth over them means nothing")
    longest = float(chosen.max() * shape.fourier_factor)
    if longest > depth:
        raise DepthscopeError(
            f"a Fourier period of {longest:.3g} layers does not fit a depth of {depth}: "
            f"keep periods at or below {depth} (default: {depth / 2:g})"
        )
    return chosen


def _fold(taps: NDArray[np.complex128], depth: int, reach: int, mode: str) -> NDArray[np.complex128]:
    """Filters that act on the bare signal as the plain ones act on its extension by ``depth`` layers."""
    # np.pad needs to know which layer each position of the extension repeats: pad the layer numbers themselves
    sources = np.pad(np.arange(depth), depth, mode=mode)  # type: ignore[call-overload]
    positions = np.arange(-depth, 2 * depth)
    spread = np.zeros((len(sources), depth))
    spread[np.arange(len(sources)), sources] = 1.0
    extended = taps[:, reach + positions[None, :] - np.arange(depth)[:, None]]
    folded: NDArray[np.complex128] = extended @ spread
    return folded
