"""Whether a network hears: sound in, text out. And which class of transformers reads such a checkpoint."""

import inspect
from typing import Any

from depthscope.errors import require

# what a network calls the sound that it is given, most usual first: a spectrogram, a waveform
SOUND = ("input_features", "input_values")


def speech_class(transformers: Any, config: Any) -> Any | None:
    """The ``AutoModel...`` that loads an encoder-decoder over sound of this configuration; None if it is none.

    By transformers' own table. Models that read sound as tokens of a language model are taken in memory only, where their
    processor comes with them.
    """
    loader = transformers.AutoModelForSpeechSeq2Seq
    whole = bool(getattr(config, "is_encoder_decoder", False))
    return loader if whole and type(config) in loader._model_mapping else None


def hears(network: Any) -> bool:
    """Whether a network takes sound and generates text: an encoder-decoder, or a language model with ears."""
    return sound_input(network) is not None and callable(getattr(network, "generate", None))


def has_ears(network: Any, processor: Any) -> bool:
    """Whether it is a language model that reads sound among its tokens, and comes with what makes a prompt of a sound."""
    asks = any(hasattr(processor, name) for name in ("apply_transcription_request", "apply_chat_template"))
    ears = getattr(processor, "feature_extractor", None) is not None
    return asks and ears and placeholder(network) is not None


def placeholder(network: Any) -> int | None:
    """The token of a language model in whose place sound is put."""
    known = (getattr(getattr(network, "config", None), name, None) for name in ("audio_token_id", "audio_token_index"))
    return next((int(value) for value in known if value is not None), None)


def sound_padding(network: Any) -> dict[str, Any]:
    """What transformers' processor for such a network asks its feature extractor for, if the network needs whole blocks."""
    from transformers.models.auto.processing_auto import PROCESSOR_MAPPING_NAMES

    processor = getattr(
        require("transformers", "models"), str(PROCESSOR_MAPPING_NAMES.get(network.config.model_type)), None
    )
    asked = getattr(processor, "audio_kwargs", None) or {}
    return {
        key: asked[key] for key in ("padding", "pad_to_multiple_of") if "pad_to_multiple_of" in asked and key in asked
    }


def sound_input(network: Any) -> str | None:
    """By which name the network takes sound."""
    main = getattr(network, "main_input_name", None)
    if main in SOUND:
        return str(main)
    known = inspect.signature(network.forward).parameters
    return next((name for name in SOUND if name in known), None)
