"""The tutorial, a notebook without outputs, is run when the site is built, and becomes a page.

With ``DEPTHSCOPE_TUTORIAL=FILE`` an executed copy is taken instead (the tests have one already). No converter is needed: a
cell is Markdown, or code and what it gave.
"""

import base64
import hashlib
import html
import os
import re
from pathlib import Path
from typing import Any

import nbformat
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[2]
NOTEBOOK, PAGE = "tutorial.ipynb", "tutorial.md"
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    given = os.environ.get("DEPTHSCOPE_TUTORIAL")
    notebook = nbformat.read(Path(given), as_version=4) if given else executed(ROOT / "docs" / NOTEBOOK)
    pictures: list[File] = []

    def keep(data: bytes) -> str:
        name = f"tutorial-files/{len(pictures) + 1}.png"
        pictures.append(File.generated(config, name, content=data))
        return name

    title, *cells = (_cell(cell, keep) for cell in notebook.cells)
    # not as Markdown: there a link to the notebook means this page
    download = f'<p><a href="{NOTEBOOK}" download>Download this page as a notebook</a></p>'
    page = "\n\n".join([title, download, *cells])
    for file in (File.generated(config, PAGE, content=page), *pictures):
        files.append(file)
    return files


def executed(path: Path) -> Any:
    """The notebook with its outputs; kept in .cache until it or the source changes."""
    from nbclient import NotebookClient

    digest = hashlib.sha256()
    for source in (path, *sorted((ROOT / "src").rglob("*.py"))):
        digest.update(source.read_bytes())
    kept = ROOT / ".cache" / f"tutorial-{digest.hexdigest()[:16]}.ipynb"
    if kept.is_file():
        return nbformat.read(kept, as_version=4)
    notebook = nbformat.read(path, as_version=4)
    # a backend that is chosen outside shows nothing in a notebook
    environment = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}
    NotebookClient(notebook, timeout=600, kernel_name="python3").execute(env=environment)
    kept.parent.mkdir(exist_ok=True)
    for old in kept.parent.glob("tutorial-*.ipynb"):
        old.unlink()
    nbformat.write(notebook, kept)
    return notebook


def _cell(cell: Any, keep: Any) -> str:
    if cell.cell_type == "markdown":
        return str(cell.source)
    alt = cell.metadata.get("alt", "")
    return "\n\n".join([f"```python\n{cell.source}\n```", *(_output(one, alt, keep) for one in cell.outputs)])


def _output(output: Any, alt: str, keep: Any) -> str:
    """What a cell gave, in the richest form that a page can hold."""
    if output.output_type == "stream":
        # warnings of libraries are for those who run it
        return _plain(output.text) if output.name == "stdout" else ""
    if output.output_type == "error":
        return _plain("\n".join(output.traceback))
    data = output.data
    if "image/png" in data:
        return f"![{alt}]({keep(base64.b64decode(data['image/png']))})"
    if "text/html" in data:
        # blank lines would end the block of HTML
        lines = [line for line in data["text/html"].splitlines() if line.strip()]
        return '<div class="output" markdown="0">\n' + "\n".join(lines) + "\n</div>"
    return _plain(data.get("text/plain", ""))


def _plain(text: str) -> str:
    return f'<pre class="output">{html.escape(_COLOUR.sub("", text).rstrip())}</pre>'.replace("\n", "&#10;")
