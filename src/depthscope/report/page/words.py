"""Sentences as markup: ``**`` marks what matters, backticks mark names, and nothing else is anything but text."""

import re
from functools import cache
from typing import TYPE_CHECKING

from depthscope.errors import require

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markupsafe import Markup


def marked(text: str) -> "Markup":
    """Safe markup of one paragraph: a condition may be called ``<script>``, and is shown so."""
    safe: Markup = require("markupsafe", "report").Markup(_parser().renderInline(text))
    return safe


def plain(text: str) -> str:
    """A sentence in which nothing is marked, whatever characters it has."""
    return re.sub(r"([\\*_`])", r"\\\1", text)


@cache
def _parser() -> "MarkdownIt":
    # no links, no pictures, no markup of its own: only these rules
    parser: MarkdownIt = require("markdown_it", "report").MarkdownIt("zero", {"html": False})
    return parser.enable(["emphasis", "backticks", "escape"])
