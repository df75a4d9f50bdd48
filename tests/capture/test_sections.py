"""Tokenising in sections gives what tokenising at once gives, for real tokenizers and awkward texts."""

import random
import tracemalloc
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from depthscope.capture.sections import Section, sections
from depthscope.model.miniature import byte_tokenizer
from depthscope.model.pretrained.entry import Pretrained
from depthscope.model.pretrained.registry import MODELS
from depthscope.model.pretrained.shelf import state
from depthscope.model.tokenizer import load_tokenizer

PIECES = [
    *["the", " wall", "fell", "shark's", "don't", "antidisestablishmentarianism", "A", "ß", "İ", "x=1;", "--", "…"],
    *[" ", "  ", "   ", "\n", "\n\n", "\r\n", "\t", "\u00a0", "\u200b", "12", "4567890", "aaaa", "!!!"],
    *["東京", "漢字かな", "שלום", "مرحبا", "नमस्ते", "한국어", "👩‍🚀", "😀", "🦈", "é", "e\u0301", "ﷺ", "ﬁ"],
    *["<s>", "<|endoftext|>", "<|im_start|>", "[CLS]", "<mask>"],
]
TEXTS = st.lists(st.sampled_from(PIECES) | st.text(max_size=6), max_size=120).map("".join)
FETCHED = ["gemma-3-270m", "qwen2.5-coder-0.5b", "tinyllama-1.1b-2bit", "stories-15m", "minilm-l6", "mpnet-base"]


def at_once(tokenizer: Any, text: str) -> list[tuple[int, int, int]]:
    encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
    return [(i, a, b) for i, (a, b) in zip(encoded["input_ids"], encoded["offset_mapping"], strict=True)]


def tokens(parts: list[Section]) -> list[tuple[int, int, int]]:
    rows = [zip(s.ids.tolist(), s.start.tolist(), s.end.tolist(), strict=True) for s in parts]
    return [token for row in rows for token in row]


def agrees(tokenizer: Any, text: str, size: int, length: int, margin: int) -> int:
    """Whether sections are the whole, unless they say that they are not; how many cuts were made."""
    chunks = [text[i : i + size] for i in range(0, len(text), size)]
    parts = list(sections(tokenizer, chunks, length, margin))
    assert all(len(part.ids) for part in parts)
    if all(part.exact for part in parts):
        assert tokens(parts) == at_once(tokenizer, text)
    return len(parts) - 1


@settings(max_examples=300)
@given(text=TEXTS, size=st.integers(1, 200), length=st.integers(20, 200), margin=st.integers(20, 100))
def test_sections_are_the_tokens_of_the_whole_text(
    tokenizer: Any, text: str, size: int, length: int, margin: int
) -> None:
    agrees(tokenizer, text, size, length, margin)


@settings(max_examples=100)
@given(text=TEXTS, size=st.integers(1, 200))
def test_a_tokenizer_of_bytes_is_always_in_step(text: str, size: int) -> None:
    tokenizer = byte_tokenizer()
    chunks = [text[i : i + size] for i in range(0, len(text), size)]
    parts = list(sections(tokenizer, chunks, 20, 20))
    assert all(part.exact for part in parts)
    assert tokens(parts) == at_once(tokenizer, text)


def prose(seed: int, letters: int) -> str:
    """Awkward text of some length, in which runs of one kind are as likely as mixtures."""
    rng, parts, length = random.Random(seed), [""], 0
    while length < letters:
        pool = rng.sample(PIECES, rng.choice([1, 2, 3, len(PIECES)]))
        parts += [rng.choice(pool) + rng.choice(["", " "]) for _ in range(rng.randrange(60))]
        length = sum(map(len, parts))
    return "".join(parts)


@pytest.mark.parametrize("seed", range(20))
def test_every_cut_in_awkward_text_is_found(tokenizer: Any, seed: int) -> None:
    text = prose(seed, 6000)
    parts = list(sections(tokenizer, [text], 1000, 200))
    assert len(parts) > 4
    assert all(part.exact for part in parts)
    assert tokens(parts) == at_once(tokenizer, text)


