"""Encoders, decoders and both at once: the stack is chosen in words, never guessed."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import transformers as t

import depthscope as ds

SMALL = {"hidden_size": 32, "num_hidden_layers": 6, "num_attention_heads": 4, "intermediate_size": 64}
TABLE = pd.DataFrame(
    [
        ("shark", "metaphor", "The lawyer is a shark, they say."),
        ("shark", "literal", "The fish there is a shark."),
    ],
    columns=["item", "condition", "text"],
).assign(target="shark")


def bert(vocabulary: int, kind: str = "BertModel", **settings: Any) -> Any:
    torch.manual_seed(2)
    return getattr(t, kind)(t.BertConfig(vocab_size=vocabulary, **SMALL, **settings)).eval()


def t5(vocabulary: int) -> Any:
    torch.manual_seed(2)
    config = t.T5Config(
        vocab_size=vocabulary, d_model=32, d_kv=8, d_ff=64, num_layers=6, num_decoder_layers=5, num_heads=4
    )
    return t.T5ForConditionalGeneration(config).eval()


def bart(vocabulary: int) -> Any:
    torch.manual_seed(2)
    layers = {f"{part}_{what}": n for part, n in (("encoder", 6), ("decoder", 5)) for what in ("layers",)}
    heads = {f"{part}_attention_heads": 4 for part in ("encoder", "decoder")}
    config = t.BartConfig(vocab_size=vocabulary, d_model=32, encoder_ffn_dim=64, decoder_ffn_dim=64, **layers, **heads)
    return t.BartForConditionalGeneration(config).eval()


def test_an_encoder_is_refused_until_it_is_asked_for(tokenizer: Any, refuses: Any) -> None:
    with refuses("BertModel", "no decoder-only model", "before them", "stack='encoder'"):
        ds.load(bert(len(tokenizer)), tokenizer)


def test_an_encoder_gives_its_own_hidden_states(tokenizer: Any) -> None:
    network = bert(len(tokenizer))
    model = ds.load(network, tokenizer, stack="encoder")
    assert (model.path, model.depth, model.causal, model.predicts) == ("encoder.layer", 6, False, False)
    assert "not asked of an encoder" in model.checks["causal"]
    text = TABLE["text"][0]
    traj = ds.trace(model, TABLE, keep="states", progress=False)
    encoded = tokenizer(text, return_tensors="pt")
    with torch.inference_mode():
        hidden = network(encoded["input_ids"], output_hidden_states=True).hidden_states
    expected = torch.stack(hidden)[:, 0, int(traj["token_index"][0])]
    np.testing.assert_allclose(traj["states"][0], expected, atol=1e-6)


def test_an_encoder_has_no_surprisal_and_sees_what_follows(tokenizer: Any) -> None:
    table = TABLE.assign(text=["It is a shark, they say.", "It is a shark, we know."])
    encoder = ds.trace(ds.load(bert(len(tokenizer)), tokenizer, stack="encoder"), table, progress=False)
    decoder = ds.trace(
        ds.load(bert(len(tokenizer), "BertLMHeadModel", is_decoder=True), tokenizer), table, progress=False
    )
    assert np.isnan(encoder["surprisal"]).all()
    assert np.isfinite(decoder["surprisal"]).all()
    # the same text up to the target: for a decoder the same trajectory and context, for an encoder neither
    assert decoder["context"][0] == decoder["context"][1]
    np.testing.assert_allclose(decoder["gram"][0], decoder["gram"][1], rtol=1e-5, atol=1e-9)
    assert encoder["context"][0] != encoder["context"][1]
    assert np.abs(encoder["gram"][0] - encoder["gram"][1]).max() > 1e-4
    assert (bool(encoder.attrs["causal"]), bool(decoder.attrs["causal"])) == (False, True)


@pytest.mark.parametrize("build", [t5, bart])
def test_an_encoder_decoder_asks_which(build: Any, tokenizer: Any, refuses: Any) -> None:
    with refuses("encoder-decoder", "stack='encoder' or stack='decoder'"):
        ds.load(build(len(tokenizer)), tokenizer)


@pytest.mark.parametrize("build", [t5, bart])
@pytest.mark.parametrize(("stack", "depth"), [("encoder", 6), ("decoder", 5)])
def test_each_stack_of_an_encoder_decoder(build: Any, stack: Any, depth: int, tokenizer: Any) -> None:
    network = build(len(tokenizer))
    model = ds.load(network, tokenizer, stack=stack)
    assert (model.depth, model.causal) == (depth, stack == "decoder")
    traj = ds.trace(model, TABLE, keep="states", progress=False)
    part = network.get_encoder() if stack == "encoder" else network.get_decoder()
    with torch.inference_mode():
        hidden = part(tokenizer(TABLE["text"][0], return_tensors="pt")["input_ids"], output_hidden_states=True)
    expected = torch.stack(hidden.hidden_states)[:-1, 0, int(traj["token_index"][0])]
    np.testing.assert_allclose(traj["states"][0][:-1], expected, atol=1e-5)


@pytest.mark.parametrize(("stack", "depth", "predicts"), [("encoder", 6, False), ("decoder", 5, True)])
def test_stacks_of_a_checkpoint(stack: Any, depth: int, predicts: bool, tokenizer: Any, tmp_path: Path) -> None:
    bart(len(tokenizer)).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    model = ds.load(tmp_path, stack=stack)
    assert (model.depth, model.predicts) == (depth, predicts)


def test_a_checkpoint_of_an_encoder_decoder_asks_which(tokenizer: Any, tmp_path: Path, refuses: Any) -> None:
    t5(len(tokenizer)).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    with refuses(str(tmp_path), "t5 is an encoder-decoder", "--stack"):
        ds.load(tmp_path)


def test_a_checkpoint_of_an_encoder(tokenizer: Any, tmp_path: Path, refuses: Any) -> None:
    bert(len(tokenizer), "BertForMaskedLM").save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    assert ds.load(tmp_path, stack="encoder").depth == 6
    with refuses("stack='encoder'"):
        ds.load(tmp_path)


def test_an_unknown_stack_is_refused(tokenizer: Any, refuses: Any) -> None:
    with refuses("stack='both'", "encoder, decoder"):
        ds.load(bert(len(tokenizer)), tokenizer, stack="both")  # type: ignore[arg-type]


def test_the_untrained_twin_of_an_encoder_is_an_encoder(tokenizer: Any) -> None:
    twin = ds.untrained(ds.load(bert(len(tokenizer)), tokenizer, stack="encoder"))
    assert not twin.causal
    assert twin.depth == 6


def test_the_text_decoder_inside_a_model_of_images(tokenizer: Any) -> None:
    torch.manual_seed(2)
    text = t.LlamaConfig(vocab_size=len(tokenizer), num_key_value_heads=2, **SMALL)
    vision = t.CLIPVisionConfig(image_size=28, patch_size=14, **{**SMALL, "num_hidden_layers": 9})
    config = t.LlavaConfig(text_config=text, vision_config=vision, image_token_index=5)
    network = t.LlavaForConditionalGeneration(config).eval()
    model = ds.load(network, tokenizer)
    assert (model.path, model.depth, model.predicts) == ("model.language_model.layers", 6, True)
    traj = ds.trace(model, TABLE, progress=False)
    alone = t.LlamaForCausalLM(text).eval()
    alone.model.load_state_dict(network.model.language_model.state_dict())
    expected = ds.trace(ds.load(alone, tokenizer), TABLE, progress=False)
    np.testing.assert_allclose(traj["gram"], expected["gram"], rtol=1e-4, atol=1e-9)


def test_a_decoder_is_no_encoder(tiny: ds.Model, tokenizer: Any, refuses: Any) -> None:
    with refuses("leave the states of earlier ones alone", "no encoder", "--stack"):
        ds.load(tiny.network, tokenizer, stack="encoder")
