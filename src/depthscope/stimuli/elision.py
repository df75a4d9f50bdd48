"""Apostrophes between letters: where they part two words (l'avion, Anna's), and where they are in one (aujourd'hui)."""

import unicodedata
from collections.abc import Iterator

import regex

APOSTROPHES = "'\u2018\u2019\uff07"

# short words that lose their vowel before another word: of French, Occitan, Catalan and Portuguese; of Italian; of Greek
_ELIDED = frozenset(
    regex.findall(
        r"\w+",
        """l d j m t s n c ç qu jusqu lorsqu puisqu quoiqu
        un gl v ch dell all nell sull dall coll degl agl negl sugl dagl quell quest bell sant grand buon tutt mezz senz sott
        anch com cos dov quand quant tant nient null nessun qualcun ciascun alcun vent trent quarant cinquant sessant settant
        ottant novant cent
        μ σ τ θ ν δ απ αφ γι κι κατ καθ μετ μεθ παρ αντ ανθ υπ υφ επ εφ αλλ ουδ μηδ""",
    )
)
# what English, and with 's other languages too, attaches to any word; not t, for of n't neither half is a word
ATTACHED = frozenset(("s", "m", "d", "re", "ve", "ll"))
# before these a vowel is elided: N'Golo and c'mon have lost none
_VOWELS = "aeiouyhœæøαεηιουω"
_SOFT = {"c": "e", "ç": "a"}  # c'est, ç'a été; but c'h is a letter of Breton

_JOINED = regex.compile(rf"\p{{L}}[\p{{L}}\p{{M}}\p{{WB=Format}}]*(?:[{APOSTROPHES}][\p{{L}}\p{{M}}\p{{WB=Format}}]+)+")
_ALPHABETS = regex.compile(r"[\p{Latin}\p{Greek}]")


def dividing(text: str) -> Iterator[int]:
    """Places of the apostrophes between letters that part two words, in Latin and Greek letters.

    What is between blanks is one word, but for the elided ones in front (``d'``, ``qu'``, ``dell'``), and what English
    attaches at the end (``'s``, ``'re``).
    """
    for joined in _JOINED.finditer(text):
        parts = regex.split(rf"[{APOSTROPHES}]", joined.group())
        first, last = 0, len(parts) - 1
        while first < last and _elided(parts[first], parts[first + 1]):
            first += 1
        while last > first and _bare(parts[last]) in ATTACHED and _ALPHABETS.search(parts[last - 1]):
            last -= 1
        place = joined.start() - 1
        for k, part in enumerate(parts[:-1]):
            place += len(part) + 1
            if k < first or k >= last:
                yield place


def _elided(word: str, following: str) -> bool:
    begins = _bare(following)[:1]
    # letters that are spelled out begin with a vowel more often than not: dell'FBI
    vowel = begins in tuple(_SOFT.get(_bare(word), _VOWELS)) or following[:2].isupper()
    return _bare(word) in _ELIDED and vowel


def _bare(part: str) -> str:
    """Letters alone, in lower case, without accents but for the cedilla."""
    letters = unicodedata.normalize("NFC", part.casefold())
    return "".join(sign if sign == "ç" else unicodedata.normalize("NFD", sign)[0] for sign in letters if sign.isalpha())
