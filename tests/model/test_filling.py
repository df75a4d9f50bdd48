"""No weight is random, and none is left over that belongs to what is measured."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import transformers

import depthscope as ds
from tests.model.saved import SIZES, WEIGHTS, change, configure, save, tensors, vocabulary, without

TABLE = pd.DataFrame(
    [("shark", "a", "The lawyer is a shark."), ("shark", "b", "The fish over there is a shark.")],
    columns=["item", "condition", "text"],
).assign(target="shark")


def bert(folder: Path, kind: str) -> None:
    sizes = {key: value for key, value in SIZES.items() if key != "num_key_value_heads"}
    save(folder, getattr(transformers, kind), transformers.BertConfig(vocab_size=vocabulary(), **sizes))


def measured(folder: Path, **options: Any) -> Any:
    return ds.trace(ds.load(folder, **options), TABLE, progress=False)


def test_a_whole_checkpoint_is_said_to_be_whole_and_gives_the_same_numbers_twice(stored: Path) -> None:
    model = ds.load(stored)
    assert model.checks["weights"] == f"all of LlamaForCausalLM from {WEIGHTS}"
    first, second = measured(stored), measured(stored)
    np.testing.assert_array_equal(first["gram"], second["gram"])
    np.testing.assert_array_equal(first["surprisal"], second["surprisal"])


@pytest.mark.parametrize(
    "part",
    [
        *(
            "layers.2.mlp.up_proj",
            "layers.4.",
            "input_layernorm",
            "post_attention_layernorm.weight",
            "self_attn.k_proj",
        ),
        *("embed_tokens", "model.norm", "model."),
    ],
)
def test_weights_that_lack_are_not_drawn_at_random(part: str, copied: Path, refuses: Any) -> None:
    change(copied, without(part))
    with refuses(str(copied), f"{WEIGHTS} lacks weights", part.strip("."), "would be random", "(network, tokenizer)"):
        ds.load(copied)


WEIGHT = "model.layers.2.self_attn.q_proj.weight"


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (torch.int8, "whole numbers (I8)"),
        (torch.bool, "whole numbers (BOOL)"),
        (torch.float8_e4m3fn, "packed numbers (F8_E4M3)"),
        (torch.float8_e5m2, "packed numbers (F8_E5M2)"),
        (torch.complex64, "packed numbers (C64)"),
    ],
)
@pytest.mark.parametrize("prefix", ["model.", ""])
def test_packed_numbers_without_a_scheme_are_no_weights(
    kind: torch.dtype, said: str, prefix: str, copied: Path, refuses: Any
) -> None:
    weights = {key.replace("model.", prefix): value for key, value in tensors(copied).items()}
    key = WEIGHT.replace("model.", prefix)
    change(copied, lambda _: {**weights, key: (100 * weights[key]).to(kind)})
    with refuses(f"{key} holds {said}", "no quantisation"):
        ds.load(copied)


def test_packing_them_again_does_not_make_them_weights(copied: Path, refuses: Any) -> None:
    change(copied, lambda stored: {**stored, WEIGHT: (stored[WEIGHT] * 127).round().to(torch.int8)})
    with refuses("whole numbers (I8)"):
        ds.load(copied, quantization="torchao-int8")
    weights = tensors(copied)
    (copied / WEIGHTS).unlink()
    torch.save(weights, copied / "pytorch_model.bin")
    with refuses("whole numbers (int8)"):
        ds.load(copied, allow_pickle=True)


@pytest.mark.parametrize(
    "leaf", ["weight_scale", "weight_scale_inv", "weight.absmax", "scales", "zeros", "qweight", "SCB"]
)
def test_scales_without_a_scheme_are_refused_as_such(leaf: str, copied: Path, refuses: Any) -> None:
    change(copied, lambda stored: {**stored, f"model.layers.2.self_attn.q_proj.{leaf}": torch.ones(4)})
    with refuses(f"packed (model.layers.2.self_attn.q_proj.{leaf})", "no quantisation that says how to unpack them"):
        ds.load(copied)


def test_no_weights_at_all_are_no_model(copied: Path, refuses: Any) -> None:
    change(copied, lambda stored: {})
    with refuses("lacks weights", "model.layers.0"):
        ds.load(copied)


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "base_model.model.", "network."])
def test_names_with_a_foreign_prefix_are_not_passed_over(prefix: str, copied: Path, refuses: Any) -> None:
    change(copied, lambda stored: {prefix + key: value for key, value in stored.items()})
    with refuses(f"{prefix}lm_head.weight", "no place"):
        ds.load(copied)


def test_a_prefix_that_transformers_adds_itself_changes_nothing(copied: Path) -> None:
    whole = measured(copied)
    change(copied, lambda stored: {key.removeprefix("model."): value for key, value in stored.items()})
    np.testing.assert_array_equal(measured(copied)["gram"], whole["gram"])


def test_the_same_tensor_under_two_names_is_refused(copied: Path, refuses: Any) -> None:
    change(copied, lambda s: {**s, **{key.removeprefix("model."): value + 1 for key, value in s.items()}})
    with refuses("twice", "'model'"):
        ds.load(copied)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"num_hidden_layers": 7}, ("lacks weights", "model.layers.5.")),
        ({"num_hidden_layers": 4}, ("no place", "model.layers.4.")),
        ({"vocab_size": 100}, ("other shapes", "not 100x32")),
        ({"hidden_size": 64}, ("other shapes", "x64")),
        ({"intermediate_size": 64}, ("other shapes", "not 32x64")),
        ({"num_key_value_heads": 1}, ("other shapes", "k_proj")),
        ({"attention_bias": True}, ("lacks weights", "q_proj.bias")),
        ({"mlp_bias": True}, ("lacks weights", "down_proj.bias")),
    ],
)
def test_a_configuration_of_another_network_is_refused(
    values: dict[str, Any], said: tuple[str, ...], copied: Path, refuses: Any
) -> None:
    configure(copied, **values)
    with refuses(str(copied), *said):
        ds.load(copied)


@pytest.mark.parametrize(
    "key",
    [
        *(
            "model.layers.0.self_attn.q_proj.bias",
            "model.layers.3.mlp.down_proj.bias",
            "model.layers.1.self_attn.q_norm.weight",
        ),
        *(
            "model.norm.bias",
            "lm_head.bias",
            "model.embed_positions.weight",
            "model.embed_tokens.lora_A",
            "anything.weight",
        ),
        *(f"model.layers.0.{name}" for name in ("self_attn.q_proj.lora_A.weight", "layer_scale", "self_attn.rel_bias")),
        # heads stand outside the trunk, and what "value" means is seen by the whole word
        *(f"model.{name}" for name in ("value_embeds.weight", "score.weight", "logit_scale", "lm_head_norm.weight")),
        *("value_embeds.weight", "value.weight", "embed_scale", "values_proj.weight", "backbone_norm.weight"),
    ],
)
def test_weights_that_belong_to_the_stream_are_not_passed_over(key: str, copied: Path, refuses: Any) -> None:
    change(copied, lambda stored: {**stored, key: torch.ones(32)})
    with refuses(str(copied), key, "no place"):
        ds.load(copied)


def test_what_stands_aside_is_passed_over_and_said(copied: Path) -> None:
    whole = measured(copied)
    more = ("score.weight", "model.vision_tower.layers.0.weight", "mtp.layers.0.weight", "v_head.summary.weight")
    old = ("model.layers.0.self_attn.rotary_emb.inv_freq", "model.layers.1.self_attn.rotary_emb.inv_freq")
    change(copied, lambda stored: {**stored, **dict.fromkeys((*more, *old), torch.ones(8))})
    model = ds.load(copied)
    assert "of no use here: model.vision_tower.layers.0.weight, mtp.layers.0.weight" in model.checks["weights"]
    assert "inv_freq" not in model.checks["weights"]
    np.testing.assert_array_equal(ds.trace(model, TABLE, progress=False)["gram"], whole["gram"])


@pytest.mark.parametrize(
    "key",
    [
        *("logit_scale", "final_logits_bias", "logits_bias", "lm_head_norm.weight", "head_norm.bias", "lm_scale"),
        *("embed_out.weight", "output.weight", "cls.predictions.bias", "generator.weight"),
    ],
)
def test_what_would_change_the_logits_costs_the_surprisal(key: str, copied: Path) -> None:
    change(copied, lambda stored: {**stored, key: torch.full((8,), 2.0)})
    model = ds.load(copied)
    assert not model.predicts
    assert model.checks["head"] == (
        f"no surprisal: {WEIGHTS} holds {key}, which LlamaForCausalLM does not read, so the logits would be others"
    )


def test_a_head_for_another_task_costs_it_only_where_there_is_no_other(copied: Path, tmp_path: Path) -> None:
    heads = ("score.weight", "v_head.summary.weight", "value_head.weight", "qa_outputs.bias", "pre_classifier.weight")
    change(copied, lambda stored: {**stored, **dict.fromkeys(heads, torch.ones(8))})
    assert ds.load(copied).predicts
    tied = transformers.LlamaConfig(vocab_size=vocabulary(), pad_token_id=0, tie_word_embeddings=True, **SIZES)
    save(tmp_path / "tied", transformers.LlamaForSequenceClassification, tied)
    assert "holds score.weight" in ds.load(tmp_path / "tied").checks["head"]
    change(tmp_path / "tied", lambda s: {"v_head.weight" if key == "score.weight" else key: s[key] for key in s})
    assert ds.load(tmp_path / "tied").predicts


def test_a_bias_of_zeros_adds_nothing(copied: Path) -> None:
    whole = measured(copied)
    change(copied, lambda stored: {**stored, "model.layers.0.self_attn.q_proj.bias": torch.zeros(32)})
    np.testing.assert_array_equal(measured(copied)["gram"], whole["gram"])


@pytest.mark.parametrize("window", [16, 12])
def test_masks_that_older_releases_saved_pass_if_they_are_those_of_the_network(
    window: int, tmp_path: Path, refuses: Any
) -> None:
    kinds = [[["global", "local"], 2]]
    sizes = {
        "hidden_size": 32,
        "num_layers": 4,
        "num_heads": 4,
        "attention_types": kinds,
        "max_position_embeddings": 64,
    }
    config = transformers.GPTNeoConfig(vocab_size=vocabulary(), window_size=16, **sizes)
    save(tmp_path / "neo", transformers.GPTNeoForCausalLM, config)
    mask = torch.ones(1, 1, 64, 64, dtype=torch.uint8).tril()
    masks = {i: mask - mask.tril(-window) if i % 2 else mask for i in range(4)}
    change(
        tmp_path / "neo",
        lambda s: s | {f"transformer.h.{i}.attn.attention.bias": one for i, one in masks.items()},
    )
    if window == 16:
        assert ds.load(tmp_path / "neo").predicts
    else:
        with refuses("transformer.h.1.attn.attention.bias, transformer.h.3.attn.attention.bias", "no place"):
            ds.load(tmp_path / "neo")


def test_a_headless_checkpoint_has_no_surprisal_and_the_right_states(copied: Path) -> None:
    whole = measured(copied)
    change(copied, without("lm_head"))
    model, again = ds.load(copied), ds.load(copied)
    assert not model.predicts
    assert model.checks["head"] == f"no surprisal: {WEIGHTS} holds no lm_head.weight, so the head is untrained"
    assert model.fingerprint == again.fingerprint  # a run can be continued
    traj = ds.trace(model, TABLE, progress=False)
    assert "surprisal" not in traj or bool(traj["surprisal"].isnull().all())
    np.testing.assert_array_equal(traj["gram"], whole["gram"])
    network: Any = model.network
    assert bool(network.lm_head.weight.isnan().all())  # whoever reads it all the same sees it


def test_a_classifier_of_texts_has_no_surprisal_either(tmp_path: Path) -> None:
    config = transformers.LlamaConfig(vocab_size=vocabulary(), pad_token_id=0, **SIZES)
    save(tmp_path, transformers.LlamaForSequenceClassification, config)
    model = ds.load(tmp_path)
    assert not model.predicts
    assert "score.weight" in model.checks["weights"]


def test_a_tied_head_is_not_missing(tmp_path: Path) -> None:
    config = transformers.LlamaConfig(vocab_size=vocabulary(), tie_word_embeddings=True, **SIZES)
    network = save(tmp_path, transformers.LlamaForCausalLM, config)
    assert "lm_head.weight" not in tensors(tmp_path)
    model = ds.load(tmp_path)
    assert model.predicts
    ids = torch.arange(9)[None]
    with torch.inference_mode():
        assert torch.equal(model.network(ids).logits, network(ids).logits)


def test_two_matrices_in_the_file_are_two_whatever_the_configuration_says(copied: Path) -> None:
    ids = torch.arange(9)[None]
    with torch.inference_mode():
        logits = ds.load(copied).network(ids).logits
        configure(copied, tie_word_embeddings=True)
        model = ds.load(copied)
        assert torch.equal(model.network(ids).logits, logits)
    assert "the head is the file's own" in model.checks["weights"]


def test_tied_embeddings_that_lack_on_both_ends_are_refused(tmp_path: Path, refuses: Any) -> None:
    config = transformers.LlamaConfig(vocab_size=vocabulary(), tie_word_embeddings=True, **SIZES)
    save(tmp_path, transformers.LlamaForCausalLM, config)
    change(tmp_path, without("embed_tokens"))
    with refuses("lacks weights", "embed_tokens"):
        ds.load(tmp_path)


@pytest.mark.parametrize(
    "part", ["experts.0.up_proj", "experts.3.down_proj", "layers.1.mlp.experts.2.", "mlp.gate.weight"]
)
def test_one_expert_that_lacks_is_enough(part: str, tmp_path: Path, refuses: Any) -> None:
    sizes = {**SIZES, "moe_intermediate_size": 16, "num_experts": 4, "num_experts_per_tok": 2}
    config = transformers.Qwen3MoeConfig(vocab_size=vocabulary(), head_dim=8, **sizes)
    save(tmp_path, transformers.Qwen3MoeForCausalLM, config)
    assert ds.load(tmp_path).depth == 5
    change(tmp_path, without(part))
    with refuses(str(tmp_path), "weights"):
        ds.load(tmp_path)


def test_an_encoder_needs_no_pooler_and_no_head(tmp_path: Path) -> None:
    bert(tmp_path, "BertForMaskedLM")
    model, again = (ds.load(tmp_path, stack="encoder") for _ in range(2))
    assert "read by nothing that is measured: pooler.dense.bias, pooler.dense.weight" in model.checks["weights"]
    assert "of no use here: cls.predictions" in model.checks["weights"]
    assert model.fingerprint == again.fingerprint
    a, b = (ds.trace(one, TABLE, progress=False)["gram"] for one in (model, again))
    np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("part", ["position_embeddings", "embeddings.LayerNorm", "layer.3.output.dense.bias"])
def test_an_encoder_needs_the_rest(part: str, tmp_path: Path, refuses: Any) -> None:
    bert(tmp_path, "BertForSequenceClassification")
    change(tmp_path, without(part))
    with refuses("lacks weights", part):
        ds.load(tmp_path, stack="encoder")


def test_blocks_that_are_left_over_are_seen_under_any_prefix(tmp_path: Path, refuses: Any) -> None:
    bert(tmp_path, "BertForSequenceClassification")
    configure(tmp_path, num_hidden_layers=4)
    with refuses("bert.encoder.layer.4", "no place"):
        ds.load(tmp_path, stack="encoder")


def seq2seq(folder: Path, kind: str) -> Any:
    sides = {f"{side}_{name}": value for side in ("encoder", "decoder") for name, value in _SIDE.items()}
    config = getattr(transformers, f"{kind}Config")(
        vocab_size=vocabulary(), d_model=32, max_position_embeddings=64, pad_token_id=0, **sides
    )
    return save(folder, getattr(transformers, _WHOLES[kind]), config)


_SIDE = {"layers": 5, "attention_heads": 4, "ffn_dim": 48}
_WHOLES = {"Bart": "BartForConditionalGeneration", "Marian": "MarianMTModel"}


@pytest.mark.parametrize("kind", ["Bart", "Marian"])
def test_a_decoder_out_of_a_whole_has_the_embeddings_of_the_whole(kind: str, tmp_path: Path) -> None:
    network = seq2seq(tmp_path, kind)
    model = ds.load(tmp_path, stack="decoder")
    found: Any = model.network
    torch.testing.assert_close(found.get_input_embeddings().weight, network.model.shared.weight)
    assert "model.encoder." in model.checks["weights"]


def test_tables_that_a_class_computes_may_lack(tmp_path: Path) -> None:
    """Sinusoidal positions of Marian are never saved."""
    seq2seq(tmp_path, "Marian")
    assert not any("embed_positions" in key for key in tensors(tmp_path))
    assert ds.load(tmp_path, stack="encoder").depth == 5


def test_a_bias_of_the_whole_that_its_decoder_does_not_add_costs_the_surprisal(tmp_path: Path) -> None:
    seq2seq(tmp_path, "Marian")
    assert ds.load(tmp_path, stack="decoder").predicts
    change(tmp_path, lambda stored: {**stored, "final_logits_bias": torch.ones(1, vocabulary())})
    assert "holds final_logits_bias" in ds.load(tmp_path, stack="decoder").checks["head"]


def test_a_learnt_table_of_positions_may_not_lack(tmp_path: Path, refuses: Any) -> None:
    seq2seq(tmp_path, "Bart")
    change(tmp_path, without("encoder.embed_positions"))
    with refuses("lacks weights", "encoder.embed_positions.weight"):
        ds.load(tmp_path, stack="encoder")
    assert ds.load(tmp_path, stack="decoder").depth == 5


def test_a_network_in_memory_is_taken_as_it_is(stored: Path, copied: Path) -> None:
    """Who wants random weights builds them."""
    change(copied, without("layers.2."))
    network = transformers.AutoModelForCausalLM.from_pretrained(copied)
    model = ds.load(network, transformers.AutoTokenizer.from_pretrained(copied))
    assert model.predicts
    assert "weights" not in model.checks


def test_the_options_of_transformers_open_no_way_around(stored: Path, copied: Path, refuses: Any) -> None:
    configure(copied, vocab_size=100)
    with refuses("other shapes"):
        ds.load(copied, ignore_mismatched_sizes=True)
    with refuses("no place", "model.layers.4."):
        ds.load(stored, num_hidden_layers=4)
    with refuses("state_dict="):
        ds.load(stored, state_dict={})
    assert ds.load(stored, output_loading_info=True).depth == 5
