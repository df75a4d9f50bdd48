"""The form of each entry of a vocabulary: what begins a word, what goes on, and what is no word at all."""

import re
import unicodedata
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

KINDS = ("word", "piece", "number", "punctuation", "blank", "other")
ALL = "all"  # tokens of every kind

# what stands for bytes or for the tokenizer's own tokens: <0xF0><0x9F>, <|im_start|>, </s>, [CLS], [unused12]
NAME = re.compile(r"(?:<[/|]?\w[^<>\s]*>)+|\[[^\W\d_]\w+\]")
CONTINUES = "##"  # how WordPiece marks what goes on
# they choose the look of the sign before them, and are no letters, though their category is that of vowel signs
SELECTORS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")


def kinds(texts: Sequence[str]) -> NDArray[np.int8]:
    """Sort the entries of a vocabulary by their form.

    The first letter or digit that an entry holds decides; if it holds none, the rest of the list:

    - ``word``: a letter, in an entry that begins with white space: begins a word (`` run``, `` 'tis``).
    - ``piece``: a letter, in one that does not: goes on (``ning``, ``'s``), or begins a line. In scripts without spaces
      between words every word is one.
    - ``number``: a digit of any script (`` 42``, ``1st``, ``½``).
    - ``punctuation``: neither letter nor digit, but a mark of punctuation (``,``, `` ("``, ``->``).
    - ``blank``: white space alone.
    - ``other``: bytes and special tokens, which are known by their names (``<0xE2><0x80>``, ``<|im_start|>``, ``[CLS]``),
      symbols (``$``, ``+``), emoji, control characters, nothing.

    Letters are those of Unicode with the vowel signs and accents that are characters of their own (categories L, Mn, Mc),
    digits its numbers (N), marks of punctuation its categories P; white space is that of ``str.isspace``. A vocabulary that
    marks what goes on (``##ning``) instead of what begins, as WordPiece does, is read accordingly: ``run`` is a word there,
    ``##ning`` a piece.

    Parameters
    ----------
    texts : sequence of str
        The whole vocabulary, each entry as :func:`depthscope.capture.pieces.decoded` gives it: with the space before a word.

    Returns
    -------
    int8 array (V,)
        Positions in ``KINDS``.
    """
    number = {name: place for place, name in enumerate(KINDS)}
    forms = [_form(text) for text in texts]
    marked = any(form == "piece" and text.startswith(CONTINUES) for form, text in zip(forms, texts, strict=True))
    if marked and "word" not in forms:
        forms = [_form_of_wordpiece(text) for text in texts]
    return np.array([number[form] for form in forms], np.int8)


def _form(text: str) -> str:
    if not text or (text[0] in "<[" and NAME.fullmatch(text)):
        return "other"
    mark = False
    for character in text:
        if character.isalpha():
            return "word" if text[0].isspace() else "piece"
        if character.isspace():
            continue
        category = unicodedata.category(character)
        if category[0] == "N":
            return "number"
        if category in ("Mn", "Mc") and not SELECTORS.match(character):
            return "word" if text[0].isspace() else "piece"
        mark = mark or category[0] == "P"
    if mark:
        return "punctuation"
    return "blank" if text.isspace() else "other"


def _form_of_wordpiece(text: str) -> str:
    form = _form(text.removeprefix(CONTINUES) or text)
    return "word" if form == "piece" and not text.startswith(CONTINUES) else form
