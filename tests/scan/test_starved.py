"""Scans with too little memory, in real processes: they take less at a time, or say what does not fit."""

import json
import os
import resource
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

import depthscope as ds
from depthscope.scan.study import scan_corpus
from tests.running import record_of
from tests.scan.conftest import prose
from tests.scan.processes import command, ended, fork, network, start, tokenizer, words

__all__ = ["network", "start", "tokenizer"]  # fixtures

# of the layer inside a block: a window of 128 tokens takes 40 MiB there, four times; blocks of up to 32 MiB the C library
# may keep when they are freed, and give again without asking the system
WIDE = 5 * 2**14
LAYER = 128 * WIDE * 4
ROOMY = {"progress": False, "window": 128, "context": 0, "measures": ["norm"], "token_budget": 128 * 4}


def status_of(name: str) -> int:
    """A line of ``/proc/self/status``, in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))


def growth_of(do: Callable[[], object]) -> int:
    """How much more memory a process of its own had in use than it began with, at most."""
    ours, theirs = os.pipe()

    def measured() -> None:
        before = status_of("VmRSS")
        do()
        os.write(theirs, str(status_of("VmHWM") - before).encode())

    assert ended(fork(measured)) == 0
    os.close(theirs)
    with os.fdopen(ours) as stream:
        return int(stream.read())


def pinched(folder: Path, line: list[str], room: int) -> None:
    command(folder, line, {resource.RLIMIT_AS: status_of("VmSize") + room})


def starve(wide: str, folder: Path) -> None:
    """In a process of its own: scans whose wide layers find as much memory as they want, then less, then next to none."""
    model = ds.load(wide)
    text, room, seen = folder / "text.txt", resource.RLIM_INFINITY, []
    text.write_text(prose(1, 450))

    def lower(_: object, given: tuple[torch.Tensor, ...]) -> None:
        windows, tokens = given[0].shape[:2]
        seen.append(windows)
        # only here, where whatever else takes addresses, now more and now less, has taken them; not for the short trial
        # with which a scan begins
        if room != resource.RLIM_INFINITY and tokens > 100:
            resource.setrlimit(resource.RLIMIT_AS, (status_of("VmSize") + room, resource.RLIM_INFINITY))

    def lift(*_: object) -> None:
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2)

    for block in model.network.model.layers:
        block.mlp.register_forward_pre_hook(lower)
        block.mlp.register_forward_hook(lift, always_call=True)
    log: dict[str, list[int]] = {}

    def attempt(name: str, leave: int) -> None:
        nonlocal room
        room = leave
        try:
            scan_corpus(model, text, folder / name, **ROOMY)
        except ds.DepthscopeError as problem:
            (folder / "sentence").write_text(f"{name}: {problem}")
        log[name] = sorted(set(seen), reverse=True)
        seen.clear()

    attempt("many", resource.RLIM_INFINITY)
    attempt("less", 5 * LAYER)
    attempt("least", LAYER // 2)
    (folder / "log.json").write_text(json.dumps(log))


@pytest.fixture
def wide(tokenizer, tmp_path) -> Path:
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(1)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=WIDE,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=128,
    )
    LlamaForCausalLM(config).save_pretrained(tmp_path / "wide")
    tokenizer.save_pretrained(tmp_path / "wide")
    return tmp_path / "wide"


def test_a_batch_that_does_not_fit_into_memory_is_halved_and_a_window_that_does_not_is_named(start, wide, tmp_path):
    process = start(starve, str(wide), tmp_path)
    process.join()
    assert process.exitcode == 0
    windows = json.loads((tmp_path / "log.json").read_text())
    assert 4 in windows["many"]
    assert {4, 2, 1} <= set(windows["less"])
    assert {4, 2, 1} <= set(windows["least"])
    ours, theirs = (pq.read_table(tmp_path / name / "tokens") for name in ("less", "many"))
    assert ours.drop_columns("norm").equals(theirs.drop_columns("norm"))
    a, b = (np.stack(table["norm"].to_numpy()) for table in (ours, theirs))
    np.testing.assert_allclose(a, b, rtol=1e-5)
    sentence = (tmp_path / "sentence").read_text()
    assert sentence.startswith("least: ")
    assert "text.txt: a window of 1" in sentence  # hundred and some tokens
    assert "tokens does not fit into the memory of cpu" in sentence
    assert "--window" in sentence


def test_a_model_that_does_not_fit_into_memory_is_a_sentence(start, wide, corpus, tmp_path):
    line = words(wide, corpus, tmp_path / "out")
    # the weights take 120 MiB
    room = 64 * 2**20
    process = start(pinched, tmp_path, line, room)
    process.join()
    said = (tmp_path / "complained").read_text()
    assert process.exitcode == 2, said
    assert said.startswith("depthscope: ")
    assert "memory" in said


def grow(network: str, folder: Path) -> None:
    """In a process of its own: how much memory scans of a corpus and of one ten times as large take."""
    model, peaks = ds.load(network), []
    options = {"progress": False, "part_tokens": 500, "window": 128}
    scan_corpus(model, folder / "1", folder / "out-first", **options)
    for times in (1, 10):
        peaks.append(
            growth_of(lambda times=times: scan_corpus(model, folder / str(times), folder / f"out-{times}", **options))
        )
    (folder / "peaks.json").write_text(json.dumps([status_of("VmRSS"), *peaks]))


def test_memory_does_not_grow_with_the_corpus(start, network, tmp_path):
    text = prose(1, 3000)
    for times in (1, 10):
        (tmp_path / str(times)).mkdir()
        (tmp_path / str(times) / "a.txt").write_text(text * times)  # one document
        (tmp_path / str(times) / "b.jsonl").write_text(
            "".join(json.dumps({"text": text[:3000]}) + "\n" for _ in range(5 * times))
        )
    process = start(grow, str(network), tmp_path)
    process.join()
    assert process.exitcode == 0
    before, once, tenfold = json.loads((tmp_path / "peaks.json").read_text())
    rows = [record_of(tmp_path / f"out-{times}")["results"]["tokens"] for times in (1, 10)]
    assert rows[1] > 9 * rows[0]
    assert before + tenfold <= 1.05 * (before + once) + 4 * 2**20, (before, once, tenfold)
