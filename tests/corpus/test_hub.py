"""Data sets as the Hugging Face library reads them, from real folders on this machine."""

import json
from pathlib import Path
from typing import Any

import pytest

from depthscope.corpus.read import read_corpus

pytest.importorskip("datasets")


def write(path: Path, rows: list[dict[str, object]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    where = tmp_path / "set"
    where.mkdir()
    write(where / "train.jsonl", [{"text": "one", "n": 1}, {"text": None, "n": 2}, {"text": "two", "n": 3}])
    write(where / "test.jsonl", [{"text": "three", "n": 1}])
    return where


def names(source: str, **how: Any) -> dict[str, str]:
    return {document.name: "".join(document.chunks) for document in read_corpus(source, **how).documents()}


def test_a_data_set_is_read_row_by_row(folder: Path) -> None:
    source = f"hf:{folder}"
    corpus = read_corpus(source)
    for _ in range(2):
        assert [(d.name, "".join(d.chunks)) for d in corpus.documents()] == [
            (f"{source}:0", "one"),
            (f"{source}:2", "two"),
        ]
    assert [d.name for d in corpus.documents(skip=1)] == [f"{source}:2"]
    assert (corpus.source, corpus.size, corpus.blank, corpus.passed_over) == (source, None, 1, ())


def test_a_split_and_a_configuration_are_told_apart(folder: Path) -> None:
    assert list(names(f"hf:{folder}:test").values()) == ["three"]
    assert list(names(f"hf:{folder}:default:test").values()) == ["three"]
    assert list(names(f"hf:{folder}::test").values()) == ["three"]
    assert list(names(f"hf:{folder}:default").values()) == ["one", "two"]
    (folder / "README.md").write_text(
        "---\nconfigs:\n- config_name: one\n  data_files: train.jsonl\n- config_name: other\n  data_files: test.jsonl\n---\n"
    )
    assert list(names(f"hf:{folder}:other").values()) == ["three"]


def test_what_is_not_there_is_refused(folder: Path, refuses: Any) -> None:
    with refuses("no split 'valid'", "train, test", "hf:NAME"):
        read_corpus(f"hf:{folder}:valid")
    with refuses("body", "text, n", "--text-column NAME"):
        names(f"hf:{folder}", text="body")
    with refuses("int, not text"):
        names(f"hf:{folder}", text="n")
    with refuses("nowhere", "cannot be read as a data set"):
        read_corpus(f"hf:{folder}/nowhere")
    with refuses("of the form hf:NAME"):
        read_corpus("hf:")
    with refuses("of the form hf:NAME"):
        read_corpus("hf:a:b:c:d")
    with refuses("hf:a\\nb:c:d:e: not of the form"):
        read_corpus("hf:a\nb:c:d:e")
    with refuses("nowhere\\n:train: cannot be read as a data set"):
        read_corpus(f"hf:{folder}/nowhere\n:train")
    write(folder / "train.jsonl", [{"text": " "}])
    with refuses("no document with a letter"):
        names(f"hf:{folder}:train")


def test_a_choice_among_configurations_is_left_to_the_user(folder: Path, refuses: Any) -> None:
    (folder / "README.md").write_text(
        "---\nconfigs:\n- config_name: one\n  data_files: train.jsonl\n- config_name: other\n  data_files: test.jsonl\n---\n"
    )
    with refuses("several configurations", "one, other", ":CONFIG"):
        read_corpus(f"hf:{folder}")


def test_the_digest_is_of_the_split_and_the_files(folder: Path) -> None:
    first = read_corpus(f"hf:{folder}").digest()
    assert read_corpus(f"hf:{folder}").digest() == first
    assert read_corpus(f"hf:{folder}:test").digest() != first
    write(folder / "train.jsonl", [{"text": "another"}])
    assert read_corpus(f"hf:{folder}").digest() != first
