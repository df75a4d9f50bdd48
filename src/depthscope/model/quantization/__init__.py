"""Weights in fewer bits: what can be asked for by name, and what is refused before any weight is read."""

from depthscope.model.quantization.config import quantization_config
from depthscope.model.quantization.naming import scheme_of
from depthscope.model.quantization.network import confirm, gradless, is_packed, settle, without_outliers
from depthscope.model.quantization.schemes import CALIBRATED, NAMES, SCHEMES, Scheme
from depthscope.model.quantization.unpacking import check_unpacking

__all__ = [
    "CALIBRATED",
    "NAMES",
    "SCHEMES",
    "Scheme",
    "check_unpacking",
    "confirm",
    "gradless",
    "is_packed",
    "quantization_config",
    "scheme_of",
    "settle",
    "without_outliers",
]
