"""What is read, and what is refused before anything is read."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from transformers import BertConfig, BertLMHeadModel

import depthscope as ds
from tests.model.saved import SIZES, change, save, vocabulary
from tests.running import model_folder

__all__ = ["model_folder"]

TABLE = pd.DataFrame(
    [
        ("shark", "metaphor", "The lawyer is a shark."),
        ("shark", "literal", "The very old fish over there is a shark, as everybody on the pier could see."),
    ],
    columns=["item", "condition", "text"],
).assign(target="shark")


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "model.pkl", "model.ckpt", "model.pth"])
def test_a_pickle_is_not_opened(name: str, tmp_path: Path, refuses: Any) -> None:
    class Bomb:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "exploded",))

    path = tmp_path / name
    path.write_bytes(pickle.dumps(Bomb()))
    with refuses(str(path), "a pickle can run any code", "safetensors"):
        ds.load(path)
    assert not (tmp_path / "exploded").exists()


def test_a_file_that_is_no_model_names_what_is(tmp_path: Path, refuses: Any) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"")
    with refuses(str(path), "folder"):
        ds.load(path)


def test_a_network_in_memory_is_not_quantised(tiny: ds.Model, tokenizer: Any, refuses: Any) -> None:
    with refuses("quantization=", "in memory"):
        ds.load(tiny.network, tokenizer, quantization="nf4")


@pytest.mark.parametrize("scheme", ["nf4", "int8", "torchao-int8", "torchao-int8-dynamic"])
def test_a_quantised_model_is_proven_like_any_other(scheme: str, model_folder: Path) -> None:
    model = ds.load(model_folder, quantization=scheme)
    assert model.quantization == scheme
    assert model.checks["logits"].startswith("logits from the last state differ by at most")
    assert model.predicts
    traj = ds.trace(model, TABLE, progress=False)
    assert traj.attrs["quantization"] == scheme
    assert np.isfinite(traj["surprisal"]).all()
    plain = ds.trace(ds.load(model_folder), TABLE, progress=False)
    error = float(np.abs(traj["state_norm"] / plain["state_norm"] - 1).max())
    assert 0 < error < 0.3


@pytest.mark.parametrize(("scheme", "alone"), [("int8", True), ("torchao-int8-dynamic", True), ("torchao-int8", False)])
def test_texts_that_would_change_each_other_run_one_by_one(scheme: str, alone: bool, model_folder: Path) -> None:
    model = ds.load(model_folder, quantization=scheme)
    assert model.alone == alone
    shapes: list[tuple[int, ...]] = []
    handle = model.network.get_input_embeddings().register_forward_pre_hook(
        lambda module, args: shapes.append(tuple(args[0].shape))
    )
    traj = ds.trace(model, TABLE, progress=False)
    handle.remove()
    rows = [shape[0] for shape in shapes if shape != (1, 1)]  # one token is run to learn the width
    assert rows == ([1, 1] if alone else [2])
    if alone:
        single = [ds.trace(model, TABLE.iloc[[i]], progress=False)["gram"].to_numpy() for i in range(2)]
        np.testing.assert_array_equal(traj["gram"], np.concatenate(single))


@pytest.mark.parametrize("scheme", ["int8", "torchao-int8-dynamic", "torchao-int8"])
def test_an_encoder_in_fewer_bits_is_no_decoder(scheme: str, tmp_path: Path, refuses: Any) -> None:
    """What later tokens do is not put down to the rounding of a scheme."""
    sizes = {key: value for key, value in SIZES.items() if key != "num_key_value_heads"}
    config = BertConfig(vocab_size=vocabulary(), **{**sizes, "hidden_size": 64, "intermediate_size": 128})
    save(tmp_path, BertLMHeadModel, config)
    with refuses("tokens change the states of those before them"):
        ds.load(tmp_path, quantization=scheme)


def test_a_config_of_transformers_is_taken_as_well_as_a_name(model_folder: Path) -> None:
    from transformers import BitsAndBytesConfig

    config = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True)
    for given in ({"quantization": config}, {"quantization_config": config}):
        assert ds.load(model_folder, **given).quantization == "nf4-double"


def test_a_quantised_checkpoint_needs_no_argument_and_takes_no_other(
    model_folder: Path, tmp_path: Path, refuses: Any
) -> None:
    model = ds.load(model_folder, quantization="nf4")
    model.network.save_pretrained(tmp_path)
    model.tokenizer.save_pretrained(tmp_path)
    again = ds.load(tmp_path)
    assert again.quantization == "nf4"
    assert again.fingerprint == model.fingerprint
    inputs = {"input_ids": torch.arange(9)[None]}
    with torch.inference_mode():
        torch.testing.assert_close(again.network(**inputs).logits, model.network(**inputs).logits)
    with refuses(str(tmp_path), "already quantised (nf4)", "int8"):
        ds.load(tmp_path, quantization="int8")
    # not every scale is one of packed weights
    change(tmp_path, lambda stored: {**stored, "logit_scale": torch.tensor([2.0])})
    assert "holds logit_scale" in ds.load(tmp_path).checks["head"]


def test_four_bit_weights_that_the_library_unpacks_wrongly_are_refused(tmp_path: Path, tokenizer: Any) -> None:
    """bitsandbytes 0.50 on AVX512: rows that are no whole number of blocks. Elsewhere such a network is right, and taken."""
    from transformers import LlamaConfig, LlamaForCausalLM

    from depthscope.model.quantization.unpacking import decode

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=96, intermediate_size=192, num_hidden_layers=4, num_attention_heads=4
    )
    network = LlamaForCausalLM(config)
    network.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    try:
        model = ds.load(tmp_path, quantization="nf4")
    except ds.DepthscopeError as problem:
        refusal = str(problem)
    else:
        refusal = ""
    if refusal:
        assert "unpacks the 4-bit weights" in refusal
        assert "torchao-int8" in refusal
        return
    packed = model.network.model.layers[0].self_attn.q_proj.weight
    plain = network.model.layers[0].self_attn.q_proj.weight
    assert float((decode(packed) - plain).norm() / plain.norm()) < 0.12


@pytest.mark.parametrize("nested", [False, True])
def test_four_bit_codes_are_decoded_by_the_definition(nested: bool) -> None:
    functional = pytest.importorskip("bitsandbytes.functional")
    from types import SimpleNamespace

    from depthscope.model.quantization.unpacking import decode

    torch.manual_seed(1)
    weight = torch.randn(32, 128)
    packed, state = functional.quantize_4bit(weight, blocksize=64, quant_type="nf4", compress_statistics=nested)
    found = decode(SimpleNamespace(data=packed, quant_state=state))
    torch.testing.assert_close(found, functional.dequantize_4bit(packed, state), rtol=1e-4, atol=1e-4)
    assert 0.05 < float((found - weight).norm() / weight.norm()) < 0.12
