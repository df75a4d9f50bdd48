"""The seven settings of a wavelet transform along depth, once: what :func:`depthscope.cse` and its kind have in common."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from depthscope.arrays import Float
from depthscope.instrument.filters import EnergyNorm, FilterBank, Padding, ZeroMean, filter_bank
from depthscope.instrument.labels import origin_of
from depthscope.instrument.wavelets import Sampling, Wavelet
from depthscope.instrument.wavelets import wavelet as as_wavelet


@dataclass(frozen=True)
class Transform:
    """How the wavelet transform is done: see :func:`depthscope.filter_bank`, whose keywords these are.

    The public functions take them one by one, with the same defaults; a test holds them to these.
    """

    wavelet: str | Wavelet = "paul(4)"
    scales: int | Sequence[float] | Float = 16
    periods: tuple[float, float] | None = None
    padding: Padding = "zero"
    energy_norm: EnergyNorm = "L2"
    zero_mean: ZeroMean = "none"
    sampling: Sampling | None = None

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> "Transform":
        """From options of :func:`depthscope.cse`, of which the others are left alone."""
        return cls(**{name: options[name] for name in TRANSFORM if name in options})

    def bank(self, depth: int) -> FilterBank:
        """The filters over so many layers."""
        return filter_bank(
            depth,
            self.wavelet,
            self.scales,
            self.periods,
            self.padding,
            self.energy_norm,
            self.zero_mean,
            self.sampling,
        )

    def attributes(self, data: Any, bank: FilterBank, signal: str) -> dict[str, str | int]:
        """What a result carries, so that it says how it came about: the model, if ``data`` knows it, and these settings."""
        chosen = as_wavelet(self.wavelet)
        return {
            **origin_of(data),
            "signal": signal,
            "wavelet": str(chosen),
            "scales": len(bank.scale),
            "periods": f"{bank.period.min():.6g} to {bank.period.max():.6g} layers",
            "padding": self.padding,
            "energy_norm": self.energy_norm,
            "zero_mean": self.zero_mean,
            "sampling": self.sampling or chosen.sampling,
        }


TRANSFORM = tuple(Transform.__dataclass_fields__)
