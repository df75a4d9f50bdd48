"""From a tokenised corpus line back to running text, with the place of every token."""

from collections.abc import Sequence

_NO_SPACE_BEFORE = set(",.;:!?%)]}’”") | {"...", "…", "''"}
_NO_SPACE_AFTER = set("([{$£€‘“") | {"``"}
_CLITICS = {"n't", "'s", "'re", "'ve", "'ll", "'d", "'m", "’s", "’re", "’ve", "’ll", "’d", "’m", "n’t"}
_PLAIN = {"``": '"', "''": '"', "-LRB-": "(", "-RRB-": ")", "-LSB-": "[", "-RSB-": "]"}


def detokenize(tokens: Sequence[str]) -> tuple[str, list[tuple[int, int]]]:
    """Join tokens as a writer would, and say where each one landed.

    Returns
    -------
    text : str
    offsets : list of (start, end)
        Character offsets of each token in ``text``, end exclusive: ``text[start:end]`` is the token (brackets and
        quotation marks that a treebank writes in its own way are written plainly).

    Examples
    --------
    >>> detokenize("Ca n't stop , he said .".split())[0]
    "Can't stop, he said."
    """
    text = ""
    offsets = []
    glue = True  # nothing is before the first token
    open_quotes: set[str] = set()
    for token in tokens:
        word = _PLAIN.get(token, token)
        opens = word in ('"', "'") and word not in open_quotes and not _closes_possessive(word, text)
        closes = word in ('"', "'") and not opens
        tight = token in _NO_SPACE_BEFORE or word in ")]" or token.lower() in _CLITICS or closes
        if not (glue or tight):
            text += " "
        offsets.append((len(text), len(text) + len(word)))
        text += word
        glue = token in _NO_SPACE_AFTER or word in "([" or opens
        if opens:
            open_quotes.add(word)
        elif closes:
            open_quotes.discard(word)
    return text, offsets


def _closes_possessive(word: str, text: str) -> bool:
    """An apostrophe after a plural, as in "the dogs' bowls"."""
    return word == "'" and text.endswith("s")
