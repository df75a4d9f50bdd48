"""depthscope: how a transformer's computation is organised across its depth.

>>> import depthscope as ds
>>> model = ds.load("embedded")                          # doctest: +SKIP
>>> stimuli = ds.read_stimuli("builtin")                 # doctest: +SKIP
>>> traj = ds.trace(model, stimuli)                      # doctest: +SKIP
>>> h = ds.cse(traj)                                     # doctest: +SKIP
>>> res = ds.contrast(h, "metaphor", "literal")          # doctest: +SKIP
"""

import sys
from importlib import import_module
from typing import TYPE_CHECKING

from depthscope.errors import DepthscopeError
from depthscope.version import __version__

if TYPE_CHECKING:
    from depthscope.capture.own import from_states
    from depthscope.capture.patching import patch
    from depthscope.capture.text import trace_text
    from depthscope.capture.trace import trace
    from depthscope.citation import cite
    from depthscope.instrument.accessor import plot
    from depthscope.instrument.attribution import contributions, energy_by_part, shares
    from depthscope.instrument.autocorrelation import direction_autocorrelation
    from depthscope.instrument.baselines import baselines
    from depthscope.instrument.carried import carried
    from depthscope.instrument.cse import cse
    from depthscope.instrument.filters import FilterBank, filter_bank
    from depthscope.instrument.heads import cse_without_heads, head_contributions
    from depthscope.instrument.relative import energy_map, slope
    from depthscope.instrument.scalogram import scalogram
    from depthscope.instrument.surrogates import surrogate
    from depthscope.instrument.wavelets import DOG, Haar, Morlet, Paul
    from depthscope.model.load import load
    from depthscope.model.model import Model
    from depthscope.model.untrained import untrained
    from depthscope.scan.study import scan_corpus
    from depthscope.statistics.contrast import contrast
    from depthscope.statistics.power import power_curve
    from depthscope.statistics.result import Contrast
    from depthscope.stimuli.covariates import with_covariates
    from depthscope.stimuli.read import read_stimuli
    from depthscope.studies.asr.explaining import explain
    from depthscope.studies.compare.study import compare
    from depthscope.studies.contrast.curve import specification_curve
    from depthscope.studies.opened import open_run
    from depthscope.studies.sae.formats.load import load_sae
    from depthscope.studies.sae.study import train_sae
    from depthscope.studies.show.study import show

# Where each public name lives: imported when first asked for, so that nothing unused is paid for.
_HOMES = {
    "load": "depthscope.model.load",
    "Model": "depthscope.model.model",
    "read_stimuli": "depthscope.stimuli.read",
    "trace": "depthscope.capture.trace",
    "trace_text": "depthscope.capture.text",
    "from_states": "depthscope.capture.own",
    "patch": "depthscope.capture.patching",
    "carried": "depthscope.instrument.carried",
    "shares": "depthscope.instrument.attribution",
    "contributions": "depthscope.instrument.attribution",
    "energy_by_part": "depthscope.instrument.attribution",
    "head_contributions": "depthscope.instrument.heads",
    "cse_without_heads": "depthscope.instrument.heads",
    "cse": "depthscope.instrument.cse",
    "baselines": "depthscope.instrument.baselines",
    "scalogram": "depthscope.instrument.scalogram",
    "slope": "depthscope.instrument.relative",
    "direction_autocorrelation": "depthscope.instrument.autocorrelation",
    "energy_map": "depthscope.instrument.relative",
    "filter_bank": "depthscope.instrument.filters",
    "FilterBank": "depthscope.instrument.filters",
    "Morlet": "depthscope.instrument.wavelets",
    "Paul": "depthscope.instrument.wavelets",
    "DOG": "depthscope.instrument.wavelets",
    "Haar": "depthscope.instrument.wavelets",
    "surrogate": "depthscope.instrument.surrogates",
    "untrained": "depthscope.model.untrained",
    "power_curve": "depthscope.statistics.power",
    "specification_curve": "depthscope.studies.contrast.curve",
    "show": "depthscope.studies.show.study",
    "open_run": "depthscope.studies.opened",
    "with_covariates": "depthscope.stimuli.covariates",
    "explain": "depthscope.studies.asr.explaining",
    "load_sae": "depthscope.studies.sae.formats.load",
    "train_sae": "depthscope.studies.sae.study",
    "compare": "depthscope.studies.compare.study",
    "cite": "depthscope.citation",
    "plot": "depthscope.instrument.accessor",
    "scan_corpus": "depthscope.scan.study",
    "contrast": "depthscope.statistics.contrast",
    "Contrast": "depthscope.statistics.result",
}

__all__ = [
    "DOG",
    "Contrast",
    "DepthscopeError",
    "FilterBank",
    "Haar",
    "Model",
    "Morlet",
    "Paul",
    "__version__",
    "baselines",
    "carried",
    "cite",
    "compare",
    "contrast",
    "contributions",
    "cse",
    "cse_without_heads",
    "direction_autocorrelation",
    "energy_by_part",
    "energy_map",
    "explain",
    "filter_bank",
    "from_states",
    "head_contributions",
    "load",
    "load_sae",
    "open_run",
    "patch",
    "plot",
    "power_curve",
    "read_stimuli",
    "scalogram",
    "scan_corpus",
    "shares",
    "show",
    "slope",
    "specification_curve",
    "surrogate",
    "trace",
    "trace_text",
    "train_sae",
    "untrained",
    "with_covariates",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'depthscope' has no attribute {name!r}")
    try:
        value = getattr(import_module(_HOMES[name]), name)
    except ModuleNotFoundError as missing:
        lacking = import_module("depthscope.errors").without(missing)
        if lacking is None:
            raise
        raise lacking from None
    globals()[name] = value
    _register()
    return value


def _register() -> None:
    """Make ``data.depthscope`` known to xarray, if there is xarray: nobody pays for it who does not use it."""
    if "xarray" in sys.modules:
        import_module("depthscope.instrument.accessor")


def __dir__() -> list[str]:
    return sorted(__all__)


_register()
