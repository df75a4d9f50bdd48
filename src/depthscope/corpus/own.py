"""Text that comes with the package: the prose of its own documents, some thirty thousand words that were written for it."""

import re
from functools import cache
from pathlib import Path

FOLDER = "docs"
# tables from end to end
WITHOUT = ("coverage.md", "recognisers.md")
SOURCE = "the documents of depthscope"

_FENCED = re.compile(r"^```.*?^```[ \t]*$", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_MARK = re.compile(r"[`*]+|<[^>]+>")


@cache
def documents() -> dict[str, str]:
    """Each section of the documents by its name, ``definition.md: The transform``: sentences, without code and tables.

    A paragraph is a line.
    """
    here = Path(__file__).parents[1]
    # in an installed package beside its modules, in a checkout at its top
    folder = next(path for path in (here / FOLDER, here.parents[1] / FOLDER) if path.is_dir())
    files = [
        path
        for path in (*sorted(folder.glob("*.md")), *sorted(folder.glob("studies/*.md")))
        if path.name not in WITHOUT
    ]
    found: dict[str, str] = {}
    for path in files:
        text = _FENCED.sub("", path.read_text(encoding="utf-8"))
        for section in re.split(r"^#+ ", text, flags=re.MULTILINE)[1:]:
            heading, _, body = section.partition("\n")
            if prose := _prose(body):
                found[f"{path.name}: {_plain(heading)}"] = prose
    return found


def _prose(body: str) -> str:
    paragraphs = (" ".join(block.split()) for block in re.split(r"\n\s*\n|\n\s*(?:[-*]|\d+\.) ", f"\n{body}"))
    # what begins otherwise is a table, a picture, a formula, a directive
    return "\n".join(_plain(one) for one in paragraphs if re.match(r"[A-Za-z\"*`(\[]", one))


def _plain(text: str) -> str:
    return _MARK.sub("", _LINK.sub(r"\1", text)).strip()
