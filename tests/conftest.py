"""Shared fixtures: the embedded model, random-weight models from their configurations, small tables."""

import gc
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

# before torch is imported: networks this small take several times as long on several threads that wait for one another
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pandas as pd
import pytest
import torch
from hypothesis import settings

import depthscope as ds
from depthscope.cli.main import SEARCHES

pytest_plugins = ["tests.interrupts", "tests.running"]

torch.manual_seed(0)
# as a command sets it for a process of its own: looking for circles of dead objects took a tenth of the suite's time
gc.set_threshold(*SEARCHES)
# a busy machine must not fail a test
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
# where everything must be there, what is missing is a failure
CI = bool(os.environ.get("CI"))
os.environ.setdefault("HF_HUB_OFFLINE", "1")  # tests must not depend on a hub, nor wait for one


# folders whose files take minutes: begun last, one of them would keep a worker busy when the other has nothing left
LONG = ("studies", "docs", "cli", "scan", "model")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes long comes first, otherwise in the order of the folders; see ``--no-loadscope-reorder`` in the Makefile."""
    places = {name: place for place, name in enumerate(LONG)}
    root = Path(__file__).parent
    items.sort(key=lambda item: places.get(item.path.relative_to(root).parts[0], len(LONG)))


@pytest.fixture(autouse=True)
def no_figure_stays_open() -> Iterator[None]:
    """What one test leaves open must not be counted by another."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """A browser; one for all tests of a process, which holds no second one."""
    from playwright.sync_api import sync_playwright

    path = shutil.which("chromium")
    if path is None:
        assert not CI, "CI must have a browser: make browser"
        pytest.skip("no chromium here: make browser")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def embedded() -> ds.Model:
    """The real pretrained model, loaded once."""
    return ds.load("embedded")


@pytest.fixture(scope="session")
def tokenizer(embedded: ds.Model) -> Any:
    """A real byte-level fast tokenizer for random-weight models."""
    return embedded.tokenizer


@pytest.fixture(scope="session")
def tiny(tokenizer: Any) -> ds.Model:
    """A random-weight Llama of six blocks: fast, and deep enough for a transform."""
    return ds.load(tiny_llama(len(tokenizer)), tokenizer)


def tiny_llama(vocabulary: int, blocks: int = 6, width: int = 32) -> torch.nn.Module:
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(1)
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=blocks,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=128,
    )
    return LlamaForCausalLM(config).eval()


@pytest.fixture
def pairs() -> pd.DataFrame:
    return four_pairs()


def four_pairs() -> pd.DataFrame:
    """Four items in two conditions, targets at the end."""
    rows = [
        ("shark", "metaphor", "The new lawyer is a shark."),
        ("shark", "literal", "The big fish is a shark."),
        ("wall", "metaphor", "His silence became a wall."),
        ("wall", "literal", "The old hedge became a wall."),
        ("storm", "metaphor", "Their marriage was a storm."),
        ("storm", "literal", "The evening brought a storm."),
        ("key", "metaphor", "Patience is always the key."),
        ("key", "literal", "My neighbour lost the key."),
    ]
    table = pd.DataFrame(rows, columns=["item", "condition", "text"])
    return table.assign(target=table["item"])


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[tuple[Path, Callable[[str], int]]]:
    """A real file system that fills up; ``remount("size=1m")`` and ``remount("ro")`` change it, and give 0."""
    place = tmp_path / "disk"
    place.mkdir()

    def mount(*options: str) -> int:
        return subprocess.run(["mount", *options, place], capture_output=True).returncode

    if os.geteuid() != 0 or mount("-t", "tmpfs", "-o", "size=64k", "tmpfs") != 0:
        pytest.skip("no file system can be mounted here; tests with a limit on the size of files stand in for it")
    yield place, lambda options: mount("-o", f"remount,{options}")
    subprocess.run(["umount", place], check=True)


@pytest.fixture
def refuses() -> Callable[..., Any]:
    """``with refuses("words", ...)``: a DepthscopeError of one sentence that holds all the words."""

    class Refusal:
        def __init__(self, *words: str) -> None:
            self.words = words

        def __enter__(self) -> None:
            return None

        def __exit__(self, kind: Any, problem: Any, trace: Any) -> bool:
            assert kind is not None, "nothing was refused"
            if not issubclass(kind, ds.DepthscopeError):
                return False
            sentence = str(problem)
            assert "\n" not in sentence
            for word in self.words:
                assert word in sentence, f"{word!r} is not in: {sentence}"
            return True

    return Refusal
