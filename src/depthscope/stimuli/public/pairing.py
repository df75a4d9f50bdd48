"""One metaphorical and one literal use of each word, by a stated rule."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from depthscope.stimuli.detokenize import detokenize

MIN_WORDS_BEFORE = 2


@dataclass(frozen=True)
class Use:
    """One use of a word in a tokenised sentence."""

    word: str
    tokens: tuple[str, ...]
    position: int
    metaphor: bool
    origin: str

    @property
    def form(self) -> str:
        return self.tokens[self.position].lower()


def pair_uses(uses: Iterable[Use], seed: int = 0) -> pd.DataFrame:
    """At most one pair per word: same form in both sentences, positions as close as can be.

    The rule: uses with fewer than two words before the target are dropped (a causal model sees nothing else). Among
    the pairs of a metaphorical and a literal use that share the word's surface form and are not the same sentence,
    the one with the smallest difference in words before the target is taken; ties are broken by a seeded shuffle.
    """
    kept = [use for use in dict.fromkeys(uses) if use.position >= MIN_WORDS_BEFORE]
    shuffled = [kept[i] for i in np.random.default_rng(seed).permutation(len(kept))]
    by_word: dict[str, list[Use]] = defaultdict(list)
    for use in shuffled:
        by_word[use.word].append(use)
    rows = []
    for word in sorted(by_word):
        pairs = [
            (a, b)
            for a in by_word[word]
            if a.metaphor
            for b in by_word[word]
            if not b.metaphor and a.form == b.form and a.tokens != b.tokens
        ]
        if pairs:
            for use in min(pairs, key=lambda pair: abs(pair[0].position - pair[1].position)):
                rows.append(_row(use))
    return pd.DataFrame(rows)


def _row(use: Use) -> dict[str, object]:
    text, offsets = detokenize(use.tokens)
    start, end = offsets[use.position]
    return {
        "item": use.word,
        "condition": "metaphor" if use.metaphor else "literal",
        "text": text,
        "start": start,
        "end": end,
        "origin": use.origin,
    }
