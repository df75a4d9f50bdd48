"""The wavelets: shape, Fourier period, cone of influence.

Source: Torrence & Compo (1998), A practical guide to wavelet analysis, BAMS 79:61, tables 1 and 2. The Haar
wavelet is added: its period by the same rule (the scale at which the power of a wave is greatest), its cone of
influence from its support.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from math import factorial, gamma, pi, sqrt
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import special

from depthscope.errors import DepthscopeError

Sampling = Literal["point", "cell"]

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(32)


class Wavelet(ABC):
    """A mother wavelet of unit energy over the dimensionless offset ``eta = (k - l) / s``.

    ``fourier_factor`` is the Fourier period of a scale of one layer; ``coi_factor`` the distance from an edge,
    in scales, within which the wavelet coefficient depends on what lies beyond the edge (for the smooth
    wavelets the e-folding distance of the edge's influence).
    """

    sampling: ClassVar[Sampling] = "point"
    coi_factor: ClassVar[float]

    @property
    @abstractmethod
    def fourier_factor(self) -> float:
        """Fourier period of the unit scale."""

    @abstractmethod
    def psi(self, eta: NDArray[np.float64]) -> NDArray[Any]:
        """Value at ``eta``."""

    def mean_over_cell(self, eta: NDArray[np.float64], width: float) -> NDArray[Any]:
        """Average of ``psi`` over ``eta - width/2 .. eta + width/2`` (Gauss-Legendre, 32 nodes)."""
        nodes = eta[..., None] + _NODES * width / 2
        averages: NDArray[Any] = self.psi(nodes) @ (_WEIGHTS / 2)
        return averages

    def taps(self, offsets: NDArray[np.float64], scale: float, sampling: Sampling | None) -> NDArray[Any]:
        """The filter at whole-layer ``offsets``, normalised to unit energy in the continuous limit.

        ``sampling="point"`` takes ``psi`` at each layer, ``"cell"`` its mean over the unit cell around it.
        """
        eta = offsets / scale
        cell = (sampling or self.sampling) == "cell"
        return (self.mean_over_cell(eta, 1 / scale) if cell else self.psi(eta)) / sqrt(scale)


@dataclass(frozen=True)
class Morlet(Wavelet):
    """Complex exponential in a Gaussian window; ``omega0`` is its number of radians per scale."""

    omega0: float = 6.0

    def __post_init__(self) -> None:
        if not self.omega0 > 0:
            raise DepthscopeError(f"a Morlet wavelet with omega0 = {self.omega0:g}: it must be positive, e.g. 6")

    @property
    def fourier_factor(self) -> float:
        return 4 * pi / (self.omega0 + sqrt(2 + self.omega0**2))

    coi_factor = sqrt(2)

    def psi(self, eta: NDArray[np.float64]) -> NDArray[Any]:
        values: NDArray[Any] = pi**-0.25 * np.exp(1j * self.omega0 * eta - eta**2 / 2)
        return values

    def __str__(self) -> str:
        return f"morlet({self.omega0:g})"


@dataclass(frozen=True)
class Paul(Wavelet):
    """Complex, sharp in depth, broad in frequency: the shortest cone of influence of the analytic wavelets."""

    order: int = 4

    def __post_init__(self) -> None:
        if self.order < 1 or self.order > 80:
            raise DepthscopeError(f"a Paul wavelet of order {self.order}: the order must be from 1 to 80, e.g. 4")

    @property
    def fourier_factor(self) -> float:
        return 4 * pi / (2 * self.order + 1)

    coi_factor = 1 / sqrt(2)

    def psi(self, eta: NDArray[np.float64]) -> NDArray[Any]:
        m = self.order
        height = 2**m * factorial(m) / sqrt(pi * factorial(2 * m))
        values: NDArray[Any] = height * 1j**m * (1 - 1j * eta) ** -(m + 1)
        return values

    def __str__(self) -> str:
        return f"paul({self.order})"


@dataclass(frozen=True)
class DOG(Wavelet):
    """Derivative of a Gaussian; real. Order 2 is the Mexican hat."""

    order: int = 2

    def __post_init__(self) -> None:
        if self.order < 1 or self.order > 80:
            raise DepthscopeError(f"a DOG wavelet of order {self.order}: the order must be from 1 to 80, e.g. 2")

    @property
    def fourier_factor(self) -> float:
        return 2 * pi / sqrt(self.order + 0.5)

    coi_factor = sqrt(2)

    def psi(self, eta: NDArray[np.float64]) -> NDArray[Any]:
        hermite = special.eval_hermitenorm(self.order, eta)
        values: NDArray[Any] = -hermite * np.exp(-(eta**2) / 2) / sqrt(gamma(self.order + 0.5))
        return values

    def __str__(self) -> str:
        return f"dog({self.order})"


@dataclass(frozen=True)
class Haar(Wavelet):
    """One step up, one step down; real, compact.

    Sampled by cell: sampled by point, its smallest scales would miss every layer.
    """

    sampling = "cell"
    coi_factor = 0.5

    @property
    def fourier_factor(self) -> float:
        # the power of a wave, s |psi^(s w)|^2 ~ sin(x)^4 / x with x = s w / 4, is greatest where tan x = 4 x
        return 2 * pi / 5.5729963013023545

    def psi(self, eta: NDArray[np.float64]) -> NDArray[Any]:
        inside = np.where(np.abs(eta) < 0.5, 1.0, np.where(np.abs(eta) == 0.5, 0.5, 0.0))
        values: NDArray[Any] = -np.sign(eta) * inside
        return values

    def mean_over_cell(self, eta: NDArray[np.float64], width: float) -> NDArray[Any]:
        def integral(x: NDArray[np.float64]) -> NDArray[np.float64]:
            return 0.5 - np.minimum(np.abs(x), 0.5)

        averages: NDArray[Any] = (integral(eta + width / 2) - integral(eta - width / 2)) / width
        return averages

    def __str__(self) -> str:
        return "haar"


_KINDS: dict[str, tuple[Callable[..., Wavelet], type]] = {
    "morlet": (Morlet, float),
    "paul": (Paul, int),
    "dog": (DOG, int),
}
_NAMED: dict[str, Wavelet] = {"haar": Haar(), "mexican-hat": DOG(2), "mexican_hat": DOG(2)}


def wavelet(choice: "str | Wavelet") -> Wavelet:
    """A wavelet from its name: ``morlet``, ``morlet(5)``, ``paul``, ``paul(4)``, ``dog(2)``, ``haar``."""
    if isinstance(choice, Wavelet):
        return choice
    name = str(choice).strip().lower()
    if name in _NAMED:
        return _NAMED[name]
    found = re.fullmatch(r"(morlet|paul|dog)(?:[-_(]?(\d+(?:\.\d+)?)\)?)?", name)
    if found is None:
        raise DepthscopeError(
            f"unknown wavelet {choice!r}: choose morlet, paul, dog or haar, with its parameter as in paul(4)"
        )
    kind, number = _KINDS[found[1]]
    if found[2] is None:
        return kind()
    if number is int and "." in found[2]:
        raise DepthscopeError(f"wavelet {choice!r}: the order of {found[1]} is a whole number, as in {found[1]}(4)")
    return kind(number(found[2]))
