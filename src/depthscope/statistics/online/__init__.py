"""Summaries of more numbers than memory holds: fed batch by batch, mergeable, of a size that no number of values changes."""

from depthscope.statistics.online.moments import Moments
from depthscope.statistics.online.quantiles import Quantiles

__all__ = ["Moments", "Quantiles"]
