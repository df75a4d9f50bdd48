"""Docstrings are written in reStructuredText: their roles (``:func:`depthscope.cse` ``) become links into the API pages."""

import re

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import Files
from mkdocs.structure.pages import Page

_ROLE = re.compile(r":(?:func|class|meth|attr|data|mod):<code>~?([\w.]+)</code>")


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    # optional: what the API pages do not show stays plain code
    html = _ROLE.sub(r'<autoref identifier="\1" optional><code>\1</code></autoref>', html)
    # quotation marks of code within a type, which is shown as code anyway
    return html.replace("``", "") if page.file.src_uri.startswith("api/") else html
