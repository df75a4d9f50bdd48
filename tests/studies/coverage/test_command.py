"""``depthscope models coverage``."""

from importlib.metadata import version
from pathlib import Path
from typing import Any

from tests.running import strict_json


def test_the_coverage_of_a_few_families(depthscope: Any) -> None:
    seen = depthscope("models", "coverage", "--family", "gpt2", "albert", "--no-progress")
    assert seen.status == 0
    assert seen.out.splitlines() == [
        "model type  class              result   remark",
        "albert      AlbertForMaskedLM  refused  no chain of blocks: it has no list of modules",
        "1 of 2 work, 1 is refused with the reason; of 1 of those that work the updates can be split into attention and MLP",
    ]
    assert seen.err == ""


def test_the_coverage_for_a_program(depthscope: Any, tmp_path: Path) -> None:
    out = tmp_path / "coverage.md"
    words = ("models", "coverage", "--family", "albert", "bert", "--kind", "encoder", "--no-progress", "--out", out)
    seen = depthscope(*words, "--json")
    document = strict_json(seen.out)
    assert list(document) == ["classes", "versions", "written"]
    assert document["written"] == str(out)
    assert document["versions"] == {name: version(name) for name in ("transformers", "torch")}
    albert, bert = document["classes"]
    assert (albert["model_type"], albert["outcome"], bert["outcome"]) == ("albert", "refused", "works")
    assert list(bert) == ["kind", "model_type", "class_name", "stack", "outcome", "blocks", "note", "parts"]


def test_the_coverage_of_one_kind_is_written_with_what_made_it(depthscope: Any, tmp_path: Path) -> None:
    out = tmp_path / "coverage.md"
    words = ("models", "coverage", "--family", "bert", "--kind", "encoder", "--no-progress", "--out", out)
    seen = depthscope(*words)
    assert (seen.status, seen.out) == (0, f"1 of 1 work\nwritten: {out}\n")
    text = out.read_text(encoding="utf-8")
    assert f"Measured with transformers {version('transformers')}, torch {version('torch')}, by" in text
    assert f"```sh\ndepthscope models coverage --family bert --kind encoder --no-progress --out {out}\n```" in text
    assert "| bert | BertForMaskedLM | works | `bert.encoder.layer` |" in text
    assert "BertLMHeadModel" not in text
    assert [path.name for path in tmp_path.iterdir()] == ["coverage.md"]


def test_an_unknown_family_is_one_sentence(depthscope: Any) -> None:
    refused = depthscope("models", "coverage", "--family", "gpt5")
    assert "gpt5: no such model type" in refused.sentence


def test_a_place_that_cannot_be_written_is_refused_before_anything_is_built(depthscope: Any, tmp_path: Path) -> None:
    assert "is a folder" in depthscope("models", "coverage", "--out", tmp_path).sentence
    assert "there is no folder" in depthscope("models", "coverage", "--out", tmp_path / "a" / "b.md").sentence
    assert depthscope("models", "coverage", "--kind", "fish").status == 2