@pytest.mark.models
@pytest.mark.parametrize("entry", [e for e in MODELS if e.name in FETCHED], ids=lambda e: e.name)
def test_every_family_of_tokenizers_can_be_cut(entry: Pretrained) -> None:
    if state(entry) == "not fetched":
        pytest.skip(f"{entry.name} is not in the cache: depthscope models get {entry.name}")
    tokenizer, _ = load_tokenizer(entry.name)
    for seed in range(20):
        text = prose(seed, 6000)
        parts = list(sections(tokenizer, [text], 1000, 400))
        assert len(parts) > 4
        assert all(part.exact for part in parts), seed
        assert tokens(parts) == at_once(tokenizer, text)
        assert agrees(tokenizer, text, 7, 150, 120) > 20


@pytest.mark.parametrize("run", ["a", " ", "\n", "東", "😀", "ab", "=", "1", "a ", "é"])
def test_runs_longer_than_a_piece_stay_in_step(tokenizer: Any, run: str) -> None:
    text = f"Before it {run * 5000} after it."
    parts = list(sections(tokenizer, [text], 600, 60))
    assert len(parts) > 5
    assert all(part.exact for part in parts)
    assert tokens(parts) == at_once(tokenizer, text)


def test_a_token_longer_than_a_piece_is_cut_and_said_so() -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    # a word of more than a hundred letters is one unknown token to a tokenizer like BERT's
    backend = Tokenizer(models.WordPiece({"[UNK]": 0, "wall": 1}, unk_token="[UNK]"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="[UNK]")
    text = "wall " * 40 + "x" * 5000 + " wall" * 40
    parts = list(sections(tokenizer, [text], 300, 150))
    assert not all(part.exact for part in parts)
    found = tokens(parts)
    # what is said of the text is still true: each character in one token, and the words around it as they are
    assert all(end == start for (_, _, end), (_, start, _) in pairwise(found[40:-40]))
    assert [found[:40], found[-40:]] == [at_once(tokenizer, text)[:40], at_once(tokenizer, text)[-40:]]


def test_blank_text_that_the_tokenizer_drops_can_be_cut_anywhere() -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer(models.WordLevel({"[UNK]": 0, "wall": 1}, unk_token="[UNK]"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="[UNK]")
    for text in (" " * 5000 + "wall", "wall" + " " * 5000 + "wall fell", " " * 5000):
        parts = list(sections(tokenizer, [text], 300, 150))
        assert tokens(parts) == at_once(tokenizer, text)


def test_a_short_text_is_one_section(tokenizer: Any) -> None:
    (only,) = sections(tokenizer, ["The wall", " fell."], 100, 10)
    assert [only.ids.tolist(), only.exact] == [tokenizer("The wall fell.")["input_ids"], True]
    assert only.start.tolist() == [0, 3, 8, 13]
    assert only.end.tolist() == [3, 8, 13, 14]


def test_nothing_has_no_section(tokenizer: Any) -> None:
    assert list(sections(tokenizer, [])) == []
    assert list(sections(tokenizer, ["", ""])) == []


def test_chunks_are_read_as_sections_are_asked_for(tokenizer: Any) -> None:
    read = 0

    def endless() -> Iterator[str]:
        nonlocal read
        while True:
            read += 1
            yield "The old wall fell down. " * 10

    parts = sections(tokenizer, endless(), 2400, 240)
    for _ in range(5):
        assert next(parts).exact
    assert read < 75


def test_memory_does_not_grow_with_the_text(tokenizer: Any) -> None:
    def peak(chunks: int) -> int:
        tracemalloc.start()
        count = sum(
            len(part.ids) for part in sections(tokenizer, ("The old wall. " * 700 for _ in range(chunks)), 2**14)
        )
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert count > chunks * 700
        return size

    peak(2)
    assert peak(60) < 1.5 * peak(6)


def test_a_piece_without_a_character_is_refused(tokenizer: Any, refuses: Any) -> None:
    with refuses("length=0", "at least one"):
        list(sections(tokenizer, ["a"], 0))
    with refuses("margin=0", "at least one"):
        list(sections(tokenizer, ["a"], 10, 0))
