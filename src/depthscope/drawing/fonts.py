"""Fonts for characters that the usual one lacks: found among those that are installed, or missed in words."""

import functools
import unicodedata
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from depthscope.errors import DepthscopeWarning, require

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.text import Text

_STYLE = Path(__file__).with_name("depthscope.mplstyle")
# fonts that draw a box for every character there is
_BOXES = ("last resort", "lastresort", "adobe blank")
# they choose a form of the character before them, and are nothing themselves
_VARIANTS = {chr(code) for code in range(0xFE00, 0xFE10)}
# characters of which it was said already that no font has them
_SAID: set[str] = set()


def missed(text: Iterable[str]) -> str:
    """Of some characters, those that no installed font can draw, each once; most often an empty string."""
    lacking = _lacking("".join(text))
    return "".join(sorted(lacking - _covered_by(frozenset(lacking))[1]))


def missed_text(text: Iterable[str]) -> str:
    """The same in a sentence with the way out, which is then not said again; empty if every character can be drawn."""
    found = missed(text)
    if not found:
        return ""
    _SAID.update(found)
    shown = found[:20] + ("..." if len(found) > 20 else "")
    return (
        f"No installed font has {shown} ({len(found)} character(s)): in figures as PNG and PDF boxes stand for them, while SVG "
        "and the page hold the text; install a font that has them, such as one of Noto's."
    )


def lend(figure: "Figure") -> bool:
    """Give every text of a figure the fonts that have what its own lacks, and say if none has; whether any needed one."""
    from matplotlib.text import Text

    lent = [one for one in figure.findobj(Text) if lend_to(one)]
    shown = "".join(one.get_text() for one in lent)
    if not _SAID.issuperset(missed([shown])):
        warnings.warn(missed_text([shown]), DepthscopeWarning, stacklevel=3)
    return bool(lent)


def lend_to(text: "Text") -> bool:
    """The same for one text, without a message."""
    lacking = _lacking(text.get_text())
    if lacking:
        families = list(text.get_fontfamily())
        text.set_fontfamily([*families, *(f for f in _covered_by(frozenset(lacking))[0] if f not in families)])
    return bool(lacking)


def _lacking(text: str) -> set[str]:
    """Characters that the usual font cannot draw."""
    beyond = {char for char in text if ord(char) > 127 and unicodedata.category(char)[0] != "C"} - _VARIANTS
    return {char for char in beyond if ord(char) not in _usual()}


@functools.cache
def _usual() -> frozenset[int]:
    manager = require("matplotlib.font_manager", "figures")
    style = require("matplotlib", "figures").rc_params_from_file(_STYLE, use_default_template=False)
    return _characters(manager.findfont(style["font.sans-serif"][0]))


@functools.cache
def _characters(path: str) -> frozenset[int]:
    """Code points that a font has; none of one that cannot be read or has no outlines."""
    try:
        face = require("matplotlib.ft2font", "figures").FT2Font(path)
        return frozenset(face.get_charmap()) if face.scalable else frozenset()
    except (OSError, RuntimeError, ValueError):
        return frozenset()


@functools.lru_cache(maxsize=256)
def _covered_by(lacking: frozenset[str]) -> tuple[list[str], set[str]]:
    """Families that have these characters, fewest first to last by how many they add, and which of them they have."""
    families, left = [], set(lacking)
    candidates = _installed() if left else []
    while left:
        counts = [(sum(ord(char) in _characters(path) for char in left), name, path) for name, path in candidates]
        # of equals the first by name: the same machine draws the same figure
        most, name, path = max(counts, key=lambda one: one[0], default=(0, "", ""))
        if not most:
            break
        families.append(name)
        left = {char for char in left if ord(char) not in _characters(path)}
    return families, set(lacking) - left


def _installed() -> list[tuple[str, str]]:
    """Family and file of the upright fonts of normal weight that this machine has, by name."""
    manager: Any = require("matplotlib.font_manager", "figures")
    listed = {entry.fname for entry in manager.fontManager.ttflist}
    for path in manager.findSystemFonts():  # installed since matplotlib made its list
        if path not in listed:
            try:
                manager.fontManager.addfont(path)
            except Exception:
                continue
    found: dict[str, str] = {}
    for entry in sorted(manager.fontManager.ttflist, key=lambda one: (one.name, one.fname)):
        upright = entry.style == "normal" and entry.weight in (400, "normal", "regular", "book", "medium")
        if upright and not entry.name.lower().lstrip(".").startswith(_BOXES):
            found.setdefault(entry.name, entry.fname)
    return sorted(found.items())
