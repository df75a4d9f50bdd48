"""How common a target is in its language: a covariate that nearly every contrast of words needs."""

import pandas as pd

from depthscope.errors import DepthscopeError, require

COLUMN = "log_frequency"


def with_frequency(table: pd.DataFrame, language: str = "en") -> pd.DataFrame:
    """Add the frequency of the target to a table of stimuli.

    Parameters
    ----------
    table : DataFrame
        From :func:`depthscope.read_stimuli`. A column ``log_frequency`` that it brings is kept as it is.
    language : str
        Code of the language, such as ``"en"`` or ``"de"``: one that the library wordfreq has a list of words for.

    Returns
    -------
    DataFrame
        The table with a column ``log_frequency``, the Zipf value: log10 of the occurrences per billion words, about 1
        for a rare word and 7 for "the", to two decimals. 0 for a word that wordfreq does not know, and for a target
        without a word in it. Case and surrounding punctuation do not count. Several words have the value of their
        combination, ``1 / (1/f_1 + 1/f_2 + ...)`` of the frequencies f, so less than the rarest of them.

    Raises
    ------
    DepthscopeError
        Unknown language, or a library that is missing.

    References
    ----------
    Speer, R. (2022), wordfreq 3; the scale: van Heuven, Mandera, Keuleers and Brysbaert (2014), SUBTLEX-UK.
    """
    if COLUMN in table:
        return table
    if "target" not in table:
        raise DepthscopeError("stimuli: no column target; read the table with read_stimuli first")
    wordfreq = require("wordfreq", "models")
    known = wordfreq.available_languages()
    if language not in known:
        raise DepthscopeError(f"language={language!r}: no word frequencies, choose one of {', '.join(sorted(known))}")
    try:
        values = [float(wordfreq.zipf_frequency(target, language)) for target in table["target"]]
    except ModuleNotFoundError as missing:  # Chinese, Japanese and Korean are cut into words by other libraries
        raise DepthscopeError(
            f"language={language!r}: finding its words needs {missing.name}, which is not installed: "
            "pip install 'wordfreq[cjk]'"
        ) from None
    return table.assign(**{COLUMN: values})
