"""What files of a model may do: be read. Code runs and pickles are opened when the user says so, on record, and never else."""

import builtins
import hashlib
import json
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import save_file

import depthscope as ds
from depthscope.model.fingerprint import fingerprint
from depthscope.model.paper import read_config
from depthscope.model.tokenizer import load_tokenizer
from tests.model.saved import WEIGHTS, configure, tensors

IDS = torch.arange(9)[None]
OWN = """
from pathlib import Path
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

Path({marker!r}).touch()


class OwnConfig(LlamaConfig):
    model_type = "own_llama"


class OwnForCausalLM(LlamaForCausalLM):
    config_class = OwnConfig


class OwnTokenizer(PreTrainedTokenizerFast):
    pass
"""


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    """Stands where code of a model has run."""
    return tmp_path / "it ran"


@pytest.fixture
def own(copied: Path, marker: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model that transformers does not know, with its code; whoever asks anybody anything fails."""

    def asked(*words: Any) -> str:
        raise AssertionError("somebody was asked")

    monkeypatch.setattr(builtins, "input", asked)
    monkeypatch.setattr(transformers.dynamic_module_utils, "HF_MODULES_CACHE", str(tmp_path / "modules"))
    (copied / "own.py").write_text(OWN.format(marker=str(marker)))
    named = {"AutoConfig": "own.OwnConfig", "AutoModelForCausalLM": "own.OwnForCausalLM"}
    return configure(copied, model_type="own_llama", auto_map=named)


def test_code_of_a_model_is_not_run_and_nobody_is_asked(own: Path, marker: Path, refuses: Any) -> None:
    for read in (ds.load, load_tokenizer, read_config):
        with refuses(str(own), "Python code of its own", "trust_remote_code=True (--trust-remote-code"):
            read(str(own))
    assert not marker.exists()


def test_code_of_a_tokenizer_is_not_run_either(own: Path, marker: Path, refuses: Any) -> None:
    configure(own, model_type="llama", auto_map={})
    configure(
        own,
        "tokenizer_config.json",
        auto_map={"AutoTokenizer": [None, "own.OwnTokenizer"]},
        tokenizer_class="OwnTokenizer",
    )
    with refuses(str(own), "Python code of its own"):
        ds.load(own)
    assert not marker.exists()


def test_code_that_was_allowed_runs_and_is_on_record(own: Path, marker: Path, stored: Path) -> None:
    model = ds.load(own, trust_remote_code=True)
    assert marker.exists()
    assert type(model.network).__name__ == "OwnForCausalLM"
    digest = hashlib.sha256((own / "own.py").read_bytes()).hexdigest()
    assert model.code == {"own.py": digest}
    assert model.checks["code"] == f"run from the model: own.py sha256 {digest}"
    assert model.fingerprint == fingerprint(model.network, model.code) != fingerprint(model.network)
    with torch.inference_mode():
        assert torch.equal(model.network(IDS).logits, ds.load(stored).network(IDS).logits)


def test_code_that_is_not_needed_is_left_alone_and_named(own: Path, marker: Path) -> None:
    configure(own, model_type="llama")
    model = ds.load(own)
    assert type(model.network).__name__ == "LlamaForCausalLM"
    assert model.checks["code"] == "the model's own code was not run (LlamaConfig is transformers' own)"
    assert not marker.exists()


def test_a_model_without_code_has_nothing_on_record(stored: Path) -> None:
    model = ds.load(stored, trust_remote_code=True)
    assert model.code == {}
    assert "code" not in model.checks
    assert model.fingerprint == ds.load(stored).fingerprint


@pytest.mark.parametrize("option", ["trust_remote_code", "allow_pickle"])
def test_trust_is_given_in_so_many_words(option: str, stored: Path, refuses: Any) -> None:
    with refuses(f"{option}='no'", "True or False"):
        ds.load(stored, **{option: "no"})


@pytest.fixture
def pickled(copied: Path) -> Path:
    torch.save(tensors(copied), copied / "pytorch_model.bin")
    (copied / WEIGHTS).unlink()
    return copied


def test_pickled_weights_are_read_only_if_asked_and_as_tensors(pickled: Path, stored: Path, refuses: Any) -> None:
    with refuses(
        str(pickled), "pickle (pytorch_model.bin)", "save_pretrained(folder)", "allow_pickle=True (--allow-pickle"
    ):
        ds.load(pickled)
    with refuses("use_safetensors=False", "allow_pickle=True"):
        ds.load(pickled, use_safetensors=False)
    with refuses("weights_only=False"):
        ds.load(pickled, allow_pickle=True, weights_only=False)
    model = ds.load(pickled, allow_pickle=True)
    digest = hashlib.sha256((pickled / "pytorch_model.bin").read_bytes()).hexdigest()
    assert f"pytorch_model.bin (a pickle, read as tensors only, sha256 {digest})" in model.checks["weights"]
    with torch.inference_mode():
        assert torch.equal(model.network(IDS).logits, ds.load(stored).network(IDS).logits)


def test_an_allowed_pickle_still_runs_nothing(pickled: Path, marker: Path, refuses: Any) -> None:
    class Touching:
        def __reduce__(self) -> Any:
            return (Path.touch, (marker,))

    (pickled / "pytorch_model.bin").write_bytes(pickle.dumps({"a": Touching()}))
    with refuses(str(pickled)):
        ds.load(pickled, allow_pickle=True)
    assert not marker.exists()


@pytest.mark.parametrize("allowed", [True, False])
def test_of_both_formats_the_safe_one_is_read(allowed: bool, copied: Path) -> None:
    (copied / "pytorch_model.bin").write_bytes(b"nothing that could be read")
    assert ds.load(copied, allow_pickle=allowed).checks["weights"] == f"all of LlamaForCausalLM from {WEIGHTS}"


def test_the_configuration_cannot_name_a_pickle(pickled: Path, refuses: Any) -> None:
    (pickled / "pytorch_model.bin").rename(pickled / "adapter_model.bin")
    configure(pickled, transformers_weights="adapter_model.bin")
    with refuses(str(pickled), "pickle (adapter_model.bin)"):
        ds.load(pickled)


INDEX = "model.safetensors.index.json"


def shards(folder: Path, **names: str) -> Path:
    """The weights in two files; ``names`` replace what the index says of them."""
    whole = tensors(folder)
    (folder / WEIGHTS).unlink()
    listed: dict[str, str] = {}
    for number, keys in enumerate((sorted(whole)[::2], sorted(whole)[1::2]), 1):
        file = f"model-0000{number}-of-00002.safetensors"
        save_file({key: whole[key] for key in keys}, folder / file, {"format": "pt"})
        listed |= dict.fromkeys(keys, names.get(f"file{number}", file))
    (folder / INDEX).write_text(json.dumps({"metadata": {}, "weight_map": listed}))
    return folder


def test_weights_in_several_files_are_whole(copied: Path) -> None:
    assert (
        ds.load(shards(copied))
        .checks["weights"]
        .endswith("model-00001-of-00002.safetensors, model-00002-of-00002.safetensors")
    )


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("model-3.safetensors", "lists model-3.safetensors, which is not there"),
        ("pytorch_model.bin", "pickle (pytorch_model.bin)"),
        ("../other/model.safetensors", "no file of weights in this folder"),
        ("own.py", "no file of weights in this folder"),
    ],
)
def test_an_index_lists_safe_files_of_its_folder(name: str, said: str, copied: Path, refuses: Any) -> None:
    with refuses(str(copied), said):
        ds.load(shards(copied, file2=name))


@pytest.mark.parametrize(
    "text", ["[]", "{", "{}", '{"weight_map": []}', '{"weight_map": {"a": 5}}', '{"weight_map": {}}']
)
def test_an_index_that_is_none_is_refused(text: str, copied: Path, refuses: Any) -> None:
    (shards(copied) / INDEX).write_text(text)
    with refuses(str(copied), INDEX):
        ds.load(copied)


def test_a_file_that_the_index_forgets_is_missed(copied: Path, refuses: Any) -> None:
    index = json.loads((shards(copied) / INDEX).read_text())
    index["weight_map"] = {k: v for k, v in index["weight_map"].items() if v.startswith("model-00001")}
    (copied / INDEX).write_text(json.dumps(index))
    with refuses(str(copied), "lacks weights"):
        ds.load(copied)


def test_a_tensor_in_two_files_is_refused(copied: Path, refuses: Any) -> None:
    whole = tensors(copied)
    shards(copied)
    save_file({k: v + 1 for k, v in whole.items()}, copied / "model-00002-of-00002.safetensors", {"format": "pt"})
    with refuses(str(copied), "stands in model-00001-of-00002.safetensors and in model-00002"):
        ds.load(copied)


def test_an_adapter_is_not_passed_over(copied: Path, refuses: Any) -> None:
    (copied / "adapter_config.json").write_text("{}")
    with refuses(str(copied), "adapter", "merge_and_unload"):
        ds.load(copied)


def test_a_gguf_file_in_the_folder_is_named(copied: Path, refuses: Any) -> None:
    (copied / WEIGHTS).rename(copied / "model.gguf")
    with refuses(str(copied), "model.gguf", "give the path of that file"):
        ds.load(copied)
