"""What the documents point to is there."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENTS = [
    *ROOT.glob("*.md"),
    *(ROOT / "docs").rglob("*.md"),
    *(ROOT / "docs").glob("*.ipynb"),
    *(ROOT / "findings").glob("*.md"),
    *(ROOT / "src").rglob("*.md"),
]
PROSE = [document for document in DOCUMENTS if document.suffix == ".md"]


def words(document: Path) -> str:
    """The text, of a notebook that of its Markdown cells, without blocks of code."""
    text = document.read_text(encoding="utf-8")
    if document.suffix == ".ipynb":
        cells = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "markdown"]
        text = "\n\n".join("".join(cell["source"]) for cell in cells)
    return re.sub(r"^( *)(```+).*?^\1\2 *$", "", text, flags=re.MULTILINE | re.DOTALL)


def long_lines(text: str) -> list[str]:
    """Lines of prose beyond 120 characters. No prose: code, tables, equations, and a line that is one word (an address)."""
    text = re.sub(r"^( *)(```+|\$\$).*?^\1\2 *$", "", text, flags=re.MULTILINE | re.DOTALL)
    return [
        line for line in text.splitlines() if len(line) > 120 and len(line.split()) > 1 and not line.startswith("|")
    ]


def anchor(title: str) -> str:
    """Where GitHub puts a heading; the site does the same."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_relative_links_lead_somewhere(document):
    for target in re.findall(r"\]\(([^)\s]+)\)", words(document)):
        if "://" in target or target.startswith("mailto:"):
            continue
        path, _, heading = target.partition("#")
        place = (document.parent / path).resolve() if path else document
        assert place.exists(), target
        if heading and place.suffix in (".md", ".ipynb"):
            titles = re.findall(r"^#+ (.+)$", words(place), re.MULTILINE)
            assert heading in [anchor(title) for title in titles], target


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_figures_have_words_for_those_who_do_not_see_them(document):
    for alt, target in re.findall(r"!\[([^\]]*)\]\(([^)\s]+)\)", words(document)):
        assert len(alt.split()) >= 3, f"{target}: {alt!r} does not say what the figure shows"


# the changelog names what there was
NOW = [document for document in PROSE if document.name != "CHANGELOG.md"]


@pytest.mark.parametrize("document", NOW, ids=lambda path: str(path.relative_to(ROOT)))
def test_modules_that_are_named_are_there(document):
    for name in re.findall(r"`((?:[\w-]+/)+[\w-]+\.py)`", words(document)):
        assert any((place / name).is_file() for place in (ROOT, ROOT / "src", ROOT / "src" / "depthscope")), name


def test_every_figure_is_shown():
    shown = {
        Path(target).name
        for document in DOCUMENTS
        for target in re.findall(r"\]\(([^)\s]+\.(?:png|svg))\)", words(document))
    }
    assert {path.name for path in (ROOT / "docs" / "images").iterdir()} <= shown


def test_a_long_line_of_prose_is_seen():
    long = "a word and " * 12
    assert long_lines(f"{long}\n\n- {long}\n") == [long, f"- {long}"]
    assert not long_lines(f"| {long} |\n\n```text\n{long}\n```\n\n$$\n{long}\n$$\n\nhttps://{'a' * 120}\n")


@pytest.mark.parametrize("document", PROSE, ids=lambda path: str(path.relative_to(ROOT)))
def test_lines_are_short_enough_to_be_compared(document):
    assert not long_lines(document.read_text(encoding="utf-8"))


def test_every_surprise_in_a_library_is_listed_and_shown_by_a_script_in_the_form():
    folder = ROOT / "findings"
    scripts = {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir() if path.name != "README.md"}
    listed = re.findall(r"^\| \[(.+?)\]", (folder / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert listed == sorted(scripts)
    for name, script in scripts.items():
        comment = re.match(r"#!/usr/bin/env bash\n((?:#.*\n)+)", script)
        assert comment, name
        # versions that are named are those that are installed
        pinned = dict(re.findall(r'"([\w.-]+)==([\d.]+)"', script))
        assert pinned, name
        assert all(version in comment[1] for version in pinned.values()), name
        for part in ("# Seen", "# Exits with 0", "mktemp -d", "python3 -m venv"):
            assert part in script, f"{name}: {part}"
        assert "depthscope" not in script, name
