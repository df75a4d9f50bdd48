"""Which words of what was written are wrong: the cheapest alignment with what was said."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

Status = Literal["correct", "substituted", "inserted", "blank"]
# titles that recognisers write short
TITLES = {"mr": "mister", "mrs": "missus", "dr": "doctor"}
APOSTROPHES = "'\u2019\u02bc"


@dataclass(frozen=True)
class Wrong:
    """Words of a hypothesis held to a reference.

    Attributes
    ----------
    status : tuple
        Of each word of the hypothesis: ``correct``, ``substituted``, ``inserted``; ``blank``: nothing but punctuation.
    deleted : tuple of str
        Words of the reference that nothing stands for.
    reference : int
        Words of the reference.
    errors : int
        Substitutions, insertions and deletions, each counted as 1.
    """

    status: tuple[Status, ...]
    deleted: tuple[str, ...]
    reference: int
    errors: int

    @property
    def wer(self) -> float:
        """Errors by words of the reference: 0 or more, above 1 where much is inserted; NaN without a reference."""
        return self.errors / self.reference if self.reference else float("nan")

    @property
    def wrong(self) -> np.ndarray:
        """Whether each word of the hypothesis is substituted or inserted."""
        return np.array([one in ("substituted", "inserted") for one in self.status], bool)


def plain_words(text: str, alike: Mapping[str, str] = TITLES) -> list[str]:
    """Words in lower case without punctuation: hyphens divide, apostrophes go; words for numbers stay as they are written."""
    lower = unicodedata.normalize("NFKC", text).casefold()
    joined = re.sub(f"[{APOSTROPHES}]", "", lower)
    # a point or a comma within a number is part of it
    words = re.findall(r"\d+(?:[.,]\d+)+|[^\W_]+", joined)
    return [alike.get(word, word) for word in words]


def wrong_words(reference: str, hypothesis: str | Sequence[str], alike: Mapping[str, str] = TITLES) -> Wrong:
    """Align what was written with what was said by the fewest edits.

    Parameters
    ----------
    reference : str
        What was said.
    hypothesis : str or sequence of str
        What was written; a text is divided at blank space. A word that is several when its hyphens are taken as spaces is
        wrong if one of them is.
    alike : mapping
        Words that count as others: by default titles that are written short.

    Notes
    -----
    Of several cheapest alignments the one that comes first from the end: a match or substitution before an insertion, that
    before a deletion.
    """
    written = hypothesis.split() if isinstance(hypothesis, str) else list(hypothesis)
    parts = [plain_words(word, alike) for word in written]
    said, flat = plain_words(reference, alike), [part for word in parts for part in word]
    steps, deleted = _aligned(said, flat)
    found: list[Status] = []
    place = 0
    for word in parts:
        own = steps[place : place + len(word)]
        place += len(word)
        if not own:
            found.append("blank")
        elif all(step == "correct" for step in own):
            found.append("correct")
        else:
            found.append("inserted" if all(step == "inserted" for step in own) else "substituted")
    errors = sum(step != "correct" for step in steps) + len(deleted)
    return Wrong(tuple(found), tuple(deleted), len(said), errors)


def _aligned(said: Sequence[str], written: Sequence[str]) -> tuple[list[Status], list[str]]:
    """What became of each word written, and words said that were left out (Levenshtein)."""
    cost = np.zeros((len(said) + 1, len(written) + 1), np.int64)
    cost[:, 0], cost[0] = np.arange(len(said) + 1), np.arange(len(written) + 1)
    for i, one in enumerate(said, 1):
        for j, other in enumerate(written, 1):
            cost[i, j] = min(cost[i - 1, j - 1] + (one != other), cost[i, j - 1] + 1, cost[i - 1, j] + 1)
    i, j = len(said), len(written)
    steps: list[Status] = []
    deleted: list[str] = []
    while i or j:
        if i and j and cost[i, j] == cost[i - 1, j - 1] + (said[i - 1] != written[j - 1]):
            steps.append("correct" if said[i - 1] == written[j - 1] else "substituted")
            i, j = i - 1, j - 1
        elif j and cost[i, j] == cost[i, j - 1] + 1:
            steps.append("inserted")
            j -= 1
        else:
            deleted.append(said[i - 1])
            i -= 1
    return steps[::-1], deleted[::-1]
