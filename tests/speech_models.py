"""Recognisers of a few thousand random weights, for tests: they hear, and write nonsense, exactly as large ones do."""

from typing import Any

import numpy as np
import torch
from transformers import (
    MoonshineConfig,
    MoonshineForConditionalGeneration,
    Wav2Vec2FeatureExtractor,
    WhisperConfig,
    WhisperFeatureExtractor,
    WhisperForConditionalGeneration,
)

from depthscope.model.miniature import byte_tokenizer
from depthscope.model.speech import SpeechModel, accept_speech

RATE, WINDOW = 16_000, 5


def tiny_whisper(seed: int = 0, layers: int = 2) -> WhisperForConditionalGeneration:
    torch.manual_seed(seed)
    config = WhisperConfig(
        vocab_size=300, num_mel_bins=16, d_model=32, encoder_layers=2, decoder_layers=layers,
        encoder_attention_heads=4, decoder_attention_heads=4, encoder_ffn_dim=64, decoder_ffn_dim=64,
        max_source_positions=50 * WINDOW, max_target_positions=64, pad_token_id=0, bos_token_id=0, eos_token_id=1,
        decoder_start_token_id=2, suppress_tokens=None, begin_suppress_tokens=None, init_std=0.3,
    )  # fmt: skip
    network = WhisperForConditionalGeneration(config).eval()
    network.generation_config.max_length = 24
    return network


def whisper(seed: int = 0, layers: int = 2) -> SpeechModel:
    extractor = WhisperFeatureExtractor(feature_size=16, chunk_length=WINDOW)
    return accept_speech(tiny_whisper(seed, layers), byte_tokenizer(), extractor, "tiny whisper")


def moonshine(seed: int = 0) -> SpeechModel:
    torch.manual_seed(seed)
    config = MoonshineConfig(
        vocab_size=300, hidden_size=32, intermediate_size=64, encoder_num_hidden_layers=2, decoder_num_hidden_layers=2,
        encoder_num_attention_heads=4, decoder_num_attention_heads=4, max_position_embeddings=64,
        decoder_start_token_id=1, bos_token_id=1, eos_token_id=2, initializer_range=0.3,
    )  # fmt: skip
    network = MoonshineForConditionalGeneration(config).eval()
    return accept_speech(network, byte_tokenizer(), Wav2Vec2FeatureExtractor(), "tiny moonshine")


def voice(seconds: float = 2.0, seed: int = 0) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Something like speech: noise that comes and goes, four times a second."""
    time = np.arange(round(seconds * RATE)) / RATE
    noise = np.random.default_rng(seed).normal(size=len(time))
    return (0.1 * noise * np.abs(np.sin(2 * np.pi * 2 * time))).astype(np.float32)
