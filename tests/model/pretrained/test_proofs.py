"""What was proven of a converted model is not proven again, unless anything that it depends on has changed."""

import json
from typing import Any

import pytest
import torch

from depthscope.model import accept, proofs
from depthscope.model.branching import branches
from depthscope.model.load import load
from depthscope.model.pretrained import fetch
from depthscope.model.verify import verify
from tests.model.pretrained.served import Index


@pytest.fixture
def proven(index: Index, tiny: Any, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the models whose stream was verified, one for each time."""
    fetch("tiny-1.5", progress=False)
    seen: list[str] = []

    def counted(model: Any, *inputs: Any) -> dict[str, str]:
        seen.append(model.name)
        return verify(model, *inputs)

    monkeypatch.setattr(accept, "verify", counted)
    return seen


def test_the_second_loading_has_the_answers_of_the_first(proven: list[str]) -> None:
    first, second = load("tiny-1.5"), load("tiny-1.5")
    assert len(proven) == 1
    assert (first.checks, first.predicts) == (second.checks, second.predicts)
    assert first.checks["causal"].startswith("later tokens change earlier states by at most")


def test_answers_are_good_for_the_very_libraries_source_and_threads(
    proven: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    load("tiny-1.5")
    monkeypatch.setattr(proofs, "__version__", "another")
    load("tiny-1.5")
    assert len(proven) == 2
    version = proofs.metadata.version
    monkeypatch.setattr(proofs.metadata, "version", lambda name: "0" if name == "torch" else version(name))
    load("tiny-1.5")
    assert len(proven) == 3
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(threads + 1)
        load("tiny-1.5")
    finally:
        torch.set_num_threads(threads)
    assert len(proven) == 4
    load("tiny-1.5")
    assert len(proven) == 4


def test_a_changed_file_is_no_converted_model_whatever_was_proven(proven: list[str], refuses: Any) -> None:
    model = load("tiny-1.5")
    assert model.proofs is not None
    weights = model.proofs.folder / "model.safetensors"
    changed = bytearray(weights.read_bytes())
    changed[-1] ^= 1
    weights.write_bytes(changed)
    with refuses("damaged"):
        load("tiny-1.5")


def test_other_weights_in_memory_are_proven_anew(proven: list[str]) -> None:
    model = load("tiny-1.5")
    assert model.proofs is not None
    known = len(json.loads(model.proofs.path.read_text()))
    assert branches(model, 16) == branches(load("tiny-1.5"), 16)
    assert len(json.loads(model.proofs.path.read_text())) == known + 1
    changed = load("tiny-1.5")
    with torch.no_grad():
        next(changed.network.parameters()).mul_(2)
    branches(changed, 16)
    assert len(json.loads(model.proofs.path.read_text())) == known + 2


def test_a_model_that_is_asked_for_otherwise_is_proven_every_time(proven: list[str]) -> None:
    for _ in range(2):
        assert load("tiny-1.5", dtype="float64").proofs is None
        assert load("tiny-1.5", blocks="model.layers").proofs is None
    assert len(proven) == 4


@pytest.mark.parametrize("damage", ["", "[", "[]", '{"a": 1}'])
def test_a_damaged_file_of_answers_is_written_anew(proven: list[str], damage: str) -> None:
    model = load("tiny-1.5")
    assert model.proofs is not None
    model.proofs.path.write_text(damage)
    load("tiny-1.5")
    load("tiny-1.5")
    assert len(proven) == 2
