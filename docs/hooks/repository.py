"""Documents that stand outside docs/ become pages; links that work on GitHub work on the site as well."""

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
# document in the repository: page of the site
PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "findings/README.md": "surprises.md",
    "src/depthscope/stimuli/data/README.md": "builtin-stimuli.md",
    "docs/tutorial.ipynb": "tutorial.md",
}
PLACES = {page: document for document, page in PAGES.items()}

_FENCE = re.compile(r"^( *)(```+).*?^\1\2 *$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    for document, page in PAGES.items():
        if not document.endswith(".md"):
            continue  # docs/hooks/notebook.py makes it
        files.append(File.generated(config, page, content=(ROOT / document).read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    own = page.file.src_uri
    place = PLACES.get(own, f"docs/{own}")
    parts, end = [], 0
    for fence in _FENCE.finditer(markdown):
        parts += [relinked(markdown[end : fence.start()], place, own), fence.group()]
        end = fence.end()
    return "".join([*parts, relinked(markdown[end:], place, own)])


def relinked(text: str, place: str, own: str) -> str:
    """``text`` of the document at ``place`` of the repository, its relative links as they are from the page ``own``."""

    def link(found: re.Match[str]) -> str:
        picture, words, target = found.groups()
        path, mark, heading = target.partition("#")
        if "://" in target or target.startswith("mailto:") or not path:
            return found.group()
        there = posixpath.normpath(posixpath.join(posixpath.dirname(place), path))
        page = PAGES.get(there) or (there.removeprefix("docs/") if there.startswith("docs/") else None)
        if page is None:
            # a file of the source, which the site does not have
            return words
        return f"{picture}[{words}]({posixpath.relpath(page, posixpath.dirname(own) or '.')}{mark}{heading})"

    return _LINK.sub(link, text)
