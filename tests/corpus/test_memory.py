"""Texts in memory are read as those in files are; and the text that comes with the package is prose."""

import re

from depthscope.corpus import own
from depthscope.corpus.memory import TextCorpus
from depthscope.corpus.read import read_corpus

TEXTS = {"a": "The sea was calm.", "b": " \n", "c": "Nobody spoke, é."}


def test_documents_are_those_of_files_of_the_same_texts(tmp_path):
    for name, text in TEXTS.items():
        (tmp_path / f"{name}.txt").write_text(text, encoding="utf-8")
    files, memory = read_corpus(tmp_path), TextCorpus("made up", TEXTS)
    there = [("".join(document.chunks), document.reached) for document in files.documents()]
    here = [("".join(document.chunks), document.reached) for document in memory.documents()]
    assert [text for text, _ in here] == [text for text, _ in there] == [TEXTS["a"], TEXTS["c"]]
    assert memory.blank == files.blank == 1
    assert memory.size == len((TEXTS["a"] + TEXTS["c"]).encode())
    assert [document.name for document in memory.documents(1)] == ["c"]


def test_its_digest_is_of_the_texts():
    one = TextCorpus("made up", TEXTS).digest()
    assert one == TextCorpus("otherwise", TEXTS).digest()
    assert one != TextCorpus("made up", {**TEXTS, "a": "The sea was rough."}).digest()


def test_no_text_is_refused(refuses):
    with refuses("made up", "holds text"):
        TextCorpus("made up", {"a": "  "})


def test_the_text_of_the_package_is_prose():
    texts = own.documents()
    whole = "\n".join(texts.values())
    assert len(texts) > 100
    assert len(whole.split()) > 20_000
    assert not re.search(r"```|\|---|\]\(|^#", whole, re.MULTILINE)
    assert all(any(letter.isalpha() for letter in text) for text in texts.values())
