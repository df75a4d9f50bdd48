"""A small network in a folder, as Ray's workers and processes of their own load it; a small corpus."""

import json
from pathlib import Path

import pytest
import torch

import depthscope as ds
from depthscope.model.model import Model
from tests.conftest import tiny_llama
from tests.studies.conftest import stimuli

__all__ = ["stimuli"]

WORDS = ("the", "old", "lighthouse", "keeper", "counted", "every", "wave", "that", "broke", "upon", "his", "silence")


def prose(seed: int, words: int) -> str:
    """Text of our own, different for every seed, with line ends and signs."""
    chosen = [WORDS[(seed * 7 + i * i + 3 * i) % len(WORDS)] for i in range(words)]
    return "".join(
        f"{word}{'.' if i % 11 == 10 else ''}{chr(10) if i % 37 == 36 else ' '}" for i, word in enumerate(chosen)
    )


@pytest.fixture(scope="session")
def network(tokenizer, tmp_path_factory) -> Path:
    """Six blocks with random weights, and the embedded model's tokenizer."""
    return saved(tokenizer, tmp_path_factory.mktemp("model") / "tiny")


def saved(tokenizer, folder: Path) -> Path:
    """A small network with random weights for the tokenizer, in a folder with it."""
    tiny_llama(len(tokenizer)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def overflowing(tokenizer, word: str) -> Model:
    """A small network in which one token has no finite state; the checks at load do not meet it."""
    network = tiny_llama(len(tokenizer))
    with torch.no_grad():
        network.get_input_embeddings().weight[tokenizer(word)["input_ids"][0]] = torch.inf
    return ds.load(network, tokenizer)


@pytest.fixture(scope="session")
def corpus(tmp_path_factory) -> Path:
    """Documents of one token, of a few and of many; two kinds of files; one blank."""
    folder = tmp_path_factory.mktemp("corpus") / "texts"
    (folder / "more").mkdir(parents=True)
    (folder / "a-long.txt").write_text(prose(1, 900), encoding="utf-8")
    (folder / "b-one.txt").write_text("Hi", encoding="utf-8")
    (folder / "c-blank.txt").write_text(" \n", encoding="utf-8")
    (folder / "more" / "d-signs.md").write_text("Ünïcode 日本語 🙂 and שלום, " + prose(2, 150), encoding="utf-8")
    rows = [{"text": prose(seed, 5 + seed * 9), "id": seed} for seed in range(12)]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return folder


SMALL = {"window": 48, "context": 12, "part_tokens": 200, "token_budget": 96, "progress": False}
