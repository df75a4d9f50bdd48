"""Summaries of more numbers than memory holds: fed batch by batch, of one size whatever comes, and mergeable."""

from depthscope.statistics.online.moments import Moments
from depthscope.statistics.online.quantiles import Quantiles

__all__ = ["Moments", "Quantiles"]
