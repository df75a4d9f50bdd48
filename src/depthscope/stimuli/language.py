"""Which language texts are in: what the frequencies of words depend on."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

from depthscope.errors import DepthscopeError, require

# texts that are looked at, of all that differ, and the probability from which the answer counts
LOOKED_AT, CERTAIN = 200, 0.9
# a text that is of another language, as surely as this; and how many of them make a table of several languages
OTHER, MIXED = 0.8, 0.1
# lists of words that serve languages which are written alike
_LIST = {"no": "nb", "nn": "nb", "hr": "sh", "bs": "sh", "sr": "sh", "tl": "fil"}


@dataclass(frozen=True)
class Language:
    """What the texts say.

    Attributes
    ----------
    code : str
        Of the likeliest language, such as ``"de"``.
    probability : float
    next : str
        The language after it.
    others : int
        Texts, in a hundred, that are clearly of another language.
    """

    code: str
    probability: float
    next: str
    others: int

    @property
    def certain(self) -> bool:
        return self.probability >= CERTAIN and self.others <= 100 * MIXED

    @property
    def words(self) -> str:
        """What was found, for a sentence."""
        if self.certain:
            return f"{self.code} (p = {self.probability:.2f})"
        mixed = f", and {self.others} % of the texts are of another" if self.others > 100 * MIXED else ""
        return f"not certain: {self.code} (p = {self.probability:.2f}), else {self.next}{mixed}"


def find_language(texts: Iterable[str]) -> Language:
    """The likeliest language of some texts, all together, and how sure that is.

    Parameters
    ----------
    texts : iterable of str
        200 of them are looked at, evenly drawn.

    Returns
    -------
    Language
        Its code is that of the list of words that serves it, if there is one (Norwegian: ``nb``).

    Raises
    ------
    DepthscopeError
        The library that tells languages is missing.

    References
    ----------
    Lui & Baldwin (2012), langid.py; py3langid, whose probabilities are calibrated for short texts.
    """
    distinct = list(dict.fromkeys(texts))
    step = max(1, -(-len(distinct) // LOOKED_AT))
    chosen = distinct[::step]
    (code, probability), (following, _) = _ranked("\n".join(chosen))[:2]
    other = sum(one != code and p >= OTHER for one, p in (_ranked(text)[0] for text in chosen))
    return Language(code, probability, following, round(100 * other / max(1, len(chosen))))


def listed_languages() -> list[str]:
    """Codes of the languages that there are frequencies of words for."""
    return sorted(require("wordfreq", "models").available_languages())


def targets_language(texts: Iterable[str]) -> str:
    """The code of the list of words that serves the texts.

    Raises
    ------
    DepthscopeError
        It is not certain, or there is no list.
    """
    found = find_language(texts)
    if not found.certain:
        raise DepthscopeError(
            f"the language of the texts, on which log_frequency depends, is {found.words}; say it: --language CODE "
            "(language='de')"
        )
    if found.code not in listed_languages():
        raise DepthscopeError(
            f"the language of the texts is {found.words}, and there are no word frequencies of it: bring a column "
            "log_frequency, or choose covariates without it (--confound)"
        )
    return found.code


@cache
def _identifier() -> Any:
    langid = require("py3langid.langid", "models")
    return langid.LanguageIdentifier.from_model_file(langid.MODEL_FILE, norm_probs=True)


def _ranked(text: str) -> list[tuple[str, float]]:
    """Languages by probability, those together that share a list of words."""
    shares: dict[str, float] = {}
    for code, probability in _identifier().rank(text):
        name = _LIST.get(code, code)
        shares[name] = shares.get(name, 0.0) + float(probability)
    return sorted(shares.items(), key=lambda one: -one[1])
