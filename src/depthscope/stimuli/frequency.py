"""How common a target is in its language: a covariate that nearly every contrast of words needs."""

import pandas as pd

from depthscope.errors import DepthscopeError, require
from depthscope.stimuli.language import listed_languages, targets_language

COLUMN = "log_frequency"


# what stands for an apostrophe, and what is not seen: lists of words know neither
_APOSTROPHES, _UNSEEN = "\u2018\u2019\u02bc\u02b9\uff07\u2032\u00b4", "\u00ad\u200b\u2060"
_STRAIGHT = str.maketrans(dict.fromkeys(_APOSTROPHES, "'") | dict.fromkeys(_UNSEEN))


def with_frequency(table: pd.DataFrame, language: str | None = None) -> pd.DataFrame:
    """Add the frequency of the target to a table of stimuli.

    Parameters
    ----------
    table : DataFrame
        From :func:`depthscope.read_stimuli`. A column ``log_frequency`` that it brings is kept as it is.
    language : str, optional
        Code of the language, such as ``"en"`` or ``"de"``: one that the library wordfreq has a list of words for. By default
        that of the texts, which is found (:func:`depthscope.stimuli.language.find_language`), or asked for where it is not
        certain.

    Returns
    -------
    DataFrame
        The table with a column ``log_frequency``, the Zipf value: log10 of the occurrences per billion words, about 1
        for a rare word and 7 for "the", to two decimals. 0 for a word that wordfreq does not know, and for a target
        without a word in it. Case and surrounding punctuation do not count, nor how an apostrophe is written. Several words
        have the value of their combination, ``1 / (1/f_1 + 1/f_2 + ...)`` of the frequencies f, so less than the rarest.

    Raises
    ------
    DepthscopeError
        Unknown language, one that is not certain from the texts, or a library that is missing.

    References
    ----------
    Speer, R. (2022), wordfreq 3; the scale: van Heuven, Mandera, Keuleers and Brysbaert (2014), SUBTLEX-UK.
    """
    if COLUMN in table:
        return table
    if "target" not in table:
        raise DepthscopeError("stimuli: no column target; read the table with read_stimuli first")
    wordfreq = require("wordfreq", "models")
    if language is None:
        language = targets_language(table["text"])
    known = listed_languages()
    if language not in known:
        raise DepthscopeError(f"language={language!r}: no word frequencies, choose one of {', '.join(known)}")
    try:
        values = [float(wordfreq.zipf_frequency(target.translate(_STRAIGHT), language)) for target in table["target"]]
    except ModuleNotFoundError as missing:  # Chinese, Japanese and Korean are cut into words by other libraries
        raise DepthscopeError(
            f"language={language!r}: finding its words needs {missing.name}, which is not installed: "
            "pip install 'wordfreq[cjk]'"
        ) from None
    return table.assign(**{COLUMN: values})
