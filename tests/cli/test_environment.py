"""Whatever the environment is like: a command works, or says in one sentence what is missing, and never shows a traceback."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

# no UTF-8 anywhere, and no place for anything: a file stands where a folder is expected
BARE = {
    "PATH": os.environ["PATH"],
    "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
    "OMP_NUM_THREADS": "1",
    "LC_ALL": "C",
    "PYTHONUTF8": "0",
    "PYTHONCOERCECLOCALE": "0",
}
CACHES = ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "HF_HOME", "MPLCONFIGDIR")
WORDS = (sys.executable, "-m", "depthscope")
STARTS = {"x": "Her pr\u00f6mise number {} was a wall.", "y": "We all saw {} and a wall."}


def called(*words: object, shell: str = "", **options: object) -> subprocess.CompletedProcess[bytes]:
    """A command in a process of its own; ``shell``: what a shell puts behind it."""
    command = [os.fsencode(str(word)) for word in (*WORDS, *words)]
    line = ["bash", "-c", f'"$@" {shell}', "bash", *command] if shell else command
    done = subprocess.run(line, capture_output=True, **options)  # type: ignore[call-overload]
    assert b"Traceback" not in done.stderr
    assert b"Exception ignored" not in done.stderr
    return done  # type: ignore[no-any-return]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Texts in a file whose name is no UTF-8."""
    rows = [f"w\u00f6rd {i},{c},{text.format(i)},wall" for i in range(7) for c, text in STARTS.items()]
    path = tmp_path / os.fsdecode(b"st\xff.csv")
    path.write_text("\n".join(["item,condition,text,target", *rows]), encoding="utf-8")
    return path


def test_a_whole_run_needs_no_home_no_caches_no_utf8(tmp_path: Path, table: Path, model_folder: Path) -> None:
    (tmp_path / "file").touch()
    out = tmp_path / os.fsdecode(b"r\xff")
    env = BARE | dict.fromkeys(CACHES, str(tmp_path / "file")) | {"COLUMNS": "0"}
    given = ("run", "metaphor", "--model", model_folder, "--stimuli", table, "--evidence", "none", "--contrast", "x-y")
    done = called(*given, "--permutations", "50", "--out", out, env=env)
    assert done.returncode == 0, done.stderr.decode()
    assert rb"r\udcff" in done.stdout
    assert "w\u00f6rd 3" in (out / "items.csv").read_text(encoding="utf-8")
    assert "x - y" in (out / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("columns", ["0", "-1", "abc", "1", "9" * 30])
def test_odd_widths_of_a_terminal_are_no_fault(columns: str, monkeypatch: pytest.MonkeyPatch, capsys: object) -> None:
    from depthscope.cli.main import main

    monkeypatch.setenv("COLUMNS", columns)
    with pytest.raises(SystemExit) as left:
        main(["run", "metaphor", "--help"])
    assert left.value.code == 0
    assert main(["models", "list"]) == 0


def test_a_folder_that_is_gone_is_said(tmp_path: Path) -> None:
    here = tmp_path / "here"
    here.mkdir()
    # the shell stands in it, takes it away, and then starts the command
    done = called("stimuli", "check", "builtin", shell="", cwd=here, preexec_fn=here.rmdir)
    assert done.returncode == 2
    assert done.stderr.count(b"\n") == 1
    assert b"started in is not there any more" in done.stderr


@pytest.mark.parametrize("shell", [">&-", "2>&-", "<&- >&- 2>&-", "| head -1", ">/dev/full"])
def test_closed_and_full_streams_are_no_fault(shell: str) -> None:
    done = called("stimuli", "check", "nothing.csv" if shell == "2>&-" else "builtin", shell=shell, env=BARE)
    status = {"2>&-": 2, ">/dev/full": 2}.get(shell, 0)
    assert done.returncode == status
    if shell == ">/dev/full":
        assert b"no space left" in done.stderr
    else:
        assert done.stderr == b""


def test_what_an_encoding_lacks_is_spelt_out(tmp_path: Path, table: Path) -> None:
    done = called("stimuli", "check", table, env=BARE)
    assert done.returncode == 0
    missing = called("stimuli", "check", tmp_path / "\u00e4\u2028.csv", env=BARE)
    assert missing.returncode == 2
    assert missing.stderr.isascii()
    assert missing.stderr.count(b"\n") == 1
