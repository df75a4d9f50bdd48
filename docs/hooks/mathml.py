"""``$$ ... $$`` on lines of its own becomes MathML when the site is built: nothing is left for a script to draw."""

import html
import re

from latex2mathml.converter import convert
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import Files
from mkdocs.structure.pages import Page

_DISPLAY = re.compile(r"^( *)\$\$\n(.+?)\n\1\$\$$", re.MULTILINE | re.DOTALL)


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    return _DISPLAY.sub(lambda found: found.group(1) + equation(found.group(2), page.file.src_uri), markdown)


def equation(latex: str, where: str) -> str:
    """One block of HTML. The source stays with it, for those who copy or hear it."""
    source = " ".join(latex.split())
    mathml = convert(source, display="block")
    # what the converter does not know it passes on as text
    if "\\" in mathml or "<mi>&</mi>" in mathml:
        raise PluginError(f"{where}: no MathML for {source}")
    return f'<div class="equation" title="{html.escape(source)}" markdown="0">{mathml}</div>'
