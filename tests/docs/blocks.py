"""The fenced blocks of the documents, and what it means to run one.

``python`` runs in one namespace per document, top to bottom. ``sh`` runs line by line: ``depthscope`` in this process, of
everything else it is checked that it is there to be called. ``text`` is read by people only. A comment on the line above says
more:

    <!-- not run: WHY -->      too slow for a test, or in need of a network, a GPU or others' data: read, compiled, parsed only
    <!-- tested on N items --> the test cuts ``stimuli`` to N items before this block
    <!-- output -->            this text is what the Python block above prints, to the letter
"""

import contextlib
import importlib.util
import io
import re
import shlex
import textwrap
import tomllib
from pathlib import Path

from sybil import Document, Example, Sybil
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.markdown import CodeBlockParser

from depthscope.cli.main import build_parser, main
from depthscope.stimuli.sample import sample_items

ROOT = Path(__file__).parents[2]
DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "findings").glob("*.md")),
    *sorted((ROOT / "src").rglob("*.md")),
]
LANGUAGES = ("python", "sh", "text", "r")

_OPENING = re.compile(r"^ *```+(.*)$", re.MULTILINE)
_REMARK = re.compile(r"<!-- (not run: .+?|tested on (\d+) items|output) -->\n *\Z")
_PRINTED = "the last block printed"  # no name that a block could use


def parse(path: Path) -> Document:
    """The document with its blocks, ready to be evaluated one after the other."""
    runners = {"python": run_python, "sh": run_shell, "text": check_text, "r": check_foreign_language}
    return Sybil([CodeBlockParser(language, runner) for language, runner in runners.items()]).parse(path)


def languages(path: Path) -> list[str]:
    """What stands behind the opening fence of every block, "" where nothing does."""
    return [found.strip() for found in _OPENING.findall(path.read_text(encoding="utf-8"))[::2]]


def unknown_comments(path: Path) -> list[str]:
    """A slip in a comment must not pass for prose."""
    comments = re.findall(r"<!--.*?-->\n", path.read_text(encoding="utf-8"), re.DOTALL)
    return [comment for comment in comments if not _REMARK.match(comment)]


def remark(example: Example) -> str:
    """The comment on the line above a block; "" if there is none."""
    found = _REMARK.search(example.document.text[: example.region.start])
    return found.group(1) if found else ""


def run_python(example: Example) -> None:
    said = remark(example)
    source = textwrap.dedent(example.parsed)
    if said.startswith("not run"):
        compile(source, example.path, "exec")
        return
    if said.startswith("tested on"):
        example.namespace["stimuli"] = sample_items(example.namespace["stimuli"], int(said.split()[2]))
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        PythonEvaluator()(example)
    example.namespace[_PRINTED] = printed.getvalue()


def check_text(example: Example) -> None:
    if remark(example) == "output":
        expected, printed = (text.strip() for text in (example.parsed, example.namespace[_PRINTED]))
        assert printed == expected, f"the block prints\n{printed}"


def check_foreign_language(example: Example) -> None:
    assert remark(example).startswith("not run"), "say above the block that it is not run, and why"


def run_shell(example: Example) -> None:
    for line in commands(example.parsed):
        words = shlex.split(line, comments=True)
        if not words:
            continue
        if words[0].removeprefix(".venv/bin/") != "depthscope":
            check_foreign(words)
        elif words[1:] and remark(example).startswith("not run"):
            check_arguments(words[1:])
        elif words[1:]:
            with contextlib.redirect_stdout(io.StringIO()):
                assert main(words[1:]) == 0, line


def commands(block: str) -> list[str]:
    """Lines, those that end in a backslash joined with the next."""
    return textwrap.dedent(block).replace("\\\n", " ").splitlines()


def check_arguments(words: list[str]) -> None:
    try:
        build_parser().parse_args(words)
    except SystemExit as refused:
        raise AssertionError(f"depthscope does not take: {shlex.join(words)}") from refused


def check_foreign(words: list[str]) -> None:
    """A command that is not ours to run: what it names must be there."""
    program, rest = words[0].removeprefix(".venv/bin/"), words[1:]
    if program == "make":
        makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
        for target in rest:
            assert re.search(rf"^{re.escape(target)}:", makefile, re.MULTILINE), f"no target {target}"
    elif program == "python" and rest[0] == "-m":
        assert importlib.util.find_spec(rest[1]), f"no module {rest[1]}"
    elif program == "pip":
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        for extras in re.findall(r"\[(.+?)\]", " ".join(rest)):
            for extra in extras.split(","):
                assert extra in project["optional-dependencies"], f"no extra {extra}"
    else:
        assert program in ("pre-commit", "git", "cd"), f"{program}: a command that no test knows"
