"""Small networks of any class: small, the same every time, and of the class that was asked for."""

from typing import Any

import pytest
import torch

from depthscope.model.miniature import DEPTH, VOCABULARY, Family, byte_tokenizer, families, miniature


@pytest.fixture(scope="module")
def listed() -> list[Family]:
    return families()


def of(kind: str, listed: list[Family]) -> dict[str, list[Family]]:
    found: dict[str, list[Family]] = {}
    for family in listed:
        if family.kind == kind:
            found.setdefault(family.model_type, []).append(family)
    return found


def test_every_kind_has_its_families_and_no_family_is_listed_twice(listed: list[Family]) -> None:
    assert len(set(listed)) == len(listed)
    assert {"gpt2", "llama", "mamba"} <= set(of("decoder", listed))
    assert {"llava", "qwen2_5_vl"} <= set(of("multimodal", listed))
    assert {"bert", "roberta"} <= set(of("encoder", listed))
    assert {"t5", "bart"} <= set(of("encoder-decoder", listed))


def test_an_encoder_decoder_is_asked_for_each_of_its_stacks(listed: list[Family]) -> None:
    for name, rows in of("encoder-decoder", listed).items():
        assert [row.stack for row in rows] == ["encoder", "decoder"], name
    assert {row.stack for row in listed if row.kind == "encoder"} == {"encoder"}
    assert {row.stack for row in listed if row.kind in ("decoder", "multimodal")} == {None}


def test_speech_models_with_one_stack_are_no_encoder_decoders(listed: list[Family]) -> None:
    # transformers has them in its table of sequence-to-sequence models
    assert "qwen2_audio" in of("multimodal", listed)
    assert "qwen2_audio" not in of("encoder-decoder", listed)


def test_pictures_into_an_encoder_decoder_are_asked_for_both(listed: list[Family]) -> None:
    assert "pix2struct" in of("encoder-decoder", listed)
    assert "pix2struct" not in of("multimodal", listed)


@pytest.mark.parametrize(
    ("family", "depth"),
    [
        (Family("decoder", "llama", "LlamaForCausalLM"), "model.layers"),
        (Family("encoder", "bert", "BertForMaskedLM", "encoder"), "bert.encoder.layer"),
        (Family("encoder-decoder", "t5", "T5ForConditionalGeneration", "decoder"), "decoder.block"),
        (Family("multimodal", "llava", "LlavaForConditionalGeneration"), "model.language_model.layers"),
    ],
)
def test_it_is_small_and_of_the_class(family: Family, depth: str) -> None:
    network: Any = miniature(family)
    assert type(network).__name__ == family.class_name
    assert not network.training
    assert network.get_input_embeddings().weight.shape == (VOCABULARY, 64)
    assert len(network.get_submodule(depth)) == DEPTH
    assert sum(p.numel() for p in network.parameters()) < 5_000_000


def test_the_same_seed_gives_the_same_weights_and_leaves_the_generator_alone() -> None:
    family = Family("decoder", "gpt2", "GPT2LMHeadModel")
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    one, same, other = miniature(family), miniature(family), miniature(family, seed=1)
    assert torch.equal(torch.rand(1), expected)
    weights = [network.get_input_embeddings().weight for network in (one, same, other)]  # type: ignore[operator]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_nothing_starts_at_zero() -> None:
    # the gates of its cross-attention would
    network = miniature(Family("decoder", "mllama", "MllamaForCausalLM"))
    assert all(parameter.any() for parameter in network.parameters())


def test_an_encoder_that_is_asked_to_decode_is_a_decoder() -> None:
    network: Any = miniature(Family("decoder", "bert", "BertLMHeadModel"))
    assert network.config.is_decoder


def test_what_cannot_be_built_says_why(refuses: Any) -> None:
    with refuses("GPT2Nothing cannot be built small", "no attribute GPT2Nothing"):
        miniature(Family("decoder", "gpt2", "GPT2Nothing"))


def test_what_stays_large_is_not_built(refuses: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("depthscope.model.miniature.LARGEST", 1000)
    with refuses("GPT2LMHeadModel cannot be built small", "parameters are left"):
        miniature(Family("decoder", "gpt2", "GPT2LMHeadModel"))


def test_any_text_passes_through_the_tokenizer() -> None:
    tokenizer = byte_tokenizer()
    text = "Ein Löwe, 狮子, and a shark\n"
    ids = tokenizer(text)["input_ids"]
    assert len(ids) == len(text.encode())
    assert tokenizer.decode(ids) == text
    assert max(ids) < len(tokenizer) <= VOCABULARY
    assert tokenizer.is_fast
    assert tokenizer.pad_token_id == 0
