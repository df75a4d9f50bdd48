"""Without optional libraries every command and every name says which extra brings what it needs."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

BLOCKED = """
import sys
from importlib.abc import MetaPathFinder

BARE = {"torch", "transformers", "accelerate", "gguf", "wordfreq", "zarr", "jinja2", "markupsafe", "sklearn",
        "statsmodels", "matplotlib", "pyarrow", "ray", "datasets", "soundfile", "espeakng_loader", "pocketsphinx"}

class Blocker(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in BARE:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocker())
"""
COMMANDS = [
    "run metaphor --out x",
    "run mechanism --out x",
    "run models --models a --out x",
    "run quantization --out x",
    "show --text words",
    "scan --corpus . --out x",
    "scan --estimate",
    "scan --verify --out x",
    "run sae --out x",
    "sae train --corpus . --out x",
    "sae eval . --corpus .",
    "sae show . --out x.html",
    "sae sweep --corpus . --out x",
    "sae question .",
    "compare x",
    "report x",
    "models list",
    "models coverage",
    "stimuli list",
    "stimuli check builtin",
]


def bare(code, *words):
    done = subprocess.run([sys.executable, "-c", BLOCKED + code, *words], capture_output=True, text=True)
    return done.stdout.strip(), done.stderr.strip()


def test_every_command_gives_an_answer_or_names_the_extra(tmp_path):
    code = """
import contextlib, io, os
from depthscope.cli.main import main
os.chdir(sys.argv[1])
for line in sys.argv[2:]:
    said, out = io.StringIO(), io.StringIO()
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(out):
            status = main(line.split())
    except BaseException as problem:
        status = repr(problem)
    print(line, "->", status, " ".join(said.getvalue().split()))
"""
    out, err = bare(code, str(tmp_path), *COMMANDS)
    assert err == ""
    lines = {line.split(" -> ")[0]: line.split(" -> ", 1)[1].strip() for line in out.splitlines()}
    assert list(lines) == COMMANDS
    for command, said in lines.items():
        assert said == "0" or said.startswith("2 depthscope: "), (command, said)
        if command.split()[0] in ("run", "show", "report") or command.startswith("scan --corpus"):
            assert "pip install 'depthscope[" in said, (command, said)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "call", ["load('embedded')", "scan_corpus('embedded', '.', 'x')", "show('a')", "trace_text", "patch"]
)
def test_every_name_names_the_extra(call):
    _, err = bare(f"import depthscope as ds; ds.{call}")
    assert err.splitlines()[-1].startswith("depthscope.errors.DepthscopeError: this needs "), err
    assert "pip install 'depthscope[" in err


def brought(extra):
    """Names of all packages that an extra asks for, through other extras too."""
    text = (Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8")
    found = set()
    for line in tomllib.loads(text)["project"]["optional-dependencies"][extra]:
        own = re.fullmatch(r"depthscope\[(.+)\]", line)
        found |= set().union(*map(brought, own[1].split(","))) if own else {re.match(r"[\w.-]+", line)[0].lower()}
    return found


def test_all_is_what_nearly_everyone_needs_and_dev_what_the_tests_need():
    quantise = {"bitsandbytes", "torchao", "optimum-quanto"}
    assert brought("quantization") == quantise
    assert {"torch", "jinja2", "matplotlib", "scikit-learn", "pyarrow"} <= brought("all")
    assert not brought("all") & {*quantise, "vl-convert-python", "ray", "datasets"}
    assert brought("dev") > brought("all") | quantise


def test_nothing_but_the_answer_is_printed_on_start():
    done = subprocess.run([sys.executable, "-m", "depthscope", "--help"], capture_output=True, text=True)
    assert done.returncode == 0
    assert done.stderr == ""
    assert done.stdout.startswith("usage: depthscope")
