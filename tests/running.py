"""What tests of whole runs share: a saved random-weight model, a table, and the command line in this process."""

import fcntl
import json
import os
import pty
import shutil
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from filelock import FileLock

from depthscope.cli.main import main
from depthscope.drawing import saving
from depthscope.model.tokenizer import load_tokenizer
from depthscope.report.codebook import NAME, OWN_LINES
from depthscope.store.record import RunRecord
from depthscope.store.sealed import seal
from depthscope.studies.registry import wing
from tests.conftest import tiny_llama

# quick, and the same in every process; what is asked beyond the contrast has tests of its own
FEW = ("--permutations", "200", "--resamples", "50", "--threads", "1", "--no-progress")
QUICK = (*FEW, "--evidence", "none")
# of the codebook itself
OWN = {(NAME, column) for column in OWN_LINES}
RESULTS = ("cse.nc", "layers.csv", "contrasts.csv", "clusters.csv")
KINDS = saving.KINDS


@contextmanager
def figures_as(*kinds: str) -> Iterator[None]:
    """Runs in this process write their figures as these kinds of files alone.

    PNG and PDF take three quarters of the time of a figure, half that of a quick run. What they look like has tests of
    its own, and commands in processes of their own write all kinds.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(saving, "KINDS", kinds)
        yield


@pytest.fixture(scope="session", autouse=True)
def svg_alone() -> Iterator[None]:
    """The pages are made of SVG; what looks at PNG or PDF asks for ``every_format``."""
    with figures_as("svg"):
        yield


@pytest.fixture(scope="module")
def every_format(svg_alone: None) -> Iterator[None]:
    """From here to the end of the module, runs write their figures as all kinds of files, as they do for a user."""
    with figures_as(*KINDS):
        yield


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Callable[[Path], object]], Path]:
    """``made_once(name, make)``: a folder filled by ``make``, once for all workers of a session; no test may change it."""
    own = tmp_path_factory.getbasetemp()
    place = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own

    def find(name: str, make: Callable[[Path], object]) -> Path:
        folder, done = place / f"shared-{name}", place / f"shared-{name}.done"
        with FileLock(place / f"shared-{name}.lock"):
            if not done.exists():
                shutil.rmtree(folder, ignore_errors=True)  # of a worker that failed half way
                folder.mkdir()
                make(folder)
                done.touch()
        return folder

    return find


@dataclass(frozen=True)
class Outcome:
    status: int
    out: str
    err: str

    @property
    def sentence(self) -> str:
        """What was complained of: exactly one line on stderr."""
        assert self.status == 2, (self.status, self.err)
        lines = [line for line in self.err.splitlines() if line.startswith("depthscope: ")]
        assert len(lines) == 1, self.err
        assert self.err.rstrip().endswith(lines[0])
        return lines[0]


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random-weight Llama of ten blocks with a real tokenizer, as a local folder; wide enough to be held in 4 bits."""
    folder = tmp_path_factory.mktemp("models") / "tiny"
    tokenizer, _ = load_tokenizer("embedded")
    tiny_llama(len(tokenizer), blocks=10, width=64).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def table_file(pairs: pd.DataFrame, tmp_path: Path) -> Path:
    path = tmp_path / "pairs.csv"
    pairs.to_csv(path, index=False)
    return path


@pytest.fixture
def depthscope(capsys: pytest.CaptureFixture[str]) -> Any:
    """The command line, called in this process; leaves torch's threads as they were."""
    threads = torch.get_num_threads()

    def call(*words: object) -> Outcome:
        capsys.readouterr()
        try:
            status = main([str(word) for word in words])
        except SystemExit as leaving:  # argparse leaves by itself
            status = int(leaving.code or 0)
        return Outcome(status, *capsys.readouterr())

    yield call
    torch.set_num_threads(threads)


