"""Every model of the registry knows English. Run where it is in the cache; DEPTHSCOPE_FETCH=1 fetches what is missing."""

import os
import random
from typing import Any

import numpy as np
import pytest
import torch

from depthscope.model.load import load
from depthscope.model.model import Model
from depthscope.model.pretrained import fetch
from depthscope.model.pretrained.entry import Pretrained
from depthscope.model.pretrained.registry import MODELS
from depthscope.model.pretrained.shelf import state

SENTENCE = "The old man walked slowly down to the river, sat on the bank and watched the boats go by until it was dark."
LIKE, ALIKE, UNLIKE = (
    "A man is playing a guitar on the street.",
    "Someone performs music with a string instrument outside.",
    "The stock market fell sharply on Monday.",
)


def kind(name: str) -> Any:
    return pytest.mark.parametrize("entry", [e for e in MODELS if e.kind == name], ids=lambda e: e.name)


@pytest.fixture
def here(entry: Pretrained) -> Pretrained:
    if state(entry) == "not fetched":
        if os.environ.get("DEPTHSCOPE_FETCH") != "1":
            pytest.skip(f"{entry.name} is not in the cache: depthscope models get {entry.name}, or DEPTHSCOPE_FETCH=1")
        fetch(entry.name, progress=False)
    return entry


def shuffled(text: str) -> str:
    words = text.split()
    random.Random(0).shuffle(words)
    return " ".join(words)


def perplexity(logits: torch.Tensor, ids: torch.Tensor) -> float:
    return float(torch.nn.functional.cross_entropy(logits[:-1].double(), ids[1:]).exp())


def check_size(model: Model, entry: Pretrained) -> None:
    assert (model.depth, model.network.config.hidden_size) == (entry.layers, entry.width)
    assert sum(p.numel() for p in model.network.parameters()) == entry.parameters


@pytest.mark.models
@kind("causal")
def test_english_is_far_likelier_than_its_words_shuffled(here: Pretrained) -> None:
    model = load(here.name)
    check_size(model, here)

    def of(text: str) -> float:
        ids = model.tokenizer(text, return_tensors="pt")["input_ids"]
        with torch.inference_mode():
            return perplexity(model.network(ids).logits[0], ids[0])

    plain = of(SENTENCE)
    assert plain < 40
    assert of(shuffled(SENTENCE)) > 20 * plain


@pytest.mark.models
@kind("encoder")
def test_a_paraphrase_is_nearer_than_another_sentence(here: Pretrained) -> None:
    model = load(here.name, stack="encoder")
    check_size(model, here)
    batch = model.tokenizer([LIKE, ALIKE, UNLIKE], padding=True, return_tensors="pt")
    with torch.inference_mode():
        states = model.network(**batch).last_hidden_state
    mask = batch["attention_mask"][..., None]
    means = torch.nn.functional.normalize((states * mask).sum(1) / mask.sum(1), dim=-1)
    cosines = means @ means.T
    assert cosines[0, 1] > 0.4
    assert max(cosines[0, 2], cosines[1, 2]) < 0.2


@pytest.mark.models
@kind("speech")
def test_a_recogniser_expects_english_sentences(here: Pretrained) -> None:
    import transformers

    folder = fetch(here.name, progress=False)
    network = transformers.AutoModelForSpeechSeq2Seq.from_pretrained(folder).eval()
    processor = transformers.AutoProcessor.from_pretrained(folder)
    assert (len(network.get_encoder().layers), network.config.hidden_size) == (here.layers, here.width)
    assert sum(p.numel() for p in network.parameters()) == here.parameters
    control = network.generation_config
    if getattr(control, "is_multilingual", False):
        processor.tokenizer.set_prefix_tokens(language="english", task="transcribe")
    silence = processor(np.zeros(16_000, np.float32), sampling_rate=16_000, return_tensors="pt")
    said = processor.batch_decode(network.generate(**silence, max_new_tokens=20), skip_special_tokens=True)[0]
    assert len(said) < 30  # it makes up no story

    def of(text: str) -> float:
        ids = processor.tokenizer(f" {text}", return_tensors="pt")["input_ids"]
        start = getattr(control, "no_timestamps_token_id", control.decoder_start_token_id)
        first = int((ids[0] == start).nonzero()[0, 0])
        with torch.inference_mode():
            logits = network(**silence, decoder_input_ids=ids).logits[0]
        return perplexity(logits[first:], ids[0, first:])

    assert of(shuffled(SENTENCE)) > 8 * of(SENTENCE)  # the wrong words for silence, but in the right order
