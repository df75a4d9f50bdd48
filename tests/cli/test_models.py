"""``depthscope models``: what can be had, and getting it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from depthscope.model.pretrained.entry import Package, Pretrained
from depthscope.model.pretrained.registry import MODELS
from tests.model.pretrained.conftest import index, register, tiny
from tests.model.pretrained.served import Index
from tests.running import strict_json

__all__ = ["index", "tiny"]

Tiny = tuple[Pretrained, dict[Package, bytes]]


def test_the_list_shows_every_model_once_with_what_a_user_must_know(depthscope: Any) -> None:
    shown = depthscope("models", "list")
    assert shown.status == 0
    assert shown.out == depthscope("models").out
    lines = shown.out.splitlines()
    assert lines[0].split() == ["name", "kind", "layers", "download", "state", "licence", "what"]
    for entry, line in zip(MODELS, lines[1:], strict=False):
        assert line.startswith(entry.name)
        assert all(word in line for word in (entry.kind, f" {entry.layers} ", entry.licence, entry.title))
    assert "smollm2-135m, embedded" in lines[1]
    assert " 93 MB " in lines[1]
    assert "none stated in the package" in shown.out
    assert "Gemma terms (not OSI)" in shown.out


def test_a_model_that_was_got_is_here(depthscope: Any, tiny: Tiny, tmp_path: Path) -> None:
    assert "not fetched" in depthscope("models", "list").out
    got = depthscope("models", "get", "tiny-1.5", "--no-progress")
    assert got.status == 0
    assert f"tiny-1.5: {tmp_path / 'cache'}" in got.out
    assert 'depthscope.load("tiny-1.5")' in got.out
    assert "licence: none" in got.out
    assert "%" not in got.err
    assert " here " in depthscope("models", "list").out
    assert depthscope("models", "get", "tiny-1.5").out == got.out


def test_the_list_and_what_was_got_for_a_program(depthscope: Any, tiny: Tiny, tmp_path: Path) -> None:
    got = depthscope("models", "get", "tiny-1.5", "--no-progress", "--json")
    (one,) = strict_json(got.out)["models"]
    assert list(one) == ["name", "folder", "load", "licence"]
    assert (one["name"], one["load"]) == ("tiny-1.5", 'depthscope.load("tiny-1.5")')
    assert Path(one["folder"]).is_dir()
    assert got.err.startswith(f"tiny-1.5: {tmp_path / 'cache'}")  # as it came
    shown = depthscope("models", "list", "--json")
    assert shown.out == depthscope("models", "--json").out == depthscope("models", "--json", "list").out
    document = strict_json(shown.out)
    assert list(document) == ["models", "cache"]
    assert [model["name"] for model in document["models"]] == ["tiny-1.5"]
    keys = ["name", "aliases", "kind", "layers", "download_bytes", "state", "licence", "title"]
    assert list(document["models"][0]) == keys
    assert (document["models"][0]["download_bytes"], document["models"][0]["state"]) == (tiny[0].download, "here")


def test_an_unknown_name_is_refused_before_anything_is_fetched(depthscope: Any, index: Index, tiny: Tiny) -> None:
    refused = depthscope("models", "get", "tiny-1.5", "gpt2")
    assert refused.status == 2
    assert "gpt2: no pretrained model of that name: there is tiny-1.5" in refused.err
    assert index.asked == []


def test_a_name_is_needed(depthscope: Any) -> None:
    assert depthscope("models", "get").status == 2


def test_an_index_out_of_reach_is_one_sentence(depthscope: Any, tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    refused = depthscope("models", "get", "tiny-1.5", "--no-progress")
    assert refused.status == 2
    assert refused.err.startswith("depthscope: tiny-part1 1.0: http://127.0.0.1:9/simple is out of reach")
    assert refused.err.count("\n") == 1


@pytest.mark.parametrize(("kind", "line"), [("encoder", 'stack="encoder"'), ("speech", "depthscope.explain")])
def test_the_loading_line_is_of_the_kind(
    kind: str, line: str, depthscope: Any, tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(monkeypatch, replace(tiny[0], kind=kind))  # type: ignore[arg-type]
    assert line in depthscope("models", "get", "tiny-1.5", "--no-progress").out