@pytest.fixture
def run(depthscope: Callable[..., Outcome], model_folder: Path) -> Callable[..., Outcome]:
    """``run(stimuli, out, ...)``: a quick run of the metaphor study."""

    def call(stimuli: object, out: object, *more: object) -> Outcome:
        words = ("run", "metaphor", "--model", model_folder, "--stimuli", stimuli, "--out", out)
        return depthscope(*words, *QUICK, *more)

    return call


def in_terminal(
    *command: object, columns: int = 80, env: Mapping[str, str] | None = None, only_stderr: bool = False
) -> tuple[int, str, str]:
    """A command in a real pseudo-terminal of that width: its status, what the terminal was sent, and what a pipe was.

    With ``only_stderr`` stdout is the pipe, as in ``command | more``; otherwise nothing is.
    """
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    # what would overrule the terminal
    inherited = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR")}
    process = subprocess.Popen(
        [str(word) for word in command],
        stdin=theirs,
        stdout=subprocess.PIPE if only_stderr else theirs,
        stderr=theirs,
        env={**inherited, "TERM": "xterm-256color", **(env or {})},
    )
    os.close(theirs)
    sent = b""
    try:
        while block := os.read(ours, 1 << 16):
            sent += block
    except OSError:  # so Linux says that nobody has it open any more
        pass
    finally:
        os.close(ours)
    piped, _ = process.communicate()
    return process.returncode, sent.decode().replace("\r\n", "\n"), (piped or b"").decode()


def heavy_after(*words: object) -> str:
    """What a command of its own process has imported of the libraries that take seconds, and its status."""
    code = (
        "import sys; from depthscope.cli.main import main; status = main(sys.argv[1:]); "
        "print([m for m in ('torch', 'transformers') if m in sys.modules], status)"
    )
    done = subprocess.run([sys.executable, "-c", code, *map(str, words)], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-1]


def strict_json(text: str) -> Any:
    """One document and nothing else, in which NaN and infinity are no numbers."""

    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is no JSON")

    return json.loads(text, parse_constant=refuse)


def record_of(out: Path) -> dict[str, Any]:
    return json.loads((out / "run.json").read_text(encoding="utf-8"))


def columns_told(folder: Path, study: str) -> set[tuple[str, str]]:
    """The columns of all tables of a run, once the codebook is known to explain each of them, and nothing else."""
    book = pd.read_csv(folder / NAME, keep_default_na=False)
    columns = [(path.name, column) for path in folder.glob("*.csv") for column in pd.read_csv(path, nrows=0)]
    assert sorted(zip(book["file"], book["column"], strict=True)) == sorted(columns)
    assert (book["meaning"] != "").all()
    said = {
        (file, column): meaning
        for file, lines in wing(study, "codebook").TABLES.items()
        for column, meaning in lines.items()
    }
    for row in book.to_dict("records"):
        known = said.get((row["file"], row["column"]))
        assert known is None or (row["meaning"], row["unit"], row["range"]) == tuple(vars(known).values())
    return set(columns)


def lines_of(study: str) -> set[tuple[str, str]]:
    """Every file and column that the codebook of a study knows."""
    return {(file, column) for file, lines in wing(study, "codebook").TABLES.items() for column in lines}


def results_of(out: Path) -> dict[str, Any]:
    """Everything that must not depend on interruptions: bytes of the results, digests of the traces."""
    found: dict[str, Any] = {path.name: path.read_bytes() for path in sorted(out.glob("*.csv"))}
    found |= {name: (out / name).read_bytes() for name in RESULTS}
    found["digests"] = record_of(out)["digests"]
    # the command, with the folder in it, stands in the summary
    found["files"] = {name: about for name, about in record_of(out)["files"].items() if name != "summary.md"}
    found["clusters"] = record_of(out)["results"]
    for path in sorted((out / "figures").iterdir()):
        found[path.name] = path.read_bytes()
    return found


def seal_again(folder: Path) -> None:
    """Make the record of a finished run agree with its files as they are now, as if the run had written them so."""
    record = RunRecord.read(folder / "run.json")
    record.files = seal(folder)
    record.write(folder / "run.json")
