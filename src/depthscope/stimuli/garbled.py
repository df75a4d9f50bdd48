"""Texts that lost letters, or got others for them, on their way through programs: seen before a model reads them."""

import html
import unicodedata
from collections.abc import Iterator
from functools import partial

import regex

AGAIN = "save the table again from its source, as UTF-8"

_REPLACED = "\ufffd"
# a question mark where a letter was that the encoding lacks. Before a capital it may end a question whose space is missing;
# in an address it belongs there
_ASKING = regex.compile(r"(?<=\p{L})\?(?=\p{Ll})|(?<=\s)\?(?=\p{Ll})")
_ELSE = regex.compile(r"[^\s\p{P}]")
# what a text in UTF-8 is read as, where it should not have been
_TAKEN_FOR = ("cp1252", "cp1250", "cp1251", "cp1254", "mac_roman")
_FOREIGN = regex.compile(r"[^\x00-\x7f]+")
# accented letters and signs of print, of which one is enough to tell in the first two of these; of others it takes several:
# Slovak PAMÄŤ is such bytes
_CLEAR = ("cp1252", "mac_roman")
_WESTERN = regex.compile(r"[\u00a1-\u017f\u2010-\u2044\u20ac\u2122]")
_ENOUGH = 6
_WRITTEN_OUT = regex.compile(r"&(?:#[0-9]+|#[xX][0-9a-fA-F]+|[A-Za-z]+[0-9]*);|_x[0-9A-F]{4}_|\\u[0-9a-fA-F]{4}")


def garbled(text: str) -> tuple[str, str] | None:
    """What has happened to a text, in words, and the way out; None if nothing has, as far as that can be seen.

    Letters lost (U+FFFD, ``M?ller``, ``??? ????``), or UTF-8 that was read as another encoding (``KÃ¤se``).
    """
    for lost in _lost(text):
        way_out = AGAIN if _REPLACED in lost else f"{AGAIN}, or put a space where a question ends"
        return f"the text holds {lost!r}, where an encoding had no place for letters, which are lost", way_out
    for held, meant, encoding in _misread(text):
        return f"the text holds {held!r}, which is {meant!r} in UTF-8 taken for {encoding}", AGAIN
    return None


def without_letters(text: str) -> bool:
    """Whether nothing is left of a text but question marks."""
    return text.count("?") > 1 and not _ELSE.search(text)


def _lost(text: str) -> Iterator[str]:
    """Words with a sign that stands for a letter nobody knows."""
    if _REPLACED not in text and "?" not in text:
        return
    if without_letters(text):
        yield text.strip()
    for found in regex.finditer(r"\S+", text):
        word = found.group()
        asking = _ASKING.search(text, found.start(), found.end()) and not _address(word)
        if asking or _REPLACED in word:
            yield word


def _address(word: str) -> bool:
    before, _, after = word.partition("?")
    return any(sign in before for sign in "/=.") or any(sign in after for sign in "/=")


def _misread(text: str) -> Iterator[tuple[str, str, str]]:
    """Signs that are another text once they are taken back to bytes, all of them: the first, what was meant, the encoding."""
    runs = _FOREIGN.findall(text)
    for encoding in _TAKEN_FOR if runs else ():
        meant = list(map(partial(_read_again, encoding=encoding), runs))
        signs = "".join(meant)
        clear = sum(map(len, runs)) >= _ENOUGH or (encoding in _CLEAR and all(map(_WESTERN.match, signs)))
        if clear and all(meant):
            yield runs[0], meant[0], encoding


def _read_again(held: str, encoding: str) -> str:
    """What the bytes are in UTF-8; nothing if they are none, or no text."""
    try:
        meant = b"".join(_byte(sign, encoding) for sign in held).decode()
    except UnicodeError:
        return ""
    return "" if any(unicodedata.category(sign) in ("Cc", "Cn", "Co", "Cs") for sign in meant) else meant


def _byte(sign: str, encoding: str) -> bytes:
    """One byte; of the few that an encoding leaves open, that of Latin-1, as browsers and spreadsheets do."""
    try:
        return sign.encode(encoding)
    except UnicodeEncodeError:
        if 0x80 <= ord(sign) < 0xA0:
            return sign.encode("latin-1")
        raise


def written_out(text: str) -> Iterator[tuple[str, str]]:
    """Characters that a program wrote out, ``&amp;``, ``_x000D_``, ``\\u00e4``, and what they stand for.

    They are reported and not refused: a text may be about such things.
    """
    for found in _WRITTEN_OUT.finditer(text):
        held = found.group()
        meant = html.unescape(held) if held.startswith("&") else chr(int(held.strip("_")[-4:], 16))
        if meant != held:
            yield held, meant
