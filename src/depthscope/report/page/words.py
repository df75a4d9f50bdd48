"""Sentences as markup: ``**`` marks what matters, backticks mark names, and nothing else is anything but text."""

import re
from html import escape
from typing import TYPE_CHECKING

from depthscope.errors import require

if TYPE_CHECKING:
    from markupsafe import Markup

_MARKS = re.compile(r"(\*\*.+?\*\*|`[^`]+`)")


def marked(text: str) -> "Markup":
    """Safe markup of one paragraph: a condition may be called ``<script>`` or ``a*b*c``, and is shown so."""
    if hasattr(text, "__html__"):
        return text  # type: ignore[return-value]
    return _safe("".join(_markup(part) for part in _MARKS.split(text)))


def plain(text: str) -> "Markup":
    """A sentence in which nothing is marked, whatever characters it has."""
    return _safe(escape(text))


def _markup(part: str) -> str:
    if part.startswith("**") and len(part) > 4 and part.endswith("**"):
        return f"<strong>{escape(part[2:-2])}</strong>"
    if part.startswith("`") and len(part) > 2 and part.endswith("`"):
        return f"<code>{escape(part[1:-1])}</code>"
    return escape(part)


def _safe(markup: str) -> "Markup":
    made: Markup = require("markupsafe", "report").Markup(markup)
    return made
