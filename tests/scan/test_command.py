"""``depthscope scan``: options go through, documents are strict JSON, and what is wrong with a corpus is one sentence."""

import json
import shutil
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import depthscope as ds
from tests.running import record_of, strict_json
from tests.scan.conftest import corpus, network, prose

__all__ = ["corpus", "network"]

FEW = ("--window", "64", "--no-progress")


@pytest.fixture
def scan(depthscope, network):
    """``scan(corpus, out, ...)``: with the small network."""

    def call(corpus: object, out: object, *more: object):
        return depthscope("scan", "--model", network, "--corpus", corpus, "--out", out, *FEW, *more)

    return call


@pytest.fixture(scope="module")
def finished(network, corpus, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("finished") / "out"
    return ds.scan_corpus(str(network), corpus, out, window=64, progress=False).folder


@pytest.fixture
def text(tmp_path) -> Path:
    path = tmp_path / "one.txt"
    path.write_text(prose(1, 120), encoding="utf-8")
    return path


# --- what is asked for is done


def test_without_options_cse_and_norm_of_the_model_that_is_always_there(depthscope, text, tmp_path):
    outcome = depthscope("scan", "--corpus", text, "--out", tmp_path / "out")
    assert outcome.status == 0
    record = record_of(tmp_path / "out")
    settings = record["settings"]
    assert settings["model"] == "embedded"
    assert (settings["window"], settings["context"], settings["part_tokens"]) == (512, 128, 16384)
    assert settings["corpus"]["text"] == "text"
    assert settings["corpus"]["split"] == "file"
    assert record["results"]["tables"] == {"tokens": ["cse", "norm"]}
    assert record["command"] == f"depthscope scan --corpus {text} --out {tmp_path / 'out'}"
    tokens = record["results"]["tokens"]
    assert f"{tokens:,} tokens of 1 document" in outcome.out
    assert f"{tmp_path / 'out'}/tokens/*.parquet" in outcome.out
    assert len(pq.read_table(tmp_path / "out" / "tokens")) == tokens > 120


def test_json_is_one_strict_document_and_the_record(scan, corpus, tmp_path):
    outcome = scan(corpus, tmp_path / "out", "--json")
    assert outcome.status == 0
    document = strict_json(outcome.out)
    assert document.pop("folder") == str(tmp_path / "out")
    assert document == strict_json((tmp_path / "out" / "run.json").read_text())
    assert document["study"] == "scan"
    assert document["status"] == "finished"
    assert "note: 1 documents hold no text" in outcome.err
    # again, with nothing left to do
    again = strict_json(scan(corpus, tmp_path / "out", "--json").out)
    assert again == {**document, "folder": str(tmp_path / "out")}


def test_numbers_that_are_none_leave_the_document_strict(scan, tmp_path):
    """Of one token there is no surprisal at all."""
    (tmp_path / "one.txt").write_text("Hi")
    outcome = scan(tmp_path / "one.txt", tmp_path / "out", "--measure", "surprisal", "--json")
    assert strict_json(outcome.out)["results"]["tokens"] == 1
    shown = scan(tmp_path / "one.txt", tmp_path / "out", "--measure", "surprisal").out
    assert "surprisal  none" in " ".join(shown.split(" ")).replace("   ", "  ")


def test_options_reach_the_scan(scan, tmp_path):
    rows = [{"body": "one wave"}, {"body": "two ships passed"}, {"body": "the sea"}]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    options = {
        "--text-column": "body",
        "--context": 5,
        "--part-tokens": 3,
        "--token-budget": 70,
        "--threads": 1,
        "--wavelet": "haar",
        "--padding": "reflect",
        "--dtype": "float32",
        "--device": "cpu",
        "--engine": "local",
    }
    words = [word for pair in options.items() for word in pair]
    outcome = scan(tmp_path / "rows.jsonl", tmp_path / "out", *words, "--measure", "cosine", "--measure", "cse")
    assert outcome.status == 0, outcome.err
    settings = record_of(tmp_path / "out")["settings"]
    assert settings["corpus"]["text"] == "body"
    assert (settings["window"], settings["context"], settings["part_tokens"]) == (64, 5, 3)
    assert settings["token_budget"] == 70
    assert settings["load"] == {"dtype": "float32", "device": "cpu"}
    table = pq.read_table(tmp_path / "out" / "tokens")
    assert set(table.column_names) >= {"cse", "cosine"}
    assert "norm" not in table.column_names
    assert set(table["document"].to_pylist()) == {"rows.jsonl:1", "rows.jsonl:2", "rows.jsonl:3"}
    schema = pq.read_schema(tmp_path / "out" / "tokens" / "part-000000.parquet")
    asked = json.loads(schema.metadata[b"depthscope"])["cse"]
    assert (asked["wavelet"], asked["padding"]) == ("haar", "reflect")


@pytest.mark.parametrize(
    ("split", "names"),
    [
        ("file", {"t.txt"}),
        ("line", {"t.txt:1", "t.txt:2", "t.txt:4"}),
        ("paragraph", {"t.txt:1", "t.txt:4"}),
    ],
)
def test_a_plain_text_is_divided_as_asked(scan, tmp_path, split, names):
    (tmp_path / "t.txt").write_text("one wave\nthat broke\n\nfar out at sea\n")
    assert scan(tmp_path / "t.txt", tmp_path / "out", "--split", split, "--measure", "norm").status == 0
    assert set(pq.read_table(tmp_path / "out" / "tokens")["document"].to_pylist()) == names


def test_a_document_of_one_token_is_measured(scan, tmp_path):
    (tmp_path / "one.txt").write_text("Hi")
    assert scan(tmp_path / "one.txt", tmp_path / "out").status == 0
    (row,) = pq.read_table(tmp_path / "out" / "tokens").to_pylist()
    assert (row["document"], row["token"], row["start"], row["end"], row["position"]) == ("one.txt", "Hi", 0, 2, 0)
    assert any(value is not None for value in row["cse"])


def test_a_local_folder_of_a_data_set_is_read_as_hf(scan, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "data"
    folder.mkdir()
    pq.write_table(pa.table({"words": ["one wave", "", "two ships"]}), folder / "train.parquet")
    outcome = scan(f"hf:{folder}", tmp_path / "out", "--text-column", "words", "--measure", "norm")
    assert outcome.status == 0, outcome.err
    names = set(pq.read_table(tmp_path / "out" / "tokens")["document"].to_pylist())
    assert names == {f"hf:{folder}:0", f"hf:{folder}:2"}
    assert "1 documents hold no text" in outcome.out
    assert "no split 'test'" in scan(f"hf:{folder}:test", tmp_path / "other").sentence


def test_a_measure_is_added_to_what_stands_there(scan, corpus, finished, tmp_path):
    out = shutil.copytree(finished, tmp_path / "out")
    assert scan(corpus, out, "--measure", "surprisal").status == 0
    tables = record_of(out)["results"]["tables"]
    assert tables == {"tokens": ["cse", "norm"], "tokens-surprisal": ["surprisal"]}
    both = duckdb.sql(
        f"select count(*) from '{out}/tokens/*.parquet' join '{out}/tokens-surprisal/*.parquet' "
        "using (document, token_index)"
    ).fetchall()[0][0]
    assert both == record_of(out)["results"]["tokens"]


def test_estimate_says_what_a_scan_would_take_and_writes_nothing(depthscope, network, tmp_path):
    outcome = depthscope("scan", "--model", network, "--estimate", "--window", 64, "--json")
    document = strict_json(outcome.out)
    assert document["window"] == 64
    assert document["peak"] > document["weights"] > 0
    shown = depthscope("scan", "--model", network, "--estimate", "--window", 64).out
    assert "blocks x features" in shown
    assert list(tmp_path.iterdir()) == []
    assert "--window 1000" in depthscope("scan", "--model", network, "--estimate", "--window", 1000).sentence


def test_an_estimate_heeds_what_it_is_given_or_refuses_it(depthscope, network, corpus):
    def estimate(*more):
        return depthscope("scan", "--model", network, "--estimate", "--window", 64, *more)

    document = strict_json(estimate("--corpus", corpus, "--out", "unused", "--json").out)
    assert document["corpus"] == str(corpus)
    assert 100 < document["tokens"] < 3000
    assert f"{document['tokens']:,} tokens of" in estimate("--corpus", corpus).out
    assert "--quantization nonsense" in estimate("--quantization", "nonsense").sentence
    assert "--corpus" in estimate("--split", "line").sentence
    assert "--workers" in estimate("--workers", 2).sentence
    assert "--blocks" in estimate("--blocks", "model.layers").sentence
    assert "nonsense" in estimate("--wavelet", "nonsense").sentence


def test_verify_says_that_all_is_right_or_what_is_not(depthscope, finished, tmp_path):
    told = depthscope("scan", "--verify", "--out", finished, "--no-progress")
    assert told.status == 0
    assert "checksums and order right" in told.out
    assert "is the one that was scanned" in told.out
    document = strict_json(depthscope("scan", "--verify", "--out", finished, "--json", "--no-progress").out)
    assert document["folder"] == str(finished)
    assert len(document["verified"]) == 2
    spoilt = shutil.copytree(finished, tmp_path / "out")
    (spoilt / "tokens" / "part-000000.parquet").unlink()
    sentence = depthscope("scan", "--verify", "--out", spoilt, "--no-progress").sentence
    assert "damaged or missing: part-000000.parquet" in sentence
    assert "run the scan again" in sentence


# --- what cannot be done is said


def test_what_is_needed_is_named(depthscope, text, tmp_path):
    assert "scan needs --corpus" in depthscope("scan", "--out", tmp_path / "out").sentence
    assert "scan needs --out" in depthscope("scan", "--corpus", text).sentence
    assert "scan needs --out" in depthscope("scan", "--verify").sentence
    assert depthscope("scan", "--corpus", text, "--out", tmp_path / "out", "--split", "word").status == 2
    assert not (tmp_path / "out").exists()


def write(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


FAULTS = {
    "empty": (lambda d: write(d / "empty.txt", b""), ("empty.txt: no document with a letter", "give a corpus")),
    "blank": (lambda d: write(d / "blank.txt", b" \n\t\n"), ("blank.txt: no document with a letter",)),
    "no text": (
        lambda d: write(d / "pictures" / "a.png", b"\x89PNG").parent,
        ("pictures: no file of a kind that is read", ".txt"),
    ),
    "nothing": (lambda d: write(d / "void" / ".hidden", b"").parent, ("void",)),
    "not UTF-8": (lambda d: write(d / "latin.txt", b"a caf\xe9 at sea"), ("latin.txt: not UTF-8 at byte 5", "UTF-8")),
    "no column": (
        lambda d: write(d / "rows.jsonl", b'{"body": "one wave"}\n'),
        ("rows.jsonl", "no column 'text' (there is body)", "--text-column"),
    ),
    "no JSON": (lambda d: write(d / "rows.jsonl", b'{"text": "a"}\nwave\n'), ("rows.jsonl: line 2 is not JSON",)),
    "no object": (lambda d: write(d / "rows.jsonl", b'["text"]\n'), ("rows.jsonl: line 1 is not an object",)),
    "no text in it": (lambda d: write(d / "rows.jsonl", b'{"text": 3}\n'), ("column 'text' holds int",)),
    "damaged": (lambda d: write(d / "a.parquet", b"PAR1 no table PAR1"), ("a.parquet",)),
    "of no kind": (lambda d: write(d / "essay.docx", b"PK"), ("essay.docx", ".txt")),
    "missing": (lambda d: d / "nowhere", ("nowhere",)),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_wrong_with_a_corpus_is_one_sentence(scan, tmp_path, fault):
    make, words = FAULTS[fault]
    sentence = scan(make(tmp_path), tmp_path / "out").sentence
    for word in words:
        assert word in sentence, sentence


def test_a_fault_in_the_last_file_is_said_before_anything_is_computed(scan, tmp_path):
    folder = tmp_path / "texts"
    write(folder / "a.txt", prose(1, 300).encode())
    bad = write(folder / "b.txt", prose(2, 50).encode() + b"\xff")
    sentence = scan(folder, tmp_path / "out", "--part-tokens", 60).sentence
    assert "b.txt: not UTF-8 at byte" in sentence
    assert not (tmp_path / "out").exists()
    # mended, it is another corpus: what had been made of the first could not be used
    bad.write_text(prose(2, 50))
    assert scan(folder, tmp_path / "out", "--part-tokens", 60).status == 0


def test_the_same_corpus_and_model_by_another_path_are_the_same(scan, network, finished, corpus, tmp_path, depthscope):
    out = shutil.copytree(finished, tmp_path / "out")
    before = sorted(path.stat().st_mtime_ns for path in out.rglob("*.parquet"))
    for texts, model in ((f"{corpus}/", network), (corpus.parent / "." / corpus.name, f"{network}/")):
        words = ("--model", model, "--corpus", texts, "--out", out, *FEW)
        assert depthscope("scan", *words).status == 0
    assert sorted(path.stat().st_mtime_ns for path in out.rglob("*.parquet")) == before


def test_a_folder_in_the_corpus_is_no_place_for_the_tables(scan, tmp_path):
    texts = tmp_path / "texts"
    write(texts / "a.txt", prose(1, 60).encode())
    assert "lies in the corpus" in scan(texts, texts / "out").sentence
    assert [path.name for path in texts.iterdir()] == ["a.txt"]


def test_a_name_that_is_too_long_is_one_sentence(scan, text, tmp_path):
    assert "too long" in scan(text, tmp_path / ("a" * 300)).sentence
    assert "too long" in scan("b" * 300, tmp_path / "out").sentence


def test_check_and_estimate_do_not_go_together(depthscope, finished):
    assert "one of them" in depthscope("scan", "--out", finished, "--verify", "--estimate").sentence


def test_settings_that_cannot_be_are_refused_in_the_words_of_the_command_line(scan, text, finished, corpus, tmp_path):
    for words, said in (
        (("--threads", "0"), "--threads 0: give at least 1"),
        (("--part-tokens", "0"), "--part-tokens 0: give at least 1"),
        (("--workers", "2"), "--engine ray"),
        (("--measure", "breadth"), "'breadth': choose among cse, norm"),
        (("--measure", "norm", "--wavelet", "haar"), "--measure cse"),
        (("--window", "12", "--context", "12"), "context"),
        (("--window", "200"), "--window 200: the model reads at most 128 tokens"),
        (("--context", "-1"), "--context -1"),
        (("--token-budget", "0"), "--token-budget 0: give at least 1"),
        (("--token-budget", "-5"), "--token-budget -5: give at least 1"),
        (("--blocks", "x.y"), "no such module"),
        (("--dtype", "float99"), "choose float32"),
    ):
        assert said in scan(text, tmp_path / "out", *words).sentence
        assert not (tmp_path / "out").exists()
    assert "window (64, now 48)" in scan(corpus, finished, "--window", "48").sentence
    assert "is a file" in scan(text, text).sentence


def test_a_transform_that_does_not_fit_the_model_is_refused_and_can_be_put_right(scan, text, tmp_path):
    for words, said in (
        (("--wavelet", "sombrero"), "unknown wavelet 'sombrero': choose morlet"),
        (("--layers", "9", "12"), "layers 9-12 do not lie within the 6"),
        (("--min-scales", "400"), "no layer of 6 has 400 scales"),
    ):
        assert said in scan(text, tmp_path / "out", *words).sentence
        assert not list(tmp_path.rglob("*.parquet"))
    assert scan(text, tmp_path / "out", "--wavelet", "haar").status == 0
    schema = pq.read_schema(tmp_path / "out" / "tokens" / "part-000000.parquet")
    assert json.loads(schema.metadata[b"depthscope"])["cse"]["wavelet"] == "haar"
    assert "checksums and order right" in scan(text, tmp_path / "out", "--verify").out


def test_a_folder_of_other_things_is_not_written_to(scan, text, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("x")
    assert "holds other files (thesis.tex)" in scan(text, tmp_path / "mine").sentence
    assert {path.name for path in (tmp_path / "mine").iterdir()} <= {"thesis.tex", ".lock"}


@pytest.fixture(scope="module")
def pair(tokenizer, tmp_path_factory) -> Path:
    """An encoder and a decoder with random weights, whose head reads no single tokens of the encoder."""
    import torch
    from transformers import T5Config, T5ForConditionalGeneration

    torch.manual_seed(2)
    config = T5Config(
        vocab_size=len(tokenizer),
        d_model=32,
        d_kv=8,
        d_ff=64,
        num_layers=6,
        num_decoder_layers=6,
        num_heads=4,
        decoder_start_token_id=0,
        pad_token_id=0,
    )
    folder = tmp_path_factory.mktemp("pair") / "t5"
    T5ForConditionalGeneration(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def test_no_surprisal_without_a_head_and_everything_else_all_the_same(depthscope, pair, text, tmp_path):
    words = (
        "scan",
        "--model",
        pair,
        "--stack",
        "encoder",
        "--corpus",
        text,
        "--window",
        "64",
        "--no-progress",
        "--out",
    )
    sentence = depthscope(*words, tmp_path / "out", "--measure", "surprisal").sentence
    assert "no surprisal" in sentence
    assert "leave out --measure surprisal" in sentence
    outcome = depthscope(*words, tmp_path / "cse", "--measure", "cse")
    assert outcome.status == 0, outcome.err
    assert record_of(tmp_path / "cse")["resolved"]["causal"] is False
    assert len(pq.read_table(tmp_path / "cse" / "tokens")) > 120


def test_a_scan_is_no_run_to_compare(depthscope, finished):
    sentence = depthscope("compare", finished).sentence
    assert f"{finished}: neither a run of 'depthscope run metaphor'" in sentence
    assert "give those folders" in sentence


def test_the_page_of_a_scan_is_made_when_it_is_asked_for(depthscope, finished, tmp_path):
    out = shutil.copytree(finished, tmp_path / "out")
    assert not (out / "report.html").exists()
    assert depthscope("report", out).out == f"written: {out / 'report.html'}\n"
    assert (out / "report.html").is_file()
