"""The tokens of a corpus are counted as a scan cuts them, or estimated close to that."""

from types import SimpleNamespace

import numpy as np
import pytest

import depthscope as ds
from depthscope.capture.around import surrounding_ids
from depthscope.capture.parts import Cut
from depthscope.corpus.read import read_corpus
from depthscope.scan.counted import _run, count
from tests.scan.conftest import SMALL, prose

CUT = Cut(48, 12, 200)


def test_as_many_as_a_scan_writes_rows(network, tokenizer, corpus, tmp_path):
    told = count(read_corpus(corpus), tokenizer, CUT)
    found = ds.scan_corpus(str(network), corpus, tmp_path / "out", **SMALL)
    assert told.tokens == found.dataset().count_rows()
    assert told.tokens < told.run < 2 * told.tokens
    assert told.how == "all of its tokens were counted"


@pytest.mark.parametrize("name", ["plain", "jsonl", "gz", "wide"])
def test_of_a_large_corpus_they_are_estimated_from_all_of_it(name, tokenizer, tmp_path):
    """The first half is of another kind than the second: whoever looks at the beginning alone is far off."""
    first, second = prose(1, 4000), "日本語の文章です。" * 3000
    if name == "jsonl":
        import json

        rows = [{"text": text[i : i + 300]} for text in (first, second) for i in range(0, len(text), 300)]
        (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    elif name == "gz":
        import gzip

        (tmp_path / "a.txt.gz").write_bytes(gzip.compress((first + second).encode()))
    else:
        (tmp_path / "a.txt").write_text(first if name == "plain" else first + second, encoding="utf-8")
        (tmp_path / "b.txt").write_text(second, encoding="utf-8")
    corpus = read_corpus(tmp_path)
    exact, estimated = count(corpus, tokenizer, CUT), count(corpus, tokenizer, CUT, most=20_000)
    assert estimated.tokens == pytest.approx(exact.tokens, rel=0.05)
    assert estimated.run == pytest.approx(exact.run, rel=0.05)
    assert "estimated from 20,000 of its" in estimated.how
    assert "200 pieces" in estimated.how


@pytest.mark.parametrize("causal", [True, False])
def test_tokens_that_run_follow_from_the_length_of_a_document(causal, tokenizer, tmp_path):
    cut = Cut(20, 6, 10**6, causal)
    for words in (1, 12, 18, 19, 25, 60, 61, 62, 63, 64, 65, 66, 67, 68, 333):
        (tmp_path / "a.txt").write_text(prose(words, words), encoding="utf-8")
        told = count(read_corpus(tmp_path / "a.txt"), tokenizer, cut)
        assert _run(np.array([told.tokens]), cut, tokenizer) == told.run, words
    assert surrounding_ids(tokenizer) == ([], [])


def test_what_cannot_be_counted_is_refused(tokenizer, refuses):
    endless = SimpleNamespace(source="hf:somebody/endless", size=None)
    with refuses("hf:somebody/endless", "leave the corpus out"):
        count(endless, tokenizer, CUT)
