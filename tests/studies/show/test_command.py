"""``depthscope show``: words or a pipe in, a page out, status 2 for what is no text."""

import io
import json
import subprocess
import sys

import numpy as np
import pytest

import depthscope as ds

QUICK = ("--lens", "1", "--threads", "1", "--no-progress")


@pytest.fixture
def show(depthscope, model_folder, tmp_path, monkeypatch):
    """In a folder of its own, with the small model."""
    monkeypatch.chdir(tmp_path)

    def call(*words):
        return depthscope("show", "--model", model_folder, *QUICK, *words)

    return call


@pytest.fixture
def pipe(monkeypatch):
    """What stands on stdin, in bytes."""

    def send(data):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data), encoding="ascii"))

    return send


def test_a_text_becomes_a_page_and_a_few_sentences(show, tmp_path):
    outcome = show("--text", "The lawyer is a shark.")
    assert outcome.status == 0, outcome.err
    lines = outcome.out.splitlines()
    assert lines[0].startswith("6 tokens at 10 layers: mean CSE ")
    assert lines[1].startswith("CSE is highest at “")
    assert "Mean CSE by word" in lines
    assert lines[-1] == "written: show.html (open it in a browser)"
    assert "The lawyer is a shark." in (tmp_path / "show.html").read_text(encoding="utf-8")
    assert [path.name for path in tmp_path.iterdir()] == ["show.html"]


def test_two_texts_and_a_place_of_ones_own(show, tmp_path):
    outcome = show(
        "--text", "The lawyer is a shark.", "--compare", "The fish is a shark.", "--out", tmp_path / "two.html"
    )
    assert outcome.status == 0, outcome.err
    assert "5 tokens of the two texts are aligned" in outcome.out
    assert "second text: Mean CSE by word" in outcome.out
    assert (tmp_path / "two.html").is_file()


@pytest.mark.parametrize("words", [(), ("--text", "-")])
def test_a_pipe_is_read_as_utf_8_without_its_last_line_end(show, pipe, words):
    pipe("Der Hai 🦈 schläft.\n".encode())
    found = json.loads(show(*words, "--json").out)
    assert found["texts"][0]["text"] == "Der Hai 🦈 schläft."


def test_a_second_text_may_come_from_the_pipe(show, pipe):
    pipe(b"The fish is a shark.\n")
    found = json.loads(show("--text", "The lawyer is a shark.", "--compare", "-", "--json").out)
    assert [text["text"] for text in found["texts"]] == ["The lawyer is a shark.", "The fish is a shark."]


def test_the_document_holds_every_number(show, model_folder, tmp_path):
    found = json.loads(show("--text", "The lawyer is a shark.", "--min-scales", "2", "--json").out)
    (text,) = found["texts"]
    traj = ds.trace_text(ds.load(model_folder), "The lawyer is a shark.", lens=0, progress=False)
    h = ds.cse(traj, min_scales=2)
    cse = np.array([[np.nan if v is None else v for v in token["cse"]] for token in text["tokens"]])
    np.testing.assert_allclose(cse, h, rtol=1e-6)
    assert [token["piece"] for token in text["tokens"]] == traj["piece"].values.tolist()
    assert text["layers"] == list(range(1, 11))
    assert text["tokens"][0]["surprisal"] is None
    assert found["settings"]["cse"]["min_scales"] == 2
    assert found["command"].startswith("depthscope show --model ")
    assert found["page"] == "show.html"
    assert found["claims"][0].startswith("6 tokens")


def test_without_a_text_a_terminal_is_told_how(show, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr(sys, "stdin", Terminal())
    assert "give --text" in show().sentence


def test_two_pipes_are_one_too_many(show, pipe):
    pipe(b"text")
    assert "cannot both come from a pipe" in show("--text", "-", "--compare", "-").sentence


def test_bytes_that_are_no_text_are_refused(show, pipe, tmp_path):
    pipe(b"caf\xe9")
    sentence = show().sentence
    assert "not UTF-8 (byte 3)" in sentence
    assert "iconv" in sentence
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--text", ""), "the text is empty"),
        (("--text", "a shark " * 200), "at most 128"),
        (("--text", "a", "--lens", "-1"), "from 0 to"),
        (("--text", "a", "--threads", "0"), "at least 1"),
        (("--text", "a", "--min-scales", "90"), "cone of influence"),
        (("--text", "a", "--out", "nowhere/show.html"), "there is no folder nowhere"),
        (("--text", "a", "--out", "."), "is a folder"),
        (("--text", "a", "--out", "x" * 300), "cannot be written there"),
        (("--text", "a", "--out", "/proc/x.html"), "cannot be written there"),
        (("--text", "a", "--compare", ""), "second text: the text is empty"),
    ],
)
def test_what_cannot_be_shown_is_one_sentence_and_leaves_nothing(show, tmp_path, words, said):
    assert said in show(*words).sentence
    assert list(tmp_path.iterdir()) == []


def test_help_shows_the_options_and_imports_nothing_heavy(depthscope):
    told = depthscope("show", "--help").out
    for word in ("--text", "--compare TEXT", "--lens K", "--quantization", "--wavelet", "--json", "--threads"):
        assert word in told
    code = (
        "import sys\nfrom depthscope.cli.main import main\ntry:\n    main(['show', '--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'torch', 'transformers', 'numpy', 'pandas', 'xarray', 'matplotlib', 'jinja2'}\n"
        "print()\nprint(*heavy & {name.split('.')[0] for name in sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == ""
