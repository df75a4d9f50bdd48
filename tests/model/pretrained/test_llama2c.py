"""The reader of llama2.c files against a forward pass written from run.c, one token at a time."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from depthscope.model.pretrained.llama2c import read_network
from depthscope.model.pretrained.sentencepiece import read_tokenizer
from tests.model.pretrained.served import (
    CONTEXT,
    DIM,
    HEADS,
    KV_HEADS,
    LAYERS,
    VOCAB,
    model_file,
    tokenizer_file,
    weights,
)

Arrays = dict[str, np.ndarray[Any, Any]]


def forward(w: Arrays, tokens: list[int]) -> np.ndarray[Any, Any]:
    """Logits (token, vocabulary) in double, with loops: neighbouring features are rotated together, as run.c does."""
    head = DIM // HEADS
    keys: list[list[Any]] = [[] for _ in range(LAYERS)]
    values: list[list[Any]] = [[] for _ in range(LAYERS)]

    def norm(x: Any, weight: Any) -> Any:
        return x / np.sqrt((x**2).mean() + 1e-5) * weight

    def rotate(x: Any, position: int) -> Any:
        x = x.copy()
        for i in range(0, len(x), 2):
            angle = position / 10000 ** ((i % head) / head)
            a, b = x[i], x[i + 1]
            x[i] = a * np.cos(angle) - b * np.sin(angle)
            x[i + 1] = a * np.sin(angle) + b * np.cos(angle)
        return x

    logits = []
    for position, token in enumerate(tokens):
        x = w["embedding"][token].astype(float)
        for i in range(LAYERS):
            h = norm(x, w["norm1"][i])
            q = rotate(w["q"][i] @ h, position)
            keys[i].append(rotate(w["k"][i] @ h, position))
            values[i].append(w["v"][i] @ h)
            mixed = []
            for n in range(HEADS):
                group = slice(n * KV_HEADS // HEADS * head, (n * KV_HEADS // HEADS + 1) * head)
                scores = np.array([k[group] @ q[n * head : (n + 1) * head] for k in keys[i]]) / np.sqrt(head)
                share = np.exp(scores - scores.max())
                mixed.append(sum(s * v[group] for s, v in zip(share / share.sum(), values[i], strict=True)))
            x = x + w["o"][i] @ np.concatenate(mixed)
            h = norm(x, w["norm2"][i])
            gate = w["w1"][i] @ h
            x = x + w["w2"][i] @ (gate / (1 + np.exp(-gate)) * (w["w3"][i] @ h))
        logits.append(w.get("head", w["embedding"]) @ norm(x, w["norm"]))
    return np.array(logits)


@pytest.mark.parametrize("shared", [True, False])
def test_it_computes_what_run_c_computes(tmp_path: Path, shared: bool) -> None:
    arrays = weights(shared)
    (tmp_path / "model.bin").write_bytes(model_file(arrays))
    network = read_network(tmp_path / "model.bin")
    tokens = [1, 260, 5, 261, 259, 77, 3]
    with torch.inference_mode():
        ours = network(torch.tensor([tokens])).logits[0].numpy()
    np.testing.assert_allclose(ours, forward(arrays, tokens), rtol=1e-4, atol=1e-4)
    assert (network.config.vocab_size, network.config.max_position_embeddings) == (VOCAB, CONTEXT)
    assert network.config.tie_word_embeddings is shared


@pytest.mark.parametrize("damage", [b"", b"GGUF" * 20, model_file(weights())[:-4], model_file(weights()) + b"\0" * 4])
def test_another_file_is_refused(tmp_path: Path, damage: bytes, refuses: Any) -> None:
    (tmp_path / "model.bin").write_bytes(damage)
    with refuses("model.bin", "no float file of llama2.c"):
        read_network(tmp_path / "model.bin")


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("a b", [1, 262, 263]),
        ("ab", [1, 262, 261]),  # "▁a" has the better score than "ab"
        ("bab", [1, 263, 264]),
        ("é", [1, 259, 3 + 0xC3, 3 + 0xA9]),
        ("", [1]),
    ],
)
def test_pieces_are_merged_by_their_scores_and_the_rest_are_bytes(tmp_path: Path, text: str, ids: list[int]) -> None:
    (tmp_path / "tokenizer.bin").write_bytes(tokenizer_file())
    tokenizer = read_tokenizer(tmp_path / "tokenizer.bin")
    assert tokenizer(text)["input_ids"] == ids
    assert tokenizer.decode(ids, skip_special_tokens=True) == text


@pytest.mark.parametrize("content", [b"", tokenizer_file()[:-1], tokenizer_file()[:2000], b"\xff" * 100])
def test_another_tokenizer_is_refused(tmp_path: Path, content: bytes, refuses: Any) -> None:
    (tmp_path / "tokenizer.bin").write_bytes(content)
    with refuses("tokenizer.bin", "no tokenizer of llama2.c"):
        read_tokenizer(tmp_path / "tokenizer.bin")
