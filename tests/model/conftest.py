"""What tests of damaged checkpoints share."""

import shutil
from pathlib import Path

import pytest
import transformers

from tests.model.saved import SIZES, save, vocabulary


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole checkpoint of a tiny Llama, which nobody changes."""
    folder = tmp_path_factory.mktemp("stored") / "llama"
    save(folder, transformers.LlamaForCausalLM, transformers.LlamaConfig(vocab_size=vocabulary(), **SIZES))
    return folder


@pytest.fixture
def copied(stored: Path, tmp_path: Path) -> Path:
    """The same, to be damaged."""
    return Path(shutil.copytree(stored, tmp_path / "copy"))
