"""The settings, out of all that a specification curve has."""

from depthscope.instrument.specifications import Specification, specifications


def sixteen(depth: int) -> list[Specification]:
    """Four wavelets x edges masked or not x filters of L2 or L1."""
    common = {"periods": "2 to L/2", "padding": "zero", "signal": "update"}
    return [one for one in specifications(depth) if common.items() <= one.choices.items()]


def directed(depth: int) -> list[Specification]:
    """All settings whose signal has directions: wavelet x periods x padding x edges x signal, 90 for each norm.

    The signal is the update, its direction, or the state: the log norm of the updates has no direction. Masked Haar counts
    once, whatever the padding.
    """
    return [one for one in specifications(depth) if one.choices["signal"] != "norm"]
