"""Language models with ears: shown as if the sound stood beside the text, they are what they are."""

from typing import Any

import pytest
import torch

import depthscope as ds
from depthscope.capture.listening import listen
from depthscope.capture.speech import Utterance, transcribe
from depthscope.model.ears import PROMPT, EaredModel
from depthscope.model.hearing import placeholder
from depthscope.model.miniature import Family, building_many, byte_tokenizer, miniature
from depthscope.model.speech import hearing
from depthscope.studies.asr.attention.causal import causal_effects
from depthscope.studies.asr.coverage import BEFORE, BEHIND, Asking, extractor
from tests.speech_models import voice

CLASSES = {"voxtral": "VoxtralForConditionalGeneration", "qwen2_audio": "Qwen2AudioForConditionalGeneration"}


@pytest.fixture(scope="module", params=list(CLASSES))
def heard(request: pytest.FixtureRequest) -> Utterance:
    with building_many():
        network = miniature(Family("multimodal", request.param, CLASSES[request.param]))
        model = ds.load(network, Asking(network, byte_tokenizer(), extractor(request.param, network)))
    assert isinstance(model, EaredModel)
    (found,) = transcribe(model, voice())
    return found


def whole(heard: Utterance) -> tuple[torch.Tensor, list[int], list[int]]:
    """All that the language model reads; where the text is in it, where the sound."""
    prompt = heard.features[PROMPT][0].tolist()
    ids = [*prompt, *heard.ids[0, len(BEFORE) + len(BEHIND) :].tolist()]
    sound = [k for k, token in enumerate(ids) if token == placeholder(heard.model.network)]
    return torch.tensor([ids]), [k for k in range(len(ids)) if k not in sound], sound


def theirs(heard: Utterance) -> Any:
    """The network's own answer to everything in one piece."""
    model = heard.model
    ids, _, _ = whole(heard)
    network: Any = model.network
    with hearing(network), model.eager():
        return network(**{**heard.features, PROMPT: ids}, output_attentions=True, use_cache=False)


def test_it_says_what_it_says_of_everything_in_one_piece(heard: Utterance) -> None:
    _, text, _ = whole(heard)
    with hearing(heard.model.network):
        assert torch.allclose(heard.decode(), theirs(heard).logits[:, text], atol=1e-5)
    assert heard.ids[0, : len(BEFORE) + len(BEHIND)].tolist() == [*BEFORE, *BEHIND]


def test_what_it_wrote_follows_from_what_it_heard(heard: Utterance) -> None:
    with hearing(heard.model.network):
        logits = heard.decode()
        assert logits[0, heard.predicting].argmax(-1).tolist() == heard.targets.tolist()
        name = next(iter(heard.features))
        deaf = heard.decode(heard.encode(torch.zeros_like(heard.features[name])))
    assert (logits - deaf).abs().max() > 1e-3


def test_its_attention_is_parted_between_sound_and_text(heard: Utterance) -> None:
    _, text, sound = whole(heard)
    ours: list[list[torch.Tensor]] = [[], []]
    listen(heard, lambda _, w: ours[0].append(w.clone()), lambda _, w: ours[1].append(w.clone()))
    assert len(ours[0]) == len(ours[1]) == heard.model.depth
    for layer, weights in enumerate(theirs(heard).attentions):
        rows = weights[:, :, text]
        for found, columns in zip((ours[0][layer], ours[1][layer]), (sound, text), strict=True):
            part = rows[..., columns]
            share = part.sum(-1, keepdim=True)
            assert torch.allclose(found * share, part, atol=1e-6)
            assert torch.allclose(found.sum(-1), torch.ones(()), atol=1e-5)
    # before the sound nothing is heard, and nowhere is as good as anywhere
    assert torch.allclose(ours[0][0][:, :, 0], torch.tensor(1 / len(sound)))


def test_a_text_of_ones_own_is_explained(heard: Utterance) -> None:
    (other,) = transcribe(heard.model, voice(), text="two words")
    assert (other.text, len(other.positions)) == ("two words", 9)


def test_what_needs_an_attention_to_sound_alone_is_refused(heard: Utterance, refuses: Any) -> None:
    refuses(lambda: causal_effects(heard), "one attention goes to the sound and to the text")
    refuses(lambda: listen(heard, lambda *_: None, gradients=True), "gradients")


def test_a_processor_without_a_place_for_the_sound_is_refused(heard: Utterance, refuses: Any) -> None:
    class Deaf(Asking):
        def apply_transcription_request(self, audio: Any) -> dict[str, torch.Tensor]:
            return {**super().apply_transcription_request(audio), "input_ids": torch.tensor([[1, 2, 3]])}

    network = heard.model.network
    refuses(
        lambda: ds.load(network, Deaf(network, byte_tokenizer(), heard.model.extractor)),
        "no place for it among the tokens",
    )
