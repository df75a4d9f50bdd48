"""The methods by name: the default, the paper's, and its rivals, all behind one signature."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from importlib import import_module
from typing import Any

from depthscope.capture.speech import Utterance
from depthscope.errors import DepthscopeError, check_choice, listed
from depthscope.model.speech import SpeechModel
from depthscope.studies.asr.attribution import Attribution, Method

ATTENTION, RIVALS = "depthscope.studies.asr.attention.leafx:attention_map", "depthscope.studies.asr.rivals"
# the paper's own middle; its range is 0.5 to 2
TAU = 0.5
DEFAULT = "calibrated"


@dataclass(frozen=True)
class Named:
    """One method.

    Attributes
    ----------
    about : str
        What it is, in few words.
    place : str
        ``module:function``, imported when it is asked for.
    choices : mapping
        Its settings.
    needs : callable, optional
        Model -> what else it takes of the model (its heads).
    """

    about: str
    place: str = ATTENTION
    choices: Mapping[str, Any] = field(default_factory=dict)
    needs: Callable[[SpeechModel], Mapping[str, Any]] | None = None


def _calibrated(model: SpeechModel) -> Mapping[str, Any]:
    from depthscope.studies.asr.calibration.calibrate import calibration_of

    found = calibration_of(model)
    if found is None:
        raise DepthscopeError(
            f"{model.name}: which of its heads hear the next word is not known yet: depthscope asr calibrate {model.name} "
            "finds it in seconds, or choose a method that needs no calibration (--method last-layer)"
        )
    return {"heads": found.heads}


def _alignment(model: SpeechModel) -> Mapping[str, Any]:
    found = getattr(model.network.generation_config, "alignment_heads", None)
    if not found:
        raise DepthscopeError(f"{model.name}: its makers publish no alignment heads; choose another method")
    return {"heads": tuple((int(layer), int(head)) for layer, head in found)}


METHODS: dict[str, Named] = {
    "calibrated": Named("heads that hear the next word, found by calibration", needs=_calibrated),
    "leaf-x": Named(
        "LEAF-X: entropy weights, gradient, rollout, causal weights",
        choices={"tau": TAU, "gradient": "positive", "rollout": True, "causal": True},
    ),
    "leaf-x-without-entropy": Named(
        "LEAF-X without entropy weights", choices={"gradient": "positive", "rollout": True, "causal": True}
    ),
    "leaf-x-without-gradient": Named(
        "LEAF-X without the gradient", choices={"tau": TAU, "rollout": True, "causal": True}
    ),
    "leaf-x-without-rollout": Named(
        "LEAF-X without rollout", choices={"tau": TAU, "gradient": "positive", "causal": True}
    ),
    "leaf-x-without-causal": Named(
        "LEAF-X without causal weights", choices={"tau": TAU, "gradient": "positive", "rollout": True}
    ),
    "raw": Named("mean of all heads of all layers"),
    "entropy": Named("all heads, by entropy weights", choices={"tau": TAU}),
    "rollout": Named("plain rollout through the decoder", choices={"rollout": True}),
    "last-layer": Named("mean of the heads of the last layer", choices={"layers": (-1,)}),
    "alignment-heads": Named("the heads that Whisper's makers list for timestamps", needs=_alignment),
    "occlusion": Named("log probability lost to silence, window by window (SpecMask)", f"{RIVALS}.occlusion:occlusion"),
    "gradient-input": Named("gradient times input", f"{RIVALS}.gradients:gradient_input"),
    "integrated-gradients": Named("integrated gradients from silence", f"{RIVALS}.gradients:integrated_gradients"),
    "lime": Named("LIME over segments of 100 ms", f"{RIVALS}.perturbed:lime"),
    "kernel-shap": Named("KernelSHAP over segments of 100 ms", f"{RIVALS}.perturbed:kernel_shap"),
}


def method_of(name: str, model: SpeechModel, **choices: Any) -> Method:
    """The method of that name, ready for utterances of that model.

    Parameters
    ----------
    choices
        Settings of it that are to be others: those of :class:`~depthscope.studies.asr.attention.leafx.Choices`, or of the
        rival.

    Raises
    ------
    DepthscopeError
        No such method or setting, or the model lacks what it needs.
    """
    check_choice("method", name, tuple(METHODS))
    named = METHODS[name]
    module, _, function = named.place.partition(":")
    made: Callable[..., Attribution] = getattr(import_module(module), function)
    own = {**named.choices, **(named.needs(model) if named.needs is not None else {}), **choices}
    if named.place == ATTENTION:
        own["name"] = name
    known = _settings(made)
    if strange := sorted(set(own) - known):
        raise DepthscopeError(
            f"the method {name} has no setting {strange[0]}; it has {listed(sorted(known - {'name'}), 20)}"
        )

    def apply(utterance: Utterance) -> Attribution:
        return made(utterance, **own)

    return apply


def _settings(function: Callable[..., Any]) -> set[str]:
    """Names of the keywords of a method."""
    from depthscope.studies.asr.attention.leafx import Choices, attention_map

    if function is attention_map:
        return {"name", *(one.name for one in fields(Choices))}
    return set(inspect.signature(function).parameters) - {"utterance"}


def methods_for(model: SpeechModel) -> list[str]:
    """Names of the methods that a model has what they need for."""
    found = []
    for name, named in METHODS.items():
        try:
            if named.needs is not None:
                named.needs(model)
        except DepthscopeError:
            continue
        found.append(name)
    return found
