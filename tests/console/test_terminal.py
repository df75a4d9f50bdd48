"""What a real terminal is sent: tables that fit it, one colour, names as they are."""

import re
import subprocess
import sys
from collections import Counter

import pytest

from tests.running import in_terminal

ESCAPE = re.compile(r"\x1b\[[0-9;]*m")
TOLD = """
from depthscope.console.output import show
from depthscope.telling import Sheet
rows = [("the controls",), ("[red]name[/red] :smile:", "12", "+0.45 [+0.12, +0.80]"), ("\u5927\u304d\u3044", "8", "")]
show([
    Sheet(("analysis", "n", "dz [95 % interval]"), rows, "mean CSE over [bold]layers[/bold]:"),
    "note: a sentence of many words that is longer than sixty characters, and therefore goes on below.",
    "run folder: /a/" + "long-" * 20 + "path",
])
"""
COMMAND = (sys.executable, "-c", TOLD)


def text(sent: str) -> str:
    return ESCAPE.sub("", sent)


def test_a_terminal_gets_tables_in_colour_and_names_as_they_are() -> None:
    status, sent, _ = in_terminal(*COMMAND)
    assert status == 0
    assert "\x1b[36mnote:\x1b[0m a sentence" in sent
    assert "\x1b[36mthe controls" in sent
    assert "\u2500\u2500\u2500" in sent  # the rule below the head
    lines = text(sent).splitlines()
    assert lines[0] == "mean CSE over [bold]layers[/bold]:"
    (row,) = (line for line in lines if line.startswith("[red]name[/red] :smile:"))
    assert row.split("  ")[-1].strip() == "+0.45 [+0.12, +0.80]"


def test_no_color_is_obeyed() -> None:
    _, sent, _ = in_terminal(*COMMAND, env={"NO_COLOR": "1"})
    codes = {code for part in re.findall(r"\x1b\[([0-9;]*)m", sent) for code in part.split(";")}
    assert codes <= {"", "0", "1", "2"}  # bold and dim
    assert "the controls" in sent


@pytest.mark.parametrize("env", [{}, {"FORCE_COLOR": "1"}, {"TERM": "xterm-256color"}])
def test_a_pipe_gets_plain_text(env: dict[str, str]) -> None:
    piped = subprocess.run(COMMAND, env=env | {"PYTHONUTF8": "1"}, capture_output=True, text=True).stdout
    assert "\x1b" not in piped
    assert "\u2500" not in piped
    lines = piped.splitlines()
    assert lines[3] == "  [red]name[/red] :smile:  12  +0.45 [+0.12, +0.80]"
    assert lines[-2].endswith("goes on below.")


def test_a_terminal_that_cannot_draw_gets_plain_text() -> None:
    _, sent, _ = in_terminal(*COMMAND, env={"TERM": "dumb"})
    assert "\x1b" not in sent
    assert "\u2500" not in sent


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_what_is_told_fits_the_terminal(columns: int) -> None:
    _, sent, _ = in_terminal(*COMMAND, columns=columns)
    lines = text(sent).splitlines()
    # a path is to be copied: the terminal breaks it, not we
    assert f"run folder: /a/{'long-' * 20}path" in lines
    assert max(len(line) for line in lines if not line.startswith("run folder:")) <= columns
    assert "+0.45 [+0.12, +0.80]" in " ".join(" ".join(lines).split())


@pytest.mark.parametrize("columns", [60, 80, 100, 160])
def test_a_wide_table_loses_nothing_on_a_narrow_terminal(columns: int) -> None:
    words = (sys.executable, "-m", "depthscope", "models", "list")
    _, sent, _ = in_terminal(*words, columns=columns)
    lines = text(sent).splitlines()
    table = lines[: lines.index("")]
    assert max(map(len, table)) <= columns
    shown = [re.split(r"\s", line)[0] for line in table]
    for name in ("qwen2.5-coder-0.5b", "tinyllama-1.1b-2bit", "whisper-tiny.en"):
        assert name in shown  # whole, at the beginning of a line
    if columns == 60:  # no room for columns
        assert "  licence: Gemma terms (not OSI)" in [line.rstrip() for line in table]
    rows = subprocess.run(words, capture_output=True, text=True).stdout.split("\n\n")[0].split("\n", 1)[1]
    assert not Counter("".join(rows.split())) - Counter("".join(table))


def test_columns_stand_below_each_other() -> None:
    _, sent, _ = in_terminal(*COMMAND)
    _, head, _, _, row, *_ = text(sent).splitlines()
    assert head.index("dz [95") == row.index("+0.45")
    assert head.index("  n  ") + 2 == row.index("12") + 1  # numbers to the right
