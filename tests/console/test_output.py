"""What leaves the command line: plain text in a pipe, and with --json one document and nothing else."""

import argparse
import json
import subprocess
import sys
from math import inf, nan
from pathlib import Path

import numpy as np
import pytest

from depthscope.console.output import Answer, add_json, deliver, jsonable, only_the_document, say, show, wants_json
from depthscope.telling import Sheet, plain
from tests.running import strict_json

TOLD = ["found", Sheet(("name", "n"), [("[red]a", "1")]), "note: little was", "run folder: x"]
WANTED = argparse.Namespace(json=True)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"a": nan, 1: [inf, -inf, 1.5]}, {"a": None, "1": [None, None, 1.5]}),
        ((np.float64(nan), np.int64(3), np.bool_(True)), [None, 3, True]),
        (np.array([[1.0, nan]]), [[1.0, None]]),
        ({"path": Path("a/b"), "none": None, "yes": True}, {"path": "a/b", "none": None, "yes": True}),
        (("caf\u00e9",), ["caf\u00e9"]),
    ],
)
def test_everything_becomes_what_json_knows(value: object, expected: object) -> None:
    assert jsonable(value) == expected
    assert strict_json(json.dumps(jsonable(value), allow_nan=False)) == expected


def test_in_a_pipe_a_person_gets_plain_text(capsys: pytest.CaptureFixture[str]) -> None:
    deliver(Answer(TOLD, {}), argparse.Namespace())
    show([])
    say("more")
    assert capsys.readouterr().out == plain(TOLD) + "\nmore\n"


def test_a_program_gets_the_document_and_a_person_the_notes(capsys: pytest.CaptureFixture[str]) -> None:
    deliver(Answer(TOLD, {"x": nan, "name": "caf\u00e9"}), WANTED)
    out, err = capsys.readouterr()
    assert strict_json(out) == {"x": None, "name": "caf\u00e9"}
    assert out.isascii()
    assert err == "note: little was\n"


def test_the_option_stands_before_or_after_an_action() -> None:
    parser = argparse.ArgumentParser()
    add_json(parser)
    add_json(parser.add_subparsers().add_parser("list"))
    for words, wanted in ((["--json", "list"], True), (["list", "--json"], True), (["list"], False), ([], False)):
        assert wants_json(parser.parse_args(words)) is wanted


STRAY = """
import argparse, os, subprocess, sys
from depthscope.console.output import Answer, deliver, only_the_document
options = argparse.Namespace({})
try:
    with only_the_document(options):
        print("a library")
        os.write(1, b"its C code\\n")
        subprocess.run([sys.executable, "-c", "print('a process')"], check=True)
        {}
    deliver(Answer([], dict(a=1)), options)
except KeyError:
    print("after")
"""


def test_what_others_print_goes_to_stderr() -> None:
    done = subprocess.run([sys.executable, "-c", STRAY.format("json=True", "")], capture_output=True, text=True)
    assert strict_json(done.stdout) == {"a": 1}
    assert set(done.stderr.splitlines()) == {"a library", "its C code", "a process"}
    plain_run = subprocess.run([sys.executable, "-c", STRAY.format("", "")], capture_output=True, text=True)
    assert {"a library", "its C code", "a process"} <= set(plain_run.stdout.splitlines())


def test_after_an_error_stdout_is_what_it_was() -> None:
    code = STRAY.format("json=True", "raise KeyError")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "after\n"


def test_nothing_is_lent_where_stdout_is_no_file(capsys: pytest.CaptureFixture[str]) -> None:
    with only_the_document(WANTED):
        print("a remark")
    assert capsys.readouterr() == ("", "a remark\n")
