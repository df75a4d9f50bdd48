"""One form for what looks alike: apostrophes, hyphens, spaces, accents, widths, and signs that cannot be seen."""

import unicodedata
from bisect import bisect_left
from collections.abc import Callable
from typing import NamedTuple

import regex

from depthscope.stimuli.words import standing

_LIKE = {
    "'": "\u2018\u2019\u201b\u02bc\u02b9\u2032\u00b4\u0060\uff07\ua78c",
    '"': "\u201c\u201d\u201f\u2033",
    "-": "\u2010\u2011\u2012\u2212\ufe63\uff0d",
    " ": "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000",
}
_ALIKE = {ord(other): one for one, others in _LIKE.items() for other in others}
# letters and digits of full width, half-width Japanese and Korean, and ligatures; punctuation of full width is at home in
# Chinese and stays
_FORMS = regex.compile(r"[\uff10-\uff19\uff21-\uff3a\uff41-\uff5a\uff66-\uffdc\ufb00-\ufb06]+")
# soft hyphen, joiner of words, byte-order mark, marks of direction, the line that stretches Arabic words: never to be read
_NOTHING = r"\u00ad\u034f\u061c\u0640\u180e\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff"
_SHAPED = r"\p{Latin}\p{Greek}\p{Cyrillic}\p{Armenian}\p{Georgian}\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}"
_HIDDEN = regex.compile(
    rf"[{_NOTHING}]"
    # a space of no width parts words in Khmer and Thai, joiners shape letters of Arabic, of India, and emoji
    rf"|(?<!\p{{LB=SA}}[\p{{M}}\u200b{_NOTHING}]*)\u200b"
    rf"|(?<=^[\u200b-\u200d{_NOTHING}]*|[\s\p{{P}}{_SHAPED}][\p{{Inherited}}\uff9e\uff9f\u200b-\u200d{_NOTHING}]*)[\u200c\u200d]"
)
_CLUSTERS = regex.compile(r"\X")
# short vowels and other points of Arabic and Hebrew, which writers mostly leave out; not the hamza and the madda, which stay
_POINTS = regex.compile(
    r"[\u0610-\u061a\u064b-\u0652\u0656-\u065f\u0670\u06d6-\u06dc\u06df-\u06e8\u06ea-\u06ed"
    r"\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7]"
)

# letters of Cyrillic and Greek that are drawn as those of Latin
_TWINS = str.maketrans(
    "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0458\u0455\u04bb\u0501\u0410\u0412\u0415\u041a\u041c\u041d\u041e"
    "\u0420\u0421\u0422\u0425\u0405\u0406\u0408\u03bf\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d"
    "\u039f\u03a1\u03a4\u03a5\u03a7",
    "aeopcyxijshdABEKMHOPCTXSIJoABEZHIKMNOPTYX",
)
# what the eye takes for the same, or a keyboard lacks, although a text may mean it: reported, but never changed
_APART = {"ß": "ss", "ẞ": "SS", "œ": "oe", "Œ": "OE", "æ": "ae", "Æ": "AE"}
_DOUBLES = (
    _TWINS
    | {ord(one): two for one, two in _APART.items()}
    | str.maketrans("\u03b1\u03bd\u0131\u06a9\u06cc\u2013\u2014\u2026\u201a\u201e\t\n\r", "avi\u0643\u064a--.'\"   ")
)
_CONTROLS = {"\t": "TAB", "\n": "LINE FEED", "\r": "CARRIAGE RETURN"}
_INVISIBLE = regex.compile(r"[\u200b-\u200d\ufe00-\ufe0f\U000e0100-\U000e01ef]")


class Plain(NamedTuple):
    """A text in one form.

    Attributes
    ----------
    text : str
    origin : list of int
        Of each of its characters, where in the text as it was the character begins from which it comes; and the end.
    """

    text: str
    origin: list[int]

    def at(self, place: int) -> int:
        """Where in this text a character of the text as it was stands."""
        return bisect_left(self.origin, place)


def plain(text: str) -> Plain:
    """A text with straight apostrophes and quotation marks, ordinary spaces and hyphens, composed accents (NFC) and ordinary
    widths of letters, without signs that cannot be seen; all else stays."""
    return Plain(text, list(range(len(text) + 1))) if text.isascii() else _made(text, thorough=False)


