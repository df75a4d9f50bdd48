"""From bytes to text: UTF-8, what says that it is UTF-16, and a guess for the rest, which is never taken without asking."""

import codecs
from pathlib import Path

import regex

from depthscope.errors import DepthscopeError
from depthscope.store.lines import not_utf8

# the longer mark first: that of UTF-32 begins with that of UTF-16
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

# what programs call ANSI on one machine or another: among all encodings there are, short texts look like too many
_USUAL = ["cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "mac_roman"]
_USUAL += ["cp932", "gb18030", "big5", "cp949"]
_OTHERS = [*_USUAL, "koi8_r"]
# words of one script, no capital behind a small letter; Latin words hold a letter beyond ASCII here and there, and ASCII beside
_SCRIPTS = ("Greek", "Cyrillic", "Hebrew", "Arabic", "Hangul")
LOOKED_AT = 40  # characters of a word
_FOREIGN = regex.compile(r"[^\s;,|\"]*[^\x00-\x7f][^\s;,|\"]*")
_WORD = regex.compile(
    r"\P{L}*(?:"
    r"(?=\P{L}*\p{L}?\P{L}*$|.*[A-Za-z])(?:(?!\p{Ll}\p{Lu})[\p{Latin}\p{M}\p{P}])*"
    + "".join(rf"|(?:(?!\p{{Ll}}\p{{Lu}})[\p{{{script}}}\p{{M}}\p{{P}}])*" for script in _SCRIPTS)
    + r"|[\p{Han}\p{Hiragana}\p{Katakana}\p{P}\u30fc]*)\P{L}*"
)


def decoded(data: bytes, path: Path, encoding: str | None = None) -> str:
    """The text without a byte-order mark, in the ``encoding`` that is given, else by its mark, else UTF-8.

    Raises
    ------
    DepthscopeError
        Neither, with a guess that may be given as the encoding; an unknown encoding, or another one than the file is in.
    """
    if encoding is not None:
        try:
            return data.decode(encoding).removeprefix("\ufeff")
        except LookupError:
            raise DepthscopeError(
                f"encoding={encoding!r}: no such encoding; give one that Python knows, such as cp1252 or utf-16"
            ) from None
        except (UnicodeError, ValueError) as problem:
            raise DepthscopeError(f"{path}: not in the encoding {encoding} ({problem}); give another") from None
    marked = next((name for mark, name in _MARKS if data.startswith(mark)), None)
    if marked is not None:
        return decoded(data, path, marked)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        line = data[: problem.start].count(b"\n") + 1
        raise not_utf8(path, problem.start, line, _suggestion(data, problem.start)) from None
    if "\0" in text:
        order = "utf-16-le" if data[1:2] == b"\0" else "utf-16-be"
        raise DepthscopeError(
            f"{path}: holds zero bytes, as UTF-16 without its mark does; save the file as UTF-8, or say "
            f"encoding={order!r} (--encoding {order})"
        )
    return text


def _plausible(data: bytes, encoding: str) -> float:
    """The share of words beyond ASCII that look like words."""
    try:
        words = _FOREIGN.findall(data.decode(encoding))
    except UnicodeDecodeError:
        return 0.0
    return sum(_WORD.fullmatch(word[:LOOKED_AT]) is not None for word in words) / max(1, len(words))


def _suggestion(data: bytes, place: int) -> str:
    """What the line would be in the likeliest encoding."""
    from charset_normalizer import from_bytes

    likely = [match.encoding for match in from_bytes(data, cp_isolation=_USUAL)]
    if not likely:
        return ""
    likely += [name for name in _OTHERS if name not in likely]
    try:
        # of several that read it the same, the one that the Windows of most of them calls ANSI
        if data.decode("cp1252") == data.decode(likely[0]):
            likely.insert(0, "cp1252")
    except UnicodeDecodeError:
        pass
    name = max(likely, key=lambda one: _plausible(data, one))
    try:
        before, after = data[:place].decode(name), data[place:].decode(name)
    except UnicodeDecodeError:  # of more than one byte a character
        return ""
    word = (before.split() or [""])[-1] if before[-1:].strip() else ""
    shown = (word + after.split()[0]) if after.split() else word
    return f", or say encoding={name!r} (--encoding {name}) if {shown[-40:]!r} is right there"
