"""Whatever can be loaded is loaded; whatever cannot is refused in one sentence with the way out."""

import copy
import logging
import shutil
import socket
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
import torch
from transformers import ByT5Tokenizer

import depthscope as ds
from tests.conftest import tiny_llama

IDS = torch.arange(9)[None]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, tokenizer: Any) -> Path:
    """A whole checkpoint on disk."""
    path = tmp_path_factory.mktemp("checkpoint")
    tiny_llama(len(tokenizer)).save_pretrained(path)
    tokenizer.save_pretrained(path)
    return path


@pytest.fixture
def broken(folder: Path, tmp_path: Path) -> Path:
    """A copy of the checkpoint, to be damaged."""
    return Path(shutil.copytree(folder, tmp_path / "broken"))


def test_a_network_with_its_tokenizer_is_loaded_as_it_is(tokenizer: Any) -> None:
    network = tiny_llama(len(tokenizer))
    for model in (ds.load(network, tokenizer), ds.load((network, tokenizer))):
        assert model.network is network
        assert model.tokenizer is tokenizer
        assert (model.name, model.path, model.depth, model.max_length) == ("in memory", "model.layers", 6, 128)


def test_a_network_without_a_tokenizer_is_refused(tokenizer: Any, refuses: Any) -> None:
    with refuses("needs its tokenizer", "depthscope.load(network, tokenizer)"):
        ds.load(tiny_llama(len(tokenizer)))


def test_a_slow_tokenizer_is_refused(tokenizer: Any, refuses: Any) -> None:
    with refuses("ByT5Tokenizer is not a fast tokenizer", "load(model, tokenizer=...)"):
        ds.load(tiny_llama(len(tokenizer)), ByT5Tokenizer())


@pytest.mark.parametrize("what", [None, {}, 7])
def test_what_is_no_model_at_all_is_refused(what: Any, refuses: Any) -> None:
    with refuses(f"a {type(what).__name__} is not a model"):
        ds.load(what)


def test_a_network_that_reads_no_tokens_is_refused(tokenizer: Any, refuses: Any) -> None:
    with refuses("Linear has no token embeddings"):
        ds.load(torch.nn.Linear(3, 3), tokenizer)


@pytest.mark.parametrize("kind", [str, Path])
def test_a_local_folder_gives_the_model_that_was_saved(folder: Path, tokenizer: Any, kind: type) -> None:
    model = ds.load(kind(folder))
    with torch.inference_mode():
        assert torch.equal(model.network(IDS).logits, tiny_llama(len(tokenizer))(IDS).logits)
    assert model.name == str(folder)
    assert model.tokenizer("A shark.")["input_ids"] == tokenizer("A shark.")["input_ids"]
    assert not model.network.training


def test_a_tokenizer_that_is_given_replaces_the_models_own(folder: Path, tokenizer: Any) -> None:
    other = copy.deepcopy(tokenizer)
    assert ds.load(folder, other).tokenizer is other


def test_a_folder_without_a_tokenizer_needs_one_given(broken: Path, tokenizer: Any, refuses: Any) -> None:
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (broken / name).unlink()
    with refuses(str(broken), "cannot load this model"):
        ds.load(broken)
    assert ds.load(broken, tokenizer).depth == 6


def test_a_folder_without_a_model_is_refused(tmp_path: Path, refuses: Any) -> None:
    with refuses(str(tmp_path), "holds no model", "config.json"):
        ds.load(tmp_path)


def test_a_folder_without_weights_is_refused(broken: Path, refuses: Any) -> None:
    (broken / "model.safetensors").unlink()
    with refuses(str(broken), "cannot load this model", "model.safetensors"):
        ds.load(broken)


def test_transformers_says_nothing_while_files_are_read(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    loud = logging.getLogger("transformers")
    loud.addHandler(caplog.handler)
    try:
        ds.load(folder)
    finally:
        loud.removeHandler(caplog.handler)
    assert caplog.messages == []


def test_damaged_weights_are_refused(broken: Path, refuses: Any) -> None:
    weights = broken / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5000])
    with refuses(str(broken), "weights are damaged", "fetch or save the model again"):
        ds.load(broken)


def test_a_damaged_configuration_is_refused(broken: Path, refuses: Any) -> None:
    (broken / "config.json").write_text("{")
    with refuses(str(broken), "cannot load this model"):
        ds.load(broken)


def test_a_missing_gguf_file_is_refused(tmp_path: Path, refuses: Any) -> None:
    with refuses("nothing.gguf", "no such file"):
        ds.load(tmp_path / "nothing.gguf")


@pytest.mark.parametrize("content", [b"GGUF", b"GGUF\x03\x00\x00\x00 and then it stops", b"something else"])
def test_a_damaged_gguf_file_is_refused(tmp_path: Path, content: bytes, refuses: Any) -> None:
    path = tmp_path / "half.gguf"
    path.write_bytes(content)
    with refuses(str(path), "cannot load this GGUF file"):
        ds.load(path)


def test_an_unknown_id_is_refused_offline_without_asking_the_network(
    monkeypatch: pytest.MonkeyPatch, refuses: Any
) -> None:
    def asked(*_: Any) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket, "getaddrinfo", asked)
    with refuses("nobody/nothing", "not in the hub's cache while offline", "embedded"):
        ds.load("nobody/nothing")


def test_an_unknown_id_is_refused_when_the_hub_is_out_of_reach(monkeypatch: pytest.MonkeyPatch, refuses: Any) -> None:
    for variable in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "https://hub.invalid")  # a name that never resolves
    with refuses("nobody/nothing", "(hub.invalid) is out of reach", "local folder"):
        ds.load("nobody/nothing")


def test_a_name_that_can_be_no_id_is_refused(refuses: Any) -> None:
    with refuses("my model!", "no such folder, and not a valid model id"):
        ds.load("my model!")


@pytest.mark.parametrize("name", ["float64", "bfloat16", "torch.float16"])
def test_dtype_sets_the_precision_of_weights_and_stream(folder: Path, name: str) -> None:
    model = ds.load(folder, dtype=name)
    assert str(model.dtype) == f"torch.{name.removeprefix('torch.')}"
    states: list[torch.Tensor] = []
    with model.listening(lambda number, state: states.append(state)):
        model.run_trunk(IDS)
    assert {state.dtype for state in states} == {model.dtype}
    assert model.checks["logits"].startswith("logits from the last state differ")


@pytest.mark.parametrize("name", ["float31", "int8", "Tensor", ""])
def test_an_unknown_dtype_is_refused(folder: Path, name: str, refuses: Any) -> None:
    with refuses(repr(name), "float32"):
        ds.load(folder, dtype=name)


def test_an_unknown_device_is_refused(folder: Path, refuses: Any) -> None:
    with refuses("'nonsense'", "device='cpu'"):
        ds.load(folder, device="nonsense")


def test_other_options_reach_transformers(folder: Path) -> None:
    network: Any = ds.load(folder, attn_implementation="eager").network
    assert network.config._attn_implementation == "eager"


def test_weights_that_are_not_numbers_are_refused(tokenizer: Any, refuses: Any) -> None:
    network: Any = tiny_llama(len(tokenizer))
    network.model.layers[2].mlp.down_proj.weight.data[0, 0] = float("nan")
    with refuses("NaN or infinity", "weights are damaged", "float32"):
        ds.load(network, tokenizer)
