"""Tokens by which a latent can be told to fire: short patterns with gaps, found by leaving out and replacing context."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from depthscope.arrays import Float
from depthscope.studies.sae.evaluation.score import Made, Score, scored
from depthscope.studies.sae.evaluation.units import Sums, Totals

Pattern = tuple[int | None, ...]  # tokens up to the one at which the latent fires; None: any
# activations of latents (sequence,) at the last tokens of sequences
Fires = Callable[[Sequence[Sequence[int]], Sequence[int]], Float]

LONGEST = 8  # tokens of a pattern
HALF = 0.5  # of the activation that must remain for context to be of no use
REPLACED = 2  # other tokens that are put in the place of one, which must both leave that much
EXAMPLES = 8  # activations of a latent from which patterns are made

NAMES = ("latents", "precision", "recall", "f1", "chance", "token_precision", "token_recall", "token_f1")
TOKEN = "the last token alone"


@dataclass(frozen=True, eq=False)
class Example:
    """A token at which a latent fires.

    Attributes
    ----------
    latent : int
    context : tuple of int
        Tokens up to it, it included: the last :data:`LONGEST` at most.
    value : float
        The activation.
    """

    latent: int
    context: tuple[int, ...]
    value: float


@dataclass(frozen=True, eq=False)
class Patterns:
    """How well patterns tell where latents fire, on tokens from which they were not made.

    Attributes
    ----------
    latents : DataFrame
        One row for each latent that fires on these tokens: ``latent``, ``patterns`` (how many), ``length`` (mean number of
        tokens that count), ``precision`` (share of the tokens that a pattern names at which the latent fires; 0 if it names
        none), ``recall`` (share of the tokens at which it fires that are named), ``f1`` (their harmonic mean), ``chance``
        (share of all tokens at which it fires: the precision of patterns whose tokens are shuffled, exactly),
        ``token_precision``, ``token_recall``, ``token_f1`` (where a pattern is the last token alone), ``fires`` (tokens at
        which it does).
    found : dict of int to tuple of Pattern
        The patterns.
    """

    latents: pd.DataFrame
    found: Mapping[int, tuple[Pattern, ...]]

    def scores(self, seed: int = 0) -> list[Score]:
        """``pattern_precision``, ``pattern_recall``, ``pattern_f1``: means over latents, 0 to 1, each beside what the last
        token alone tells; intervals over latents.
        """
        return [
            score.against(TOKEN, other)
            for score, other in zip(self._means("", seed), self._means("token_", seed), strict=True)
        ]

    def _means(self, kind: str, seed: int) -> list[Score]:
        made = [
            Made(f"pattern_{name}", "share, mean over latents", "higher", _mean_over_latents(kind + name))
            for name in ("precision", "recall", "f1")
        ]
        table = self.latents
        values = np.column_stack([np.ones(len(table)), *(table[name] for name in NAMES[1:])])
        return scored(made, Totals(NAMES, values, "latents"), seed)


def _mean_over_latents(column: str) -> Callable[[Sums], Float]:
    return lambda sums: sums[column] / sums["latents"]


def patterns_of(
    examples: Sequence[Example], fires: Fires, substitutes: Sequence[int], *, seed: int = 0
) -> dict[int, tuple[Pattern, ...]]:
    """Patterns of latents, from activations alone.

    The context of an example is cut to the shortest end at which half of the activation remains; each token of it before the
    last is then replaced by others, and becomes a gap where half remains with all of them.

    Parameters
    ----------
    examples : sequence of Example
    fires : callable
        From sequences of tokens, and a latent for each, to its activation at the last token of the sequence.
    substitutes : sequence of int
        Tokens that are put in the place of others.
    seed : int
        Of their choice.

    References
    ----------
    Foote et al. (2023), arXiv 2305.19911. Gao et al. (2024), arXiv 2406.04093, section 4.3.
    """
    rng = np.random.default_rng(seed)
    ends = [[one.context[-length:] for length in range(1, len(one.context) + 1)] for one in examples]
    owner = [i for i, some in enumerate(ends) for _ in some]
    value = fires([end for some in ends for end in some], [examples[i].latent for i in owner])
    left = np.split(value, np.cumsum([len(some) for some in ends])[:-1]) if examples else []
    short = [
        some[int(np.argmax(enough))] if (enough := each >= HALF * one.value).any() else one.context
        for one, some, each in zip(examples, ends, left, strict=True)
    ]
    tried: list[tuple[int, int, tuple[int, ...]]] = []
    for i, end in enumerate(short):
        for place in range(len(end) - 1):
            for other in rng.choice(len(substitutes), min(REPLACED, len(substitutes)), replace=False):
                tried.append((i, place, (*end[:place], int(substitutes[int(other)]), *end[place + 1 :])))
    value = fires([end for _, _, end in tried], [examples[i].latent for i, _, _ in tried]) if tried else np.empty(0)
    kept = [[True] * len(end) for end in short]
    remains: dict[tuple[int, int], bool] = {}
    for (i, place, _), now in zip(tried, value, strict=True):
        remains[i, place] = remains.get((i, place), True) and bool(now >= HALF * examples[i].value)
    for (i, place), gap in remains.items():
        kept[i][place] = not gap
    found: dict[int, dict[Pattern, None]] = {}
    for one, end, keep in zip(examples, short, kept, strict=True):
        pattern = tuple(token if stays else None for token, stays in zip(end, keep, strict=True))
        while len(pattern) > 1 and pattern[0] is None:
            pattern = pattern[1:]
        found.setdefault(one.latent, {})[pattern] = None
    return {latent: tuple(some) for latent, some in found.items()}


def named(patterns: Sequence[Pattern], ids: NDArray[np.int64], first: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """At which of the tokens (N,) of some windows, one after the other, a pattern ends.

    Parameters
    ----------
    patterns : sequence of Pattern
    ids : int array (N,)
    first : bool array (N,)
        Where a window begins: no pattern reaches over it.
    """
    inside = np.arange(len(ids)) - np.maximum.accumulate(np.where(first, np.arange(len(ids)), 0))
    there = np.zeros(len(ids), dtype=bool)
    for pattern in patterns:
        fits = inside >= len(pattern) - 1
        for back, token in enumerate(reversed(pattern)):
            if token is not None:
                fits[back:] &= ids[: len(ids) - back] == token
        there |= fits
    return there


def judged(
    found: Mapping[int, tuple[Pattern, ...]],
    fired: Mapping[int, NDArray[np.bool_]],
    ids: NDArray[np.int64],
    first: NDArray[np.bool_],
    asked: NDArray[np.bool_],
) -> Patterns:
    """How well patterns tell where their latents fire.

    Parameters
    ----------
    found : dict of int to tuple of Pattern
    fired : dict of int to bool array (N,)
        Where each latent fires.
    ids, first : arrays (N,)
        As for :func:`named`.
    asked : bool array (N,)
        Tokens that count: those that the dictionary reads.
    """
    rows = []
    for latent, patterns in found.items():
        truth = fired[latent][asked]
        if not truth.any():
            continue
        row: dict[str, object] = {
            "latent": latent,
            "patterns": len(patterns),
            "length": float(np.mean([sum(token is not None for token in one) for one in patterns])),
        }
        for kind, some in (("", patterns), ("token_", tuple({one[-1:] for one in patterns}))):
            guess = named(some, ids, first)[asked]
            right = int((guess & truth).sum())
            row |= {
                f"{kind}precision": right / guess.sum() if guess.any() else 0.0,
                f"{kind}recall": right / truth.sum(),
                f"{kind}f1": 2 * right / (guess.sum() + truth.sum()),
            }
        rows.append({**row, "chance": float(truth.mean()), "fires": int(truth.sum())})
    return Patterns(pd.DataFrame(rows), found)