def unpointed(text: str) -> Plain:
    """The same without the points of Arabic and Hebrew: short vowels, doubling, and signs of recitation."""
    form = plain(text)
    kept = [place for place, sign in enumerate(form.text) if not _POINTS.match(sign)]
    return Plain("".join(form.text[place] for place in kept), [*(form.origin[place] for place in kept), len(text)])


def pointed_apart(text: str, target: str) -> bool:
    """Whether a target is found in a text once the points of both are left out, and no sooner."""
    if not (_POINTS.search(text) or _POINTS.search(target)) or standing(plain(text).text, plain(target).text):
        return False
    return bool(_found(text, target, unpointed))


def look(label: str) -> str:
    """What the eye sees of a label: labels of one look are easily taken for one."""
    return " ".join(_INVISIBLE.sub("", plain(label).text.translate(_TWINS)).split())


def without_case(text: str) -> str:
    """A text in one form, without upper case and without blank space: what is written so is one word."""
    return "".join(unicodedata.normalize("NFKC", plain(text).text).casefold().split())


def _made(text: str, thorough: bool) -> Plain:
    hidden = {found.start() for found in _HIDDEN.finditer(text)}
    seen = [place for place in range(len(text)) if place not in hidden]
    characters: list[str] = []
    origin: list[int] = []
    for found in _CLUSTERS.finditer("".join(text[place] for place in seen)):
        kept = found.group()
        if not kept.isascii():
            wide = _FORMS.sub(lambda form: unicodedata.normalize("NFKC", form.group()), kept)
            kept = unicodedata.normalize("NFC", wide.translate(_ALIKE))
        if thorough:
            kept = _INVISIBLE.sub("", unicodedata.normalize("NFKC", kept).translate(_DOUBLES))
            if kept == " " and characters[-1:] == [" "]:
                continue
        characters += kept
        origin += [seen[found.start()]] * len(kept)
    return Plain("".join(characters), [*origin, len(text)])


def unlike(text: str, target: str) -> tuple[str, bool] | None:
    """What keeps a target from being found in a text in which a reader sees it: in words, and whether :func:`plain` mends it.

    None if a reader does not see it either.
    """
    for form, mended in ((plain, True), (unpointed, True), (_thorough, False)):
        if held := _found(text, target, form):
            difference = first_difference(held, target)
            return (difference, mended) if difference else None
    return None


def _found(text: str, target: str, form: Callable[[str], Plain]) -> str:
    """What of a text is the target, both in this form; nothing if their points contradict each other."""
    seen, wanted = form(text), form(target)
    found = standing(seen.text, wanted.text) if wanted.text.strip() else []
    if not found:
        return ""
    start, end = (seen.origin[place] for place in found[0])
    return text[start:end] if form is not unpointed or _agree(text[start:end], target) else ""


def _agree(one: str, other: str) -> bool:
    """Whether no letter has points in both that are others: then they are two words."""
    return all(
        ours <= theirs or theirs <= ours
        for ours, theirs in zip(
            *(map(set, map(_POINTS.findall, _letters(text))) for text in (one, other)), strict=False
        )
    )


def _letters(text: str) -> list[str]:
    return [found.group() for found in _CLUSTERS.finditer(plain(text).text)]


def _thorough(text: str) -> Plain:
    return _made(text, thorough=True)


def first_difference(held: str, target: str, name: str = "the target") -> str:
    """The first character, upper and lower case aside, in which two words differ: ``"has U+2019 ... where ..."``.

    ``name``: what to call the second.
    """
    ours, theirs = (_CLUSTERS.findall(one) for one in (held, target))
    for k in range(max(len(ours), len(theirs))):
        mine, other = "".join(ours[k : k + 1]), "".join(theirs[k : k + 1])
        if mine.casefold() == other.casefold():
            continue
        if mine and (not other or not _made(mine, True).text):
            return f"has {_named(mine)}, which {name} lacks"
        if other and (not mine or not _made(other, True).text):
            return f"lacks {_named(other)}, which {name} has"
        return f"has {_named(mine)} where {name} has {_named(other)}"
    return ""


def _named(character: str) -> str:
    return " + ".join(
        f"U+{ord(sign):04X} {unicodedata.name(sign, _CONTROLS.get(sign, 'CONTROL'))}" for sign in character
    )
