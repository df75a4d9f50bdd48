"""Recognisers: where they attend and when their frames are, found by behaviour."""

from typing import Any

import numpy as np
import pytest
import torch
from transformers import WhisperFeatureExtractor

import depthscope as ds
from depthscope.capture.listening import listen
from depthscope.capture.speech import transcribe
from depthscope.model.load import load_text
from depthscope.model.miniature import byte_tokenizer
from depthscope.model.speech import SpeechModel, accept_speech, hearing
from tests.speech_models import RATE, WINDOW, moonshine, tiny_whisper, voice, whisper


@pytest.fixture(scope="module", params=[whisper, moonshine], ids=["spectrogram", "waveform"])
def model(request: pytest.FixtureRequest) -> SpeechModel:
    return request.param()


def test_where_it_attends_is_found(model: SpeechModel) -> None:
    names = [[path.split(".")[-3:] for path in one.paths] for one in (model.crossed, model.own, model.hearing)]
    assert names == [
        [["layers", "0", "encoder_attn"], ["layers", "1", "encoder_attn"]],
        [["layers", "0", "self_attn"], ["layers", "1", "self_attn"]],
        [["layers", "0", "self_attn"], ["layers", "1", "self_attn"]],
    ]
    assert model.crossed.heads == (4, 4)
    assert all(path.split(".")[1] == "encoder" for path in model.hearing.paths)


def test_frames_of_a_spectrogram_are_where_its_hops_are() -> None:
    times = whisper().times
    assert times.step == pytest.approx(0.02)
    assert abs(times.first) < 0.006  # random weights see a click a little early or late
    assert times.within(1.0, 250) == 50 + (times.first < 0)
    assert times.within(100.0, 250) == 250


def test_frames_of_a_waveform_are_where_its_convolutions_are() -> None:
    times = moonshine().times
    # kernels of 127, 7 and 3 at strides of 64, 3 and 2, none of them padded: 384 samples a frame, the first centred at 447
    assert times.step == pytest.approx(384 / RATE)
    assert times.first == pytest.approx(447 / RATE, abs=0.004)


def test_a_click_moves_the_frame_at_its_time(model: SpeechModel) -> None:
    from depthscope.model.speech import _entering, _first_block, encoder_of

    at = 1.234
    noise = np.random.default_rng(5).normal(0, 1e-3, 2 * RATE).astype(np.float32)
    noise[1000] = 0.4  # the loudest moment stands still
    clicked = noise.copy()
    clicked[round(at * RATE)] += 0.4
    encoder = encoder_of(model.network)
    inside = type(model.hearing)(
        tuple(p.removeprefix("model.encoder.") for p in model.hearing.paths), model.hearing.heads
    )
    with hearing(model.network):
        before, after = (_entering(model, _first_block(encoder, inside), one) for one in (noise, clicked))
    moved = int((after - before).square().sum(-1).argmax())
    assert abs(model.times.centres(moved + 1)[moved] - at) <= model.times.step


def test_an_encoder_whose_frames_are_elsewhere_is_refused(refuses: Any) -> None:
    extractor = WhisperFeatureExtractor(feature_size=16, chunk_length=WINDOW)
    extractor.hop_length = 80  # it says so, and hops by 160 all the same
    refuses(
        lambda: accept_speech(tiny_whisper(), byte_tokenizer(), extractor, "liar"),
        "liar: clicks do not stand where the strides of its encoder say",
    )


def test_attention_is_that_which_transformers_gives(model: SpeechModel) -> None:
    (heard,) = transcribe(model, voice())
    ours: dict[str, list[torch.Tensor]] = {"crossed": [], "own": []}
    logits = listen(heard, lambda _, w: ours["crossed"].append(w.clone()), lambda _, w: ours["own"].append(w.clone()))
    with hearing(model.network), model.eager():
        name = next(iter(heard.features))
        theirs = model.network(
            **{name: heard.features[name]}, decoder_input_ids=heard.ids, output_attentions=True, use_cache=False
        )
    assert torch.allclose(logits, theirs.logits, atol=1e-5)
    for mine, their in ((ours["crossed"], theirs.cross_attentions), (ours["own"], theirs.decoder_attentions)):
        assert len(mine) == len(their) == model.depth
        assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(mine, their, strict=True))


def test_attention_is_as_it_was_afterwards(model: SpeechModel) -> None:
    before = model.network.config._attn_implementation
    hooks = [len(module._forward_hooks) for module in model.network.modules()]  # transformers may have its own
    (heard,) = transcribe(model, voice())
    listen(heard, lambda *_: None, lambda *_: None)
    assert model.network.config._attn_implementation == before == "sdpa"
    assert [len(module._forward_hooks) for module in model.network.modules()] == hooks


def test_a_recogniser_in_memory_comes_with_its_processor(refuses: Any) -> None:
    made = whisper()
    processor = type("Processor", (), {"tokenizer": made.tokenizer, "feature_extractor": made.extractor})()
    assert isinstance(ds.load(made.network, processor), SpeechModel)
    refuses(lambda: ds.load(made.network, made.tokenizer), "needs its feature extractor")


def test_what_reads_text_refuses_a_recogniser(refuses: Any) -> None:
    made = whisper()
    processor = type("Processor", (), {"tokenizer": made.tokenizer, "feature_extractor": made.extractor})()
    refuses(lambda: load_text(made.network, processor), "a speech recogniser, which reads no text")
