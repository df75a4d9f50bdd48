"""What is told before a scan is right where it can be known, and refused where it cannot be told."""

from pathlib import Path
from typing import Any

import pytest
from transformers import GptOssConfig

from depthscope.model.footprint import weight_bytes
from depthscope.scan.estimate import estimate
from depthscope.telling import plain as plain_text
from tests.conftest import tiny_llama


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("paper")
    tiny_llama(100).config.save_pretrained(folder)  # type: ignore[operator, union-attr]
    return folder / "config.json"


def test_memory_is_what_the_network_and_its_states_take(config: Path) -> None:
    told = estimate(config, window=32, context=8, token_budget=100, dtype="float32", device="cpu")
    assert told.weights == weight_bytes(tiny_llama(100))
    assert told.tokens_per_batch == 96  # whole windows
    assert told.states == 96 * 7 * 32 * 4
    assert told.overlap == pytest.approx(32 / 24)
    assert told.logits == 0
    assert told.peak > told.weights + told.states
    assert told.seconds == pytest.approx(sum(told.shares.values()))
    assert set(told.shares) == {"network", "measuring"}


def test_surprisal_adds_logits_the_head_and_one_column(config: Path) -> None:
    plain, more = (
        estimate(config, window=32, context=8, device="cpu", measures=names)
        for names in (("cse", "norm"), ("cse", "norm", "surprisal"))
    )
    assert more.logits > 0
    assert more.shares["head"] > 0
    assert more.parquet - plain.parquet == 4 * 10**6
    assert plain.parquet == 10**6 * (2 * 6 * 4 + 12)


def test_half_the_precision_takes_half_the_memory(config: Path) -> None:
    wide, narrow = (estimate(config, window=32, context=8, dtype=name) for name in ("float32", "bfloat16"))
    assert wide.states == 2 * narrow.states
    assert narrow.weights < wide.weights


def test_it_says_what_the_device_has_and_what_the_time_rests_on(config: Path) -> None:
    told = estimate(config, window=32, context=8, device="cpu")
    assert told.architecture == "LlamaForCausalLM"
    assert (told.depth, told.width) == (6, 32)
    assert told.available is not None
    assert 0 < told.available <= 2**50
    assert told.fits
    assert told.calibrated.startswith("an estimate: timed on cpu")
    assert "4 of 6 blocks" in told.calibrated


def test_what_is_too_large_to_be_timed_still_has_its_memory(tmp_path: Path) -> None:
    GptOssConfig(dtype="bfloat16").save_pretrained(tmp_path)  # 120 billion parameters
    told = estimate(tmp_path, device="cpu")
    assert told.weights == pytest.approx(2 * 116_829_156_672, rel=1e-3)
    assert told.seconds is None
    assert not told.shares
    assert told.untimed.startswith("no time is given: one block of each kind takes")


def test_what_cannot_be_is_refused(config: Path, tmp_path: Path, refuses: Any) -> None:
    with refuses("window of 32", "context"):
        estimate(config, window=32, context=32)
    with refuses("window=512", "at most 128 tokens"):
        estimate(config, window=512)
    with refuses("token_budget=0"):
        estimate(config, window=32, context=8, token_budget=0)
    with refuses("nothing to measure"):
        estimate(config, window=32, context=8, measures=())
    with refuses("'nothing'", "cse"):
        estimate(config, window=32, context=8, measures=("nothing",))
    with refuses("device 'nonsense' is not there", "device='cpu'"):
        estimate(config, window=32, context=8, device="nonsense")
    tiny_llama(100, blocks=3).config.save_pretrained(tmp_path)  # type: ignore[operator, union-attr]
    with refuses("3 blocks are too few"):
        estimate(tmp_path, window=32, context=8)
    with refuses("nobody/nothing", "offline"):
        estimate("nobody/nothing")


def test_packed_weights_take_less_and_no_time_is_made_up(config: Path, refuses: Any) -> None:
    pytest.importorskip("bitsandbytes")
    given = {"window": 32, "context": 8, "dtype": "float32", "device": "cpu"}
    plain, packed = estimate(config, **given), estimate(config, quantization="nf4", **given)
    assert packed.weights < plain.weights
    assert packed.peak - packed.weights == pytest.approx(plain.peak - plain.weights, abs=2**28)  # the process grows
    assert (packed.seconds, packed.shares, packed.packed) == (None, {}, "nf4")
    assert "run quantization" in packed.untimed
    words = plain_text(packed.told)
    assert "nf4, " in words
    assert "packed as they are loaded" in words
    for wrong in ("nonsense", "awq", "gguf"):
        with refuses(wrong):
            estimate(config, quantization=wrong, **given)


def test_the_tokens_of_a_corpus_are_counted(network: Path, corpus: Path, refuses: Any) -> None:
    given = {"window": 48, "context": 12, "device": "cpu"}
    million, told = estimate(network, **given), estimate(network, corpus=corpus, **given)
    assert (million.tokens, million.corpus, million.counted) == (10**6, "", "")
    assert told.tokens < 3000
    assert told.counted == "all of its tokens were counted"
    assert told.parquet == told.tokens * (2 * 6 * 4 + 12)
    # most documents are shorter than a window, and have nothing that runs again
    assert 1 < told.overlap < 48 / 36
    assert told.seconds is not None
    assert million.seconds is not None
    assert told.seconds < million.seconds / 100
    assert f"for the {told.tokens:,} tokens of {corpus}" in plain_text(told.told)
    with refuses("nowhere", "no such"):
        estimate(network, corpus="nowhere", **given)
