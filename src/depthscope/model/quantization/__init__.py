"""Weights in fewer bits: what can be asked for by name, and what is refused before any weight is read."""

from depthscope.model.quantization.config import quantization_config
from depthscope.model.quantization.naming import scheme_of
from depthscope.model.quantization.network import confirm, gradless, is_packed, settle
from depthscope.model.quantization.schemes import CALIBRATED, NAMES, SCHEMES, Scheme

__all__ = [
    "CALIBRATED",
    "NAMES",
    "SCHEMES",
    "Scheme",
    "confirm",
    "gradless",
    "is_packed",
    "quantization_config",
    "scheme_of",
    "settle",
]
