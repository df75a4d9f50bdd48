"""Perplexity against a plain pass over the same windows."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import depthscope as ds
from depthscope.capture.reading import read_text
from depthscope.stimuli.passage import read_passage

TEXT = "The ferry left the harbour a little after six, while the fog was still lying on the water."


def plainly(model: ds.Model, ids: list[int]) -> tuple[np.ndarray, np.ndarray]:
    row = torch.tensor([ids])
    with torch.inference_mode():
        logits = model.network(row).logits[0, :-1].double()
    return torch.nn.functional.cross_entropy(logits, row[0, 1:], reduction="none").numpy(), logits.argmax(-1).numpy()


def test_one_window_is_a_plain_pass(tiny: ds.Model, tokenizer: Any) -> None:
    reading = read_text(tiny, TEXT)
    nats, best = plainly(tiny, tokenizer(TEXT)["input_ids"])
    np.testing.assert_allclose(reading["nats"], nats, atol=1e-5)
    np.testing.assert_array_equal(reading["best"], best)


def test_windows_do_not_overlap_and_leave_nothing_out(tiny: ds.Model, tokenizer: Any) -> None:
    ids = tokenizer(TEXT)["input_ids"]
    reading = read_text(tiny, TEXT, window=6)
    parts = [plainly(tiny, ids[i : i + 6])[0] for i in range(0, len(ids), 6) if len(ids[i : i + 6]) > 1]
    np.testing.assert_allclose(reading["nats"], np.concatenate(parts), atol=1e-5)


def test_every_window_begins_as_a_text_does(tiny: ds.Model, tokenizer: Any) -> None:
    class WithStart:
        is_fast = True
        all_special_ids = ()

        def __call__(self, text: str, add_special_tokens: bool = True, **options: Any) -> Any:
            encoded = tokenizer(text, **options)
            encoded["input_ids"] = [7, *encoded["input_ids"]] if add_special_tokens else encoded["input_ids"]
            return encoded

        def __getattr__(self, name: str) -> Any:
            return getattr(tokenizer, name)

    model = ds.load(tiny.network, WithStart())
    ids = tokenizer(TEXT)["input_ids"]
    parts = [plainly(model, [7, *ids[i : i + 5]])[0] for i in range(0, len(ids), 5)]
    np.testing.assert_allclose(read_text(model, TEXT, window=6)["nats"], np.concatenate(parts), atol=1e-5)


def test_a_context_shorter_than_the_window_is_respected(tiny: ds.Model) -> None:
    assert tiny.max_length == 128
    reading = read_text(tiny, read_passage(), window=10**6)
    assert len(reading["token"]) > 128


def test_a_model_without_logits_reads_nothing(tiny: ds.Model, tokenizer: Any, refuses: Any) -> None:
    with refuses("no logits can be read"):
        read_text(ds.load(tiny.network.model, tokenizer), TEXT)


def test_the_passage_is_english_to_the_pretrained_model(embedded: ds.Model) -> None:
    text = read_passage()
    words = text.split()
    shuffled = " ".join(np.random.default_rng(0).permutation(words))
    plain, mixed = (float(np.exp(read_text(embedded, t)["nats"].mean())) for t in (text, shuffled))
    assert plain < 40
    assert mixed > 20 * plain


def test_a_file_is_read_or_refused(tmp_path: Path, refuses: Any) -> None:
    path = tmp_path / "text.txt"
    path.write_text("too short")
    with refuses(str(path), "2 words"):
        read_passage(path)
    with refuses("none.txt", "cannot be read"):
        read_passage(tmp_path / "none.txt")
    path.write_text("word " * 60)
    assert read_passage(path) == "word " * 60


@pytest.mark.parametrize("window", [2, 3])
def test_the_smallest_windows(tiny: ds.Model, window: int) -> None:
    assert np.isfinite(read_text(tiny, TEXT, window=window)["nats"]).all()
